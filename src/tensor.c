#include "tensor.h"

#include <string.h>

/* Up to this size the elements lie in the userdata: one allocation, which the
   collector counts by itself. */
#define INLINE_BYTES 2048

/* -- Checking ------------------------------------------------------------ */

/* The payload at `arg` if it is a tensor's, also a finalized one's. A light
   userdata has no length. */
static inline idn_tensor *payload(lua_State *L, int arg) {
  idn_tensor *t = lua_touserdata(L, arg);
  if (!t || lua_rawlen(L, arg) < sizeof *t || t->tag != idn_tag(t)) return NULL;
  return t;
}

idn_tensor *idn_totensor(lua_State *L, int arg) {
  idn_tensor *t = payload(L, arg);
  return t && t->data ? t : NULL;
}

idn_tensor *idn_checktensor(lua_State *L, int arg, const char *what,
                            int level) {
  idn_tensor *t = payload(L, arg);
  if (t && t->data) return t;
  const char *colon = what ? ": " : "";
  if (!what) {
    what = "";
    lua_settop(L, lua_gettop(L) < arg ? arg : lua_gettop(L)); /* no self: nil */
  }
  if (t) idn_fail(L, level, "%s%stensor has been finalized", what, colon);
  idn_fail(L, level, "%s%stensor expected, got %s", what, colon,
           idn_pushgot(L, arg));
  return NULL;
}

/* -- Making -------------------------------------------------------------- */

static float *inlinedata(idn_tensor *t) {
  return (float *)(void *)(t->dim + 2 * t->rank);
}

/* A header with `tail` bytes behind it. It counts as finalized until it is
   given elements. Only tensors that own a block wear the metatable with __gc: a
   finalizer would be a burden on small ones, which have nothing to free. */
static idn_tensor *newheader(lua_State *L, int rank, size_t tail, int own) {
  size_t dims = 2 * (size_t)rank * sizeof(int64_t);
  idn_tensor *t = lua_newuserdata(L, sizeof *t + dims + tail);
  t->tag = idn_tag(t);
  t->data = NULL;
  t->block = NULL;
  t->numel = 0;
  t->rank = rank;
  lua_pushvalue(L, lua_upvalueindex(own ? 3 : 2));
  lua_setmetatable(L, -2);
  return t;
}

static idn_tensor *make(lua_State *L, int rank, const int64_t *size, int order,
                        int zeroed) {
  int64_t numel = idn_countelements(rank, size);
  if (numel < 0) return NULL;
  size_t bytes = (size_t)numel * sizeof(float);
  int is_inline = bytes <= INLINE_BYTES;
  idn_tensor *t = newheader(L, rank, is_inline ? bytes : 0, !is_inline);
  t->numel = numel;
  for (int d = 0; d < rank; d++) t->dim[d] = size[d];
  if (numel > 0)
    idn_packstrides(rank, size, order, t->dim + rank);
  else
    memset(t->dim + rank, 0, (size_t)rank * sizeof *size);
  if (is_inline) {
    t->data = inlinedata(t);
    if (zeroed) memset(t->data, 0, bytes);
  } else {
    idn_heap *heap = lua_touserdata(L, lua_upvalueindex(1));
    t->block = idn_newblock(L, heap, bytes, zeroed);
    if (!t->block) {
      lua_pop(L, 1);
      return NULL;
    }
    t->data = idn_blockdata(t->block);
  }
  return t;
}

idn_tensor *idn_trytensor(lua_State *L, int rank, const int64_t *size,
                          int order) {
  return make(L, rank, size, order, 1);
}

idn_tensor *idn_newtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level) {
  idn_tensor *t = make(L, rank, size, order, 1);
  if (!t) idn_fail(L, level, "%s", idn_pushnomemory(L, rank, size));
  return t;
}

idn_tensor *idn_tryrawtensor(lua_State *L, int rank, const int64_t *size,
                             int order) {
  return make(L, rank, size, order, 0);
}

idn_tensor *idn_rawtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level) {
  idn_tensor *t = make(L, rank, size, order, 0);
  if (!t) idn_fail(L, level, "%s", idn_pushnomemory(L, rank, size));
  return t;
}

/* -- Sharing ------------------------------------------------------------- */

idn_tensor *idn_newview(lua_State *L, int parent, int rank, const int64_t *size,
                        const int64_t *stride, int64_t offset) {
  idn_tensor *from = idn_checktensor(L, parent, NULL, 1);
  if (from->block) idn_makeroom(L, from->block);
  idn_tensor *t = newheader(L, rank, 0, from->block != NULL);
  if (!from->data) idn_checktensor(L, parent, NULL, 1);
  t->numel = 1;
  for (int d = 0; d < rank; d++) {
    t->dim[d] = size[d];
    t->dim[rank + d] = stride[d];
    if (size[d] == 0) t->numel = 0;
  }
  for (int d = 0; d < rank; d++) t->numel *= size[d];
  if (from->block) {
    t->block = from->block;
    idn_shareblock(t->block);
  } else if (from->data == inlinedata(from)) {
    lua_pushvalue(L, parent);
    idn_keep(L, lua_gettop(L) - 1);
  } else {
    idn_keepsame(L, parent, lua_gettop(L));
  }
  t->data = from->data + (t->numel > 0 ? offset : 0);
  return t;
}

/* -- The end ------------------------------------------------------------- */

void idn_pushwatchers(lua_State *L) {
  static const char *const name = "idinit.watchers";
  lua_getfield(L, LUA_REGISTRYINDEX, name);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

/* Takes the tensor out of the table that watches: what access.lua knows of it
   must not outlive its elements. [-0, +0] */
static void dropself(lua_State *L) {
  lua_settop(L, 1);
  lua_rawgeti(L, lua_upvalueindex(IDN_UPVALUES + 1), 1);
  if (lua_isnil(L, 2)) return;
  lua_pushvalue(L, 1); /* tensor, records, tensor */
  lua_rawget(L, 2);
  if (lua_isnil(L, 3)) return; /* else setting it to nil would add a key */
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  lua_rawset(L, 2);
}

/* May run early, twice, late, or on a header without elements. */
int idn_finalize(lua_State *L) {
  idn_tensor *t = payload(L, 1);
  if (!t) t = idn_checktensor(L, 1, NULL, 1); /* raises */
  idn_block *block = t->block;
  t->data = NULL;
  t->block = NULL;
  t->numel = 0;
  for (int d = 0; d < t->rank; d++) t->dim[d] = 0;
  dropself(L);
  if (block) idn_dropblock(block);
  return 0;
}

void idn_register(lua_State *L, const luaL_Reg *functions) {
  for (int k = 1; k <= IDN_UPVALUES; k++) lua_pushvalue(L, lua_upvalueindex(k));
  idn_setfuncs(L, functions, IDN_UPVALUES);
}

void idn_pushfunction(lua_State *L, lua_CFunction f) {
  for (int k = 1; k <= IDN_UPVALUES; k++) lua_pushvalue(L, lua_upvalueindex(k));
  lua_pushcclosure(L, f, IDN_UPVALUES);
}
