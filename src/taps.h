/* Identities as lists of taps in closed form. Pure C: knows no Lua and
   allocates nothing.

   A tap is an element that the identity writes. A weight is made of blocks, one
   for each group; a block joins the outputs of its group with the inputs, and
   its taps form diagonals or, if it is a Hadamard block, rows. Groups lie one
   behind the other along the axis of the outputs or of the inputs, or have an
   axis of their own. On every kernel axis all taps stand at one position. Shift
   and window move and cut these; nothing here ever walks elements that are not
   taps. */
#ifndef IDN_TAPS_H
#define IDN_TAPS_H

#include <stdint.h>

#include "size.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

typedef enum idn_fit {
  IDN_PAD,
  IDN_TILE,
  IDN_MEAN,
  IDN_SPLIT,
  IDN_HADAMARD
} idn_fit;

enum { IDN_NOAXIS = -1 };

/* The description of an identity. Positions count from 0. */
typedef struct idn_identity {
  int rank; /* 1 to IDN_MAXRANK; at rank 1 there are no taps */
  int o, i; /* the axes of outputs and inputs; IDN_NOAXIS: a group has one */
  int g;    /* the axis of groups: o, i, or one of its own */
  idn_fit fit;
  double gain;                 /* what rounds to 0 is no tap */
  int64_t groups;              /* > 0; divides size[g], or is it if g is own */
  int64_t size[IDN_MAXRANK];   /* extents of the whole, 0 to IDN_MAXEXTENT */
  int64_t center[IDN_MAXRANK]; /* the tap of each kernel axis, < size */
  int64_t shift[IDN_MAXRANK];  /* 0 <= shift < size, or 0 */
  int64_t first[IDN_MAXRANK];  /* the window: its first position */
  int64_t length[IDN_MAXRANK]; /* and its extent; first + length <= size */
} idn_identity;

/* Flux's identity of that size: kernel axes, then i, then o; gain 1, the tap
   of an even kernel at the lower middle, no shift, the window whole. */
void idn_identity_init(idn_identity *id, int rank, const int64_t *size);

/* The middle of a kernel axis: of two, the lower or the higher. */
int64_t idn_middle(int64_t extent, int higher);

/* Whether the axis `d` is neither of outputs nor of inputs nor of groups. */
int idn_iskernel(const idn_identity *id, int d);

/* Whether groups have an axis of their own. */
int idn_hasgroupaxis(const idn_identity *id);

/* What the r-th of the `count` inputs that an output takes has of the gain. */
double idn_share(idn_fit fit, double gain, int64_t r, int64_t count);

/* A straight run of taps, from a position in the window; of g, if groups have
   an axis of their own. At each step the input moves on by one and, except in a
   Hadamard row, the output too. */
typedef struct idn_run {
  int64_t o, i, g, length;
  float value; /* not 0; in a Hadamard row its sign changes */
  int is_row;
  int64_t row, col; /* of a Hadamard row in its block */
} idn_run;

/* Step k of a run: its value, and its position in the window. */
float idn_tap(const idn_identity *id, const idn_run *run, int64_t k,
              int64_t *at);

/* Positions [from, to) of an axis, which lie in the window at + delta. */
typedef struct idn_piece {
  int64_t from, to, delta;
} idn_piece;

/* Outputs [from, to) of a block, which take equally many inputs each. */
typedef struct idn_band {
  int64_t from, to, count;
  int64_t first; /* the first segment whose taps do not round to 0 */
} idn_band;

/* A cursor over the runs of an identity, which must outlive it. A segment is
   what a run is at most: a repeat of a block's diagonal, in one band, or a row
   of a dense block. The cursor goes through all combinations of a band and of
   pieces of the axes, in each through the groups, and there through the
   segments. */
typedef struct idn_taps {
  const idn_identity *id;
  int64_t outs, ins; /* of a block */
  int64_t period;    /* outputs or inputs from one segment to the next */
  int is_down;       /* whether segments lie below each other, not beside */
  int is_dense;
  double gain;           /* of the taps before they are shared out */
  idn_piece piece[3][2]; /* of the axes of outputs, inputs and groups */
  idn_band band[2];
  int count[4], at[4]; /* of those and of bands; the current combination */
  int64_t group, firstgroup, lastgroup; /* of that combination */
  idn_piece rows, cols; /* of the group's block, what is in the window */
  int64_t segment, lastsegment;
  int has_run; /* whether there was one in the group */
  int is_over;
} idn_taps;

void idn_taps_start(idn_taps *taps, const idn_identity *id);

/* The next run, or 0 if there is none. Each tap in the window comes once, and
   none takes longer to find than another, however large the identity. */
int idn_taps_next(idn_taps *taps, idn_run *run);

/* Where the taps stand on the kernel axis `d`, as a position in the window. */
int64_t idn_kernelposition(const idn_identity *id, int d);

/* Writes the taps into the window's elements; every other element must be zero
   already. Strides count elements; they are not negative, and the sum of
   (length - 1) * stride is at most 2^61. */
void idn_writetaps(const idn_identity *id, const int64_t *stride, float *data);

#pragma GCC visibility pop

#endif
