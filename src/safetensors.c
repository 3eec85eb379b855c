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
  to[0] = (char)(lead[n == 1 ? 0 : n] | code);
  return n;
}

int idn_isequal(idn_span text, const char *word) {
  return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

/* By bytes, and what begins the other comes first. Serves all structures that
   begin with a span. */
static int compare(const void *a, const void *b) {
  const idn_span *x = a, *y = b;
  int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
  return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* -- Faults -------------------------------------------------------------- */

/* Tells the fault and returns 0. */
static int fail(idn_safetensors *h, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(h->fault, sizeof h->fault, format, args);
  va_end(args);
  return 0;
}

/* A name as faults show it: of a long one the beginning, and a question mark
   for each control character. */
typedef struct shown {
  char text[64];
} shown;

static const char *show(shown *to, idn_span name) {
  size_t at = 0, n;
  while (at < name.n && (n = character(name.p + at, name.n - at)) > 0 &&
         at + n < sizeof to->text - 3) {
    memcpy(to->text + at, name.p + at, n);
    if (n == 1 && ((unsigned char)name.p[at] < ' ' || name.p[at] == 0x7f))
      to->text[at] = '?';
    at += n;
  }
  if (at < name.n) {
    memcpy(to->text + at, "...", 3);
    at += 3;
  }
  to->text[at] = '\0';
  return to->text;
}

/* -- The first bytes ----------------------------------------------------- */

int idn_issafetensors(const void *bytes, size_t n) {
  return n > LENGTH && ((const char *)bytes)[LENGTH] == '{';
}

int idn_stprelude(idn_safetensors *h, const void *bytes, uint64_t filesize) {
  const unsigned char *p = bytes;
  uint64_t n = 0;
  for (size_t i = LENGTH; i-- > 0;) n = n << 8 | p[i];
  if (n > IDN_ST_MAXTEXT)
    return fail(h, "header of at most %u bytes expected, got %" PRIu64,
                IDN_ST_MAXTEXT, n);
  if (n > filesize - LENGTH)
    return fail(h, "header of %" PRIu64 " bytes expected, got %" PRIu64, n,
                filesize - LENGTH);
  h->textsize = (size_t)n;
  h->datasize = filesize - LENGTH - n;
  return 1;
}

/* One more than can be whole, for one that turns out not to be. */
size_t idn_stmost(const idn_safetensors *h) { return h->textsize / LEAST + 1; }

/* -- JSON ---------------------------------------------------------------- */

typedef struct scanner {
  idn_safetensors *h;
  char *p, *end;
} scanner;

/* Bytes are counted from 1 in the header's text. */
static int position(const scanner *s) { return (int)(s->p - s->h->text) + 1; }

static int failat(scanner *s, const char *expected) {
  if (s->p == s->end)
    return fail(s->h, "header: %s expected, got its end", expected);
  const char *format = *s->p >= ' ' && *s->p <= '~'
                           ? "header: %s expected at byte %d, got \"%c\""
                           : "header: %s expected at byte %d, got 0x%02x";
  return fail(s->h, format, expected, position(s), (unsigned char)*s->p);
}

static int isnext(const scanner *s, char c) {
  return s->p < s->end && *s->p == c;
}

static void skipspace(scanner *s) {
  while (isnext(s, ' ') || isnext(s, '\t') || isnext(s, '\n') ||
         isnext(s, '\r'))
    s->p++;
}

/* Skips space, and `c` if it comes next. */
static int accept(scanner *s, char c) {
  skipspace(s);
  if (!isnext(s, c)) return 0;
  s->p++;
  return 1;
}

static int expect(scanner *s, char c) {
  const char quoted[] = {'"', c, '"', '\0'};
  return accept(s, c) || failat(s, quoted);
}

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
  static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
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

static int badstring(scanner *s) {
  if (*s->p == '\\')
    return fail(s->h, "header: bad escape at byte %d", position(s));
  if ((unsigned char)*s->p < ' ')
    return fail(s->h, "header: byte 0x%02x in a string at byte %d", *s->p,
                position(s));
  return fail(s->h, "header: no UTF-8 at byte %d", position(s));
}

/* A string, its escapes still in it. */
static int string(scanner *s, char **text, size_t *n) {
  uint32_t code;
  skipspace(s);
  if (!isnext(s, '"')) return failat(s, "string");
  int open = position(s);
  *text = ++s->p;
  while (s->p < s->end && *s->p != '"') {
    size_t left = (size_t)(s->end - s->p), step = 0;
    if (*s->p == '\\')
      step = escape(s->p, left, &code);
    else if ((unsigned char)*s->p >= ' ')
      step = character(s->p, left);
    if (step == 0) return badstring(s);
    s->p += step;
  }
  if (s->p == s->end)
    return fail(s->h, "header: the string at byte %d has no end", open);
  *n = (size_t)(s->p++ - *text);
  return 1;
}

/* Puts what they stand for in the place of a string's escapes, none of which
   is shorter. */
static void decode(char *text, size_t n, idn_span *span) {
  uint32_t code;
  char *to = text;
  for (size_t at = 0; at < n;)
    if (text[at] == '\\') {
      at += escape(text + at, n - at, &code);
      to += encode(to, code);
    } else {
      *to++ = text[at++];
    }
  span->p = text;
  span->n = (size_t)(to - text);
}

/* Passes what `member` makes of each member of an object, whose key is still
   as it was written. */
static int object(scanner *s,
                  int (*member)(scanner *s, char *key, size_t n, void *state),
                  void *state) {
  char *key = NULL;
  size_t n = 0;
  if (!expect(s, '{')) return 0;
  if (accept(s, '}')) return 1;
  do
    if (!string(s, &key, &n) || !expect(s, ':') || !member(s, key, n, state))
      return 0;
  while (accept(s, ','));
  return expect(s, '}');
}

static int skip(scanner *s, int depth);

static int skipmember(scanner *s, char *key, size_t n, void *depth) {
  (void)key, (void)n;
  return skip(s, *(int *)depth);
}

static int skiparray(scanner *s, int depth) {
  if (!expect(s, '[')) return 0;
  if (accept(s, ']')) return 1;
  do
    if (!skip(s, depth)) return 0;
  while (accept(s, ','));
  return expect(s, ']');
}

static int skipword(scanner *s) {
  static const char *const words[] = {"true", "false", "null"};
  for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
    size_t n = strlen(words[k]);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, words[k], n) != 0) continue;
    s->p += n;
    return 1;
  }
  return failat(s, "value");
}

static int isdigitnext(const scanner *s) {
  return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static int skipdigits(scanner *s) {
  if (!isdigitnext(s)) return failat(s, "digit");
  while (isdigitnext(s)) s->p++;
  return 1;
}

static int skipnumber(scanner *s) {
  if (isnext(s, '-')) s->p++;
  if (isnext(s, '0'))
    s->p++;
  else if (!skipdigits(s))
    return 0;
  if (isnext(s, '.')) {
    s->p++;
    if (!skipdigits(s)) return 0;
  }
  if (!isnext(s, 'e') && !isnext(s, 'E')) return 1;
  s->p++;
  if (isnext(s, '+') || isnext(s, '-')) s->p++;
  return skipdigits(s);
}

/* Any value, within `depth` brackets. */
static int skip(scanner *s, int depth) {
  char *text;
  size_t n;
  skipspace(s);
  if (isnext(s, '"')) return string(s, &text, &n);
  if (isnext(s, '-') || isdigitnext(s)) return skipnumber(s);
  if (!isnext(s, '{') && !isnext(s, '[')) return skipword(s);
  if (depth++ == MAXDEPTH)
    return fail(s->h, "header: more than %d brackets in each other at byte %d",
                MAXDEPTH, position(s));
  return isnext(s, '[') ? skiparray(s, depth) : object(s, skipmember, &depth);
}

/* A whole number; the largest that there is stands for all that are larger. */
static int whole(scanner *s, uint64_t *value) {
  *value = 0;
  if (accept(s, '0')) return 1;
  if (!isdigitnext(s)) return failat(s, "whole number");
  for (; isdigitnext(s); s->p++) {
    uint64_t digit = (uint64_t)(*s->p - '0');
    int fits = *value <= (UINT64_MAX - digit) / 10;
    *value = fits ? *value * 10 + digit : UINT64_MAX;
  }
  return 1;
}

/* -- Entries ------------------------------------------------------------- */

/* The files' names of the types are ours in capitals. */
static char upper(char c) {
  return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static int findkind(idn_span kind) {
  for (int type = 0; type < IDN_NTYPES; type++) {
    const char *name = idn_typenames[type];
    size_t n = 0;
    while (n < kind.n && name[n] && upper(name[n]) == kind.p[n]) n++;
    if (n == kind.n && !name[n]) return type;
  }
  return -1;
}

static int readkind(scanner *s, idn_entry *e) {
  char *text;
  size_t n;
  if (!string(s, &text, &n)) return 0;
  decode(text, n, &e->kind);
  e->type = findkind(e->kind);
  return 1;
}

static int readextents(scanner *s, int *rank, int64_t size[IDN_MAXRANK]) {
  uint64_t extent;
  *rank = 0;
  if (!expect(s, '[')) return 0;
  if (accept(s, ']')) return 1;
  do {
    if (*rank == IDN_MAXRANK)
      return fail(s->h, "header: at most %d dimensions expected at byte %d",
                  IDN_MAXRANK, position(s));
    if (!whole(s, &extent)) return 0;
    if (extent > (uint64_t)IDN_MAXEXTENT)
      return fail(s->h, "header: the extent before byte %d is too large",
                  position(s));
    size[(*rank)++] = (int64_t)extent;
  } while (accept(s, ','));
  return expect(s, ']');
}

static int readshape(scanner *s, idn_entry *e) {
  int rank;
  int64_t size[IDN_MAXRANK];
  skipspace(s);
  e->shape = s->p;
  int ok = readextents(s, &rank, size);
  e->shapeend = s->p;
  return ok;
}

int idn_stshape(const idn_entry *e, int64_t size[IDN_MAXRANK]) {
  int rank;
  scanner s = {NULL, e->shape, e->shapeend};
  readextents(&s, &rank, size);
  return rank;
}

static int readoffsets(scanner *s, idn_entry *e) {
  return expect(s, '[') && whole(s, &e->begin) && expect(s, ',') &&
         whole(s, &e->end) && expect(s, ']');
}

static const struct {
  const char *name;
  int (*read)(scanner *s, idn_entry *e);
} keys[] = {
    {"dtype", readkind}, {"shape", readshape}, {"data_offsets", readoffsets}};

#define NKEYS (sizeof keys / sizeof *keys)

typedef struct entryscan {
  idn_entry *entry;
  int seen[NKEYS];
} entryscan;

static int entrymember(scanner *s, char *text, size_t n, void *state) {
  entryscan *e = state;
  idn_span key;
  decode(text, n, &key);
  for (size_t k = 0; k < NKEYS; k++)
    if (idn_isequal(key, keys[k].name)) {
      if (e->seen[k]++)
        return fail(s->h, "header: key \"%s\" comes twice before byte %d",
                    keys[k].name, position(s));
      return keys[k].read(s, e->entry);
    }
  return skip(s, 0);
}

/* Whether the bytes of an entry are as many as its shape tells. */
static int checkbytes(idn_safetensors *h, const idn_entry *e) {
  shown name;
  int64_t size[IDN_MAXRANK];
  int rank = idn_stshape(e, size);
  uint64_t bytes = idn_typewidth(e->type);
  for (int d = 0; d < rank; d++)
    if (size[d] == 0) bytes = 0;
  for (int d = 0; d < rank && bytes > 0; d++) {
    if (bytes > UINT64_MAX / (uint64_t)size[d])
      return fail(h, "tensor \"%s\": the product of the extents is too large",
                  show(&name, e->name));
    bytes *= (uint64_t)size[d];
  }
  if (bytes == e->end - e->begin) return 1;
  return fail(h, "tensor \"%s\": %" PRIu64 " bytes expected, got %" PRIu64,
              show(&name, e->name), bytes, e->end - e->begin);
}

static int readentry(scanner *s, idn_span name) {
  shown text;
  idn_safetensors *h = s->h;
  idn_entry *e = &h->entries[h->count++];
  entryscan scan = {e, {0}};
  e->name = name;
  if (!object(s, entrymember, &scan)) return 0;
  for (size_t k = 0; k < NKEYS; k++)
    if (!scan.seen[k])
      return fail(h, "tensor \"%s\": key \"%s\" is missing", show(&text, name),
                  keys[k].name);
  if (e->begin > e->end || e->end > h->datasize)
    return fail(h,
                "tensor \"%s\": bytes in the range [0, %" PRIu64
                "] expected, got [%" PRIu64 ", %" PRIu64 "]",
                show(&text, name), h->datasize, e->begin, e->end);
  return e->type < 0 || checkbytes(h, e);
}

/* -- The whole text ------------------------------------------------------ */

static int metadatamember(scanner *s, char *key, size_t n, void *state) {
  (void)key, (void)state;
  return string(s, &key, &n);
}

static int headermember(scanner *s, char *text, size_t n, void *state) {
  (void)state;
  idn_span key;
  decode(text, n, &key);
  if (!idn_isequal(key, IDN_ST_METADATA)) return readentry(s, key);
  if (s->h->metadata)
    return fail(s->h, "header: \"" IDN_ST_METADATA "\" comes twice");
  skipspace(s);
  s->h->metadata = s->p + 1;
  return object(s, metadatamember, NULL);
}

int idn_stpair(idn_safetensors *h, idn_span *key, idn_span *value) {
  scanner s = {h, h->metadata, h->text + h->textsize};
  char *text;
  size_t n;
  if (!h->metadata || accept(&s, '}')) return 0;
  accept(&s, ',');
  string(&s, &text, &n);
  decode(text, n, key);
  expect(&s, ':');
  string(&s, &text, &n);
  decode(text, n, value);
  h->metadata = s.p;
  return 1;
}

static int checknames(idn_safetensors *h) {
  shown name;
  qsort(h->entries, h->count, sizeof *h->entries, compare);
  for (size_t i = 1; i < h->count; i++)
    if (compare(&h->entries[i - 1], &h->entries[i]) == 0)
      return fail(h, "header: two tensors are called \"%s\"",
                  show(&name, h->entries[i].name));
  return 1;
}

static int compareplaces(const void *a, const void *b) {
  const idn_entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->end > y->end) - (x->end < y->end);
}

static int checkplaces(idn_safetensors *h) {
  shown name;
  uint64_t end = 0;
  qsort(h->entries, h->count, sizeof *h->entries, compareplaces);
  for (size_t i = 0; i < h->count; end = h->entries[i++].end) {
    const idn_entry *e = &h->entries[i];
    if (e->begin < end)
      return fail(h, "tensor \"%s\" overlaps the one before it",
                  show(&name, e->name));
    if (e->begin > end)
      return fail(h, "hole of %" PRIu64 " bytes before tensor \"%s\"",
                  e->begin - end, show(&name, e->name));
  }
  if (end == h->datasize) return 1;
  return fail(h, "%" PRIu64 " bytes of data expected, got %" PRIu64, end,
              h->datasize);
}

int idn_stheader(idn_safetensors *h, char *text, idn_entry *entries) {
  scanner s = {h, text, text + h->textsize};
  h->text = text;
  h->metadata = NULL;
  h->entries = entries;
  h->count = 0;
  if (!isnext(&s, '{')) return failat(&s, "\"{\"");
  if (!object(&s, headermember, NULL)) return 0;
  while (isnext(&s, ' ')) s.p++;
  if (s.p < s.end) return failat(&s, "end");
  return checknames(h) && checkplaces(h);
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

static void puttext(writer *w, const char *text) { put(w, text, strlen(text)); }

static void putnumber(writer *w, uint64_t n) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRIu64, n);
  puttext(w, digits);
}

static void putescape(writer *w, char c) {
  static const char values[] = "\"\\\b\t\n\f\r", letters[] = "\"\\btnfr";
  const char *value = memchr(values, c, sizeof values - 1);
  char text[8];
  if (value)
    snprintf(text, sizeof text, "\\%c", letters[value - values]);
  else
    snprintf(text, sizeof text, "\\u%04x", (unsigned char)c);
  puttext(w, text);
}

static void putstring(writer *w, idn_span text) {
  size_t from = 0;
  put(w, "\"", 1);
  for (size_t at = 0; at < text.n; at++) {
    char c = text.p[at];
    if ((unsigned char)c >= ' ' && c != '"' && c != '\\') continue;
    put(w, text.p + from, at - from);
    putescape(w, c);
    from = at + 1;
  }
  put(w, text.p + from, text.n - from);
  put(w, "\"", 1);
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
  uint64_t end = idn_typewidth(type);
  putstring(w, e->name);
  puttext(w, ":{\"dtype\":\"");
  for (const char *name = idn_typenames[type]; *name; name++) {
    char c = upper(*name);
    put(w, &c, 1);
  }
  puttext(w, "\",\"shape\":[");
  for (int d = 0; d < e->rank; d++) {
    if (d > 0) puttext(w, ",");
    putnumber(w, (uint64_t)e->size[d]);
    end *= (uint64_t)e->size[d];
  }
  end += begin;
  puttext(w, "],\"data_offsets\":[");
  putnumber(w, begin);
  puttext(w, ",");
  putnumber(w, end);
  puttext(w, "]}");
  return end;
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
