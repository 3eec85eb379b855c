#include "transfer.h"

#include <string.h>

#include "dtype.h"

#define BLOCK 16384 /* bytes of elements under way */

/* The transfer at `arg`, or NULL: scripts can get at all of this through
   `debug`. */
static idn_transfer *totransfer(lua_State *L, int arg) {
  idn_transfer *f = lua_touserdata(L, arg);
  if (lua_type(L, arg) != LUA_TUSERDATA || lua_rawlen(L, arg) != sizeof *f)
    return NULL;
  return f->tag == ~idn_tag(f) ? f : NULL;
}

static int finalize(lua_State *L) {
  idn_transfer *f = totransfer(L, 1);
  if (f) idn_closedisk(&f->disk);
  return 0;
}

idn_transfer *idn_newtransfer(lua_State *L) {
  idn_transfer *f = lua_newuserdata(L, sizeof *f);
  memset(f, 0, sizeof *f);
  f->tag = ~idn_tag(f);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return f;
}

const char *idn_checkpath(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TSTRING) idn_failgot(L, arg, "path: string");
  const char *path = lua_tostring(L, arg);
  if (strlen(path) != lua_rawlen(L, arg))
    idn_fail(L, 1, "path: string without zero bytes expected");
  return path;
}

void idn_checkending(lua_State *L, const char *path, const char *ending,
                     const char *hint) {
  size_t n = strlen(path), m = strlen(ending);
  if (n >= m && strcmp(path + n - m, ending) == 0)
    idn_fail(L, 1, "cannot save \"%s\": %s", path, hint);
}

void idn_endtransfer(lua_State *L, idn_transfer *f, const char *what,
                     const char *path, const char *fault) {
  idn_closedisk(&f->disk);
  if (fault) idn_fail(L, 1, "cannot %s \"%s\": %s", what, path, fault);
}

int idn_checktype(lua_State *L, int arg, const char *what, int first) {
  if (lua_isnoneornil(L, arg)) return IDN_F32;
  return first + idn_choose(L, arg, what, idn_typenames + first, NULL);
}

/* What is float32 already goes where it is to be at once. */
const char *idn_readtensor(idn_transfer *f, idn_tensor *t, int type,
                           int highfirst) {
  unsigned char block[BLOCK];
  size_t width = idn_typewidth(type), left = (size_t)t->numel;
  size_t most = type == IDN_F32 ? left : BLOCK / width;
  const char *fault = NULL;
  for (float *to = t->data; left > 0 && !fault;) {
    size_t n = left < most ? left : most;
    void *raw = type == IDN_F32 ? (void *)to : block;
    fault = idn_readdisk(&f->disk, raw, n * width);
    if (!fault) idn_readelements(type, highfirst, raw, to, n);
    to += n;
    left -= n;
  }
  return fault;
}

const char *idn_puttransfer(void *f, const void *bytes, size_t n) {
  return idn_writedisk(&((idn_transfer *)f)->disk, bytes, n);
}

const char *idn_writetensor(idn_transfer *f, const idn_tensor *t, int order,
                            int type) {
  return idn_putelements(idn_arrayof(t), order, type, idn_puttransfer, f);
}
