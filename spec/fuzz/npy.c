/* The .npy reader against any bytes at all: it accepts what it can describe in
   full and nothing else, reads no byte beside what it is given, and converts
   each element as its definition has it. A target for libFuzzer. */
#include "npy.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                               \
  do {                                                                         \
    if (!(x)) {                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                  \
      abort();                                                                 \
    }                                                                          \
  } while (0)

/* A block of its own, for the sanitizer to see a step beside it. */
static void *block(const void *from, size_t n) {
  void *p = malloc(n > 0 ? n : 1);
  CHECK(p);
  if (n == 0) return p;
  if (from)
    memcpy(p, from, n);
  else
    memset(p, 0xa5, n);
  return p;
}

/* Reads a header as idinit.load does. */
static int readheader(idn_npy *h, const uint8_t *bytes, size_t n,
                      uint64_t filesize) {
  memset(h, 0xa5, sizeof *h);
  if (n > IDN_NPY_PRELUDE) n = IDN_NPY_PRELUDE;
  uint8_t *first = block(bytes, n);
  int ok = idn_npyprelude(h, first, n, filesize);
  free(first);
  if (!ok) return 0;
  CHECK(h->textat <= n && h->textsize <= IDN_NPY_MAXTEXT);
  CHECK(h->textat + h->textsize <= filesize);
  char *text = block(bytes + h->textat, h->textsize);
  ok = idn_npyheader(h, text);
  free(text);
  return ok;
}

static void checkfault(const idn_npy *h) {
  size_t n = 0;
  while (n < sizeof h->fault && h->fault[n] >= ' ' && h->fault[n] <= '~') n++;
  CHECK(n > 0 && n < sizeof h->fault && h->fault[n] == '\0');
}

static void checkheader(const idn_npy *h, uint64_t filesize) {
  CHECK(h->rank >= 0 && h->rank <= IDN_NPY_MAXRANK);
  CHECK(h->width == 1 || h->width == 2 || h->width == 4 || h->width == 8);
  CHECK(h->fortran == 0 || h->fortran == 1);
  int64_t numel = 1;
  int empty = 0;
  for (int d = 0; d < h->rank; d++) {
    CHECK(h->size[d] >= 0 && h->size[d] <= IDN_NPY_MAXEXTENT);
    empty |= h->size[d] == 0;
  }
  for (int d = 0; d < h->rank && !empty; d++) {
    CHECK(h->size[d] <= INT64_MAX / 8 / numel);
    numel *= h->size[d];
  }
  CHECK(h->numel == (empty ? 0 : numel));
  CHECK(filesize ==
        h->textat + h->textsize + (uint64_t)h->numel * (uint64_t)h->width);
}

/* -- Elements by their definition ---------------------------------------- */

static uint64_t integer(const uint8_t *p, int width, int big) {
  uint64_t n = 0;
  for (int i = 0; i < width; i++) n = n << 8 | p[big ? i : width - 1 - i];
  return n;
}

/* The number whose bits are a sign, `e` of exponent and `f` of fraction. */
static long double floating(uint64_t bits, int e, int f) {
  int top = (1 << e) - 1;
  int exponent = (int)(bits >> f) & top;
  long double x = (long double)(bits & ((UINT64_C(1) << f) - 1));
  if (exponent == top)
    x = x > 0 ? (long double)NAN : (long double)INFINITY;
  else if (exponent == 0)
    x = ldexpl(x, 1 - top / 2 - f);
  else
    x = ldexpl(x + ldexpl(1, f), exponent - top / 2 - f);
  return bits >> (e + f) & 1 ? -x : x;
}

static long double element(const uint8_t *p, const char *descr) {
  int big = descr[0] == '>', width = descr[2] - '0';
  uint64_t n = integer(p, width, big);
  uint64_t sign = UINT64_C(1) << (8 * width - 1);
  switch (descr[1]) {
  case 'b':
    return n != 0;
  case 'u':
    return (long double)n;
  case 'i':
    return n < sign ? (long double)n : -(long double)(sign - (n - sign));
  default:
    if (width == 2) return floating(n, 5, 10);
    return width == 4 ? floating(n, 8, 23) : floating(n, 11, 52);
  }
}

static void checkelements(const idn_npy *h, const uint8_t *data,
                          const char *descr) {
  size_t n = (size_t)h->numel, bytes = n * (size_t)h->width;
  float *to = block(NULL, n * sizeof *to);
  uint8_t *raw = block(data, bytes);
  if (h->isfloat32) memcpy(to, data, bytes);
  idn_npyconvert(h, h->isfloat32 ? (void *)to : raw, to, n);
  for (size_t i = 0; i < n; i++) {
    long double exact = element(data + i * (size_t)h->width, descr);
    float wanted = (float)exact;
    if (isnan(wanted))
      CHECK(isnan(to[i]) && !signbit(to[i]) == !signbit(wanted));
    else if (LDBL_MANT_DIG >= 64 || h->width < 8)
      CHECK(memcmp(&to[i], &wanted, sizeof wanted) == 0);
  }
  free(raw);
  free(to);
}

/* -- Files --------------------------------------------------------------- */

/* What is written for the same size is read as that size. */
static void checkwriting(const idn_npy *h) {
  char written[IDN_NPY_MAXSAVED];
  idn_npy again;
  size_t n = idn_npywrite(written, h->rank, h->size, h->fortran);
  CHECK(n <= sizeof written && n % 64 == 0);
  uint64_t filesize = n + 4 * (uint64_t)h->numel;
  CHECK(readheader(&again, (uint8_t *)written, n, filesize));
  checkheader(&again, filesize);
  CHECK(again.isfloat32 && again.fortran == h->fortran &&
        again.rank == h->rank);
  for (int d = 0; d < h->rank; d++) CHECK(again.size[d] == h->size[d]);
}

/* The type in a header that was accepted: what the quotes behind "descr" and
   a colon hold. With no order it is the machine's. */
static void copydescr(char descr[4], const char *text, size_t n) {
  const uint16_t one = 1;
  char key[] = "?descr?";
  size_t at = 0;
  for (;; at++) {
    CHECK(at + sizeof key < n);
    key[0] = key[6] = text[at];
    if ((key[0] == '"' || key[0] == '\'') && !memcmp(text + at, key, 7)) break;
  }
  for (at += 7; text[at] != '"' && text[at] != '\''; at++) CHECK(at < n);
  size_t length = 0;
  while (text[at + 1 + length] != text[at]) length++;
  CHECK(length == 2 || length == 3);
  descr[0] = *(const uint8_t *)&one ? '<' : '>';
  if (length == 3 && text[at + 1] != '=') descr[0] = text[at + 1];
  memcpy(descr + 1, text + at + length - 1, 2);
  descr[3] = '\0';
}

static void checkfile(const uint8_t *bytes, size_t n) {
  idn_npy h, other;
  char descr[4];
  if (!readheader(&h, bytes, n, n)) {
    checkfault(&h);
    return;
  }
  checkheader(&h, n);
  copydescr(descr, (const char *)bytes + h.textat, h.textsize);
  checkelements(&h, bytes + h.textat + h.textsize, descr);
  checkwriting(&h);
  CHECK(!readheader(&other, bytes, n, n + 1));
  checkfault(&other);
  CHECK(!readheader(&other, bytes, n, n - 1));
  checkfault(&other);
}

/* A file whose data is as long as its header tells, which chance seldom is. */
static void checkfitted(const uint8_t *bytes, size_t n) {
  enum { MOST = 65536 };
  idn_npy h;
  unsigned long long needed;
  if (readheader(&h, bytes, n, n)) return;
  if (sscanf(h.fault, "%llu bytes of data expected", &needed) != 1) return;
  size_t start = h.textat + h.textsize;
  if (needed > MOST) return;
  uint8_t *whole = block(NULL, start + (size_t)needed);
  memcpy(whole, bytes, start);
  for (size_t i = 0; i < needed; i++)
    whole[start + i] = n > start ? bytes[start + i % (n - start)] : 0x3e;
  CHECK(readheader(&h, whole, start + (size_t)needed, start + needed));
  checkfile(whole, start + (size_t)needed);
  free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *bytes = block(data, size);
  checkfile(bytes, size);
  checkfitted(bytes, size);
  free(bytes);
  return 0;
}
