#include "tensor.h"

#include <string.h>

/* Up to this size the elements lie in the userdata: one allocation, which the
   collector counts by itself. */
#define INLINE_BYTES 2048

/* -- The userdata -------------------------------------------------------- */

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

static idn_tensor *checkself(lua_State *L) {
  return idn_checktensor(L, 1, NULL, 1);
}

/* -- Making tensors ------------------------------------------------------ */

/* The upvalues are checked because `debug` can replace them. */
static idn_heap *checkheap(lua_State *L) {
  idn_heap *heap = idn_toheap(L, lua_upvalueindex(1));
  if (!heap || !idn_isown(heap, lua_topointer(L, lua_upvalueindex(2))))
    idn_fail(L, 1, "the module's own values have been replaced");
  return heap;
}

static float *inlinedata(idn_tensor *t) {
  return (float *)(void *)(t->dim + 2 * t->rank);
}

/* Pushes the metatable for tensors with a block, the one with __gc: upvalue 2
   is a table that has all the rest, and takes __gc from this one by __index.
   So a finalizer is seen in both, but costs small tensors nothing. */
static void pushowners(lua_State *L) {
  const idn_heap *heap = checkheap(L);
  if (lua_getmetatable(L, lua_upvalueindex(2))) {
    lua_pushliteral(L, "__index");
    lua_rawget(L, -2);
    lua_remove(L, -2);
  }
  if (!idn_isown(heap, lua_topointer(L, -1)))
    idn_fail(L, 1, "the module's own values have been replaced");
}

/* A header with `tail` bytes behind it. It counts as finalized until it is
   given elements, and must be given a block if it is to `own` one. */
static idn_tensor *newheader(lua_State *L, int rank, int order, size_t tail,
                             int own) {
  size_t dims = 2 * (size_t)rank * sizeof(int64_t);
  idn_tensor *t = lua_newuserdata(L, sizeof *t + dims + tail);
  t->tag = idn_tag(t);
  t->data = NULL;
  t->block = NULL;
  t->numel = 0;
  t->rank = rank;
  t->order = order;
  if (own)
    pushowners(L);
  else
    lua_pushvalue(L, lua_upvalueindex(2));
  if (!lua_istable(L, -1)) checkheap(L);
  lua_setmetatable(L, -2);
  return t;
}

int64_t idn_countelements(int rank, const int64_t *size) {
  int64_t most = PTRDIFF_MAX / (int64_t)sizeof(float), count = 1;
  int d = 0;
  /* Mostly all is small, and then no division is needed. */
  for (; d < rank && ((count | size[d]) >> 31) == 0; d++) count *= size[d];
  for (int k = d; k < rank; k++)
    if (size[k] == 0) return 0;
  for (; d < rank && count > 0; d++) {
    if (size[d] > most / count) return -1;
    count *= size[d];
  }
  return count <= most ? count : -1;
}

void idn_packstrides(int rank, const int64_t *size, int order,
                     int64_t *stride) {
  int64_t step = 1;
  for (int k = 0; k < rank; k++) {
    int d = order == IDN_ROW ? rank - 1 - k : k;
    stride[d] = step;
    step *= size[d];
  }
}

idn_tensor *idn_trytensor(lua_State *L, int rank, const int64_t *size,
                          int order) {
  int64_t numel = idn_countelements(rank, size);
  if (numel < 0) return NULL;
  size_t bytes = (size_t)numel * sizeof(float);
  int is_inline = bytes <= INLINE_BYTES;
  idn_tensor *t = newheader(L, rank, order, is_inline ? bytes : 0, !is_inline);
  t->numel = numel;
  for (int d = 0; d < rank; d++) t->dim[d] = size[d];
  if (numel > 0)
    idn_packstrides(rank, size, order, t->dim + rank);
  else
    memset(t->dim + rank, 0, (size_t)rank * sizeof *size);
  if (is_inline) {
    t->data = inlinedata(t);
    memset(t->data, 0, bytes);
  } else {
    t->block = idn_newblock(L, checkheap(L), bytes, 1);
    if (!t->block) {
      lua_pop(L, 1);
      return NULL;
    }
    t->data = idn_blockdata(t->block);
  }
  return t;
}

idn_tensor *idn_newtensor(lua_State *L, int rank, const int64_t *size,
                          int order, int level) {
  idn_tensor *t = idn_trytensor(L, rank, size, order);
  if (!t) idn_fail(L, level, "%s", idn_pushnomemory(L, rank, size));
  return t;
}

idn_tensor *idn_newview(lua_State *L, int parent, int rank, const int64_t *size,
                        const int64_t *stride, float *data) {
  idn_tensor *from = lua_touserdata(L, parent);
  if (from->block) idn_makeroom(L, from->block);
  idn_tensor *t = newheader(L, rank, from->order, 0, from->block != NULL);
  if (!from->data) idn_checktensor(L, parent, NULL, 1);
  t->numel = 1;
  for (int d = 0; d < rank; d++) {
    t->dim[d] = size[d];
    t->dim[rank + d] = stride[d];
    t->numel *= from->numel > 0 ? size[d] : 0;
  }
  if (from->block) {
    t->block = from->block;
    idn_shareblock(t->block);
  } else if (from->data == inlinedata(from)) {
    lua_pushvalue(L, parent);
    idn_keep(L, lua_gettop(L) - 1);
  } else {
    idn_keepsame(L, parent, lua_gettop(L));
  }
  t->data = data;
  return t;
}

/* Takes the tensor out of the table at upvalue 3: what access.lua knows of it
   must not outlive its elements. [-0, +0] */
static void dropself(lua_State *L) {
  if (!lua_istable(L, lua_upvalueindex(3))) return;
  lua_pushvalue(L, 1);
  lua_rawget(L, lua_upvalueindex(3));
  int is_known = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (!is_known) return; /* else setting it to nil would add a key */
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  lua_rawset(L, lua_upvalueindex(3));
}

/* Whether what is at `arg` has a metatable of ours, as the collector's own
   calls to __gc have. */
static int wearsown(lua_State *L, int arg) {
  const idn_heap *heap = idn_toheap(L, lua_upvalueindex(1));
  if (!heap || !lua_getmetatable(L, arg)) return 0;
  int is_own = idn_isown(heap, lua_topointer(L, -1));
  lua_pop(L, 1);
  return is_own;
}

/* May run early, twice, late, or on a header without elements. What is no
   tensor raises, but not where `debug` has given it our metatable: LuaJIT
   crashes on an error in the finalizer of garbage if it runs compiled code. */
static int finalize(lua_State *L) {
  idn_tensor *t = payload(L, 1);
  if (!t && wearsown(L, 1)) return 0;
  if (!t) t = checkself(L); /* raises */
  idn_block *block = t->block;
  t->data = NULL;
  t->block = NULL;
  t->numel = 0;
  for (int d = 0; d < t->rank; d++) t->dim[d] = 0;
  dropself(L);
  if (block) idn_dropblock(block);
  return 0;
}

/* -- Indexing ------------------------------------------------------------ */

static int64_t badindex(lua_State *L, int arg, int64_t extent, int d) {
  int64_t i;
  const char *most = idn_pushnumber(L, (double)extent);
  if (idn_tointeger(L, arg, &i))
    return idn_fail(L, 1, "index %s out of range [1, %s] in dimension %d",
                    idn_pushnumber(L, (double)i), most, d + 1);
  return idn_fail(L, 1,
                  "integer index in range [1, %s] expected in dimension %d, "
                  "got %s",
                  most, d + 1, idn_pushgot(L, arg));
}

/* The index at `arg`, counted from 0. */
static inline int64_t checkindex(lua_State *L, const idn_tensor *t, int arg,
                                 int d) {
  int64_t i;
  if (idn_tointeger(L, arg, &i) && i >= 1 && i <= t->dim[d]) return i - 1;
  return badindex(L, arg, t->dim[d], d);
}

static int badcount(lua_State *L, const idn_tensor *t, int count) {
  return idn_fail(L, 1, "%d %s expected, got %d", (int)t->rank,
                  t->rank == 1 ? "index" : "indices", count);
}

/* The element at the `count` indices from `arg` on. */
static inline float *element(lua_State *L, const idn_tensor *t, int arg,
                             int count) {
  if (count != t->rank) badcount(L, t, count);
  const int64_t *stride = idn_stride(t);
  float *p = t->data;
  for (int d = 0; d < count; d++) p += checkindex(L, t, arg + d, d) * stride[d];
  return p;
}

/* The element whose indices the table at `arg` lists. */
static float *listedelement(lua_State *L, const idn_tensor *t, int arg) {
  int count = 0;
  luaL_checkstack(L, t->rank + 4, "too many indices");
  for (;; count++) {
    lua_rawgeti(L, arg, count + 1);
    if (count == t->rank || lua_isnil(L, -1)) break;
  }
  if (!lua_isnil(L, -1)) count = (int)idn_countnumbers(L, arg);
  lua_pop(L, 1);
  return element(L, t, lua_gettop(L) - t->rank + 1, count);
}

/* The view of t[i], for an index counted from 0. */
static void pushrow(lua_State *L, int arg, const idn_tensor *t, int64_t i) {
  const int64_t *stride = idn_stride(t);
  idn_newview(L, arg, t->rank - 1, t->dim + 1, stride + 1,
              t->data + i * stride[0]);
}

/* t[key]: a method, an element or a view. Upvalue 3 holds the methods. */
static int getindex(lua_State *L) {
  const idn_tensor *t = checkself(L);
  switch (lua_type(L, 2)) {
  case LUA_TSTRING:
    lua_settop(L, 2);
    if (lua_istable(L, lua_upvalueindex(3))) lua_rawget(L, lua_upvalueindex(3));
    return 1;
  case LUA_TTABLE:
    lua_pushnumber(L, *listedelement(L, t, 2));
    return 1;
  default:
    if (t->rank == 0) badcount(L, t, 1);
    int64_t i = checkindex(L, t, 2, 0);
    if (t->rank == 1)
      lua_pushnumber(L, t->data[i * t->dim[1]]);
    else
      pushrow(L, 1, t, i);
    return 1;
  }
}

static float checkvalue(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER)
    idn_fail(L, 1, "value: number expected, got %s", idn_pushgot(L, arg));
  return idn_tofloat(L, arg);
}

/* t[key] = value */
static int newindex(lua_State *L) {
  const idn_tensor *t = checkself(L);
  if (lua_type(L, 2) == LUA_TTABLE) {
    float value = checkvalue(L, 3);
    *listedelement(L, t, 2) = value;
    return 0;
  }
  if (lua_type(L, 2) == LUA_TSTRING)
    idn_fail(L, 1, "a tensor has no field to set: index expected, got %s",
             idn_pushgot(L, 2));
  if (t->rank == 0) badcount(L, t, 1);
  int64_t i = checkindex(L, t, 2, 0);
  if (t->rank == 1) {
    t->data[i * t->dim[1]] = checkvalue(L, 3);
  } else {
    pushrow(L, 1, t, i);
    idn_assign(L, lua_touserdata(L, -1), 3, 1);
  }
  return 0;
}

/* t(i1, ..., ik) and t:get(i1, ..., ik) */
static int get(lua_State *L) {
  const idn_tensor *t = checkself(L);
  lua_pushnumber(L, *element(L, t, 2, lua_gettop(L) - 1));
  return 1;
}

static int set(lua_State *L) {
  const idn_tensor *t = checkself(L);
  int top = lua_gettop(L);
  float *p = element(L, t, 2, top < 2 ? 0 : top - 2);
  *p = checkvalue(L, top < 2 ? 2 : top);
  return 0;
}

/* -- What a tensor says of itself ---------------------------------------- */

/* All of `rank` values, or the one of the dimension at argument 2. */
static int pushdims(lua_State *L, const idn_tensor *t, const int64_t *values) {
  int64_t d;
  if (lua_isnoneornil(L, 2)) {
    luaL_checkstack(L, t->rank, "too many results");
    for (int k = 0; k < t->rank; k++) idn_pushinteger(L, values[k]);
    return t->rank;
  }
  if (!idn_tointeger(L, 2, &d))
    idn_fail(L, 1, "dimension: integer expected, got %s", idn_pushgot(L, 2));
  if (d < 1 || d > t->rank)
    idn_fail(L, 1, "dimension %s out of range [1, %d]", idn_pushgot(L, 2),
             (int)t->rank);
  idn_pushinteger(L, values[d - 1]);
  return 1;
}

static int size(lua_State *L) {
  const idn_tensor *t = checkself(L);
  return pushdims(L, t, idn_size(t));
}

static int stride(lua_State *L) {
  const idn_tensor *t = checkself(L);
  return pushdims(L, t, idn_stride(t));
}

static int dim(lua_State *L) {
  idn_pushinteger(L, checkself(L)->rank);
  return 1;
}

static int numel(lua_State *L) {
  idn_pushinteger(L, checkself(L)->numel);
  return 1;
}

static int len(lua_State *L) {
  const idn_tensor *t = checkself(L);
  if (t->rank == 0) idn_fail(L, 1, "a tensor of rank 0 has no length");
  idn_pushinteger(L, t->dim[0]);
  return 1;
}

static int istensor(lua_State *L) {
  lua_pushboolean(L, idn_totensor(L, 1) != NULL);
  return 1;
}

/* outline(x): what access.lua records of a tensor: its rank, the position that
   all indices 0 would have, extents, strides. Nothing for what is no tensor, or
   has no indices, or positions that an int cannot hold. */
static int outline(lua_State *L) {
  const idn_tensor *t = idn_totensor(L, 1);
  int64_t base = 0, span = 0;
  if (!t || t->rank == 0) return 0;
  for (int d = 0; d < t->rank; d++) {
    base -= idn_stride(t)[d];
    span += idn_stride(t)[d] * t->dim[d];
    if (t->dim[d] > INT32_MAX || span > INT32_MAX) return 0;
  }
  luaL_checkstack(L, 2 * t->rank + 2, "too many results");
  lua_pushnumber(L, t->rank);
  lua_pushnumber(L, (lua_Number)base);
  for (int d = 0; d < 2 * t->rank; d++)
    lua_pushnumber(L, (lua_Number)t->dim[d]);
  return 2 * t->rank + 2;
}

/* Where the extents lie and what the elements are, for the FFI: bytes from the
   userdata's payload. */
static void pushlayout(lua_State *L) {
  static const struct {
    const char *name;
    size_t offset;
  } fields[] = {{"data", offsetof(idn_tensor, data)},
                {"numel", offsetof(idn_tensor, numel)},
                {"rank", offsetof(idn_tensor, rank)},
                {"order", offsetof(idn_tensor, order)},
                {"dim", offsetof(idn_tensor, dim)}};
  lua_createtable(L, 0, 5);
  for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
    idn_pushinteger(L, fields[k].offset);
    lua_setfield(L, -2, fields[k].name);
  }
}

void idn_register(lua_State *L, const luaL_Reg *functions) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  idn_setfuncs(L, functions, 2);
}

static const luaL_Reg methods[] = {
    {"get", get}, {"set", set},     {"size", size}, {"stride", stride},
    {"dim", dim}, {"numel", numel}, {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__newindex", newindex},
    {"__call", get},
    {"__len", len},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"is_tensor", istensor},
    {"outline", outline},
    {NULL, NULL},
};

/* Sets metamethod `name`, of the table at the top, with the value of the
   module's field `upvalue`, right below it, as upvalue 3. */
static void setmetamethod(lua_State *L, const char *name, lua_CFunction f,
                          const char *upvalue) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_getfield(L, -4, upvalue);
  lua_pushcclosure(L, f, 3);
  lua_setfield(L, -2, name);
}

/* Fills the metatable at upvalue 2, and the one of tensors with a block. */
static void openmetatables(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(2));
  idn_register(L, metamethods);
  setmetamethod(L, "__index", getindex, "methods");
  lua_pushliteral(L, "idinit.tensor");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__name");
  lua_setfield(L, -2, "__metatable");
  lua_setfield(L, -2, "metatable");
  lua_newtable(L);
  setmetamethod(L, "__gc", finalize, "records");
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, lua_upvalueindex(2));
  idn_owntables(idn_toheap(L, lua_upvalueindex(1)),
                lua_topointer(L, lua_upvalueindex(2)), lua_topointer(L, -1));
  lua_setfield(L, -2, "owners");
}

/* An empty table that does not keep its keys. [-0, +1] */
static void pushweaktable(lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

void idn_open_tensor(lua_State *L) {
  idn_register(L, functions);
  lua_newtable(L);
  idn_register(L, methods);
  lua_setfield(L, -2, "methods");
  pushlayout(L);
  lua_setfield(L, -2, "layout");
  pushweaktable(L);
  lua_setfield(L, -2, "records");
  openmetatables(L);
}
