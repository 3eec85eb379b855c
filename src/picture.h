/* The pattern of non-zeros: counted, and drawn in dots. NaN is a non-zero,
   -0 is none. */
#ifndef IDN_PICTURE_H
#define IDN_PICTURE_H

#include <stdint.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* A matrix of elements that lie anywhere; its extents are not 0. */
typedef struct idn_plane {
  const float *data;
  int64_t size[2], stride[2];
} idn_plane;

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
   floor(r * dots / n), counted from 0; so do columns. */
int64_t idn_draw(const idn_picture *picture, const idn_plane *plane);

/* The number of non-zeros among strided elements; rank <= IDN_MAXRANK. */
int64_t idn_nonzeros(const float *data, int rank, const int64_t *size,
                     const int64_t *stride);

#pragma GCC visibility pop

#endif
