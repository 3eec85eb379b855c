/* idinit.frombytes and t:tobytes: elements in Lua strings, in row order, lowest
   byte first. */
#include <string.h>

#include "dtype.h"
#include "lib.h"
#include "transfer.h"

/* LuaJIT's strings are shorter than 2 GiB, so all of ours are. */
#define LIMIT ((int64_t)1 << 31)

/* The bytes of elements of that size. Raises if they are no string's. */
static size_t countbytes(lua_State *L, int rank, const int64_t *size,
                         int type) {
  int64_t width = (int64_t)idn_typewidth(type);
  int64_t n = idn_countupto(rank, size, (LIMIT - 1) / width);
  if (n < 0)
    idn_fail(L, 1, "%s of size %s: less than 2 GiB expected",
             idn_typenames[type], idn_pushsize(L, rank, size));
  return (size_t)(n * width);
}

static const char *put(void *state, const void *bytes, size_t n) {
  char **to = state;
  memcpy(*to, bytes, n);
  *to += n;
  return NULL;
}

/* t:tobytes([dtype]) */
static int tobytes(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int type = idn_checktype(L, 2, "dtype", IDN_WRITTEN);
  size_t n = countbytes(L, t->rank, idn_size(t), type);
  char *bytes = lua_newuserdata(L, n), *to = bytes;
  t = idn_checktensor(L, 1, NULL, 1); /* a finalizer may have run */
  idn_putelements(idn_arrayof(t), IDN_ROW, type, put, &to);
  lua_pushlstring(L, bytes, n);
  return 1;
}

/* idinit.frombytes(bytes, dtype, n1, ..., nk) */
static int frombytes(lua_State *L) {
  int64_t size[IDN_MAXRANK];
  int rank = lua_gettop(L) > 2 ? lua_gettop(L) - 2 : 0;
  if (lua_type(L, 1) != LUA_TSTRING) idn_failgot(L, 1, "bytes: string");
  int type = idn_checktype(L, 2, "dtype", IDN_BOOL);
  idn_checksize(L, 3, rank, size);
  size_t n = countbytes(L, rank, size, type);
  if (n != lua_rawlen(L, 1))
    return idn_fail(L, 1, "%s bytes expected for %s of size %s, got %s",
                    idn_pushnumber(L, (double)n), idn_typenames[type],
                    idn_pushsize(L, rank, size),
                    idn_pushnumber(L, (double)lua_rawlen(L, 1)));
  idn_tensor *t = idn_rawtensor(L, rank, size, IDN_ROW, 1);
  idn_readelements(type, 0, lua_tostring(L, 1), t->data, (size_t)t->numel);
  return 1;
}

void idn_open_bytes(lua_State *L) {
  static const luaL_Reg methods[] = {{"tobytes", tobytes}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"frombytes", frombytes}, {NULL, NULL}};
  idn_register(L, functions);
  idn_registerin(L, "methods", methods);
}
