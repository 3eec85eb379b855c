/* The same elements under other indices: views, and where none can be had,
   copies. */
#include "lib.h"

/* -- Another size -------------------------------------------------------- */

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

/* Puts the extent that is -1 at `arg` right in `size`: the others' product has
   to divide the number of elements. */
static void infer(lua_State *L, const idn_tensor *t, int rank, int64_t *size,
                  int k) {
  size[k] = 1;
  int64_t others = idn_countelements(rank, size);
  if (others > 0 && t->numel % others == 0) {
    size[k] = t->numel / others;
    return;
  }
  size[k] = -1;
  idn_fail(L, 1, "size that divides the %s elements of %s expected, got %s",
           idn_pushnumber(L, (double)t->numel),
           idn_pushsize(L, t->rank, t->dim), idn_pushsize(L, rank, size));
}

/* Reads the size from argument 2 on, in which one extent may be -1. */
static void checknewsize(lua_State *L, const idn_tensor *t, int rank,
                         int64_t *size) {
  int64_t n;
  int unknown = -1;
  for (int k = 0; k < rank && k < IDN_MAXRANK && unknown < 0; k++)
    if (idn_tointeger(L, k + 2, &n) && n == -1) unknown = k;
  if (unknown >= 0) {
    lua_pushnumber(L, 1);
    lua_replace(L, unknown + 2);
  }
  idn_checksize(L, 2, rank, size);
  if (unknown >= 0) infer(L, t, rank, size, unknown);
}

static int reshape(lua_State *L) {
  idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t size[IDN_MAXRANK], stride[IDN_MAXRANK] = {0};
  int rank = lua_gettop(L) - 1;
  checknewsize(L, t, rank, size);
  if (idn_countelements(rank, size) != t->numel)
    idn_fail(L, 1, "size with the %s elements of %s expected, got %s",
             idn_pushnumber(L, (double)t->numel),
             idn_pushsize(L, t->rank, t->dim), idn_pushsize(L, rank, size));
  if (t->numel == 0 || restride(t, rank, size, stride)) {
    idn_newview(L, 1, rank, size, stride, 0);
  } else {
    idn_tensor *made = idn_rawtensor(L, rank, size, IDN_ROW, 1);
    idn_checktensor(L, 1, NULL, 1);
    idn_packstrides(t->rank, t->dim, IDN_ROW, stride);
    idn_array to = {made->data, t->rank, t->dim, stride};
    idn_copyelements(&to, idn_arrayof(t));
  }
  return 1;
}

/* -- Dimensions in another order ----------------------------------------- */

/* Pushes the view of the tensor at 1 whose dimension k is dimension from[k]. */
static int pushpermuted(lua_State *L, const int *from) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t size[IDN_MAXRANK], stride[IDN_MAXRANK];
  for (int k = 0; k < t->rank; k++) {
    size[k] = t->dim[from[k]];
    stride[k] = idn_stride(t)[from[k]];
  }
  idn_newview(L, 1, t->rank, size, stride, 0);
  return 1;
}

/* t:permute(d1, ..., dk): each dimension once. */
static int permute(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int from[IDN_MAXRANK], count = lua_gettop(L) - 1;
  if (count != t->rank)
    idn_fail(L, 1, "%d %s expected, got %d", (int)t->rank,
             t->rank == 1 ? "dimension" : "dimensions", count);
  idn_checkdimensions(L, 2, count, t->rank, from);
  return pushpermuted(L, from);
}

/* t:transpose(d1, d2), or t:transpose() for all dimensions in reverse. */
static int transpose(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int from[IDN_MAXRANK] = {0}, count = lua_gettop(L) - 1;
  if (count != 0 && count != 2)
    idn_fail(L, 1, "two dimensions or none expected, got %d", count);
  for (int k = 0; k < t->rank; k++) from[k] = count == 0 ? t->rank - 1 - k : k;
  if (count == 2) {
    int one = idn_checkdimension(L, 2, t->rank);
    int other = idn_checkdimension(L, 3, t->rank);
    from[one] = other;
    from[other] = one;
  }
  return pushpermuted(L, from);
}

void idn_open_view(lua_State *L) {
  static const luaL_Reg methods[] = {{"reshape", reshape},
                                     {"permute", permute},
                                     {"transpose", transpose},
                                     {NULL, NULL}};
  idn_registerin(L, "methods", methods);
}
