/* The only file that names a Lua version: the parts of the 5.4 C API that this
   module uses, for Lua 5.1 to 5.5 and LuaJIT. */
#ifndef IDN_COMPAT_H
#define IDN_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

/* Numbers are read and given as doubles, and extents go up to 2^53. */
#if LUA_VERSION_NUM < 503
#if !defined(LUA_NUMBER_DOUBLE)
#error "idinit needs a Lua whose numbers are doubles"
#endif
#elif LUA_FLOAT_TYPE != LUA_FLOAT_DOUBLE || LUA_MAXINTEGER >> 31 == 0
#error "idinit needs doubles and 64-bit integers: a Lua without LUA_32BITS"
#endif

/* Infinities, NaN and -0 have to be told apart, and sums to stay in order. */
#if defined(__FAST_MATH__) || defined(_M_FP_FAST)
#error "idinit needs exact floating point: compile without -ffast-math"
#elif defined(__FINITE_MATH_ONLY__)
#if __FINITE_MATH_ONLY__
#error "idinit needs infinities and NaN: compile without -ffinite-math-only"
#endif
#endif

#if defined(__GNUC__)
#define IDN_NORETURN __attribute__((noreturn))
#define IDN_UNREACHABLE() __builtin_unreachable()
#else
#define IDN_NORETURN
#define IDN_UNREACHABLE()
#endif

#if defined(_WIN32)
#define IDN_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define IDN_EXPORT __attribute__((visibility("default")))
#else
#define IDN_EXPORT
#endif

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#endif

/* The value that a userdata keeps alive. Before 5.3 only a table can be kept,
   so the value is put into one. [-1, +0] */
static inline void idn_keep(lua_State *L, int ud) {
#if LUA_VERSION_NUM < 503
  lua_createtable(L, 1, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
#endif
#if LUA_VERSION_NUM < 502
  lua_setfenv(L, ud);
#else
  lua_setuservalue(L, ud);
#endif
}

/* Lets the userdata at `to` keep what the one at `from` keeps. Both indices
   are absolute. [-0, +0] */
static inline void idn_keepsame(lua_State *L, int from, int to) {
#if LUA_VERSION_NUM < 502
  lua_getfenv(L, from);
  lua_setfenv(L, to);
#else
  lua_getuservalue(L, from);
  lua_setuservalue(L, to);
#endif
}

/* Integers are floats before 5.3, and lua_Integer may be narrow there. */
#if LUA_VERSION_NUM < 503
#define idn_pushinteger(L, n) lua_pushnumber(L, (lua_Number)(n))
#else
#define idn_pushinteger(L, n) lua_pushinteger(L, (lua_Integer)(n))
#endif

/* Whether the number at `arg` is of the integer subtype, which goes to `n`. */
static inline int idn_getinteger(lua_State *L, int arg, int64_t *n) {
#if LUA_VERSION_NUM < 503
  (void)L, (void)arg, (void)n;
  return 0;
#else
  if (!lua_isinteger(L, arg)) return 0;
  *n = (int64_t)lua_tointeger(L, arg);
  return 1;
#endif
}

/* Whether the collector runs by itself. Lua 5.1 cannot tell. In a finalizer of
   Lua 5.4 nothing can be collected, and lua_gc returns -1. */
static inline int idn_gcrunning(lua_State *L) {
#ifdef LUA_GCISRUNNING
  return lua_gc(L, LUA_GCISRUNNING, 0) > 0;
#else
  (void)L;
  return 1;
#endif
}

/* Has the collector finish its cycle, or go through one, and tells whether it
   did. Before 5.2 that takes two thirds of a full collection, which begins with
   a sweep that finds nothing. */
#if LUA_VERSION_NUM < 502
#define idn_finishcycle(L) lua_gc(L, LUA_GCSTEP, 1 << 21)
#else
#define idn_finishcycle(L) 0
#endif

/* What an owner of a block more counts for. Garbage with a finalizer outlives
   the collection that finds it, and Lua 5.3 takes it for live when it decides
   on the next one, which comes later each time unless it is called for. */
#if LUA_VERSION_NUM == 503
#define IDN_OWNERBYTES 1024
#else
#define IDN_OWNERBYTES 0
#endif

#endif
