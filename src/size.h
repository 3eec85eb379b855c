/* Sizes: how many elements they have, how these lie in memory, and what the
   limits are. Pure C: knows no Lua and allocates nothing. */
#ifndef IDN_SIZE_H
#define IDN_SIZE_H

#include <stdint.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_MAXRANK 32
#define IDN_MAXEXTENT ((int64_t)1 << 53) /* the largest extent or index */

/* How many values a table lists at most under any Lua: LuaJIT's limit. */
#define IDN_MAXLIST (1 << 27)

/* Memory order: which index is the fastest, the last or the first. */
enum { IDN_ROW, IDN_COL, IDN_GAPS };

/* The number of elements of a size, or -1 if they are more than `most`, or past
   all memory. */
int64_t idn_countupto(int rank, const int64_t *size, int64_t most);
int64_t idn_countelements(int rank, const int64_t *size);

/* Strides without gaps, in row or column order; the number of elements must
   have been counted. */
void idn_packstrides(int rank, const int64_t *size, int order, int64_t *stride);

/* The order in which elements lie without gaps: row order, also where they lie
   so in column order too; column order; or IDN_GAPS. No stride matters of an
   extent of 1 or where there is no element. */
int idn_orderof(int rank, const int64_t *size, const int64_t *stride);

/* Elements of a size that lie anywhere. */
typedef struct idn_array {
  float *data; /* the first one */
  int rank;
  const int64_t *size, *stride;
} idn_array;

/* The array from a position of dimension `d` on, counted from 0. */
static inline idn_array idn_from(idn_array a, int d, int64_t position) {
  a.data += position * a.stride[d];
  return a;
}

#pragma GCC visibility pop

#endif
