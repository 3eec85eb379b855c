/* New tensors of elements in other places: shifted, reversed, joined. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib.h"

/* -- circshift ----------------------------------------------------------- */

/* The integer at `arg` modulo `size`; `ok` is 0 if there is none. An empty
   dimension has nothing to move. */
static int64_t wrap(lua_State *L, int arg, int64_t size, int *ok) {
  int64_t n;
  lua_Number s = lua_tonumber(L, arg);
  int is_number = lua_type(L, arg) == LUA_TNUMBER ||
                  (idn_iscdata(L, arg) &&
                   idn_foreignnumber(L, arg, size > 0 ? (double)size : 1, &s));
  *ok = is_number && floor(s) == s && s - s == 0;
  if (!*ok || size == 0) return 0;
  n = idn_getinteger(L, arg, &n) ? n % size : (int64_t)fmod(s, (double)size);
  return n < 0 ? n + size : n;
}

void idn_checkshift(lua_State *L, int arg, int rank, const int64_t *size,
                    int64_t *shift, int level) {
  int ok;
  int is_table = lua_istable(L, arg);
  int count = is_table ? idn_listlength(L, arg) : 1;
  for (int d = 0; d < rank; d++) shift[d] = 0;
  if (count < 0)
    idn_fail(L, level,
             "shift: integer or table of integers expected, got a "
             "table that is no list");
  if (count > rank)
    idn_fail(L, level, "shift: no more than %d integers expected, got %d", rank,
             count);
  for (int d = 0; d < count; d++) {
    if (is_table)
      lua_rawgeti(L, arg, d + 1);
    else
      lua_pushvalue(L, arg);
    shift[d] = wrap(L, -1, size ? size[d] : 0, &ok);
    if (!ok)
      idn_fail(L, level, "shift: integer%s expected, got %s",
               is_table ? "s" : " or table of integers", idn_pushgot(L, -1));
    lua_pop(L, 1);
  }
}

/* Copies src so that element p comes from p - shift. The dimensions from `d`
   on are still to be cut in the part that wraps and the part that does not;
   `part` is the size so far. */
static void rotate(idn_tensor *dst, const idn_tensor *src, const int64_t *shift,
                   int d, int64_t *part, int64_t to, int64_t from) {
  for (; d < dst->rank && shift[d] == 0; d++) part[d] = dst->dim[d];
  if (d == dst->rank) {
    idn_copyelements(d, part, dst->data + to, idn_stride(dst), src->data + from,
                     idn_stride(src));
    return;
  }
  int64_t s = shift[d], n = dst->dim[d];
  part[d] = n - s;
  rotate(dst, src, shift, d + 1, part, to + s * idn_stride(dst)[d], from);
  part[d] = s;
  rotate(dst, src, shift, d + 1, part, to, from + (n - s) * idn_stride(src)[d]);
}

static int circshift(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t shift[IDN_MAXRANK] = {0}, part[IDN_MAXRANK];
  lua_settop(L, 2);
  idn_checkshift(L, 2, t->rank, t->dim, shift, 1);
  idn_tensor *shifted = idn_rawtensor(L, t->rank, t->dim, idn_newsorder(t), 1);
  idn_checktensor(L, 1, NULL, 1);
  if (t->numel > 0) rotate(shifted, t, shift, 0, part, 0, 0);
  return 1;
}

/* -- flip ---------------------------------------------------------------- */

/* Reads the dimensions from argument 2 on, each of them once. */
static void checkflip(lua_State *L, int rank, int *flipped) {
  int top = lua_gettop(L);
  if (top < 2) idn_fail(L, 1, "dimension expected, got nothing");
  for (int arg = 2; arg <= top; arg++) {
    int d = idn_checkdimension(L, arg, rank, 1);
    if (flipped[d]) idn_fail(L, 1, "dimension %d is given twice", d + 1);
    flipped[d] = 1;
  }
}

/* Reads from the last element to the first along what is flipped. */
static int flip(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int flipped[IDN_MAXRANK] = {0};
  int64_t back[IDN_MAXRANK], last = 0;
  checkflip(L, t->rank, flipped);
  idn_tensor *made = idn_rawtensor(L, t->rank, t->dim, idn_newsorder(t), 1);
  idn_checktensor(L, 1, NULL, 1);
  for (int d = 0; d < t->rank; d++) {
    back[d] = flipped[d] ? -idn_stride(t)[d] : idn_stride(t)[d];
    if (flipped[d]) last += (t->dim[d] - 1) * idn_stride(t)[d];
  }
  if (t->numel > 0)
    idn_copyelements(t->rank, t->dim, made->data, idn_stride(made),
                     t->data + last, back);
  return 1;
}

/* -- cat ----------------------------------------------------------------- */

/* Raises unless the tensor at the top, the k-th to be joined, agrees with
   `size` but in dimension `dim`. Returns its extent there. */
static int64_t checkpart(lua_State *L, int k, int rank, const int64_t *size,
                         int dim) {
  char what[32];
  snprintf(what, sizeof what, "tensor %d", k);
  const idn_tensor *t = idn_checktensor(L, lua_gettop(L), what, 1);
  if (t->rank != rank)
    idn_fail(L, 1, "%s: rank %d expected, got %d", what, rank, (int)t->rank);
  for (int d = 0; d < rank; d++)
    if (d != dim && t->dim[d] != size[d])
      idn_fail(L, 1, "%s: extent %s expected in dimension %d, got %s", what,
               idn_pushnumber(L, (double)size[d]), d + 1,
               idn_pushnumber(L, (double)t->dim[d]));
  return t->dim[dim];
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
  int dim = idn_checkdimension(L, 2, t->rank, 1);
  *rank = t->rank;
  memcpy(size, t->dim, (size_t)t->rank * sizeof *size);
  lua_pop(L, 1);
  return dim;
}

/* Copies the k-th tensor, the one at the top, to the place `at` along `dim` of
   the joined one. Returns its extent. */
static int64_t join(lua_State *L, idn_tensor *joined, int k, int dim,
                    int64_t at) {
  int64_t extent = checkpart(L, k, joined->rank, joined->dim, dim);
  const idn_tensor *t = lua_touserdata(L, -1);
  if (extent > joined->dim[dim] - at)
    idn_fail(L, 1, "the table of tensors has changed meanwhile");
  idn_copyelements(t->rank, t->dim, joined->data + at * idn_stride(joined)[dim],
                   idn_stride(joined), t->data, idn_stride(t));
  return extent;
}

/* idinit.cat({t1, ...}, dim). Finalizers can change the table when the result
   is allocated. */
static int cat(lua_State *L) {
  int64_t size[IDN_MAXRANK], at = 0;
  int count, rank;
  lua_settop(L, 2);
  int dim = catsize(L, &count, &rank, size);
  size[dim] = 0;
  for (int k = 1; k <= count; k++) {
    lua_rawgeti(L, 1, k);
    size[dim] += checkpart(L, k, rank, size, dim);
    if (size[dim] > IDN_MAXEXTENT)
      idn_fail(L, 1, "size %d: integer in range [0, 2^53] expected, got %s",
               dim + 1, idn_pushnumber(L, (double)size[dim]));
    lua_pop(L, 1);
  }
  idn_tensor *joined = idn_newtensor(L, rank, size, IDN_ROW, 1);
  for (int k = 1; k <= count; k++) {
    lua_rawgeti(L, 1, k);
    at += join(L, joined, k, dim, at);
    lua_pop(L, 1);
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
