/* Access by indices and ranges: t[i], t[{...}], t(...), get, set, select,
   narrow and rows. */
#include <string.h>

#include "lib.h"

/* -- Indices ------------------------------------------------------------- */

static int outofrange(lua_State *L, const idn_tensor *t, int64_t i, int d) {
  const char *most = idn_pushnumber(L, (double)t->dim[d]);
  return idn_fail(L, 1, "index %s out of range [1, %s] in dimension %d",
                  idn_pushnumber(L, (double)i), most, d + 1);
}

static int64_t badindex(lua_State *L, const idn_tensor *t, int arg, int d) {
  int64_t i;
  if (!t->data) idn_fail(L, 1, "tensor has been finalized");
  if (idn_tointeger(L, arg, &i)) return outofrange(L, t, i, d);
  const char *most = idn_pushnumber(L, (double)t->dim[d]);
  return idn_fail(L, 1,
                  "integer index in range [1, %s] expected in dimension %d, "
                  "got %s",
                  most, d + 1, idn_pushgot(L, arg));
}

/* The index at `arg`, counted from 0. A number of the FFI can run finalizers;
   if one of them is the tensor's, no index is in range. */
static inline int64_t checkindex(lua_State *L, const idn_tensor *t, int arg,
                                 int d) {
  int64_t i;
  if (idn_tointeger(L, arg, &i) && i >= 1 && i <= t->dim[d]) return i - 1;
  return badindex(L, t, arg, d);
}

static int badcount(lua_State *L, const idn_tensor *t, int count) {
  return idn_fail(L, 1, "%d %s expected, got %d", (int)t->rank,
                  t->rank == 1 ? "index" : "indices", count);
}

/* The element at the `count` indices from `arg` on. */
static inline float *element(lua_State *L, const idn_tensor *t, int arg,
                             int count) {
  if (count != t->rank) badcount(L, t, count);
  int64_t offset = 0;
  for (int d = 0; d < count; d++)
    offset += checkindex(L, t, arg + d, d) * idn_stride(t)[d];
  return t->data + offset;
}

/* -- Views --------------------------------------------------------------- */

/* What is selected of a tensor: some indices of each dimension that is kept. */
typedef struct selection {
  int rank; /* 0 if it is an element */
  int64_t offset, size[IDN_MAXRANK], stride[IDN_MAXRANK];
} selection;

/* Keeps `count` indices of dimension d from `first` on, counted from 0. */
static void keep(selection *s, const idn_tensor *t, int d, int64_t first,
                 int64_t count) {
  s->offset += first * idn_stride(t)[d];
  s->size[s->rank] = count;
  s->stride[s->rank++] = idn_stride(t)[d];
}

static idn_tensor *pushview(lua_State *L, const selection *s) {
  return idn_newview(L, 1, s->rank, s->size, s->stride, s->offset);
}

/* Pushes what is selected of the tensor at 1. */
static int pushselection(lua_State *L, const selection *s) {
  if (s->rank > 0)
    pushview(L, s);
  else
    lua_pushnumber(L, idn_checktensor(L, 1, NULL, 1)->data[s->offset]);
  return 1;
}

/* Keeps what the table at the top says of dimension d: {first, last}, or all
   of it, {}. */
static void readrange(lua_State *L, selection *s, const idn_tensor *t, int d) {
  int64_t first, last, extent = t->dim[d];
  int count = idn_listlength(L, lua_gettop(L));
  if (count == 0) {
    keep(s, t, d, 0, extent);
    return;
  }
  if (count != 2)
    idn_fail(L, 1, "{first, last} or {} expected in dimension %d, got %s",
             d + 1,
             count < 0 ? "a table that is no list"
                       : lua_pushfstring(L, "a table of %d", count));
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2); /* range, first, last */
  if (!idn_tointeger(L, -2, &first) || !idn_tointeger(L, -1, &last) ||
      first < 1 || first > last || last > extent) {
    const char *got = idn_pushgot(L, lua_gettop(L) - 1);
    const char *other = idn_pushgot(L, lua_gettop(L) - 1);
    idn_fail(L, 1,
             "first <= last in range [1, %s] expected in dimension %d, got "
             "{%s, %s}",
             idn_pushnumber(L, (double)extent), d + 1, got, other);
  }
  lua_pop(L, 2);
  keep(s, t, d, first - 1, last - first + 1);
}

/* Raises unless the table at 2 lists `count` values and has no others. */
static void checkcount(lua_State *L, const idn_tensor *t, int count) {
  lua_rawgeti(L, 2, count + 1);
  int is_longer = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (!is_longer && (count == t->rank || idn_listlength(L, 2) == count)) return;
  if (!is_longer)
    idn_fail(L, 1, "indices: list expected, got a table that is no list");
  idn_fail(L, 1, "no more than %d %s expected, got %s", (int)t->rank,
           t->rank == 1 ? "index" : "indices",
           idn_pushnumber(L, (double)idn_countnumbers(L, 2)));
}

/* What the table at 2 selects of the tensor at 1: an index drops a dimension, a
   table keeps a part of it, and all is kept of those that are not mentioned. */
static void readslice(lua_State *L, selection *s, const idn_tensor *t) {
  int d = 0;
  s->rank = 0;
  s->offset = 0;
  for (; d < t->rank; d++) {
    lua_rawgeti(L, 2, d + 1);
    int top = lua_gettop(L), type = lua_type(L, top);
    if (type == LUA_TTABLE)
      readrange(L, s, t, d);
    else if (type != LUA_TNIL)
      s->offset += checkindex(L, t, top, d) * idn_stride(t)[d];
    lua_pop(L, 1);
    if (type == LUA_TNIL) break;
  }
  checkcount(L, t, d);
  for (; d < t->rank; d++) keep(s, t, d, 0, t->dim[d]);
}

/* t:select(d, i) */
static int selectindex(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  selection s = {.rank = 0};
  lua_settop(L, 3);
  int d = idn_checkdimension(L, 2, t->rank);
  s.offset = checkindex(L, t, 3, d) * idn_stride(t)[d];
  for (int k = 0; k < t->rank; k++)
    if (k != d) keep(&s, t, k, 0, t->dim[k]);
  return pushselection(L, &s);
}

/* t:narrow(d, first, count) */
static int narrow(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  selection s = {.rank = 0};
  int64_t first, count;
  lua_settop(L, 4);
  int d = idn_checkdimension(L, 2, t->rank);
  if (!idn_tointeger(L, 3, &first)) badindex(L, t, 3, d);
  if (!idn_tointeger(L, 4, &count) || count < 0)
    idn_fail(L, 1, "count: integer in range [0, %s] expected, got %s",
             idn_pushnumber(L, (double)t->dim[d]), idn_pushgot(L, 4));
  int64_t extent = t->dim[d], last = first + count - 1;
  if (first < 1 || first > extent + (count == 0)) outofrange(L, t, first, d);
  if (last > extent) outofrange(L, t, last, d);
  for (int k = 0; k < t->rank; k++)
    keep(&s, t, k, k == d ? first - 1 : 0, k == d ? count : t->dim[k]);
  pushview(L, &s);
  return 1;
}

/* The view of t[i], for the tensor at 1 and an index counted from 0. */
static idn_tensor *pushrow(lua_State *L, const idn_tensor *t, int64_t i) {
  return idn_newview(L, 1, t->rank - 1, t->dim + 1, idn_stride(t) + 1,
                     i * idn_stride(t)[0]);
}

/* t[i], likewise: at rank 1 the number. */
static void pushentry(lua_State *L, const idn_tensor *t, int64_t i) {
  if (t->rank == 1)
    lua_pushnumber(L, t->data[i * t->dim[1]]);
  else
    pushrow(L, t, i);
}

/* -- Access -------------------------------------------------------------- */

static int access(lua_State *L);

/* The element whose indices the table at 2 lists, or NULL where that takes a
   closer look. Leaves values on the stack. */
static float *listed(lua_State *L, const idn_tensor *t) {
  enum { MOST = 8 }; /* values that every stack has room for */
  int64_t offset = 0, i;
  if (t->rank > MOST || lua_rawlen(L, 2) != (size_t)t->rank) return NULL;
  for (int d = 0; d < t->rank; d++) {
    lua_rawgeti(L, 2, d + 1);
    if (!idn_tointeger(L, -1, &i) || i < 1 || i > t->dim[d]) return NULL;
    offset += (i - 1) * idn_stride(t)[d];
  }
  return t->data + offset;
}

/* t[key]: a method, an element or a view. The methods are the upvalue
   behind the common ones. */
static int getindex(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  const float *p;
  selection s;
  switch (lua_type(L, 2)) {
  case LUA_TSTRING:
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(IDN_UPVALUES + 1));
    if (lua_isnil(L, -1) && strcmp(lua_tostring(L, 2), "_access") == 0)
      idn_pushfunction(L, access);
    return 1;
  case LUA_TTABLE:
    p = listed(L, t);
    if (!p) {
      readslice(L, &s, t);
      return pushselection(L, &s);
    }
    lua_pushnumber(L, *p);
    return 1;
  default:
    if (t->rank == 0) badcount(L, t, 1);
    int64_t i = checkindex(L, t, 2, 0);
    pushentry(L, t, i);
    return 1;
  }
}

/* What t:rows() hands to `for`: the row behind row i. */
static int nextrow(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t i;
  lua_settop(L, 2);
  if (!idn_tointeger(L, 2, &i) || i < 0 || t->rank == 0)
    idn_failgot(L, 2, "row: integer");
  if (i >= t->dim[0]) return 0;
  idn_pushinteger(L, i + 1);
  pushentry(L, t, i);
  return 2;
}

/* for i, row in t:rows() do. Upvalue IDN_UPVALUES + 1 is nextrow. */
static int rows(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (t->rank == 0) idn_fail(L, 1, "a tensor of rank 0 has no rows");
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(IDN_UPVALUES + 1));
  lua_insert(L, 1);
  idn_pushinteger(L, 0);
  return 3;
}

static float checkvalue(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER) idn_failgot(L, arg, "value: number");
  return idn_tofloat(L, arg);
}

/* t[{...}] = value */
static int setslice(lua_State *L, const idn_tensor *t) {
  selection s;
  readslice(L, &s, t);
  if (s.rank > 0) {
    idn_assign(L, pushview(L, &s), 3);
  } else {
    float value = checkvalue(L, 3);
    idn_checktensor(L, 1, NULL, 1)->data[s.offset] = value;
  }
  return 0;
}

/* t[key] = value */
static int newindex(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (lua_type(L, 2) == LUA_TTABLE) return setslice(L, t);
  if (lua_type(L, 2) == LUA_TSTRING)
    idn_failgot(L, 2, "a tensor has no field to set: index");
  if (t->rank == 0) badcount(L, t, 1);
  int64_t i = checkindex(L, t, 2, 0);
  if (t->rank == 1) {
    t->data[i * t->dim[1]] = checkvalue(L, 3);
  } else {
    idn_assign(L, pushrow(L, t, i), 3);
  }
  return 0;
}

/* t(i1, ..., ik) and t:get(i1, ..., ik) */
static int get(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  lua_pushnumber(L, *element(L, t, 2, lua_gettop(L) - 1));
  return 1;
}

static int set(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int top = lua_gettop(L);
  float *p = element(L, t, 2, top < 2 ? 0 : top - 2);
  *p = checkvalue(L, top < 2 ? 2 : top);
  return 0;
}

/* -- For compiled access ------------------------------------------------- */

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

/* watch(records): whether from now on finalized tensors are taken out of that
   table: only the first one that is given is watched. */
static int watch(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_rawgeti(L, lua_upvalueindex(3), 1);
  int is_first = lua_isnil(L, -1);
  if (is_first) {
    lua_pushvalue(L, 1);
    lua_rawseti(L, lua_upvalueindex(3), 1);
  }
  lua_pushboolean(L, is_first);
  return 1;
}

/* t._access(): what compiled access has to trust, which a script can call but
   not replace: outline, watch, and the metamethods that are written in C. */
static int access(lua_State *L) {
  static const char *const names[] = {"__index", "__newindex", "__call"};
  lua_pushcfunction(L, outline);
  idn_pushfunction(L, watch);
  for (int k = 0; k < 3; k++) lua_getfield(L, lua_upvalueindex(2), names[k]);
  return 5;
}

static const luaL_Reg methods[] = {
    {"get", get},       {"set", set}, {"select", selectindex},
    {"narrow", narrow}, {NULL, NULL},
};

void idn_open_index(lua_State *L) {
  idn_registerin(L, "methods", methods);
  lua_getfield(L, -1, "methods"); /* module, methods */
  idn_pushfunction(L, nextrow);
  idn_bind(L, rows);
  lua_setfield(L, -2, "rows");
  idn_bind(L, getindex);
  idn_setmetamethod(L, "__index");
  idn_pushfunction(L, newindex);
  idn_setmetamethod(L, "__newindex");
  idn_pushfunction(L, get);
  idn_setmetamethod(L, "__call");
}
