/* The tensor userdata: a header, its extents and strides, and behind them the
   elements where they are few. Large buffers are blocks of calloc, counted by
   a heap that drives the collector; see storage.h. */
#ifndef IDN_TENSOR_H
#define IDN_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "args.h"
#include "storage.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

enum { IDN_ROW, IDN_COL }; /* memory order of a buffer */

/* lua/idinit/access.lua declares the same struct to the FFI, and core.layout
   lets it prove so when it is loaded. */
typedef struct idn_tensor {
  uintptr_t tag;    /* idn_tag(this): set in tensors of this module only */
  float *data;      /* the first element; NULL once finalized */
  idn_block *block; /* where the elements lie, NULL if in a userdata */
  int64_t numel;
  int32_t rank;
  int32_t order; /* IDN_ROW or IDN_COL */
  int64_t dim[]; /* `rank` extents, 0 once finalized; `rank` strides */
} idn_tensor;

static inline const int64_t *idn_size(const idn_tensor *t) { return t->dim; }
static inline const int64_t *idn_stride(const idn_tensor *t) {
  return t->dim + t->rank;
}

/* Adds functions to the table at the top. Every C function that Lua can call
   is made by this: upvalue 1 is the heap, upvalue 2 the tensors' metatable,
   which it takes from the running function. [-0, +0] */
void idn_register(lua_State *L, const luaL_Reg *functions);

/* The tensor at `arg`, or NULL. Trusts neither type name nor metatable, both
   of which `debug` can forge. A finalized tensor is NULL as well. */
idn_tensor *idn_totensor(lua_State *L, int arg);

/* Likewise, raising "<what>: tensor expected, got <type>" at `level`; `what`
   names the argument, or is NULL for a method's self. */
idn_tensor *idn_checktensor(lua_State *L, int arg, const char *what, int level);

/* Pushes a new tensor of zeros. Raises at `level` where memory is short.
   `rank` <= IDN_MAXRANK, extents >= 0. [-0, +1] */
idn_tensor *idn_newtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level);

/* Likewise, but pushes and returns nothing where there is no memory for the
   elements. [-0, +(0|1)] */
idn_tensor *idn_trytensor(lua_State *L, int rank, const int64_t *size,
                          int order);

/* Pushes a tensor that shares the elements of the one at `parent`, from `data`
   on, and keeps them alive. [-0, +1] */
idn_tensor *idn_newview(lua_State *L, int parent, int rank, const int64_t *size,
                        const int64_t *stride, float *data);

/* The number of elements of a size, or -1 if they are past all memory. */
int64_t idn_countelements(int rank, const int64_t *size);

/* Strides without gaps; the number of elements must have been counted. */
void idn_packstrides(int rank, const int64_t *size, int order, int64_t *stride);

/* In tensorlib.c: */

/* Whether the elements lie without gaps in that order. */
int idn_ispacked(const idn_tensor *t, int order);

/* dst = the value at `arg`: a number fills it; a tensor or nested tables of its
   size are copied, whatever they share. Raises before the first write. */
void idn_assign(lua_State *L, idn_tensor *dst, int arg, int level);

void idn_fill(idn_tensor *t, float value);

/* Reads a circshift from `arg`: a number for dimension 1, or a table of up to
   `rank` of them. Each goes to `shift` reduced to 0 <= shift < size, or to 0
   where there is no size yet. */
void idn_checkshift(lua_State *L, int arg, int rank, const int64_t *size,
                    int64_t *shift, int level);

/* Openers of the binding files: each adds its functions to the module's table
   at the top, or to the tensor's methods in its field "methods", which
   idn_open_tensor makes. [-0, +0] */
void idn_open_tensor(lua_State *L);
void idn_open_elements(lua_State *L);
void idn_open_taps(lua_State *L);
void idn_open_text(lua_State *L);
void idn_open_file(lua_State *L);
void idn_open_layer(lua_State *L);

#pragma GCC visibility pop

#endif
