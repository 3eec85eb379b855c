#include "elements.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* memset and memcpy are several times as fast as a loop that writes floats. */
static void fillrun(float *a, float value, int64_t n) {
  enum { HEAD = 256 };
  if (value == 0 && !signbit(value)) {
    memset(a, 0, (size_t)n * sizeof *a);
    return;
  }
  for (int64_t k = 0; k < n && k < HEAD; k++) a[k] = value;
  for (int64_t k = HEAD; k < n; k += HEAD)
    memcpy(a + k, a, (size_t)(n - k < HEAD ? n - k : HEAD) * sizeof *a);
}

static int fill(void *state, int64_t n, float *a, int64_t sa, const float *b,
                int64_t sb) {
  float value = *(const float *)state;
  (void)b, (void)sb;
  if (sa == 1) {
    fillrun(a, value, n);
  } else {
    for (int64_t k = 0; k < n; k++) a[k * sa] = value;
  }
  return 1;
}

void idn_fillelements(const idn_array *a, float value) {
  idn_eachrun(a, a, fill, &value);
}

/* An x87 register would make a quiet NaN of a signalling one, so elements are
   copied as bytes. */
int idn_copyrun(void *state, int64_t n, float *a, int64_t sa, const float *b,
                int64_t sb) {
  (void)state;
  if (sa == 1 && sb == 1) {
    memcpy(a, b, (size_t)n * sizeof *a);
  } else {
    for (int64_t k = 0; k < n; k++) memcpy(a + k * sa, b + k * sb, sizeof *a);
  }
  return 1;
}

void idn_copyelements(const idn_array *a, const idn_array *b) {
  idn_eachrun(a, b, idn_copyrun, NULL);
}

static int equal(void *state, int64_t n, float *a, int64_t sa, const float *b,
                 int64_t sb) {
  (void)state;
  for (int64_t k = 0; k < n; k++)
    if (!(a[k * sa] == b[k * sb])) return 0;
  return 1;
}

int idn_equalelements(const idn_array *a, const idn_array *b) {
  return idn_eachrun(a, b, equal, NULL);
}

static double differ(double a, double b) {
  return a == b || (a != a && b != b) ? 0 : fabs(a - b);
}

/* Mostly the two are the same bits, and then they are compared fast. */
static int maxdiff(void *state, int64_t n, float *a, int64_t sa, const float *b,
                   int64_t sb) {
  enum { PART = 1024 };
  double *most = state;
  for (int64_t from = 0; from < n; from += PART) {
    int64_t to = n - from < PART ? n : from + PART;
    size_t bytes = (size_t)(to - from) * sizeof *a;
    if (sa == 1 && sb == 1 && memcmp(a + from, b + from, bytes) == 0) continue;
    for (int64_t k = from; k < to; k++) {
      double d = differ(a[k * sa], b[k * sb]);
      if (d > *most || d != d) *most = d; /* once a NaN, it stays */
    }
  }
  return 1;
}

double idn_maxdiff(const idn_array *a, const idn_array *b) {
  double most = 0;
  idn_eachrun(a, b, maxdiff, &most);
  return most;
}
