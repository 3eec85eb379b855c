#include "elements.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "loop.h"

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

typedef struct buffers {
  float *to;
  const float *a, *b; /* what is read */
} buffers;

static int fill(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                int64_t sb) {
  const buffers *s = state;
  float *to = s->to + a, value = *s->b;
  (void)b, (void)sb;
  if (sa == 1) {
    fillrun(to, value, n);
  } else {
    for (int64_t k = 0; k < n; k++) to[k * sa] = value;
  }
  return 1;
}

void idn_fillelements(int rank, const int64_t *size, float *a,
                      const int64_t *sa, float value) {
  buffers s = {.to = a, .b = &value};
  idn_loop l;
  idn_makeloop(&l, rank, size, sa, sa);
  idn_runloop(&l, fill, &s);
}

/* An x87 register would make a quiet NaN of a signalling one, so elements are
   copied as bytes. */
static int copy(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                int64_t sb) {
  const buffers *s = state;
  float *to = s->to + a;
  const float *from = s->b + b;
  if (sa == 1 && sb == 1) {
    memcpy(to, from, (size_t)n * sizeof *to);
  } else {
    for (int64_t k = 0; k < n; k++)
      memcpy(to + k * sa, from + k * sb, sizeof *to);
  }
  return 1;
}

void idn_copyelements(int rank, const int64_t *size, float *a,
                      const int64_t *sa, const float *b, const int64_t *sb) {
  buffers s = {.to = a, .b = b};
  idn_loop l;
  idn_makeloop(&l, rank, size, sa, sb);
  idn_runloop(&l, copy, &s);
}

static int equal(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                 int64_t sb) {
  const buffers *s = state;
  for (int64_t k = 0; k < n; k++)
    if (!(s->a[a + k * sa] == s->b[b + k * sb])) return 0;
  return 1;
}

int idn_equalelements(int rank, const int64_t *size, const float *a,
                      const int64_t *sa, const float *b, const int64_t *sb) {
  buffers s = {.a = a, .b = b};
  idn_loop l;
  idn_makeloop(&l, rank, size, sa, sb);
  return idn_runloop(&l, equal, &s);
}

typedef struct difference {
  const float *a, *b;
  double most;
} difference;

static double differ(double a, double b) {
  return a == b || (a != a && b != b) ? 0 : fabs(a - b);
}

/* Mostly the two are the same bits, and then they are compared fast. */
static int maxdiff(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                   int64_t sb) {
  enum { PART = 1024 };
  difference *s = state;
  const float *p = s->a + a, *q = s->b + b;
  for (int64_t from = 0; from < n; from += PART) {
    int64_t to = n - from < PART ? n : from + PART;
    size_t bytes = (size_t)(to - from) * sizeof *p;
    if (sa == 1 && sb == 1 && memcmp(p + from, q + from, bytes) == 0) continue;
    for (int64_t k = from; k < to; k++) {
      double d = differ(p[k * sa], q[k * sb]);
      if (d > s->most || d != d) s->most = d; /* once a NaN, it stays */
    }
  }
  return 1;
}

double idn_maxdiff(int rank, const int64_t *size, const float *a,
                   const int64_t *sa, const float *b, const int64_t *sb) {
  difference s = {.a = a, .b = b, .most = 0};
  idn_loop l;
  idn_makeloop(&l, rank, size, sa, sb);
  idn_runloop(&l, maxdiff, &s);
  return s.most;
}
