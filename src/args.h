/* What scripts pass, and what they are told of it. */
#ifndef IDN_ARGS_H
#define IDN_ARGS_H

#include <stdint.h>

#include "compat.h"
#include "taps.h" /* IDN_MAXRANK, IDN_MAXEXTENT */

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* luaL_error that blames the function `level` above the running C function:
   1 is its caller. */
IDN_NORETURN int idn_fail(lua_State *L, int level, const char *format, ...);

/* Push texts for errors, alike on every Lua, and return them: a number; what
   was got at `arg` (a number, a short string or a type). [-0, +1] */
const char *idn_pushnumber(lua_State *L, double n);
const char *idn_pushgot(lua_State *L, int arg);

/* Pushes a size as text, "3×5". [-0, +1] */
const char *idn_pushsize(lua_State *L, int rank, const int64_t *size);

/* Pushes what is said where there is no memory for a tensor. [-0, +1] */
const char *idn_pushnomemory(lua_State *L, int rank, const int64_t *size);

/* Whether `arg` is a number, no string, with an integral value of at most
   IDN_MAXEXTENT either way, which goes to `n`. */
static inline int idn_tointeger(lua_State *L, int arg, int64_t *n) {
  if (idn_getinteger(L, arg, n))
    return *n >= -IDN_MAXEXTENT && *n <= IDN_MAXEXTENT;
  if (lua_type(L, arg) != LUA_TNUMBER) return 0;
  double x = lua_tonumber(L, arg);
  if (!(x >= -(double)IDN_MAXEXTENT && x <= (double)IDN_MAXEXTENT)) return 0;
  *n = (int64_t)x;
  return (double)*n == x;
}

/* How many values a table lists at most under any Lua: LuaJIT's limit. */
#define IDN_MAXLIST (1 << 27)

/* How many values the table at `arg`, an absolute index, lists; -1 if it has
   other keys than 1, 2, ... without a gap. */
int idn_listlength(lua_State *L, int arg);

/* How many keys of that table are numbers. A list has so many values; where one
   of them is nil, what lua_rawlen says is a matter of the Lua. */
int64_t idn_countnumbers(lua_State *L, int arg);

/* Reads extents from `count` arguments from `arg` on, and raises at `level`
   where one is no size. */
void idn_checksize(lua_State *L, int arg, int count, int64_t *size, int level);

#pragma GCC visibility pop

#endif
