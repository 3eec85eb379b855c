/* t:save(path), and idinit.load of a .npy file. */
#include "npy.h"

#include "dtype.h"
#include "lib.h"
#include "transfer.h"

/* -- Save ---------------------------------------------------------------- */

static const char *writefile(idn_transfer *f, const idn_tensor *t, int type) {
  char header[IDN_NPY_MAXSAVED];
  int order = idn_newsorder(t);
  size_t n = idn_npywrite(header, type, t->rank, idn_size(t), order == IDN_COL);
  const char *fault = idn_writedisk(&f->disk, header, n);
  return fault ? fault : idn_writetensor(f, t, order, type);
}

/* t:save(path [, {dtype = }]) returns t. */
static int save(lua_State *L) {
  static const char *const names[] = {"dtype", NULL};
  idn_checktensor(L, 1, NULL, 1);
  const char *path = idn_checkpath(L, 2);
  idn_checkending(L, path, ".safetensors",
                  "t:save writes .npy files, idinit.save(path, tensors) writes "
                  ".safetensors");
  lua_settop(L, 3);
  idn_checkkeywords(L, 3, names, "");
  int type = idn_checktype(L, 4, "dtype of a .npy file", IDN_F16);
  idn_transfer *f = idn_newtransfer(L);
  /* Checked again: a finalizer may have run. From here on none does. */
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  const char *fault = idn_createdisk(&f->disk, path);
  if (!fault) fault = writefile(f, t, type);
  if (!fault) fault = idn_commitdisk(&f->disk);
  idn_endtransfer(L, f, "save", path, fault);
  lua_settop(L, 1);
  return 1;
}

/* -- Load ---------------------------------------------------------------- */

const char *idn_loadnpy(lua_State *L, idn_transfer *f, int names,
                        const void *first, size_t n) {
  if (!lua_isnil(L, names))
    return "names: a .npy file is one tensor, which has none";
  idn_npy *h = lua_newuserdata(L, sizeof *h);
  const char *fault = idn_npyprelude(h, first, n, f->filesize);
  if (fault) return fault;
  char *text = lua_newuserdata(L, h->textsize + 1);
  fault = idn_seekdisk(&f->disk, h->textat);
  if (!fault) fault = idn_readdisk(&f->disk, text, h->textsize);
  if (!fault) fault = idn_npyheader(h, text);
  if (fault) return fault;
  int order = h->fortran ? IDN_COL : IDN_ROW;
  idn_tensor *t = idn_rawtensor(L, h->rank, h->size, order, 0);
  if (!t) return idn_pushnomemory(L, h->rank, h->size);
  return idn_readtensor(f, t, h->type, h->highfirst);
}

void idn_open_npy(lua_State *L) {
  static const luaL_Reg methods[] = {{"save", save}, {NULL, NULL}};
  idn_registerin(L, "methods", methods);
}
