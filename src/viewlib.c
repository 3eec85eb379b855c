/* The same elements under other indices: views, and where none can be had,
   copies. */
#include "lib.h"

/* Strides for `size` on the elements of `t` in row-major index order, if some
   can be had. Dimensions of t that step alike are one run; each run must be
   the product of some of the new extents. */
static int restride(const idn_tensor *t, int rank, const int64_t *size,
                    int64_t *stride) {
  int d = t->rank - 1, k = rank - 1;
  while (d >= 0) {
    int64_t run = t->dim[d], step = idn_stride(t)[d--];
    if (run == 1) continue;
    while (d >= 0 && (t->dim[d] == 1 || idn_stride(t)[d] == step * run))
      run *= t->dim[d--];
    for (; run > 1 && k >= 0; k--) {
      if (run % size[k] != 0) return 0;
      stride[k] = step;
      step *= size[k];
      run /= size[k];
    }
    if (run > 1) return 0;
  }
  for (; k >= 0; k--) stride[k] = 1;
  return 1;
}

static int reshape(lua_State *L) {
  idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t size[IDN_MAXRANK], stride[IDN_MAXRANK] = {0};
  int rank = lua_gettop(L) - 1;
  idn_checksize(L, 2, rank, size, 1);
  int64_t numel = idn_countelements(rank, size);
  if (numel != t->numel) {
    const char *from = idn_pushsize(L, t->rank, t->dim);
    idn_fail(L, 1, "size with the %s elements of %s expected, got %s",
             idn_pushnumber(L, (double)t->numel), from,
             idn_pushsize(L, rank, size));
  }
  if (t->numel == 0 || restride(t, rank, size, stride)) {
    idn_newview(L, 1, rank, size, stride, 0);
  } else {
    idn_tensor *made = idn_rawtensor(L, rank, size, IDN_ROW, 1);
    idn_checktensor(L, 1, NULL, 1);
    idn_packstrides(t->rank, t->dim, IDN_ROW, stride);
    idn_copyelements(t->rank, t->dim, made->data, stride, t->data,
                     idn_stride(t));
  }
  return 1;
}

void idn_open_view(lua_State *L) {
  static const luaL_Reg methods[] = {{"reshape", reshape}, {NULL, NULL}};
  idn_registerin(L, "methods", methods);
}
