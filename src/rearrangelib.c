/* New tensors of elements in other places: shifted, reversed, joined. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib.h"

/* -- circshift ----------------------------------------------------------- */

/* Whether there is an integer at `arg`; modulo `size` it goes to `shift`. An
   empty dimension has nothing to move. */
static int wrap(lua_State *L, int arg, int64_t size, int64_t *shift) {
  int64_t n, modulus = size > 0 ? size : 1;
  lua_Number s = lua_tonumber(L, arg), most = (lua_Number)modulus;
  if (lua_type(L, arg) != LUA_TNUMBER && !idn_foreignnumber(L, arg, most, &s))
    return 0;
  if (floor(s) != s || s - s != 0) return 0;
  n = idn_getinteger(L, arg, &n) ? n % modulus : (int64_t)fmod(s, most);
  *shift = n < 0 ? n + modulus : n;
  return 1;
}

void idn_checkshift(lua_State *L, int arg, int rank, const int64_t *size,
                    int64_t *shift) {
  static const char *const what = "shift: integer or table of integers";
  int is_table = lua_istable(L, arg);
  int count = is_table ? idn_checklist(L, arg, what) : 1;
  for (int d = 0; d < rank; d++) shift[d] = 0;
  if (count > rank)
    idn_fail(L, 1, "shift: no more than %d integers expected, got %d", rank,
             count);
  for (int d = 0; d < count; d++) {
    if (is_table)
      lua_rawgeti(L, arg, d + 1);
    else
      lua_pushvalue(L, arg);
    if (!wrap(L, -1, size ? size[d] : 0, &shift[d]))
      idn_failgot(L, -1, is_table ? "shift: integers" : what);
    lua_pop(L, 1);
  }
}

/* Copies `src` so that element p comes from p - shift. The dimensions from `d`
   on are still to be cut in the part that does not wrap and the part that does;
   `size`, that of `src`, is the part's so far. */
static void rotate(idn_array *dst, idn_array *src, int64_t *size,
                   const int64_t *shift, int d) {
  while (d < src->rank && shift[d] == 0) d++;
  if (d == src->rank) {
    idn_copyelements(dst, src);
    return;
  }
  float *to = dst->data, *from = src->data;
  int64_t s = shift[d], n = size[d];
  size[d] = n - s;
  dst->data = to + s * dst->stride[d];
  rotate(dst, src, size, shift, d + 1);
  size[d] = s;
  dst->data = to;
  src->data = from + (n - s) * src->stride[d];
  rotate(dst, src, size, shift, d + 1);
  size[d] = n;
  src->data = from;
}

static int circshift(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t shift[IDN_MAXRANK] = {0}, size[IDN_MAXRANK];
  lua_settop(L, 2);
  idn_checkshift(L, 2, t->rank, t->dim, shift);
  idn_tensor *made = idn_newlike(L, 1);
  memcpy(size, t->dim, (size_t)t->rank * sizeof *size);
  idn_array from = {t->data, t->rank, size, idn_stride(t)};
  if (t->numel > 0) rotate(idn_arrayof(made), &from, size, shift, 0);
  return 1;
}

/* -- flip ---------------------------------------------------------------- */

/* Reads from the last element to the first along what is flipped. */
static int flip(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int dims[IDN_MAXRANK], count = lua_gettop(L) - 1;
  int64_t stride[IDN_MAXRANK];
  if (count < 1) idn_fail(L, 1, "dimension expected, got nothing");
  idn_checkdimensions(L, 2, count, t->rank, dims);
  idn_tensor *made = idn_newlike(L, 1);
  idn_array from = *idn_arrayof(t);
  memcpy(stride, from.stride, (size_t)t->rank * sizeof *stride);
  for (int k = 0; k < count && t->numel > 0; k++) {
    from = idn_from(from, dims[k], t->dim[dims[k]] - 1);
    stride[dims[k]] *= -1;
  }
  from.stride = stride;
  idn_copyelements(idn_arrayof(made), &from);
  return 1;
}

/* -- cat ----------------------------------------------------------------- */

/* The k-th tensor to be joined, which has to agree with `size` but in dimension
   `dim`. */
static const idn_tensor *checkpart(lua_State *L, int k, int rank,
                                   const int64_t *size, int dim) {
  char what[32];
  snprintf(what, sizeof what, "tensor %d", k);
  lua_rawgeti(L, 1, k);
  const idn_tensor *t = idn_checktensor(L, lua_gettop(L), what, 1);
  lua_pop(L, 1);
  if (t->rank != rank)
    idn_fail(L, 1, "%s: rank %d expected, got %d", what, rank, (int)t->rank);
  for (int d = 0; d < rank; d++)
    if (d != dim && t->dim[d] != size[d])
      idn_fail(L, 1, "%s: extent %s expected in dimension %d, got %s", what,
               idn_pushnumber(L, (double)size[d]), d + 1,
               idn_pushnumber(L, (double)t->dim[d]));
  return t;
}

/* Reads cat's arguments: the number of tensors, the size of the result and,
   returned, the dimension counted from 0. */
static int catsize(lua_State *L, int *count, int *rank, int64_t *size) {
  *count = lua_istable(L, 1) ? (int)idn_countnumbers(L, 1) : 0;
  if (*count == 0)
    idn_fail(L, 1, "table of tensors expected, got %s",
             lua_istable(L, 1) ? "an empty one" : idn_pushgot(L, 1));
  lua_rawgeti(L, 1, 1);
  const idn_tensor *t = idn_checktensor(L, 3, "tensor 1", 1);
  int dim = idn_checkdimension(L, 2, t->rank);
  *rank = t->rank;
  memcpy(size, t->dim, (size_t)t->rank * sizeof *size);
  size[dim] = 0;
  for (int k = 1; k <= *count; k++) {
    size[dim] += checkpart(L, k, *rank, size, dim)->dim[dim];
    if (size[dim] > IDN_MAXEXTENT)
      idn_fail(L, 1, "size %d: integer in range [0, 2^53] expected, got %s",
               dim + 1, idn_pushnumber(L, (double)size[dim]));
  }
  return dim;
}

/* idinit.cat({t1, ...}, dim). Finalizers can change the table when the result
   is allocated. */
static int cat(lua_State *L) {
  int64_t size[IDN_MAXRANK], at = 0;
  int count, rank;
  lua_settop(L, 2);
  int dim = catsize(L, &count, &rank, size);
  idn_tensor *joined = idn_newtensor(L, rank, size, IDN_ROW, 1);
  for (int k = 1; k <= count; k++) {
    const idn_tensor *t = checkpart(L, k, rank, size, dim);
    if (t->dim[dim] > size[dim] - at)
      idn_fail(L, 1, "the table of tensors has changed meanwhile");
    idn_array to = idn_from(*idn_arrayof(joined), dim, at);
    idn_copyelements(&to, idn_arrayof(t));
    at += t->dim[dim];
  }
  return 1;
}

void idn_open_rearrange(lua_State *L) {
  static const luaL_Reg functions[] = {{"cat", cat}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"circshift", circshift}, {"flip", flip}, {NULL, NULL}};
  idn_register(L, functions);
  idn_registerin(L, "methods", methods);
}
