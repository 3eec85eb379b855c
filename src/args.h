/* What scripts pass, and what they are told of it. */
#ifndef IDN_ARGS_H
#define IDN_ARGS_H

#include <stdint.h>

#include "compat.h"
#include "size.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* luaL_error that blames the function `level` above the running C function:
   1 is its caller. */
IDN_NORETURN int idn_fail(lua_State *L, int level, const char *format, ...);

/* Raises "<what> expected, got ..." of the value at `arg`, in the line of the C
   function's caller, as all below that check do. */
IDN_NORETURN int idn_failgot(lua_State *L, int arg, const char *what);

/* Push texts for errors, alike on every Lua, and return them: a number; what
   was got at `arg` (a number, a short string or a type). [-0, +1] */
const char *idn_pushnumber(lua_State *L, double n);
const char *idn_pushgot(lua_State *L, int arg);

/* Pushes what is said of the key at `arg`, which is none of the names, a list
   that NULL ends: which of them is near, or else all. [-0, +1 or more] */
const char *idn_pushunknown(lua_State *L, int arg, const char *const *names);

/* Pushes a size as text, "3×5". [-0, +1] */
const char *idn_pushsize(lua_State *L, int rank, const int64_t *size);

/* Pushes what is said where there is no memory for a tensor. [-0, +2] */
const char *idn_pushnomemory(lua_State *L, int rank, const int64_t *size);

/* The number at `arg` as a double that rounds to the float32 to which the
   number itself does: what no double holds ends in an odd bit. */
double idn_todouble(lua_State *L, int arg);

/* The number at `arg` as float32, rounded once, to nearest even. */
static inline float idn_tofloat(lua_State *L, int arg) {
  double x = lua_tonumber(L, arg), most = (double)IDN_MAXEXTENT;
  return (float)(x > -most && x < most ? x : idn_todouble(L, arg));
}

/* LuaJIT has one type more. */
static inline int idn_iscdata(lua_State *L, int arg) {
  return lua_type(L, arg) > LUA_TTHREAD;
}

/* Whether a cdata at `arg` is a number, which goes to `x`: past IDN_MAXEXTENT
   where no double holds it. Or its remainder, if a `modulus` above 0 is given.
   Only lua/idinit/foreign.lua can tell, which allocates: finalizers can run. */
int idn_foreignnumber(lua_State *L, int arg, double modulus, double *x);

/* Whether `arg` is a number, no string, with an integral value of at most
   IDN_MAXEXTENT either way, which goes to `n`. So may a number of the FFI be.
 */
static inline int idn_tointeger(lua_State *L, int arg, int64_t *n) {
  double x;
  if (idn_getinteger(L, arg, n))
    return *n >= -IDN_MAXEXTENT && *n <= IDN_MAXEXTENT;
  if (lua_type(L, arg) == LUA_TNUMBER)
    x = lua_tonumber(L, arg);
  else if (!idn_foreignnumber(L, arg, 0, &x))
    return 0;
  if (!(x >= -(double)IDN_MAXEXTENT && x <= (double)IDN_MAXEXTENT)) return 0;
  *n = (int64_t)x;
  return (double)*n == x;
}

/* How many values the table at `arg`, an absolute index, lists; -1 if it has
   other keys than 1, 2, ... without a gap. */
int idn_listlength(lua_State *L, int arg);

/* So, where it has to be such a list of `what`: raises if it is none. */
int idn_checklist(lua_State *L, int arg, const char *what);

/* How many keys of that table are numbers. A list has so many values; where one
   of them is nil, what lua_rawlen says is a matter of the Lua. */
int64_t idn_countnumbers(lua_State *L, int arg);

/* Moves the values of keywords in the table at `arg` to the stack, from the
   index `values` on in the order of their names, which NULL closes. The text
   for another key ends with `hint`; numbers are counted if it `lists` values
   besides. [-0, +0] */
int idn_takekeywords(lua_State *L, int arg, const char *const *names,
                     int values, int lists, const char *hint);

/* Pushes the values of keywords in the table at `arg`, which lists none, nil
   for each that is not there, as where `arg` is nil itself. [-0, +1 for each
   name] */
void idn_checkkeywords(lua_State *L, int arg, const char *const *names,
                       const char *hint);

/* Reads extents from `count` arguments from `arg` on. */
void idn_checksize(lua_State *L, int arg, int count, int64_t *size);

/* The dimension at `arg`, counted from 0, of a tensor of `rank`. */
int idn_checkdimension(lua_State *L, int arg, int rank);

/* Likewise `count` of them from `arg` on, each once. */
void idn_checkdimensions(lua_State *L, int arg, int count, int rank, int *dims);

/* Which of `names` (closed by NULL) the string at `arg` is; raises "<what>:
   <expects> expected, got ..." if it is none, or all of the names where
   `expects` is NULL. */
int idn_choose(lua_State *L, int arg, const char *what,
               const char *const *names, const char *expects);

/* Pushes a function that lua/idinit/foreign.lua has left for C, or nil. */
void idn_pushforeign(lua_State *L, const char *name);

/* Adds to the module's table at the top `unknown` and, to be filled,
   `foreign`. */
void idn_open_args(lua_State *L);

#pragma GCC visibility pop

#endif
