/* Tensors as wholes: their metatables, what they say of themselves, filling,
   copying, comparing. */
#include "lib.h"

/* -- What a tensor says of itself ---------------------------------------- */

/* All of `rank` values, or the one of the dimension at argument 2. */
static int pushdims(lua_State *L, const idn_tensor *t, const int64_t *values) {
  if (!lua_isnoneornil(L, 2)) {
    int d = idn_checkdimension(L, 2, t->rank);
    idn_pushinteger(L, values[d]);
    return 1;
  }
  luaL_checkstack(L, t->rank, "too many results");
  for (int k = 0; k < t->rank; k++) idn_pushinteger(L, values[k]);
  return t->rank;
}

static int size(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  return pushdims(L, t, idn_size(t));
}

static int stride(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  return pushdims(L, t, idn_stride(t));
}

static int dim(lua_State *L) {
  idn_pushinteger(L, idn_checktensor(L, 1, NULL, 1)->rank);
  return 1;
}

static int numel(lua_State *L) {
  idn_pushinteger(L, idn_checktensor(L, 1, NULL, 1)->numel);
  return 1;
}

static int len(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (t->rank == 0) idn_fail(L, 1, "a tensor of rank 0 has no length");
  idn_pushinteger(L, t->dim[0]);
  return 1;
}

static int istensor(lua_State *L) {
  lua_pushboolean(L, idn_totensor(L, 1) != NULL);
  return 1;
}

/* -- Filling and copying ------------------------------------------------- */

static int fill(lua_State *L) {
  idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (lua_type(L, 2) != LUA_TNUMBER) idn_failgot(L, 2, "value: number");
  idn_fill(t, idn_tofloat(L, 2));
  lua_settop(L, 1);
  return 1;
}

/* The first byte behind the last element: with `data`, the span that a tensor
   touches. */
static const float *spanend(const idn_tensor *t) {
  int64_t last = 0;
  if (t->numel == 0) return t->data;
  for (int d = 0; d < t->rank; d++) last += (t->dim[d] - 1) * idn_stride(t)[d];
  return t->data + last + 1;
}

static int overlap(const idn_tensor *t, const idn_tensor *u) {
  return t->data < spanend(u) && u->data < spanend(t);
}

/* dst = the tensor at `arg` by way of a copy, for what may share elements. */
static void copyacross(lua_State *L, idn_tensor *dst, int arg) {
  idn_tensor *copy = idn_newlike(L, arg);
  if (!dst->data) idn_fail(L, 1, "tensor has been finalized");
  idn_copy(copy, lua_touserdata(L, arg));
  idn_copy(dst, copy);
  lua_pop(L, 1);
}

/* The tensor at `arg`, which has to have the size of `t`; `expects` says what
   else it might have been. */
static const idn_tensor *checksame(lua_State *L, const idn_tensor *t, int arg,
                                   const char *expects) {
  const idn_tensor *u = idn_totensor(L, arg);
  if (!u) idn_failgot(L, arg, expects);
  if (!idn_hassize(u, t->rank, t->dim))
    idn_fail(L, 1, "tensor of size %s expected, got size %s",
             idn_pushsize(L, t->rank, t->dim),
             idn_pushsize(L, u->rank, u->dim));
  return u;
}

void idn_assign(lua_State *L, idn_tensor *dst, int arg) {
  if (lua_type(L, arg) == LUA_TNUMBER) {
    idn_fill(dst, idn_tofloat(L, arg));
  } else if (lua_istable(L, arg)) {
    idn_assignnest(L, dst, arg);
  } else {
    const idn_tensor *src =
        checksame(L, dst, arg, "number, tensor or nested tables");
    if (overlap(dst, src))
      copyacross(L, dst, arg);
    else
      idn_copy(dst, src);
  }
}

static int copy(lua_State *L) {
  idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (lua_type(L, 2) == LUA_TNUMBER)
    idn_failgot(L, 2, "source: tensor or nested tables");
  lua_settop(L, 2);
  idn_assign(L, t, 2);
  lua_settop(L, 1);
  return 1;
}

static int clone(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  idn_copy(idn_newlike(L, 1), t);
  return 1;
}

static int contiguous(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (idn_order(t) == IDN_GAPS) return clone(L);
  lua_settop(L, 1);
  return 1;
}

/* zeros(n1, ..., nk [, keywords]): it serves as an initialiser, so the keywords
   of one may stand last, and mean nothing. */
static int zeros(lua_State *L) {
  int64_t extents[IDN_MAXRANK];
  int rank = lua_gettop(L);
  if (rank > 1 && lua_istable(L, rank)) rank--;
  idn_checksize(L, 1, rank, extents);
  idn_newtensor(L, rank, extents, IDN_ROW, 1);
  return 1;
}

/* -- Comparing ----------------------------------------------------------- */

/* t == u. Lua calls it for two userdata of which one is a tensor. */
static int equal(lua_State *L) {
  const idn_tensor *t = idn_totensor(L, 1), *u = idn_totensor(L, 2);
  if (!t && !u) idn_checktensor(L, 1, NULL, 1);
  lua_pushboolean(L, t && u && idn_hassize(u, t->rank, t->dim) &&
                         idn_equalelements(idn_arrayof(t), idn_arrayof(u)));
  return 1;
}

static int maxdiff(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  const idn_tensor *u = checksame(L, t, 2, "tensor");
  lua_pushnumber(L, idn_maxdiff(idn_arrayof(t), idn_arrayof(u)));
  return 1;
}

/* -- Metatables ---------------------------------------------------------- */

static void setoffset(lua_State *L, const char *field, size_t offset) {
  idn_pushinteger(L, offset);
  lua_setfield(L, -2, field);
}

/* Where the extents lie and what the elements are, for the FFI: bytes from the
   userdata's payload. */
static void pushlayout(lua_State *L) {
  lua_newtable(L);
  setoffset(L, "data", offsetof(idn_tensor, data));
  setoffset(L, "numel", offsetof(idn_tensor, numel));
  setoffset(L, "rank", offsetof(idn_tensor, rank));
  setoffset(L, "dim", offsetof(idn_tensor, dim));
}

void idn_bind(lua_State *L, lua_CFunction f) {
  idn_pushupvalues(L);
  lua_pushvalue(L, -IDN_UPVALUES - 1);
  lua_pushcclosure(L, f, IDN_UPVALUES + 1); /* value, function */
  lua_remove(L, -2);
}

void idn_registerin(lua_State *L, const char *field,
                    const luaL_Reg *functions) {
  lua_getfield(L, -1, field);
  idn_register(L, functions);
  lua_pop(L, 1);
}

void idn_setmetamethod(lua_State *L, const char *name) {
  int value = lua_gettop(L);
  const int tables[] = {value + 1, lua_upvalueindex(2), lua_upvalueindex(3)};
  lua_getfield(L, lua_upvalueindex(2), "__metatable");
  for (int k = 0; k < 3; k++) {
    lua_pushstring(L, name);
    lua_pushvalue(L, value);
    lua_rawset(L, tables[k]);
  }
  lua_settop(L, value - 1);
}

/* Sets up the metatables at upvalues 2 and 3, and that of the list at
   upvalue 4. Scripts are shown a table of its own: whatever they write to it,
   no tensor changes. */
static void openmetatables(lua_State *L) {
  lua_newtable(L);
  for (int k = 2; k <= 3; k++) {
    lua_pushvalue(L, -1);
    lua_setfield(L, lua_upvalueindex(k), "__metatable");
    lua_pushliteral(L, "idinit.tensor");
    lua_setfield(L, lua_upvalueindex(k), "__name");
  }
  idn_pushfunction(L, idn_finalize);
  lua_setfield(L, lua_upvalueindex(3), "__gc");
  lua_pushvalue(L, lua_upvalueindex(4)); /* module, shown, list */
  lua_newtable(L);
  idn_pushfunction(L, idn_closeowners);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pop(L, 2);
}

/* install(metamethods): takes what is written in Lua, or compiled for FFI. The
   first who calls this decides; the module's table, the upvalue behind the
   common ones, has it no longer then. */
static int install(lua_State *L) {
  static const char *const names[] = {"__index", "__newindex", "__call",
                                      "__tostring"};
  int module = lua_upvalueindex(IDN_UPVALUES + 1);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, module, "install");
  if (lua_isnil(L, -1)) return 0;
  for (int k = 0; k < 2; k++) {
    lua_pushnil(L);
    lua_setfield(L, module, k == 0 ? "install" : "foreign");
  }
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    lua_pushstring(L, names[k]);
    lua_rawget(L, 1);
    if (lua_isfunction(L, -1)) idn_setmetamethod(L, names[k]);
    lua_settop(L, 1);
  }
  return 0;
}

static const luaL_Reg functions[] = {
    {"is_tensor", istensor},
    {"zeros", zeros},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"size", size},       {"stride", stride},
    {"dim", dim},         {"numel", numel},
    {"fill", fill},       {"copy", copy},
    {"clone", clone},     {"contiguous", contiguous},
    {"maxdiff", maxdiff}, {NULL, NULL},
};

void idn_open_tensor(lua_State *L) {
  idn_register(L, functions);
  pushlayout(L);
  lua_setfield(L, -2, "layout");
  lua_newtable(L);
  lua_setfield(L, -2, "methods");
  idn_registerin(L, "methods", methods);
  lua_pushvalue(L, -1); /* module, module */
  idn_bind(L, install);
  lua_setfield(L, -2, "install");
  openmetatables(L);
  idn_pushfunction(L, len);
  idn_setmetamethod(L, "__len");
  idn_pushfunction(L, equal);
  idn_setmetamethod(L, "__eq");
}
