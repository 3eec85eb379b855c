/* What is done with all elements of arrays: filled, copied, compared. Pure C:
   knows no Lua and allocates nothing. Of two arrays the second one's size
   counts. */
#ifndef IDN_ELEMENTS_H
#define IDN_ELEMENTS_H

#include "loop.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

void idn_fillelements(const idn_array *a, float value);

/* a = b, bit for bit. The two do not overlap. */
void idn_copyelements(const idn_array *a, const idn_array *b);

/* What does so with a run. */
idn_visit idn_copyrun;

int idn_equalelements(const idn_array *a, const idn_array *b);

/* The largest absolute difference of two elements; NaN if one of them, and not
   the other, is a NaN. Where both are, or are the same infinity, it is 0. */
double idn_maxdiff(const idn_array *a, const idn_array *b);

#pragma GCC visibility pop

#endif
