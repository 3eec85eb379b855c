#include "npy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

int idn_npyprelude(idn_npy *h, const void *bytes, size_t n, uint64_t filesize) {
  const unsigned char *p = bytes;
  if (n < MAGICSIZE || memcmp(p, MAGIC, MAGICSIZE) != 0)
    return fail(h, "not a .npy file");
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

/* -- Elements ------------------------------------------------------------ */

static float fromhalf(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = half >> 10 & 31;
  uint32_t fraction = half & 1023;
  uint32_t bits;
  float value;
  if (exponent == 0) { /* zero or subnormal: a multiple of 2^-24 */
    value = (float)fraction / 16777216.0f;
    memcpy(&bits, &value, sizeof bits);
  } else {
    bits = (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
  }
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* A cast of 64 bits rounds twice on some machines. What a double can not hold
   is made odd where bits are cut off, and then rounds as it should. */
static float fromwide(uint64_t n) {
  if (n >> 53 == 0) return (float)(double)n;
  return (float)(double)(n >> 11 | ((n & 2047) != 0)) * 2048.0f;
}

static float fromsigned(int64_t n) {
  return n < 0 ? -fromwide(-(uint64_t)n) : fromwide((uint64_t)n);
}

#define CONVERTER(name, type, value)                                           \
  static void name(const unsigned char *p, float *to, size_t n) {              \
    for (size_t i = 0; i < n; i++) {                                           \
      type x;                                                                  \
      memcpy(&x, p + i * sizeof x, sizeof x);                                  \
      to[i] = value;                                                           \
    }                                                                          \
  }

CONVERTER(fromf2, uint16_t, fromhalf(x))
CONVERTER(fromf8, double, (float)x)
CONVERTER(fromi1, int8_t, (float)x)
CONVERTER(fromi2, int16_t, (float)x)
CONVERTER(fromi4, int32_t, (float)x)
CONVERTER(fromi8, int64_t, fromsigned(x))
CONVERTER(fromu1, uint8_t, (float)x)
CONVERTER(fromu2, uint16_t, (float)x)
CONVERTER(fromu4, uint32_t, (float)x)
CONVERTER(fromu8, uint64_t, fromwide(x))
CONVERTER(fromb1, uint8_t, (float)(x != 0))

static const struct type {
  const char *name; /* kind, and width in bytes */
  void (*convert)(const unsigned char *p, float *to, size_t n);
} types[] = {{"f4", NULL},   {"f8", fromf8}, {"f2", fromf2}, {"i1", fromi1},
             {"i2", fromi2}, {"i4", fromi4}, {"i8", fromi8}, {"u1", fromu1},
             {"u2", fromu2}, {"u4", fromu4}, {"u8", fromu8}, {"b1", fromb1}};

enum { FLOAT32 = 0, NTYPES = sizeof types / sizeof *types };

static int isbigendian(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 0;
}

static void swap(unsigned char *p, size_t width, size_t n) {
  for (; n > 0; n--, p += width)
    for (size_t i = 0; i < width / 2; i++) {
      unsigned char byte = p[i];
      p[i] = p[width - 1 - i];
      p[width - 1 - i] = byte;
    }
}

void idn_npyconvert(const idn_npy *h, void *raw, float *to, size_t n) {
  if (h->swapped) swap(raw, (size_t)h->width, n);
  if (!h->isfloat32) types[h->type].convert(raw, to, n);
}

void idn_npyencode(float *elements, size_t n) {
  if (isbigendian()) swap((unsigned char *)elements, sizeof *elements, n);
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

/* "<f4": byte order, kind and width. One byte has no order; where no order is
   told it is the machine's own. */
static int elementtype(idn_npy *h, const char *text, int n) {
  const char *name = n == 3 ? text + 1 : text;
  char order = n == 3 ? text[0] : '=';
  if ((n == 2 || n == 3) && strchr("<>=|", order))
    for (int k = 0; k < NTYPES; k++)
      if (memcmp(types[k].name, name, 2) == 0) {
        int width = name[1] - '0';
        if (order == '|' && width > 1) break;
        h->type = k;
        h->width = width;
        h->swapped = order == (isbigendian() ? '<' : '>') && width > 1;
        h->isfloat32 = k == FLOAT32;
        return 1;
      }
  return fail(h, "element type \"%.*s\" is not supported", n < 24 ? n : 24,
              text);
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
    if (*value > (IDN_NPY_MAXEXTENT - digit) / 10)
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
    if (h->rank == IDN_NPY_MAXRANK)
      return fail(h, "at most %d dimensions expected", IDN_NPY_MAXRANK);
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
  uint64_t needed = (uint64_t)h->numel * (uint64_t)h->width;
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

size_t idn_npywrite(char to[IDN_NPY_MAXSAVED], int rank, const int64_t *size,
                    int fortran_order) {
  char *start = to + MAGICSIZE + 4;
  char *p = append(start, "{'descr': '<f4', 'fortran_order': ");
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
