/* Nested tables to tensors and back. */
#include <stdio.h>

#include "lib.h"

#define MAXEMPTY (1 << 20) /* tables without a number in them */

/* A walk over nested tables beside a tensor's elements; `at` is the path to
   the current table, `raiser` the level that is to blame. */
typedef struct nest {
  lua_State *L;
  int rank, level;
  const int64_t *size, *stride;
  int64_t at[IDN_MAXRANK];
} nest;

/* Raises what stands at the path instead of a number, or of a table of `count`
   values. */
static int badnest(nest *n, int depth, int64_t count) {
  lua_State *L = n->L;
  int got = lua_gettop(L);
  luaL_Buffer path;
  luaL_buffinit(L, &path);
  if (depth == 0) luaL_addstring(&path, "value");
  for (int d = 0; d < depth; d++) {
    char text[32];
    snprintf(text, sizeof text, "[%lld]", (long long)n->at[d]);
    luaL_addstring(&path, text);
  }
  luaL_pushresult(&path);
  const char *where = lua_tostring(L, -1);
  if (count < 0)
    return idn_fail(L, n->level, "%s: number expected, got %s", where,
                    idn_pushgot(L, got));
  const char *wanted = idn_pushnumber(L, (double)count);
  if (!lua_istable(L, got))
    return idn_fail(L, n->level, "%s: table of %s expected, got %s", where,
                    wanted, idn_pushgot(L, got));
  return idn_fail(L, n->level, "%s: table of %s expected, got one of %s", where,
                  wanted, idn_pushnumber(L, (double)idn_countnumbers(L, got)));
}

/* Raises where nested tables would be too long for a Lua or, where they hold
   nothing that could bound them, too many. */
static void checknest(lua_State *L, int rank, const int64_t *size, int level) {
  int is_empty = idn_countelements(rank, size) == 0;
  int64_t most = is_empty ? MAXEMPTY : IDN_MAXLIST;
  for (int d = 0; d < rank && size[d] > 0; d++) {
    if (size[d] > most)
      idn_fail(L, level, "tables of size %s are too large",
               idn_pushsize(L, rank, size));
    if (is_empty) most /= size[d];
  }
}

/* Reads the value at the top, `depth` tables deep; writes where `data` is not
   NULL, else only raises what is wrong, as a nil in a hole is. */
static void readnest(nest *n, int depth, float *data) {
  lua_State *L = n->L;
  if (depth == n->rank) {
    if (lua_type(L, -1) != LUA_TNUMBER) badnest(n, depth, -1);
    if (data) *data = idn_tofloat(L, -1);
    return;
  }
  int64_t count = n->size[depth];
  if (!lua_istable(L, -1) ||
      (!data && idn_countnumbers(L, lua_gettop(L)) != count))
    badnest(n, depth, count);
  for (int64_t i = 1; i <= count; i++) {
    n->at[depth] = i;
    lua_rawgeti(L, -1, (int)i);
    readnest(n, depth + 1, data ? data + (i - 1) * n->stride[depth] : NULL);
    lua_pop(L, 1);
  }
}

/* dst = the nested tables at `arg`. */
void idn_assignnest(lua_State *L, idn_tensor *dst, int arg, int level) {
  nest n = {.L = L, .rank = dst->rank, .level = level};
  n.size = idn_size(dst);
  n.stride = idn_stride(dst);
  checknest(L, n.rank, n.size, level);
  luaL_checkstack(L, dst->rank + 40, "tables nested too deep");
  lua_pushvalue(L, arg);
  readnest(&n, 0, NULL);
  readnest(&n, 0, dst->data);
  lua_pop(L, 1);
}

/* idinit.tensor(nested): the first elements tell the size. */
static int tensor(lua_State *L) {
  int64_t size[IDN_MAXRANK];
  int rank = 0;
  if (lua_isnone(L, 1))
    idn_fail(L, 1, "number or nested tables expected, got nothing");
  luaL_checkstack(L, IDN_MAXRANK + 40, "tables nested too deep");
  lua_pushvalue(L, 1);
  while (lua_istable(L, -1)) {
    if (rank == IDN_MAXRANK)
      idn_fail(L, 1, "tables nested no deeper than %d expected", IDN_MAXRANK);
    size[rank++] = idn_countnumbers(L, lua_gettop(L));
    lua_rawgeti(L, -1, 1);
    if (size[rank - 1] == 0) break;
  }
  lua_settop(L, 1);
  checknest(L, rank, size, 1);
  nest n = {.L = L, .rank = rank, .level = 1, .size = size};
  readnest(&n, 0, NULL);
  idn_tensor *t = idn_newtensor(L, rank, size, IDN_ROW, 1);
  n.stride = idn_stride(t);
  lua_pushvalue(L, 1);
  readnest(&n, 0, t->data);
  lua_pop(L, 1);
  return 1;
}

static void pushnest(lua_State *L, const idn_tensor *t, int depth,
                     const float *data) {
  if (depth == t->rank) {
    lua_pushnumber(L, *data);
    return;
  }
  lua_createtable(L, (int)t->dim[depth], 0);
  for (int64_t i = 0; i < t->dim[depth]; i++) { /* 0 once finalized */
    pushnest(L, t, depth + 1, data + i * idn_stride(t)[depth]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static int totable(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  checknest(L, t->rank, t->dim, 1);
  luaL_checkstack(L, t->rank + 2, "too many dimensions");
  pushnest(L, t, 0, t->data);
  idn_checktensor(L, 1, NULL, 1); /* finalized meanwhile, it is not whole */
  return 1;
}

void idn_open_nest(lua_State *L) {
  static const luaL_Reg functions[] = {{"tensor", tensor}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"totable", totable}, {NULL, NULL}};
  idn_register(L, functions);
  idn_registerin(L, "methods", methods);
}
