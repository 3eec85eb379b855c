/* Loops over strided elements. Pure C: knows no Lua and allocates nothing. */
#ifndef IDN_LOOP_H
#define IDN_LOOP_H

#include <stdint.h>

#include "taps.h" /* IDN_MAXRANK */

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* A loop over two buffers, or twice the same. */
typedef struct idn_loop {
  int rank; /* 1 or more */
  int64_t size[IDN_MAXRANK], a[IDN_MAXRANK], b[IDN_MAXRANK];
} idn_loop;

/* A loop over all elements of a size, none of whose extents is 0, with strides
   in a and b. The last dimension has the smallest stride of `a`, and dimensions
   without a gap in either buffer are one, so that runs are as long as can be.
 */
void idn_makeloop(idn_loop *l, int rank, const int64_t *size, const int64_t *a,
                  const int64_t *b);

#pragma GCC visibility pop

#endif
