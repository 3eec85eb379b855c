/* What a C module costs at the least: the limits that idinit is held to where
   no compiler helps. */
#include <lauxlib.h>
#include <lua.h>

#define NAME "idinit.bench.limit"
#define COLUMNS 5

/* make(): a userdata as large as the elements of a 3 x 5 tensor, as a plain
   module makes one. */
static int make(lua_State *L) {
  lua_newuserdata(L, 3 * COLUMNS * sizeof(float));
  luaL_getmetatable(L, NAME);
  lua_setmetatable(L, -2);
  return 1;
}

/* read(u, i, j): an element, with no check at all. */
static int read(lua_State *L) {
  const float *data = lua_touserdata(L, 1);
  lua_Integer i = lua_tointeger(L, 2), j = lua_tointeger(L, 3);
  lua_pushnumber(L, (lua_Number)data[(i - 1) * COLUMNS + j - 1]);
  return 1;
}

/* write(u, i, j, value): likewise. */
static int write(lua_State *L) {
  float *data = lua_touserdata(L, 1);
  lua_Integer i = lua_tointeger(L, 2), j = lua_tointeger(L, 3);
  data[(i - 1) * COLUMNS + j - 1] = (float)lua_tonumber(L, 4);
  return 0;
}

static void add(lua_State *L, const char *name, lua_CFunction f) {
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, name);
}

int luaopen_limits(lua_State *L);
int luaopen_limits(lua_State *L) {
  luaL_newmetatable(L, NAME);
  add(L, "__call", read);
  lua_newtable(L);
  add(L, "make", make);
  add(L, "read", read);
  add(L, "write", write);
  return 1;
}
