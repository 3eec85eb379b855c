/* What scripts ask of an identity: [rng,] n1, ..., nk [, keywords], or one
   table of sizes and keywords. It is read here and nowhere else. */
#ifndef IDN_KEYWORDS_H
#define IDN_KEYWORDS_H

#include "lib.h"
#include "taps.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* How many keywords there are. */
#define IDN_KEYWORDS 9

typedef struct idn_call {
  lua_State *L;
  int rank; /* 0 where there is no size */
  int64_t size[IDN_MAXRANK];
  int values;      /* stack index of the first keyword's value, or 0 */
  idn_identity id; /* from idn_readkeywords on */
  int order;
} idn_call;

/* Reads the arguments from `first` on: the sizes, and which keywords there are.
   `defaults` is the index of the first of the values that idn_pushkeywords
   pushed, now upvalues, or 0. Leaves the values of keywords on the stack.
   Raises in the line of the C function's caller, as the next function does. */
void idn_readcall(idn_call *call, lua_State *L, int first, int defaults);

/* Reads the keywords for the size of the call. Where that has rank 0, only what
   can be judged without a size is judged. */
void idn_readkeywords(idn_call *call);

/* Pushes the values of all keywords, which later changes to the tables that the
   script passed do not reach. [-0, +IDN_KEYWORDS] */
void idn_pushkeywords(const idn_call *call);

#pragma GCC visibility pop

#endif
