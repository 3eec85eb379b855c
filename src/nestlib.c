/* Nested tables to tensors and back. */
#include "lib.h"

#define MAXEMPTY (1 << 20) /* tables without a number in them */

/* Pushes what errors begin with. [-0, +1] */
static const char *pushlabel(lua_State *L, const char *label) {
  return lua_pushfstring(L, label ? "%s: data: " : "", label);
}

/* Raises what stands at the path instead of a number, or of a table of `count`
   values. */
static int badnest(const idn_nest *n, int depth, int64_t count) {
  lua_State *L = n->L;
  int got = lua_gettop(L);
  const char *where = pushlabel(L, n->label);
  if (depth == 0) where = lua_pushfstring(L, "%svalue", where);
  for (int d = 0; d < depth; d++)
    where = lua_pushfstring(L, "%s[%s]", where,
                            idn_pushnumber(L, (double)n->at[d]));
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
static void checknest(lua_State *L, const char *label, int rank,
                      const int64_t *size, int level) {
  int is_empty = idn_countelements(rank, size) == 0;
  int64_t most = is_empty ? MAXEMPTY : IDN_MAXLIST;
  for (int d = 0; d < rank && size[d] > 0; d++) {
    if (size[d] > most)
      idn_fail(L, level, "%stables of size %s are too large",
               pushlabel(L, label), idn_pushsize(L, rank, size));
    if (is_empty) most /= size[d];
  }
}

/* Reads the value at the top, `depth` tables deep; writes where `data` is not
   NULL, else only raises what is wrong, as a nil in a hole is. */
static void readnest(idn_nest *n, int depth, float *data) {
  lua_State *L = n->L;
  if (depth == n->rank) {
    if (n->visit) {
      n->visit(n->state);
      return;
    }
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

void idn_walknest(idn_nest *n, int arg, const idn_tensor *to) {
  luaL_checkstack(n->L, 3 * n->rank + 40, "tables nested too deep");
  if (to) n->stride = idn_stride(to);
  lua_pushvalue(n->L, arg);
  readnest(n, 0, to ? to->data : NULL);
  lua_pop(n->L, 1);
}

void idn_assignnest(lua_State *L, idn_tensor *dst, int arg) {
  idn_nest n = {L, NULL, 1, .rank = dst->rank, .size = dst->dim};
  checknest(L, NULL, n.rank, n.size, 1);
  idn_walknest(&n, arg, NULL);
  idn_walknest(&n, arg, dst);
}

void idn_measurenest(idn_nest *n, int arg) {
  lua_State *L = n->L;
  int top = lua_gettop(L);
  luaL_checkstack(L, IDN_MAXRANK + 40, "tables nested too deep");
  lua_pushvalue(L, arg);
  while (lua_istable(L, -1)) {
    if (n->rank == IDN_MAXRANK)
      idn_fail(L, n->level, "%stables nested no deeper than %d expected",
               pushlabel(L, n->label), IDN_MAXRANK);
    int64_t count = n->size[n->rank++] = idn_countnumbers(L, lua_gettop(L));
    lua_rawgeti(L, -1, 1);
    if (count == 0) break;
  }
  lua_settop(L, top);
  checknest(L, n->label, n->rank, n->size, n->level);
}

idn_tensor *idn_newnested(lua_State *L, int arg, const char *label, int level) {
  int64_t size[IDN_MAXRANK];
  idn_nest n = {L, label, level, .size = size};
  idn_measurenest(&n, arg);
  idn_walknest(&n, arg, NULL);
  idn_tensor *t = idn_newtensor(L, n.rank, size, IDN_ROW, 0);
  if (!t)
    idn_fail(L, level, "%s%s", pushlabel(L, label),
             idn_pushnomemory(L, n.rank, size));
  idn_walknest(&n, arg, t);
  return t;
}

/* idinit.tensor(nested): the first elements tell the size. */
static int tensor(lua_State *L) {
  if (lua_isnone(L, 1))
    idn_fail(L, 1, "number or nested tables expected, got nothing");
  idn_newnested(L, 1, NULL, 1);
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
  checknest(L, NULL, t->rank, t->dim, 1);
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
