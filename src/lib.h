/* The bindings: how they are opened, and what one of them has for others. */
#ifndef IDN_LIB_H
#define IDN_LIB_H

#include "tensor.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* Openers: each adds its functions to the module's table at the top, to the
   tensor's methods in its field "methods", which idn_open_tensor makes, or to
   the metamethods. [-0, +0] */
void idn_open_tensor(lua_State *L);
void idn_open_index(lua_State *L);
void idn_open_nest(lua_State *L);
void idn_open_view(lua_State *L);
void idn_open_rearrange(lua_State *L);
void idn_open_widen(lua_State *L);
void idn_open_taps(lua_State *L);
void idn_open_text(lua_State *L);
void idn_open_file(lua_State *L);
void idn_open_npy(lua_State *L);
void idn_open_safetensors(lua_State *L);
void idn_open_bytes(lua_State *L);
void idn_open_layer(lua_State *L);

/* Adds functions to the table in that field of the one at the top. [-0, +0] */
void idn_registerin(lua_State *L, const char *field, const luaL_Reg *functions);

/* Replaces the value at the top by a function with it as one upvalue more. */
void idn_bind(lua_State *L, lua_CFunction f);

/* Sets a metamethod of all tensors, and what getmetatable shows of it, to the
   value at the top. [-1, +0] */
void idn_setmetamethod(lua_State *L, const char *name);

/* tensorlib.c: dst = the value at `arg`: a number fills it; a tensor or nested
   tables of its size are copied, whatever they share. Raises before the first
   write. */
void idn_assign(lua_State *L, idn_tensor *dst, int arg);

/* npylib.c and safetensorslib.c: read a file of that kind, whose first `n`
   bytes have been read, and push what idinit.load returns behind whatever else
   they have need of; or return the fault. `names` is the index of its second
   argument. */
struct idn_transfer;
const char *idn_loadnpy(lua_State *L, struct idn_transfer *f, int names,
                        const void *first, size_t n);
const char *idn_loadsafetensors(lua_State *L, struct idn_transfer *f, int names,
                                const void *first, size_t n);

/* nestlib.c: dst = the nested tables at `arg`, likewise. */
void idn_assignnest(lua_State *L, idn_tensor *dst, int arg);

/* Pushes a tensor of what is at `arg`: a number or nested tables, of which the
   first tell the size. They are data of what the label names, or it is NULL.
   [-0, +1] */
idn_tensor *idn_newnested(lua_State *L, int arg, const char *label, int level);

/* A walk over nested tables of a size. */
typedef struct idn_nest {
  lua_State *L;
  const char *label;
  int level; /* which errors blame */
  int rank;
  int64_t *size;
  void (*visit)(void *state); /* takes each value, at the top; where there is
                                 none, they are to be numbers */
  void *state;
  int64_t at[IDN_MAXRANK]; /* the path to the current value */
  const int64_t *stride;
} idn_nest;

/* Reads the size, which the first of the tables at `arg` tell. */
void idn_measurenest(idn_nest *n, int arg);

/* Goes through what is at `arg`. Without a tensor `to`, in which numbers are
   written, it raises whatever is not of that size. */
void idn_walknest(idn_nest *n, int arg, const idn_tensor *to);

/* rearrangelib.c: reads a circshift from `arg`: a number for dimension 1, or a
   table of up to `rank` of them. Each goes to `shift` reduced to
   0 <= shift < size, or to 0 where there is no size yet. */
void idn_checkshift(lua_State *L, int arg, int rank, const int64_t *size,
                    int64_t *shift);

#pragma GCC visibility pop

#endif
