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

/* Where a tensor with a block stands in the list of them. */
typedef struct owner {
  idn_tensor *tensor;
  struct owner *next, **link; /* what points to this one */
} owner;

/* Whatever a finalizer makes while its state is closed is not finalized by PUC
   Lua. So the tensors with blocks are listed, for the finalizer of the list. */
typedef struct owners {
  uintptr_t tag; /* ~idn_tag(this), which is no tensor's */
  owner *first;
  int is_closed; /* from then on Lua itself has all elements */
} owners;

void idn_pushowners(lua_State *L) {
  owners *list = lua_newuserdata(L, sizeof *list);
  list->tag = ~idn_tag(list);
  list->first = NULL;
  list->is_closed = 0;
}

/* What lies behind the strides: elements, or a place in the list. */
static void *tail(idn_tensor *t) { return t->dim + 2 * t->rank; }

static void own(lua_State *L, idn_tensor *t, idn_block *block) {
  owners *list = lua_touserdata(L, lua_upvalueindex(4));
  owner *o = tail(t);
  t->block = block;
  o->tensor = t;
  o->next = list->first;
  o->link = &list->first;
  if (o->next) o->next->link = &o->next;
  list->first = o;
}

/* Takes a tensor's elements away. */
static void release(idn_tensor *t) {
  idn_block *block = t->block;
  t->data = NULL;
  t->block = NULL;
  t->numel = 0;
  for (int d = 0; d < t->rank; d++) t->dim[d] = 0;
  if (!block) return;
  owner *o = tail(t);
  *o->link = o->next;
  if (o->next) o->next->link = o->link;
  idn_dropblock(block);
}

/* A header with `extra` bytes behind it. It counts as finalized until it is
   given elements. Only tensors that own a block wear the metatable with __gc: a
   finalizer would be a burden on small ones, which have nothing to free. */
static idn_tensor *newheader(lua_State *L, int rank, size_t extra, int owns) {
  size_t dims = 2 * (size_t)rank * sizeof(int64_t);
  if (owns) extra = sizeof(owner);
  idn_tensor *t = lua_newuserdata(L, sizeof *t + dims + extra);
  t->tag = idn_tag(t);
  t->data = NULL;
  t->block = NULL;
  t->numel = 0;
  t->rank = rank;
  lua_pushvalue(L, lua_upvalueindex(owns ? 3 : 2));
  lua_setmetatable(L, -2);
  return t;
}

/* Likewise with elements; NULL where there is no memory for them. */
static idn_tensor *make(lua_State *L, int rank, const int64_t *size, int order,
                        int zeroed) {
  int64_t numel = idn_countelements(rank, size);
  if (numel < 0) return NULL;
  size_t bytes = (size_t)numel * sizeof(float);
  const owners *list = lua_touserdata(L, lua_upvalueindex(4));
  int is_inline = bytes <= INLINE_BYTES || list->is_closed;
  idn_tensor *t = newheader(L, rank, bytes, !is_inline);
  t->numel = numel;
  for (int d = 0; d < rank; d++) t->dim[d] = size[d];
  if (numel > 0)
    idn_packstrides(rank, size, order, t->dim + rank);
  else
    memset(t->dim + rank, 0, (size_t)rank * sizeof *size);
  if (is_inline) {
    t->data = tail(t);
    if (zeroed) memset(t->data, 0, bytes);
  } else {
    idn_heap *heap = lua_touserdata(L, lua_upvalueindex(1));
    idn_block *block = idn_newblock(L, heap, bytes, zeroed);
    if (!block) {
      lua_pop(L, 1);
      return NULL;
    }
    own(L, t, block);
    t->data = idn_blockdata(t->block);
  }
  return t;
}

idn_tensor *idn_newtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level) {
  idn_tensor *t = make(L, rank, size, order, 1);
  if (!t && level) idn_fail(L, level, "%s", idn_pushnomemory(L, rank, size));
  return t;
}

idn_tensor *idn_rawtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level) {
  idn_tensor *t = make(L, rank, size, order, 0);
  if (!t && level) idn_fail(L, level, "%s", idn_pushnomemory(L, rank, size));
  return t;
}

idn_tensor *idn_newlike(lua_State *L, int arg) {
  const idn_tensor *t = idn_checktensor(L, arg, NULL, 1);
  idn_tensor *made = idn_rawtensor(L, t->rank, t->dim, idn_newsorder(t), 1);
  idn_checktensor(L, arg, NULL, 1);
  return made;
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
    own(L, t, from->block);
    idn_shareblock(from->block);
  } else if (from->data == tail(from)) {
    lua_pushvalue(L, parent);
    idn_keep(L, lua_gettop(L) - 1);
  } else {
    idn_keepsame(L, parent, lua_gettop(L));
  }
  t->data = from->data + (t->numel > 0 ? offset : 0);
  return t;
}

/* -- The end ------------------------------------------------------------- */

/* Takes the tensor out of the table that watches: what access.lua knows of it
   must not outlive its elements. [-0, +0] */
static void dropself(lua_State *L) {
  lua_settop(L, 1);
  lua_rawgeti(L, lua_upvalueindex(3), 1);
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
  release(t);
  dropself(L);
  return 0;
}

/* The list is older than every tensor, so when its state is closed it comes
   last, and what is left has been made meanwhile. */
int idn_closeowners(lua_State *L) {
  owners *list = lua_touserdata(L, 1);
  if (!list || lua_rawlen(L, 1) != sizeof *list || list->tag != ~idn_tag(list))
    idn_failgot(L, 1, "list of tensors");
  list->is_closed = 1;
  while (list->first) release(list->first->tensor);
  lua_settop(L, 1);
  lua_rawgeti(L, lua_upvalueindex(3), 1);
  if (lua_isnil(L, 2)) return 0;
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L); /* records, tensor, tensor, nil */
    lua_rawset(L, 2);
  }
  return 0;
}

/* -- Functions that make tensors ----------------------------------------- */

void idn_pushupvalues(lua_State *L) {
  for (int k = 1; k <= IDN_UPVALUES; k++) lua_pushvalue(L, lua_upvalueindex(k));
}

void idn_pushfunction(lua_State *L, lua_CFunction f) {
  idn_pushupvalues(L);
  lua_pushcclosure(L, f, IDN_UPVALUES);
}

void idn_register(lua_State *L, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    idn_pushfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}
