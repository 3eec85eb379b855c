/* The pattern of non-zeros: counted, and drawn in dots. NaN is a non-zero,
   -0 is none. */
#ifndef IDN_PICTURE_H
#define IDN_PICTURE_H

#include "size.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* Characters of 4 x 2 dots. `dots` are at least 1 and at most the extents of
   what is drawn. */
typedef struct idn_picture {
  int64_t dots[2];
  unsigned char *mask; /* row by row, in Braille's order of bits */
} idn_picture;

static inline int64_t idn_picturerows(const idn_picture *p) {
  return (p->dots[0] + 3) / 4;
}
static inline int64_t idn_picturecolumns(const idn_picture *p) {
  return (p->dots[1] + 1) / 2;
}

/* Sets the dots of the cells that hold a non-zero, in a mask of zeros, and
   returns the number of non-zeros. Row r of n belongs to the cell
   floor(r * dots / n), counted from 0; so do columns. The plane has two
   dimensions, and no extent of 0. */
int64_t idn_draw(const idn_picture *picture, const idn_array *plane);

/* The number of non-zeros. */
int64_t idn_nonzeros(const idn_array *a);

#pragma GCC visibility pop

#endif
