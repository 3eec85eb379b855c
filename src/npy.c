#include "npy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dtype.h"

#define MAGIC "\x93NUMPY"
#define MAGICSIZE 6
#define ALIGNMENT 64

/* NumPy leaves room for the growing extent to become this long. */
#define GROWTHDIGITS 21

#define SPACE " \t\n\r\f"

/* Tells the fault and returns 0. */
static int fail(idn_npy *h, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(h->fault, sizeof h->fault, format, args);
  va_end(args);
  return 0;
}

/* -- The first bytes ----------------------------------------------------- */

int idn_isnpy(const void *bytes, size_t n) {
  return n >= MAGICSIZE && memcmp(bytes, MAGIC, MAGICSIZE) == 0;
}

int idn_npyprelude(idn_npy *h, const void *bytes, size_t n, uint64_t filesize) {
  const unsigned char *p = bytes;
  if (!idn_isnpy(bytes, n)) return fail(h, "not a .npy file");
  if (n < MAGICSIZE + 2) return fail(h, "file ends within its header");
  if (p[6] < 1 || p[6] > 3 || p[7] != 0)
    return fail(h, "version 1.0, 2.0 or 3.0 expected, got %d.%d", p[6], p[7]);
  size_t digits = p[6] == 1 ? 2 : 4;
  h->filesize = filesize;
  h->textat = MAGICSIZE + 2 + digits;
  if (n < h->textat) return fail(h, "file ends within its header");
  h->textsize = 0;
  for (size_t i = digits; i-- > 0;)
    h->textsize = h->textsize << 8 | p[MAGICSIZE + 2 + i];
  if (filesize < h->textat || filesize - h->textat < h->textsize)
    return fail(h, "header of %" PRIu64 " bytes expected, got %" PRIu64,
                (uint64_t)h->textsize, filesize - h->textat);
  if (h->textsize > IDN_NPY_MAXTEXT)
    return fail(h, "header of at most %d bytes expected, got %" PRIu64,
                IDN_NPY_MAXTEXT, (uint64_t)h->textsize);
  return 1;
}

/* -- The text, a dictionary as Python writes it -------------------------- */

typedef struct scanner {
  idn_npy *h;
  const char *start, *p, *end;
} scanner;

/* Bytes are counted from 1 in the header's text. */
static int failat(scanner *s, const char *expected) {
  if (s->p == s->end)
    return fail(s->h, "header: %s expected, got its end", expected);
  return fail(s->h, "header: %s expected at byte %d, got \"%c\"", expected,
              (int)(s->p - s->start) + 1, *s->p);
}

/* What passes can be quoted in a fault, and holds no zero byte. */
static int checkbytes(scanner *s) {
  for (const char *p = s->p; p < s->end; p++)
    if ((*p < ' ' || *p > '~') && (*p == '\0' || !strchr(SPACE, *p)))
      return fail(s->h, "header: byte %d is 0x%02x, which is not ASCII text",
                  (int)(p - s->start) + 1, (unsigned char)*p);
  return 1;
}

static void skipspace(scanner *s) {
  while (s->p < s->end && strchr(SPACE, *s->p)) s->p++;
}

static int isnext(const scanner *s, char c) {
  return s->p < s->end && *s->p == c;
}

static int isdigitnext(const scanner *s) {
  return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

/* Skips `c` and the space around it, if it comes next. */
static int accept(scanner *s, char c) {
  skipspace(s);
  if (!isnext(s, c)) return 0;
  s->p++;
  skipspace(s);
  return 1;
}

static int expect(scanner *s, char c) {
  const char quoted[] = {'"', c, '"', '\0'};
  return accept(s, c) || failat(s, quoted);
}

static int acceptword(scanner *s, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return 0;
  s->p += n;
  return 1;
}

/* A string in either kind of quotes, on one line. An escape is no part of any
   key or type that is known, so none is looked for. */
static int string(scanner *s, const char **text, int *n) {
  if (!isnext(s, '\'') && !isnext(s, '"')) return failat(s, "string");
  const char *open = s->p;
  const char *close = open + 1;
  while (close < s->end && *close >= ' ' && *close != *open) close++;
  if (close == s->end || *close != *open)
    return fail(s->h, "header: the string at byte %d has no end",
                (int)(open - s->start) + 1);
  *text = open + 1;
  *n = (int)(close - open) - 1;
  s->p = close + 1;
  return 1;
}

/* How NumPy spells the types: two with an order of bytes in front or not, and
   words that take none. */
static const struct {
  int type;
  const char *names[4];
} types[] = {{IDN_F32, {"f4", "f", "float32", "single"}},
             {IDN_F64, {"f8", "d", "float64", "double"}},
             {IDN_F16, {"f2", "e", "float16", "half"}},
             {IDN_I8, {"i1", "b", "int8"}},
             {IDN_I16, {"i2", "h", "int16"}},
             {IDN_I32, {"i4", "i", "int32"}},
             {IDN_I64, {"i8", "q", "int64"}},
             {IDN_U8, {"u1", "B", "uint8"}},
             {IDN_U16, {"u2", "H", "uint16"}},
             {IDN_U32, {"u4", "I", "uint32"}},
             {IDN_U64, {"u8", "Q", "uint64"}},
             {IDN_BOOL, {"b1", "?", "bool"}}};

#define NTYPES (sizeof types / sizeof *types)

/* The type that is spelled so, or -1. The first `ordersize` bytes tell the
   order of bytes. */
static int findtype(const char *text, size_t n, size_t ordersize) {
  for (size_t k = 0; k < NTYPES; k++)
    for (int j = 0; j < 4 && types[k].names[j]; j++) {
      size_t skipped = j < 2 ? ordersize : 0;
      const char *name = types[k].names[j];
      if (strlen(name) == n - skipped &&
          memcmp(text + skipped, name, n - skipped) == 0)
        return types[k].type;
    }
  return -1;
}

/* "<f4": order of bytes, and type. Where no order is told, or "|", it is the
   machine's own. */
static int elementtype(idn_npy *h, const char *text, int n) {
  int ordered = n > 0 && memchr("<>=|", *text, 4);
  h->type = findtype(text, (size_t)n, (size_t)ordered);
  if (h->type < 0)
    return fail(h, "element type \"%.*s\" is not supported", n < 24 ? n : 24,
                text);
  h->highfirst = *text == '>' || (*text != '<' && idn_ishighfirst());
  return 1;
}

static int descr(scanner *s) {
  const char *text;
  int n;
  if (isnext(s, '[') || isnext(s, '('))
    return fail(s->h, "structured element types are not supported");
  return string(s, &text, &n) && elementtype(s->h, text, n);
}

static int fortran(scanner *s) {
  s->h->fortran = acceptword(s, "True");
  if (s->h->fortran || acceptword(s, "False")) return 1;
  return failat(s, "True or False");
}

/* A whole number, behind which Python 2 wrote an L. */
static int extent(scanner *s, int64_t *value) {
  int d = s->h->rank + 1;
  if (isnext(s, '-'))
    return fail(s->h, "the extent of dimension %d is negative", d);
  if (!isdigitnext(s)) return failat(s, "whole number");
  const char *first = s->p;
  for (*value = 0; isdigitnext(s); s->p++) {
    int digit = *s->p - '0';
    if (*value > (IDN_MAXEXTENT - digit) / 10)
      return fail(s->h, "the extent of dimension %d is too large", d);
    *value = *value * 10 + digit;
  }
  if (*first == '0' && s->p > first + 1) {
    s->p = first;
    return failat(s, "whole number without leading zeros");
  }
  if (isnext(s, 'L')) s->p++;
  return 1;
}

/* A tuple of whole numbers: (), (3,), (3, 5) or (3, 5,). */
static int shape(scanner *s) {
  idn_npy *h = s->h;
  int comma = 1;
  if (!expect(s, '(')) return 0;
  for (h->rank = 0; !accept(s, ')'); h->rank++) {
    if (!comma) return expect(s, ',');
    if (h->rank == IDN_MAXRANK)
      return fail(h, "at most %d dimensions expected", IDN_MAXRANK);
    if (!extent(s, &h->size[h->rank])) return 0;
    comma = accept(s, ',');
  }
  if (h->rank == 1 && !comma)
    return fail(h, "header: a tuple of extents expected, got a number");
  return 1;
}

static const struct {
  const char *name;
  int (*value)(scanner *s);
} keys[] = {{"descr", descr}, {"fortran_order", fortran}, {"shape", shape}};

#define NKEYS (sizeof keys / sizeof *keys)

static int entry(scanner *s, int seen[NKEYS]) {
  const char *text = "";
  int n = 0;
  if (!string(s, &text, &n)) return 0;
  for (size_t k = 0; k < NKEYS; k++)
    if (strlen(keys[k].name) == (size_t)n &&
        memcmp(keys[k].name, text, (size_t)n) == 0) {
      if (seen[k]++)
        return fail(s->h, "header: key \"%s\" comes twice", keys[k].name);
      return expect(s, ':') && keys[k].value(s);
    }
  return fail(s->h, "header: unknown key \"%.*s\"", n < 24 ? n : 24, text);
}

static int dictionary(scanner *s) {
  int seen[NKEYS] = {0};
  int comma = 1;
  if (!expect(s, '{')) return 0;
  while (!accept(s, '}')) {
    if (!comma) return expect(s, ',');
    if (!entry(s, seen)) return 0;
    comma = accept(s, ',');
  }
  if (s->p < s->end) return failat(s, "end");
  for (size_t k = 0; k < NKEYS; k++)
    if (!seen[k])
      return fail(s->h, "header: key \"%s\" is missing", keys[k].name);
  return 1;
}

static int count(idn_npy *h) {
  h->numel = 1;
  for (int d = 0; d < h->rank; d++)
    if (h->size[d] == 0) h->numel = 0;
  for (int d = 0; d < h->rank && h->numel > 0; d++) {
    if (h->numel > INT64_MAX / 8 / h->size[d])
      return fail(h, "the product of the extents is too large");
    h->numel *= h->size[d];
  }
  return 1;
}

int idn_npyheader(idn_npy *h, const char *text) {
  scanner s = {h, text, text, text + h->textsize};
  if (!checkbytes(&s) || !dictionary(&s) || !count(h)) return 0;
  uint64_t needed = (uint64_t)h->numel * idn_typewidth(h->type);
  uint64_t held = h->filesize - h->textat - h->textsize;
  if (needed != held)
    return fail(h, "%" PRIu64 " bytes of data expected, got %" PRIu64, needed,
                held);
  return 1;
}

/* -- Writing ------------------------------------------------------------- */

static char *append(char *to, const char *text) {
  size_t n = strlen(text);
  memcpy(to, text, n);
  return to + n;
}

size_t idn_npywrite(char to[IDN_NPY_MAXSAVED], int type, int rank,
                    const int64_t *size, int fortran_order) {
  char code[] = {'f', (char)('0' + idn_typewidth(type)), '\0'};
  char *start = to + MAGICSIZE + 4;
  char *p = append(append(start, "{'descr': '<"), code);
  p = append(p, "', 'fortran_order': ");
  p = append(p, fortran_order ? "True, 'shape': (" : "False, 'shape': (");
  size_t spare = 0;
  for (int d = 0; d < rank; d++) {
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRId64, size[d]);
    if (d == (fortran_order ? rank - 1 : 0)) spare = GROWTHDIGITS - n;
    p = append(p, d > 0 ? ", " : "");
    p = append(p, digits);
  }
  p = append(p, rank == 1 ? ",), }" : "), }");
  size_t n = (size_t)(p - to) + spare + 1;
  spare += ALIGNMENT - n % ALIGNMENT;
  memset(p, ' ', spare);
  p += spare;
  *p++ = '\n';
  size_t textsize = (size_t)(p - start);
  memcpy(to, MAGIC "\1\0", MAGICSIZE + 2);
  to[MAGICSIZE + 2] = (char)(textsize & 255);
  to[MAGICSIZE + 3] = (char)(textsize >> 8);
  return (size_t)(p - to);
}
