/* Elements of every type, in both orders of bytes, against their definition:
   the number that the bits stand for, rounded by the compiler's own cast, and
   back. A target for libFuzzer. */
#include "dtype.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
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

/* A block of its own, for the sanitizer to see a step beside it, and at an odd
   address. */
static uint8_t *block(const void *from, size_t n) {
  uint8_t *p = malloc(n + 1);
  CHECK(p);
  if (n > 0 && from) memcpy(p + 1, from, n);
  return p + 1;
}

static void release(uint8_t *p) { free(p - 1); }

static uint64_t integer(const uint8_t *p, size_t width, int highfirst) {
  uint64_t n = 0;
  for (size_t i = 0; i < width; i++)
    n = n << 8 | p[highfirst ? i : width - 1 - i];
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

static long double element(const uint8_t *p, const char *name, size_t width,
                           int highfirst) {
  uint64_t n = integer(p, width, highfirst);
  uint64_t sign = UINT64_C(1) << (8 * width - 1);
  if (strcmp(name, "bool") == 0) return n != 0;
  if (strcmp(name, "bf16") == 0) return floating(n, 8, 7);
  if (strcmp(name, "f16") == 0) return floating(n, 5, 10);
  if (strcmp(name, "f32") == 0) return floating(n, 8, 23);
  if (strcmp(name, "f64") == 0) return floating(n, 11, 52);
  if (name[0] == 'u' || n < sign) return (long double)n;
  return -(long double)(sign - (n - sign));
}

static int samefloat(float x, float y) {
  if (isnan(x)) return isnan(y) && !signbit(x) == !signbit(y);
  return memcmp(&x, &y, sizeof x) == 0;
}

static void checkreading(int type, int highfirst, const uint8_t *data,
                         size_t bytes) {
  size_t width = idn_typewidth(type), n = bytes / width;
  uint8_t *from = block(data, n * width);
  float *to = malloc(n * sizeof *to + 1);
  CHECK(to);
  idn_readelements(type, highfirst, from, to, n);
  for (size_t i = 0; i < n; i++) {
    long double exact =
        element(from + i * width, idn_typenames[type], width, highfirst);
    if (LDBL_MANT_DIG >= 64 || width < 8) CHECK(samefloat((float)exact, to[i]));
  }
  free(to);
  release(from);
}

/* The nearest number with `f` bits of fraction, and of even numbers as near the
   one whose last bit is 0, where 2^least is the smallest. */
static double rounded(double x, int f, int least, double most) {
  int exponent;
  if (isnan(x) || isinf(x) || x == 0) return x;
  frexp(x, &exponent);
  int last = exponent - 1 - f > least ? exponent - 1 - f : least;
  double scaled = ldexp(fabs(x), -last), whole = floor(scaled);
  double over = scaled - whole;
  if (over > 0.5 || (over == 0.5 && fmod(whole, 2) == 1)) whole++;
  whole = ldexp(whole, last);
  return copysign(whole > most ? INFINITY : whole, x);
}

static void checkwriting(int type, const uint8_t *data, size_t bytes) {
  size_t width = idn_typewidth(type), n = bytes / sizeof(float);
  float *from = malloc(n * sizeof *from + 1);
  CHECK(from);
  if (n > 0) memcpy(from, data, n * sizeof *from);
  uint8_t *to = block(NULL, n * width);
  idn_writeelements(type, from, to, n);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = to + i * width;
    uint64_t bits = integer(p, width, 0),
             quiet = type == IDN_F16 ? 0x200 : 0x40;
    double wanted = from[i];
    if (type == IDN_F16) wanted = rounded(wanted, 10, -24, 65504);
    if (type == IDN_BF16) wanted = rounded(wanted, 7, -133, 0x1.fep127);
    CHECK(samefloat((float)wanted,
                    (float)element(p, idn_typenames[type], width, 0)));
    if (isnan(from[i]) && width == 2) CHECK(bits & quiet);
    if (type == IDN_F32)
      CHECK(integer(data + 4 * i, 4, !!idn_ishighfirst()) == bits);
  }
  release(to);
  free(from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  int type = data[0] % IDN_NTYPES, highfirst = data[0] / IDN_NTYPES % 2;
  const char *name = idn_typenames[type];
  checkreading(type, highfirst, data + 1, size - 1);
  if (type >= IDN_WRITTEN) checkwriting(type, data + 1, size - 1);
  return 0;
}
