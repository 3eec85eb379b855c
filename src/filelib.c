/* idinit.load(path [, names]): what kind of file it is. */
#include <string.h>

#include "lib.h"
#include "npy.h"
#include "safetensors.h"
#include "transfer.h"

/* What can be loaded: how a file tells that it is one, by its first bytes, and
   what reads the rest, pushes the results behind whatever else it has need of,
   and returns the fault. */
static const struct {
  int (*is)(const void *first, size_t n);
  const char *(*load)(lua_State *L, idn_transfer *f, int names,
                      const void *first, size_t n);
  int results;
} formats[] = {{idn_isnpy, idn_loadnpy, 1},
               {idn_issafetensors, idn_loadsafetensors, 2}};

/* What people have beside that. */
static const struct {
  const char *start, *name;
} others[] = {
    {"PK\3\4", "a zip archive (.npz, PyTorch)"},
    {"PK\5\6", "an empty zip archive (.npz)"},
    {"\x1f\x8b", "a gzip file"},
    {"version https://git-lfs.github.com/spec/", "a Git LFS pointer"},
    {"\x80\2", "a Python pickle (PyTorch)"},
    {"\x80\3", "a Python pickle (PyTorch)"},
    {"\x80\4", "a Python pickle (PyTorch)"},
    {"\x80\5", "a Python pickle (PyTorch)"},
    {"\x89HDF\r\n\x1a\n", "an HDF5 file"},
    {"GGUF", "a GGUF file"},
};

/* Pushes what the file holds, of which the last `results` count. */
static const char *loadany(lua_State *L, idn_transfer *f, int names,
                           int *results) {
  char first[64];
  size_t n = f->filesize < sizeof first ? (size_t)f->filesize : sizeof first;
  const char *fault = idn_readdisk(&f->disk, first, n);
  if (fault) return fault;
  for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
    if (!formats[k].is(first, n)) continue;
    *results = formats[k].results;
    return formats[k].load(L, f, names, first, n);
  }
  for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
    size_t m = strlen(others[k].start);
    if (n < m || memcmp(first, others[k].start, m) != 0) continue;
    return lua_pushfstring(L, "%s, not a .npy or .safetensors file",
                           others[k].name);
  }
  return "not a .npy or .safetensors file";
}

static void checknames(lua_State *L, int arg) {
  if (lua_isnil(L, arg)) return;
  int count = lua_istable(L, arg) ? idn_listlength(L, arg) : -1;
  if (count < 0) idn_failgot(L, arg, "names: list of strings");
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, arg, i);
    if (lua_type(L, -1) != LUA_TSTRING)
      idn_fail(L, 1, "names: string expected at place %d, got %s", i,
               idn_pushgot(L, -1));
    lua_pop(L, 1);
  }
}

static int load(lua_State *L) {
  int results = 0;
  const char *path = idn_checkpath(L, 1);
  lua_settop(L, 2);
  checknames(L, 2);
  idn_transfer *f = idn_newtransfer(L);
  const char *fault = idn_opendisk(&f->disk, path, &f->filesize);
  if (!fault) fault = loadany(L, f, 2, &results);
  idn_endtransfer(L, f, "load", path, fault);
  return results;
}

void idn_open_file(lua_State *L) {
  static const luaL_Reg functions[] = {{"load", load}, {NULL, NULL}};
  idn_register(L, functions);
}
