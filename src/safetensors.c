#include "safetensors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dtype.h"

#define LENGTH 8     /* bytes that tell the text's length */
#define MAXDEPTH 128 /* of brackets in what is skipped */
#define ALIGNMENT 8

/* The shortest entry, and the comma behind. */
#define LEAST                                                                  \
  (sizeof "\"\":{\"dtype\":\"\",\"shape\":[],\"data_offsets\":[0,0]}," - 1)

/* -- Text ---------------------------------------------------------------- */

/* The bytes of the UTF-8 character at `p`, or 0 if there is none. */
static size_t character(const char *text, size_t left) {
  const unsigned char *p = (const unsigned char *)text;
  size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
  if (n > left) return 0;
  if (n == 1) return 1;
  if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
  for (size_t i = 1; i < n; i++)
    if (p[i] >> 6 != 2) return 0;
  if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* two bytes would do */
  if (p[0] == 0xed && p[1] > 0x9f) return 0; /* a surrogate */
  if (p[0] == 0xf0 && p[1] < 0x90) return 0; /* three would do */
  if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* past the last */
  return n;
}

int idn_isutf8(idn_span text) {
  size_t at = 0, n;
  while (at < text.n && (n = character(text.p + at, text.n - at)) > 0) at += n;
  return at == text.n;
}

/* Writes `code` as UTF-8 and returns how many bytes that takes. */
static size_t encode(char *to, uint32_t code) {
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; code >>= 6) to[i] = (char)(0x80 | (code & 63));
  to[0] = (char)(lead[n] | code);
  return n;
}

/* By bytes, and what begins the other comes first. Serves all structures that
   begin with a span. */
static int compare(const void *a, const void *b) {
  const idn_span *x = a, *y = b;
  int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
  return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* A name as faults show it, until the next one is: of a long one the beginning,
   and a question mark for each control character. */
static const char *show(idn_safetensors *h, idn_span name) {
  char *to = h->shown;
  size_t at = 0, n;
  while (at < name.n && (n = character(name.p + at, name.n - at)) > 0 &&
         at + n < sizeof h->shown - 3) {
    memcpy(to + at, name.p + at, n);
    if (n == 1 && ((unsigned char)to[at] < ' ' || to[at] == 0x7f)) to[at] = '?';
    at += n;
  }
  snprintf(to + at, sizeof "...", "%s", at < name.n ? "..." : "");
  return to;
}

/* -- JSON ---------------------------------------------------------------- */

/* What stands behind a backslash, and what it stands for. */
static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";

/* Reads \uXXXX at `p`. */
static int unit(const char *p, size_t left, uint32_t *code) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  if (left < 6 || p[0] != '\\' || p[1] != 'u') return 0;
  *code = 0;
  for (int i = 2; i < 6; i++) {
    const char *digit = memchr(digits, p[i], sizeof digits - 1);
    if (!digit) return 0;
    *code = *code << 4 | ((uint32_t)(digit - digits) & 15);
  }
  return 1;
}

/* Reads the escape at `p` and returns how long it is, or 0 if it is none. */
static size_t escape(const char *p, size_t left, uint32_t *code) {
  const char *letter =
      left > 1 ? memchr(letters, p[1], sizeof letters - 1) : NULL;
  if (letter) {
    *code = (unsigned char)values[letter - letters];
    return 2;
  }
  uint32_t low;
  if (!unit(p, left, code)) return 0;
  if (*code < 0xd800 || *code > 0xdfff) return 6;
  if (*code > 0xdbff || !unit(p + 6, left - 6, &low)) return 0;
  if (low < 0xdc00 || low > 0xdfff) return 0;
  *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
  return 12;
}

static void badstring(idn_scan *s) {
  int at = idn_position(s);
  if (*s->p == '\\')
    idn_tell(s, "header: bad escape at byte %d", at);
  else if ((unsigned char)*s->p < ' ')
    idn_tell(s, "header: byte 0x%02x in a string at byte %d", *s->p, at);
  else
    idn_tell(s, "header: no UTF-8 at byte %d", at);
}

/* A string. What its escapes stand for is put in their place: none of them is
   shorter. */
static void string(idn_scan *s, idn_span *text) {
  uint32_t code;
  idn_skipspace(s);
  int open = idn_position(s);
  if (!idn_take(s, '"')) idn_expected(s, "string");
  char *to = s->p;
  text->p = to;
  while (s->p < s->end && *s->p != '"') {
    size_t left = (size_t)(s->end - s->p), n = 0;
    if (*s->p == '\\') {
      n = escape(s->p, left, &code);
      if (n > 0) to += encode(to, code);
    } else if ((unsigned char)*s->p >= ' ') {
      n = character(s->p, left);
      for (size_t i = 0; i < n; i++) *to++ = s->p[i];
    }
    if (n == 0) badstring(s);
    s->p += n;
  }
  text->n = (size_t)(to - text->p);
  if (!idn_take(s, '"'))
    idn_tell(s, "header: the string at byte %d has no end", open);
}

static void skipdigits(idn_scan *s) {
  if (!idn_isdigitnext(s)) idn_expected(s, "digit");
  while (idn_isdigitnext(s)) s->p++;
}

static void skipnumber(idn_scan *s) {
  idn_take(s, '-');
  if (!idn_take(s, '0')) skipdigits(s);
  if (idn_take(s, '.')) skipdigits(s);
  if (!idn_take(s, 'e') && !idn_take(s, 'E')) return;
  if (!idn_take(s, '+')) idn_take(s, '-');
  skipdigits(s);
}

/* Any value, within `depth` brackets. */
static void skip(idn_scan *s, int depth) {
  idn_span text;
  idn_skipspace(s);
  int isarray = idn_isnext(s, '['), isobject = idn_isnext(s, '{');
  if ((isarray || isobject) && depth == MAXDEPTH)
    idn_tell(s, "header: more than %d brackets in each other at byte %d",
             MAXDEPTH, idn_position(s));
  if (isarray)
    for (int n = 0; idn_next(s, "[]", n); n++) skip(s, depth + 1);
  else if (isobject)
    for (int n = 0; idn_nextkey(s, n, &text); n++) skip(s, depth + 1);
  else if (idn_isnext(s, '"'))
    string(s, &text);
  else if (idn_isnext(s, '-') || idn_isdigitnext(s))
    skipnumber(s);
  else if (!idn_takeword(s, "true") && !idn_takeword(s, "false") &&
           !idn_takeword(s, "null"))
    idn_expected(s, "value");
}

/* -- The first bytes ----------------------------------------------------- */

int idn_issafetensors(const void *bytes, size_t n) {
  return n > LENGTH && ((const char *)bytes)[LENGTH] == '{';
}

const char *idn_stprelude(idn_safetensors *h, const void *bytes,
                          uint64_t filesize) {
  const unsigned char *p = bytes;
  uint64_t n = 0;
  h->scan = (idn_scan){.space = " \t\n\r", .string = string};
  for (size_t i = LENGTH; i-- > 0;) n = n << 8 | p[i];
  if (n > IDN_ST_MAXTEXT)
    return idn_tell(&h->scan,
                    "header of at most %u bytes expected, got %" PRIu64,
                    IDN_ST_MAXTEXT, n);
  if (n > filesize - LENGTH)
    return idn_tell(&h->scan,
                    "header of %" PRIu64 " bytes expected, got %" PRIu64, n,
                    filesize - LENGTH);
  h->textsize = (size_t)n;
  h->datasize = filesize - LENGTH - n;
  return NULL;
}

/* One more than can be whole, for one that turns out not to be. */
size_t idn_stmost(const idn_safetensors *h) { return h->textsize / LEAST + 1; }

/* -- Entries ------------------------------------------------------------- */

#define KINDSIZE 8

/* The files' names of the types are ours in capitals. */
static const char *kindof(int type, char kind[KINDSIZE]) {
  const char *name = idn_typenames[type];
  size_t i = 0;
  do kind[i] = (char)(name[i] >= 'a' ? name[i] - 'a' + 'A' : name[i]);
  while (name[i++]);
  return kind;
}

static void readkind(idn_scan *s, void *to) {
  char kind[KINDSIZE];
  idn_stentry *e = to;
  string(s, &e->kind);
  for (e->type = IDN_NTYPES - 1; e->type >= 0; e->type--)
    if (idn_isequal(e->kind, kindof(e->type, kind))) return;
}

static void readshape(idn_scan *s, void *to) {
  int64_t size[IDN_MAXRANK];
  idn_stentry *e = to;
  e->shape = s->p;
  idn_extents(s, "[]", size);
}

int idn_stshape(const idn_safetensors *h, const idn_stentry *e,
                int64_t size[IDN_MAXRANK]) {
  idn_scan s = h->scan;
  s.p = e->shape;
  return idn_extents(&s, "[]", size);
}

static void readoffsets(idn_scan *s, void *to) {
  idn_stentry *e = to;
  idn_expect(s, '[');
  e->begin = idn_whole(s);
  idn_expect(s, ',');
  e->end = idn_whole(s);
  idn_expect(s, ']');
}

static void unknown(idn_scan *s, idn_span key) {
  (void)key;
  skip(s, 0);
}

/* The bytes of an entry are to be as many as its shape tells. */
static void checkbytes(idn_safetensors *h, const idn_stentry *e) {
  int64_t size[IDN_MAXRANK], width = (int64_t)idn_typewidth(e->type);
  int64_t n = idn_countupto(idn_stshape(h, e, size), size, INT64_MAX / width);
  if (n < 0)
    idn_tell(&h->scan, "tensor \"%s\": the product of the extents is too large",
             show(h, e->name));
  else if ((uint64_t)(n * width) != e->end - e->begin)
    idn_tell(&h->scan,
             "tensor \"%s\": %" PRId64 " bytes expected, got %" PRIu64,
             show(h, e->name), n * width, e->end - e->begin);
}

static void readentry(idn_safetensors *h, idn_span name) {
  static const idn_key keys[] = {{"dtype", readkind},
                                 {"shape", readshape},
                                 {"data_offsets", readoffsets},
                                 {NULL, NULL}};
  idn_stentry *e = &h->entries[h->count++];
  e->name = name;
  const char *missing = idn_readkeys(&h->scan, keys, unknown, e);
  if (missing)
    idn_tell(&h->scan, "tensor \"%s\": key \"%s\" is missing", show(h, name),
             missing);
  else if (e->begin > e->end || e->end > h->datasize)
    idn_tell(&h->scan,
             "tensor \"%s\": bytes in the range [0, %" PRIu64
             "] expected, got [%" PRIu64 ", %" PRIu64 "]",
             show(h, name), h->datasize, e->begin, e->end);
  else if (e->type >= 0)
    checkbytes(h, e);
}

/* -- The whole text ------------------------------------------------------ */

static void readmetadata(idn_safetensors *h, idn_putpair *pair, void *state) {
  idn_span key, value;
  if (h->hasmetadata++)
    idn_tell(&h->scan, "header: \"" IDN_ST_METADATA "\" comes twice");
  for (int n = 0; idn_nextkey(&h->scan, n, &key); n++) {
    string(&h->scan, &value);
    if (!idn_told(&h->scan) && !pair(state, key, value))
      idn_tell(&h->scan, "metadata: key \"%s\" comes twice", show(h, key));
  }
}

static int compareplaces(const void *a, const void *b) {
  const idn_stentry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->end > y->end) - (x->end < y->end);
}

/* Puts the entries in the order of their bytes, which are to cover the data. */
static void checkplaces(idn_safetensors *h) {
  uint64_t end = 0;
  qsort(h->entries, h->count, sizeof *h->entries, compareplaces);
  for (size_t i = 0; i < h->count; end = h->entries[i++].end) {
    const idn_stentry *e = &h->entries[i];
    if (e->begin < end)
      idn_tell(&h->scan, "tensor \"%s\" overlaps the one before it",
               show(h, e->name));
    if (e->begin > end)
      idn_tell(&h->scan, "hole of %" PRIu64 " bytes before tensor \"%s\"",
               e->begin - end, show(h, e->name));
  }
  if (end != h->datasize)
    idn_tell(&h->scan, "%" PRIu64 " bytes of data expected, got %" PRIu64, end,
             h->datasize);
}

/* Puts the entries in the order of their names, which are to differ. */
static void checknames(idn_safetensors *h) {
  qsort(h->entries, h->count, sizeof *h->entries, compare);
  for (size_t i = 1; i < h->count; i++)
    if (compare(&h->entries[i - 1], &h->entries[i]) == 0)
      idn_tell(&h->scan, "header: two tensors are called \"%s\"",
               show(h, h->entries[i].name));
}

const char *idn_stheader(idn_safetensors *h, char *text, idn_stentry *entries,
                         idn_putpair *pair, void *state) {
  idn_span name;
  idn_scan *s = &h->scan;
  s->start = s->p = text;
  s->end = text + h->textsize;
  h->entries = entries;
  h->count = 0;
  h->hasmetadata = 0;
  for (int n = 0; idn_nextkey(s, n, &name); n++)
    if (idn_isequal(name, IDN_ST_METADATA))
      readmetadata(h, pair, state);
    else
      readentry(h, name);
  while (idn_isnext(s, ' ')) s->p++;
  if (s->p < s->end) idn_expected(s, "end");
  if (idn_told(s)) return s->fault;
  checknames(h);
  checkplaces(h);
  checknames(h); /* which puts them in order again */
  return idn_told(s);
}

idn_stentry *idn_stfind(const idn_safetensors *h, idn_span name) {
  return bsearch(&name, h->entries, h->count, sizeof *h->entries, compare);
}

/* -- Writing ------------------------------------------------------------- */

void idn_stsort(idn_sttable *t) {
  if (t->count > 0) qsort(t->tensors, t->count, sizeof *t->tensors, compare);
  if (t->pairs > 0) qsort(t->metadata, t->pairs, sizeof *t->metadata, compare);
}

typedef struct writer {
  idn_put *put; /* NULL to count alone */
  void *state;
  uint64_t n;
  const char *fault;
} writer;

static void put(writer *w, const char *bytes, size_t n) {
  if (w->put && !w->fault) w->fault = w->put(w->state, bytes, n);
  w->n += n;
}

/* Puts text that is short. */
static void puttext(writer *w, const char *format, ...) {
  char text[96];
  va_list args;
  va_start(args, format);
  put(w, text, (size_t)vsnprintf(text, sizeof text, format, args));
  va_end(args);
}

static void putstring(writer *w, idn_span text) {
  size_t from = 0;
  puttext(w, "\"");
  for (size_t at = 0; at < text.n; at++) {
    char c = text.p[at];
    if ((unsigned char)c >= ' ' && c != '"' && c != '\\') continue;
    const char *value = memchr(values, c, sizeof values - 1);
    put(w, text.p + from, at - from);
    if (value)
      puttext(w, "\\%c", letters[value - values]);
    else
      puttext(w, "\\u%04x", (unsigned char)c);
    from = at + 1;
  }
  put(w, text.p + from, text.n - from);
  puttext(w, "\"");
}

static void putmetadata(writer *w, const idn_sttable *t) {
  puttext(w, "\"" IDN_ST_METADATA "\":{");
  for (size_t i = 0; i < t->pairs; i++) {
    if (i > 0) puttext(w, ",");
    putstring(w, t->metadata[i].key);
    puttext(w, ":");
    putstring(w, t->metadata[i].value);
  }
  puttext(w, "}");
}

/* Returns where its bytes end, if they begin at `begin`. */
static uint64_t putentry(writer *w, const idn_saved *e, int type,
                         uint64_t begin) {
  char kind[KINDSIZE];
  uint64_t bytes = idn_typewidth(type);
  putstring(w, e->name);
  puttext(w, ":{\"dtype\":\"%s\",\"shape\":[", kindof(type, kind));
  for (int d = 0; d < e->rank; d++) {
    puttext(w, d > 0 ? ",%" PRId64 : "%" PRId64, e->size[d]);
    bytes *= (uint64_t)e->size[d];
  }
  puttext(w, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin,
          begin + bytes);
  return begin + bytes;
}

static void puttable(writer *w, const idn_sttable *t) {
  uint64_t end = 0;
  puttext(w, "{");
  if (t->hasmetadata) putmetadata(w, t);
  for (size_t i = 0; i < t->count; i++) {
    if (i > 0 || t->hasmetadata) puttext(w, ",");
    end = putentry(w, &t->tensors[i], t->type, end);
  }
  puttext(w, "}");
  while (w->n % ALIGNMENT > 0) puttext(w, " ");
}

uint64_t idn_stsize(const idn_sttable *t) {
  writer w = {NULL, NULL, 0, NULL};
  puttable(&w, t);
  return LENGTH + w.n;
}

const char *idn_stwrite(const idn_sttable *t, idn_put *sink, void *state) {
  writer w = {sink, state, 0, NULL};
  uint64_t n = idn_stsize(t) - LENGTH;
  char length[LENGTH];
  for (size_t i = 0; i < LENGTH; i++) length[i] = (char)(n >> 8 * i & 255);
  put(&w, length, LENGTH);
  puttable(&w, t);
  return w.fault;
}
