/* What an identity is, said element by element: for programs that hold
   src/taps.c against it. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "taps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(x)                                                               \
  do {                                                                         \
    if (!(x)) {                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                  \
      abort();                                                                 \
    }                                                                          \
  } while (0)

/* Where the element at `at` of the window stood before the shift. */
static int64_t origin(const idn_identity *id, int d, int64_t at) {
  int64_t whole = id->first[d] + at, n = id->size[d];
  CHECK(at >= 0 && at < id->length[d] && whole < n);
  return whole >= id->shift[d] ? whole - id->shift[d]
                               : whole - id->shift[d] + n;
}

/* How many positions of the axis `d` belong to one block. */
static int64_t blockextent(const idn_identity *id, int d) {
  if (d == IDN_NOAXIS) return 1;
  return d == id->g ? id->size[d] / id->groups : id->size[d];
}

static int isodd(uint64_t bits) {
  int odd = 0;
  for (; bits; bits &= bits - 1) odd = !odd;
  return odd;
}

/* Whether output `row` and input `col` of a block of outs x ins have a tap
   between them, and what it holds. */
static int pairs(const idn_identity *id, int64_t outs, int64_t ins, int64_t row,
                 int64_t col, double *value) {
  int64_t least = outs < ins ? outs : ins;
  double c = (double)(outs < ins ? (ins - row - 1) / outs + 1 : 1);
  double r = (double)(col / outs + 1);
  *value = id->gain;
  if (id->fit == IDN_HADAMARD && outs > ins) {
    int k = 0;
    while ((INT64_C(1) << k) < outs) k++;
    *value *= ldexp(k % 2 ? sqrt(0.5) : 1, -(k / 2));
    if (isodd((uint64_t)row & (uint64_t)col)) *value = -*value;
    return 1;
  }
  if (id->fit == IDN_PAD || id->fit == IDN_HADAMARD) return row == col;
  if (id->fit == IDN_MEAN) *value /= c;
  if (id->fit == IDN_SPLIT && c > 1) *value *= 2 * r / (c * (c + 1));
  return row % least == col % least;
}

/* Whether the element at position `at` of the window is a tap: what rounds to 0
   is none. */
static int define(const idn_identity *id, const int64_t *at, double *value) {
  int64_t outs = blockextent(id, id->o), ins = blockextent(id, id->i);
  int64_t row = 0, col = 0;
  if (id->rank < 2) return 0;
  for (int d = 0; d < id->rank; d++) {
    int64_t p = origin(id, d, at[d]);
    if (d == id->o)
      row = p % outs;
    else if (d == id->i)
      col = p % ins;
    else if (d != id->g && p != id->center[d])
      return 0;
  }
  return pairs(id, outs, ins, row, col, value) && (float)*value != 0;
}

/* The next position in row order; 0 behind the last. */
static int advance(const idn_identity *id, int64_t *at) {
  for (int d = id->rank - 1; d >= 0; d--) {
    if (++at[d] < id->length[d]) return 1;
    at[d] = 0;
  }
  return 0;
}

#endif
