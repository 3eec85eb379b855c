/* float32 as decimal text. */
#ifndef IDN_DECIMAL_H
#define IDN_DECIMAL_H

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

enum { IDN_DECIMAL_SIZE = 16 }; /* "-1.17549435e-38" and its end */

/* Writes the decimal with the fewest digits that reads back as `x`, of several
   the nearest, always with a point: 100.0, 1.0e10, NaN, -Inf. Fixed notation
   from 0.0001 up to 999999.9, as Julia has it. No locale has a say in it.
   Returns the length. */
int idn_decimal(char text[IDN_DECIMAL_SIZE], float x);

#pragma GCC visibility pop

#endif
