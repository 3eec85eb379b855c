/* The elements of an array as bytes of an element type, piece by piece.
   Pure C: knows no Lua and allocates nothing. */
#ifndef IDN_STREAM_H
#define IDN_STREAM_H

#include <stddef.h>

#include "size.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* Takes the next bytes. Returns the fault, or NULL if there is none. */
typedef const char *idn_put(void *state, const void *bytes, size_t n);

/* Puts all elements in IDN_ROW or IDN_COL order, as dtype.h writes them in a
   type. Returns the first fault and puts nothing after it. */
const char *idn_putelements(const idn_array *a, int order, int type,
                            idn_put *put, void *state);

#pragma GCC visibility pop

#endif
