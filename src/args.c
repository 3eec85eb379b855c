#include "args.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* -- Errors -------------------------------------------------------------- */

int idn_fail(lua_State *L, int level, const char *format, ...) {
  va_list args;
  va_start(args, format);
  luaL_where(L, level);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  lua_error(L);
  IDN_UNREACHABLE(); /* lua.h does not say that lua_error never returns */
}

static const char *pushinteger(lua_State *L, int64_t n) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)n);
  lua_pushstring(L, text);
  return lua_tostring(L, -1);
}

const char *idn_pushnumber(lua_State *L, double n) {
  char text[32];
  if (n >= -(double)IDN_MAXEXTENT && n <= (double)IDN_MAXEXTENT &&
      n == (double)(int64_t)n)
    return pushinteger(L, (int64_t)n);
  if (n != n) { /* whose sign is a matter of platform */
    snprintf(text, sizeof text, "nan");
  } else {
    snprintf(text, sizeof text, "%.14g", n);
    char *comma = strchr(text, ','); /* some locales' decimal point */
    if (comma) *comma = '.';
  }
  lua_pushstring(L, text);
  return lua_tostring(L, -1);
}

const char *idn_pushgot(lua_State *L, int arg) {
  enum { SHOWN = 40 };
  int64_t n;
  if (lua_type(L, arg) == LUA_TNUMBER && idn_getinteger(L, arg, &n))
    return pushinteger(L, n);
  if (lua_type(L, arg) == LUA_TNUMBER)
    return idn_pushnumber(L, lua_tonumber(L, arg));
  if (lua_type(L, arg) != LUA_TSTRING) {
    lua_pushstring(L, lua_isnone(L, arg) ? "nothing" : luaL_typename(L, arg));
  } else if (lua_rawlen(L, arg) <= SHOWN) {
    lua_pushfstring(L, "string \"%s\"", lua_tostring(L, arg));
  } else {
    lua_pushlstring(L, lua_tostring(L, arg), SHOWN);
    lua_pushfstring(L, "string \"%s...\"", lua_tostring(L, -1));
    lua_remove(L, -2);
  }
  return lua_tostring(L, -1);
}

const char *idn_pushsize(lua_State *L, int rank, const int64_t *size) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (rank == 0) luaL_addstring(&b, "()");
  for (int d = 0; d < rank; d++) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)size[d]);
    if (d > 0) luaL_addstring(&b, "\xc3\x97"); /* × */
    luaL_addstring(&b, text);
  }
  luaL_pushresult(&b);
  return lua_tostring(L, -1);
}

const char *idn_pushnomemory(lua_State *L, int rank, const int64_t *size) {
  lua_pushliteral(L, "not enough memory for a tensor of size ");
  idn_pushsize(L, rank, size);
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

/* -- Arguments ----------------------------------------------------------- */

int64_t idn_countnumbers(lua_State *L, int arg) {
  int64_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    count += lua_type(L, -1) == LUA_TNUMBER;
  }
  return count;
}

int idn_listlength(lua_State *L, int arg) {
  int64_t key, most = 0;
  int count = 0;
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    if (!idn_tointeger(L, -1, &key) || key < 1 || count == INT_MAX) {
      lua_pop(L, 1);
      return -1;
    }
    if (key > most) most = key;
    count++;
  }
  return count == most ? count : -1;
}

void idn_checksize(lua_State *L, int arg, int count, int64_t *size, int level) {
  if (count > IDN_MAXRANK)
    idn_fail(L, level, "no more than %d sizes expected, got %d", IDN_MAXRANK,
             count);
  for (int d = 0; d < count; d++)
    if (!idn_tointeger(L, arg + d, &size[d]) || size[d] < 0)
      idn_fail(L, level, "size %d: integer in range [0, 2^53] expected, got %s",
               d + 1, idn_pushgot(L, arg + d));
}
