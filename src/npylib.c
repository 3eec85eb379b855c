/* t:save(path), and idinit.load of a .npy file. */
#include "npy.h"

#include <string.h>

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
  if (idn_endsin(path, ".safetensors"))
    return idn_fail(L, 1,
                    "cannot save \"%s\": t:save writes .npy files, "
                    "idinit.save(path, tensors) writes .safetensors",
                    path);
  lua_settop(L, 3);
  idn_checkkeywords(L, 3, names, "");
  int type = idn_checktype(L, 4, "dtype of a .npy file", IDN_F16);
  idn_transfer *f = idn_newtransfer(L);
  /* Checked again: a finalizer may have run. From here on none does. */
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  const char *fault = idn_createdisk(&f->disk, path);
  if (!fault) fault = writefile(f, t, type);
  if (!fault) fault = idn_commitdisk(&f->disk);
  if (fault) return idn_cannot(L, "save", path, f, fault);
  idn_closedisk(&f->disk);
  lua_settop(L, 1);
  return 1;
}

/* -- Load ---------------------------------------------------------------- */

/* Pushes a buffer for the header's text and reads the header. [-0, +1] */
static const char *readheader(lua_State *L, idn_transfer *f, idn_npy *h) {
  unsigned char first[IDN_NPY_PRELUDE];
  size_t n = f->filesize < sizeof first ? (size_t)f->filesize : sizeof first;
  h->fault[0] = '\0'; /* none so far */
  const char *fault = idn_readdisk(&f->disk, first, n);
  if (fault) return fault;
  if (!idn_npyprelude(h, first, n, f->filesize)) return h->fault;
  char *text = lua_newuserdata(L, h->textsize + 1);
  size_t head = n - h->textat; /* which has been read already */
  if (head > h->textsize) head = h->textsize;
  memcpy(text, first + h->textat, head);
  fault = idn_readdisk(&f->disk, text + head, h->textsize - head);
  if (fault) return fault;
  return idn_npyheader(h, text) ? NULL : h->fault;
}

const char *idn_loadnpy(lua_State *L, idn_transfer *f, int names) {
  if (!lua_isnil(L, names))
    return "names: a .npy file is one tensor, which has none";
  idn_npy *h = lua_newuserdata(L, sizeof *h);
  const char *fault = readheader(L, f, h);
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
