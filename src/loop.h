/* The one walk over strided elements. Pure C: knows no Lua and allocates
   nothing. */
#ifndef IDN_LOOP_H
#define IDN_LOOP_H

#include <stdint.h>

#include "size.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* A loop over two buffers of one size. */
typedef struct idn_loop {
  int rank; /* 0 where there is no element */
  int64_t size[IDN_MAXRANK], a[IDN_MAXRANK], b[IDN_MAXRANK];
} idn_loop;

/* A loop over all elements of a size, with strides in a and b. The last
   dimension has the smallest stride of `a`, and dimensions without a gap in
   either buffer are one, so that runs are as long as can be. */
void idn_makeloop(idn_loop *l, int rank, const int64_t *size, const int64_t *a,
                  const int64_t *b);

/* What is done with a run: `n` elements of each buffer, `sa` and `sb` apart.
   Returns 0 to stop the loop. */
typedef int idn_visit(void *state, int64_t n, float *a, int64_t sa,
                      const float *b, int64_t sb);

/* Visits the runs in order of `a`. Returns 0 if it was stopped. */
int idn_runloop(const idn_loop *l, float *a, const float *b, idn_visit *visit,
                void *state);

/* Makes a loop over two arrays, and runs it. The size is that of `b`; `a` may
   be larger. */
static inline int idn_eachrun(const idn_array *a, const idn_array *b,
                              idn_visit *visit, void *state) {
  idn_loop l;
  idn_makeloop(&l, b->rank, b->size, a->stride, b->stride);
  return idn_runloop(&l, a->data, b->data, visit, state);
}

#pragma GCC visibility pop

#endif
