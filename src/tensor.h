/* The tensor userdata: a header, its extents and strides, and behind them the
   elements where they are few. Large buffers are blocks, counted by a heap that
   drives the collector; see storage.h. */
#ifndef IDN_TENSOR_H
#define IDN_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "args.h"
#include "elements.h"
#include "size.h"
#include "storage.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* lua/idinit/foreign.lua declares the same struct to the FFI, and core.layout
   lets it prove so when it is loaded. */
typedef struct idn_tensor {
  uintptr_t tag;    /* idn_tag(this): set in tensors of this module only */
  float *data;      /* the first element; NULL once finalized */
  idn_block *block; /* where the elements lie, NULL if in a userdata */
  int64_t numel;
  int32_t rank;
  int64_t dim[]; /* `rank` extents, 0 once finalized; `rank` strides, which are
                    never negative */
} idn_tensor;

static inline const int64_t *idn_size(const idn_tensor *t) { return t->dim; }
static inline const int64_t *idn_stride(const idn_tensor *t) {
  return t->dim + t->rank;
}

/* See idn_orderof. */
static inline int idn_order(const idn_tensor *t) {
  return idn_orderof(t->rank, t->dim, idn_stride(t));
}

static inline int idn_hassize(const idn_tensor *t, int rank,
                              const int64_t *size) {
  return t->rank == rank &&
         memcmp(t->dim, size, (size_t)rank * sizeof *size) == 0;
}

/* The order that a tensor made of this one's elements has. */
static inline int idn_newsorder(const idn_tensor *t) {
  return idn_order(t) == IDN_COL ? IDN_COL : IDN_ROW;
}

/* A pointer to an array of a tensor's elements, for the block that asks. */
#define idn_arrayof(t)                                                         \
  (&(idn_array){(t)->data, (t)->rank, (t)->dim, idn_stride(t)})

static inline void idn_fill(idn_tensor *t, float value) {
  idn_fillelements(idn_arrayof(t), value);
}

/* Copies between tensors of one size that share no element. */
static inline void idn_copy(idn_tensor *to, const idn_tensor *from) {
  idn_copyelements(idn_arrayof(to), idn_arrayof(from));
}

/* Adds functions to the table at the top. Every C function that Lua can call
   is made by this, and passes on its own first upvalues: the heap, the
   metatable of tensors whose elements lie in a userdata, that of those with a
   block, and the list of these. The first value of the latter metatable, if
   there is one, is the table in which lua/idinit/access.lua keeps what it knows
   of tensors. [-0, +0] */
enum { IDN_UPVALUES = 4 };
void idn_register(lua_State *L, const luaL_Reg *functions);

/* Pushes such a function. [-0, +1] */
void idn_pushfunction(lua_State *L, lua_CFunction f);

/* Pushes these upvalues of the running function, for a closure that has more
   behind them. [-0, +IDN_UPVALUES] */
void idn_pushupvalues(lua_State *L);

/* The tensor at `arg`, or NULL. Whatever metatable it has, the tag tells. A
   finalized tensor is NULL as well.

   Resurrection: a tensor in use can be finalized. Where it and an object with a
   finalizer of a script's become garbage together, that finalizer can run first
   and put the tensor back into a variable; its own finalizer is due all the
   same, and runs during some later allocation. So whoever holds a tensor across
   an allocation, or across anything else that can run Lua code, checks it again
   afterwards, before it touches `data`. */
idn_tensor *idn_totensor(lua_State *L, int arg);

/* Likewise, raising "<what>: tensor expected, got <type>" at `level`; `what`
   names the argument, or is NULL for a method's self. */
idn_tensor *idn_checktensor(lua_State *L, int arg, const char *what, int level);

/* Pushes a new tensor of zeros. Where memory is short it raises at `level` or,
   if that is 0, pushes nothing and returns NULL. `rank` <= IDN_MAXRANK, extents
   >= 0. [-0, +1] */
idn_tensor *idn_newtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level);

/* Likewise, but the elements can be anything: all of them are to be written
   before a script gets to see them. */
idn_tensor *idn_rawtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level);

/* So one for the elements of the tensor at `arg`, which still is one then. */
idn_tensor *idn_newlike(lua_State *L, int arg);

/* Pushes a tensor that shares the elements of the one at `parent`, `offset`
   elements from its first on, and keeps them alive. [-0, +1] */
idn_tensor *idn_newview(lua_State *L, int parent, int rank, const int64_t *size,
                        const int64_t *stride, int64_t offset);

/* Pushes a new list of the tensors that own a block. [-0, +1] */
void idn_pushowners(lua_State *L);

/* The __gc of tensors with a block, and that of their list. */
int idn_finalize(lua_State *L);
int idn_closeowners(lua_State *L);

#pragma GCC visibility pop

#endif
