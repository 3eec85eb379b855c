/* What is done with all elements of strided buffers: filled, copied, compared.
   Pure C: knows no Lua and allocates nothing. Strides count elements. */
#ifndef IDN_ELEMENTS_H
#define IDN_ELEMENTS_H

#include <stdint.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

void idn_fillelements(int rank, const int64_t *size, float *a,
                      const int64_t *sa, float value);

/* a = b, bit for bit. The two do not overlap. */
void idn_copyelements(int rank, const int64_t *size, float *a,
                      const int64_t *sa, const float *b, const int64_t *sb);

int idn_equalelements(int rank, const int64_t *size, const float *a,
                      const int64_t *sa, const float *b, const int64_t *sb);

/* The largest absolute difference of two elements; NaN if one of them, and not
   the other, is a NaN. Where both are, or are the same infinity, it is 0. */
double idn_maxdiff(int rank, const int64_t *size, const float *a,
                   const int64_t *sa, const float *b, const int64_t *sb);

#pragma GCC visibility pop

#endif
