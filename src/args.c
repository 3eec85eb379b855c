#include "args.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The registry's name for what setforeign was given. */
#define FOREIGN "idinit.foreign"

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

/* Pushes the value of the cdata at `arg` and its text, or nothing if it is no
   number. [-0, +(0|2)] */
static int pushforeign(lua_State *L, int arg, double modulus) {
  luaL_checkstack(L, 4, "too many arguments");
  lua_pushvalue(L, arg);
  lua_getfield(L, LUA_REGISTRYINDEX, FOREIGN);
  lua_insert(L, -2);
  lua_pushnumber(L, modulus);
  lua_call(L, 2, 2);
  if (lua_type(L, -2) == LUA_TNUMBER && lua_type(L, -1) == LUA_TSTRING)
    return 1;
  lua_pop(L, 2);
  return 0;
}

const char *idn_pushgot(lua_State *L, int arg) {
  enum { SHOWN = 40 };
  int64_t n;
  if (lua_type(L, arg) == LUA_TNUMBER && idn_getinteger(L, arg, &n))
    return pushinteger(L, n);
  if (lua_type(L, arg) == LUA_TNUMBER)
    return idn_pushnumber(L, lua_tonumber(L, arg));
  if (idn_iscdata(L, arg) && pushforeign(L, arg, 0)) {
    lua_remove(L, -2);
  } else if (lua_type(L, arg) != LUA_TSTRING) {
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

/* -- Numbers ------------------------------------------------------------- */

double idn_todouble(lua_State *L, int arg) {
  int64_t n;
  double scale = 1;
  if (!idn_getinteger(L, arg, &n)) return lua_tonumber(L, arg);
  uint64_t bits = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  for (; bits >> 53; scale *= 2) bits = bits >> 1 | (bits & 1);
  return (double)bits * (n < 0 ? -scale : scale);
}

float idn_tofloat(lua_State *L, int arg) { return (float)idn_todouble(L, arg); }

int idn_foreignnumber(lua_State *L, int arg, double modulus, double *x) {
  if (!pushforeign(L, arg, modulus)) return 0;
  *x = lua_tonumber(L, -2);
  lua_pop(L, 2);
  return 1;
}

/* setforeign(f): f(x, modulus) returns the value of a cdata that is a number,
   as idn_foreignnumber does, and its text for errors. */
static int setforeign(lua_State *L) {
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, FOREIGN);
  return 0;
}

void idn_open_args(lua_State *L) {
  lua_pushcfunction(L, setforeign);
  lua_setfield(L, -2, "setforeign");
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
