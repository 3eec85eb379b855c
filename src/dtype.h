/* Element types of files and of byte strings: their names and widths, and how
   elements become float32 and come from it. A type is a number from 0 to
   IDN_NTYPES - 1. Works on memory only and asks for none. */
#ifndef IDN_DTYPE_H
#define IDN_DTYPE_H

#include <stddef.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* Elements can be written in IDN_WRITTEN and the types behind it. NumPy has all
   of them except IDN_BF16, the first of these. */
enum {
  IDN_BOOL,
  IDN_U8,
  IDN_I8,
  IDN_I16,
  IDN_U16,
  IDN_I32,
  IDN_U32,
  IDN_I64,
  IDN_U64,
  IDN_BF16,
  IDN_F16,
  IDN_F32,
  IDN_F64,
  IDN_NTYPES,
  IDN_WRITTEN = IDN_BF16
};

/* The names by which a script calls the types, "f32", and NULL. */
extern const char *const idn_typenames[IDN_NTYPES + 1];

/* Bytes of an element, at most 8. */
size_t idn_typewidth(int type);

/* Whether this machine has the highest byte of a number first. */
int idn_ishighfirst(void);

/* Reads `n` elements, whose bytes come with the highest first or last. Each is
   rounded once, to nearest even; a bool is any byte but 0. `from` has any
   alignment; it may be `to` itself if the type is IDN_F32, and else lies
   elsewhere. */
void idn_readelements(int type, int highfirst, const void *from, float *to,
                      size_t n);

/* Writes `n` elements with the lowest byte first in a type that can be written.
   Each is rounded to nearest even: what is too large becomes infinite, and a
   NaN becomes a quiet one of the same sign. An IDN_F32 keeps its bits, and `to`
   may be `from` itself. */
void idn_writeelements(int type, const float *from, void *to, size_t n);

#pragma GCC visibility pop

#endif
