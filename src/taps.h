/* Identities as lists of taps in closed form. Pure C: knows no Lua and
   allocates nothing.

   A tap is an element that the identity writes. On every kernel axis all taps
   stand at one position; in the plane of the axes "o" and "i" they form
   diagonals, or, for a Hadamard block, rows. Shift and window move and cut
   these; nothing here ever walks elements that are not taps. */
#ifndef IDN_TAPS_H
#define IDN_TAPS_H

#include <stdint.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_MAXRANK 32
#define IDN_MAXEXTENT ((int64_t)1 << 53) /* the largest size or index */

typedef enum idn_fit { IDN_PAD, IDN_TILE, IDN_MEAN, IDN_HADAMARD } idn_fit;

/* The description of an identity. Positions count from 0. */
typedef struct idn_identity {
  int rank; /* 1 to IDN_MAXRANK; at rank 1 there are no taps */
  int o, i; /* the axes of outputs and inputs, o != i */
  idn_fit fit;
  double gain;                 /* what rounds to 0 is no tap */
  int64_t groups;              /* > 0, divides size[o] */
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

/* A straight run of taps. Step k of `length` stands at (o + k, i + k) and
   holds `value`; in a Hadamard row it stands at (o, i + k) and holds `value`
   or, where idn_negative(row, col + k), its negative. o and i are positions
   in the window. */
typedef struct idn_run {
  int64_t o, i, length;
  float value; /* not 0 */
  int is_row;
  int64_t row, col;
} idn_run;

int idn_negative(int64_t row, int64_t col);

/* Positions [from, to) of an axis, which lie in the window at + delta. */
typedef struct idn_piece {
  int64_t from, to, delta;
} idn_piece;

/* A cursor over the runs of an identity, which must outlive it. */
typedef struct idn_taps {
  const idn_identity *id;
  idn_piece o[2], i[2];
  int outs, ins;                /* how many pieces each axis has */
  int piece;                    /* the current pair of pieces */
  int64_t block;                /* outputs in a group */
  int64_t diagonal;             /* min(block, inputs) */
  int64_t group, lastgroup;     /* in that pair */
  int64_t segment, lastsegment; /* in that group */
  int64_t done;                 /* taps of that segment given out */
} idn_taps;

void idn_taps_start(idn_taps *taps, const idn_identity *id);

/* The next run, or 0 if there is none. Each tap in the window comes once. */
int idn_taps_next(idn_taps *taps, idn_run *run);

/* Where the taps stand on the kernel axis `d`, as a position in the window. */
int64_t idn_kernelposition(const idn_identity *id, int d);

/* Elements of a buffer at equal steps. */
typedef struct idn_stripe {
  int64_t first, step, count;
} idn_stripe;

/* The one stripe of the identity that idn_identity_init describes, without a
   cursor: sizes alone are the commonest call by far. */
void idn_diagonal(int rank, const int64_t *size, const int64_t *stride,
                  idn_stripe *s);

/* Writes the taps into the window's elements; every other element must be zero
   already. Strides count elements. */
void idn_writetaps(const idn_identity *id, const int64_t *stride, float *data);

#pragma GCC visibility pop

#endif
