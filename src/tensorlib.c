/* What works on many elements: fill, copy, compare, shift, reshape, join, and
   the way to and from nested tables. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "loop.h"
#include "tensor.h"

/* -- Loops over strided elements ----------------------------------------- */

/* What a loop does to the elements of its last dimension: returns 0 to stop. */
typedef int visit(float *a, int64_t sa, const float *b, int64_t sb, int64_t n);

static int runloop(const idn_loop *l, float *a, const float *b, visit *f) {
  int64_t at[IDN_MAXRANK] = {0};
  int last = l->rank - 1;
  for (;;) {
    if (!f(a, l->a[last], b, l->b[last], l->size[last])) return 0;
    int d = last - 1;
    for (; d >= 0; d--) {
      a += l->a[d];
      b += l->b[d];
      if (++at[d] < l->size[d]) break;
      a -= l->a[d] * at[d];
      b -= l->b[d] * at[d];
      at[d] = 0;
    }
    if (d < 0) return 1;
  }
}

static int copyrow(float *a, int64_t sa, const float *b, int64_t sb,
                   int64_t n) {
  if (sa == 1 && sb == 1) {
    memcpy(a, b, (size_t)n * sizeof *a);
  } else {
    for (int64_t k = 0; k < n; k++) a[k * sa] = b[k * sb];
  }
  return 1;
}

/* memset and memcpy are several times as fast as a loop that writes floats. */
static void fillrun(float *a, float value, int64_t n) {
  enum { HEAD = 256 };
  if (value == 0 && !signbit(value)) {
    memset(a, 0, (size_t)n * sizeof *a);
    return;
  }
  for (int64_t k = 0; k < n && k < HEAD; k++) a[k] = value;
  for (int64_t k = HEAD; k < n; k += HEAD)
    memcpy(a + k, a, (size_t)(n - k < HEAD ? n - k : HEAD) * sizeof *a);
}

static int fillrow(float *a, int64_t sa, const float *b, int64_t sb,
                   int64_t n) {
  float value = *b;
  (void)sb;
  if (sa == 1) {
    fillrun(a, value, n);
  } else {
    for (int64_t k = 0; k < n; k++) a[k * sa] = value;
  }
  return 1;
}

static int equalrow(float *a, int64_t sa, const float *b, int64_t sb,
                    int64_t n) {
  for (int64_t k = 0; k < n; k++)
    if (!(a[k * sa] == b[k * sb])) return 0;
  return 1;
}

/* A part of two buffers, given by its size and where it starts in each. */
static void copypart(int rank, const int64_t *size, float *a, const int64_t *sa,
                     const float *b, const int64_t *sb) {
  idn_loop l;
  for (int d = 0; d < rank; d++)
    if (size[d] == 0) return;
  idn_makeloop(&l, rank, size, sa, sb);
  runloop(&l, a, b, copyrow);
}

/* dst = src, unless one of them has been finalized since: what allocates can
   run any script's finalizers. */
static void copyall(idn_tensor *dst, const idn_tensor *src) {
  if (!dst->data || !src->data) return;
  copypart(dst->rank, dst->dim, dst->data, idn_stride(dst), src->data,
           idn_stride(src));
}

void idn_fill(idn_tensor *t, float value) {
  static const int64_t still[IDN_MAXRANK];
  idn_loop l;
  if (t->numel == 0) return;
  idn_makeloop(&l, t->rank, t->dim, idn_stride(t), still);
  runloop(&l, t->data, &value, fillrow);
}

/* -- Sizes --------------------------------------------------------------- */

static int samesize(const idn_tensor *t, const idn_tensor *u) {
  return t->rank == u->rank &&
         memcmp(t->dim, u->dim, (size_t)t->rank * sizeof *t->dim) == 0;
}

int idn_ispacked(const idn_tensor *t, int order) {
  int64_t step = 1;
  for (int k = 0; k < t->rank && t->numel > 0; k++) {
    int d = order == IDN_ROW ? t->rank - 1 - k : k;
    if (t->dim[d] != 1 && idn_stride(t)[d] != step) return 0;
    step *= t->dim[d];
  }
  return 1;
}

/* The first byte behind the last element: with `data`, the span that a tensor
   touches. Strides are never negative. */
static const float *spanend(const idn_tensor *t) {
  int64_t last = 0;
  if (t->numel == 0) return t->data;
  for (int d = 0; d < t->rank; d++) last += (t->dim[d] - 1) * idn_stride(t)[d];
  return t->data + last + 1;
}

static int overlap(const idn_tensor *t, const idn_tensor *u) {
  return t->data < spanend(u) && u->data < spanend(t);
}

/* -- Nested tables ------------------------------------------------------- */

/* A walk over nested tables beside a tensor's elements; `at` is the path to
   the current table, `raiser` the level that is to blame. */
typedef struct nest {
  lua_State *L;
  int rank, level;
  const int64_t *size, *stride;
  int64_t at[IDN_MAXRANK];
} nest;

/* Raises what stands at the path instead of a number, or of a table of `count`
   values. */
static int badnest(nest *n, int depth, int64_t count) {
  lua_State *L = n->L;
  int got = lua_gettop(L);
  luaL_Buffer path;
  luaL_buffinit(L, &path);
  if (depth == 0) luaL_addstring(&path, "value");
  for (int d = 0; d < depth; d++) {
    char text[32];
    snprintf(text, sizeof text, "[%lld]", (long long)n->at[d]);
    luaL_addstring(&path, text);
  }
  luaL_pushresult(&path);
  const char *where = lua_tostring(L, -1);
  if (count < 0)
    return idn_fail(L, n->level, "%s: number expected, got %s", where,
                    idn_pushgot(L, got));
  const char *wanted = idn_pushnumber(L, (double)count);
  if (!lua_istable(L, got))
    return idn_fail(L, n->level, "%s: table of %s expected, got %s", where,
                    wanted, idn_pushgot(L, got));
  return idn_fail(L, n->level, "%s: table of %s expected, got one of %s", where,
                  wanted, idn_pushnumber(L, (double)idn_countnumbers(L, got)));
}

/* Raises where nested tables would be too long for a Lua or, where they hold
   nothing that could bound them, too many. */
static void checknest(lua_State *L, int rank, const int64_t *size, int level) {
  int is_empty = idn_countelements(rank, size) == 0;
  int64_t most = IDN_MAXLIST;
  for (int d = 0; d < rank && size[d] > 0; d++) {
    if (size[d] > most)
      idn_fail(L, level, "tables of size %s are too large",
               idn_pushsize(L, rank, size));
    if (is_empty) most /= size[d];
  }
}

/* Reads the value at the top, `depth` tables deep; writes where `data` is not
   NULL, else only raises what is wrong, as a nil in a hole is. */
static void readnest(nest *n, int depth, float *data) {
  lua_State *L = n->L;
  if (depth == n->rank) {
    if (lua_type(L, -1) != LUA_TNUMBER) badnest(n, depth, -1);
    if (data) *data = idn_tofloat(L, -1);
    return;
  }
  int64_t count = n->size[depth];
  if (!lua_istable(L, -1) ||
      (!data && idn_countnumbers(L, lua_gettop(L)) != count))
    badnest(n, depth, count);
  for (int64_t i = 1; i <= count; i++) {
    n->at[depth] = i;
    lua_rawgeti(L, -1, (int)i);
    readnest(n, depth + 1, data ? data + (i - 1) * n->stride[depth] : NULL);
    lua_pop(L, 1);
  }
}

/* dst = the nested tables at `arg`. */
static void assignnest(lua_State *L, idn_tensor *dst, int arg, int level) {
  nest n = {.L = L, .rank = dst->rank, .level = level};
  n.size = idn_size(dst);
  n.stride = idn_stride(dst);
  checknest(L, n.rank, n.size, level);
  luaL_checkstack(L, dst->rank + 40, "tables nested too deep");
  lua_pushvalue(L, arg);
  readnest(&n, 0, NULL);
  readnest(&n, 0, dst->data);
  lua_pop(L, 1);
}

void idn_assign(lua_State *L, idn_tensor *dst, int arg, int level) {
  if (lua_type(L, arg) == LUA_TNUMBER) {
    idn_fill(dst, idn_tofloat(L, arg));
    return;
  }
  if (lua_istable(L, arg)) {
    assignnest(L, dst, arg, level);
    return;
  }
  const idn_tensor *src = idn_totensor(L, arg);
  if (!src)
    idn_fail(L, level, "number, tensor or nested tables expected, got %s",
             idn_pushgot(L, arg));
  if (!samesize(dst, src)) {
    const char *expected = idn_pushsize(L, dst->rank, dst->dim);
    idn_fail(L, level, "tensor of size %s expected, got size %s", expected,
             idn_pushsize(L, src->rank, src->dim));
  }
  if (overlap(dst, src)) {
    idn_tensor *copy = idn_newtensor(L, src->rank, src->dim, src->order, level);
    copyall(copy, src);
    copyall(dst, copy);
    lua_pop(L, 1);
  } else {
    copyall(dst, src);
  }
}

/* idinit.tensor(nested): the first elements tell the size. */
static int tensor(lua_State *L) {
  int64_t size[IDN_MAXRANK];
  int rank = 0;
  if (lua_isnone(L, 1))
    idn_fail(L, 1, "number or nested tables expected, got nothing");
  luaL_checkstack(L, IDN_MAXRANK + 40, "tables nested too deep");
  lua_pushvalue(L, 1);
  while (lua_istable(L, -1)) {
    if (rank == IDN_MAXRANK)
      idn_fail(L, 1, "tables nested no deeper than %d expected", IDN_MAXRANK);
    size[rank++] = idn_countnumbers(L, lua_gettop(L));
    lua_rawgeti(L, -1, 1);
    if (size[rank - 1] == 0) break;
  }
  lua_settop(L, 1);
  checknest(L, rank, size, 1);
  nest n = {.L = L, .rank = rank, .level = 1, .size = size};
  readnest(&n, 0, NULL);
  idn_tensor *t = idn_newtensor(L, rank, size, IDN_ROW, 1);
  n.stride = idn_stride(t);
  lua_pushvalue(L, 1);
  readnest(&n, 0, t->data);
  lua_pop(L, 1);
  return 1;
}

static void pushnest(lua_State *L, const idn_tensor *t, int depth,
                     const float *data) {
  if (depth == t->rank) {
    lua_pushnumber(L, *data);
    return;
  }
  lua_createtable(L, (int)t->dim[depth], 0);
  for (int64_t i = 0; i < t->dim[depth]; i++) { /* 0 once finalized */
    pushnest(L, t, depth + 1, data + i * idn_stride(t)[depth]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static int totable(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  checknest(L, t->rank, t->dim, 1);
  luaL_checkstack(L, t->rank + 2, "too many dimensions");
  pushnest(L, t, 0, t->data);
  idn_checktensor(L, 1, NULL, 1); /* finalized meanwhile, it is not whole */
  return 1;
}

/* -- Methods ------------------------------------------------------------- */

static int fill(lua_State *L) {
  idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (lua_type(L, 2) != LUA_TNUMBER)
    idn_fail(L, 1, "value: number expected, got %s", idn_pushgot(L, 2));
  idn_fill(t, idn_tofloat(L, 2));
  lua_settop(L, 1);
  return 1;
}

static int copy(lua_State *L) {
  idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (lua_type(L, 2) == LUA_TNUMBER)
    idn_fail(L, 1, "source: tensor or nested tables expected, got %s",
             idn_pushgot(L, 2));
  lua_settop(L, 2);
  idn_assign(L, t, 2, 1);
  lua_settop(L, 1);
  return 1;
}

/* t == u. Lua calls it for two userdata of which one is a tensor. */
static int equal(lua_State *L) {
  const idn_tensor *t = idn_totensor(L, 1), *u = idn_totensor(L, 2);
  if (!t && !u) idn_checktensor(L, 1, NULL, 1);
  int same = t && u && samesize(t, u);
  if (same && t->numel > 0) {
    idn_loop l;
    idn_makeloop(&l, t->rank, t->dim, idn_stride(t), idn_stride(u));
    same = runloop(&l, (float *)t->data, u->data, equalrow);
  }
  lua_pushboolean(L, same);
  return 1;
}

static int clone(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  copyall(idn_newtensor(L, t->rank, t->dim, t->order, 1), t);
  return 1;
}

static int contiguous(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  if (!idn_ispacked(t, t->order)) return clone(L);
  lua_settop(L, 1);
  return 1;
}

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
    idn_newview(L, 1, rank, size, stride, t->data);
  } else {
    idn_tensor *u = idn_newtensor(L, rank, size, IDN_ROW, 1);
    idn_packstrides(t->rank, t->dim, IDN_ROW, stride);
    copypart(t->rank, t->dim, u->data, stride, t->data, idn_stride(t));
  }
  return 1;
}

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
    copypart(d, part, dst->data + to, idn_stride(dst), src->data + from,
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
  idn_tensor *shifted = idn_newtensor(L, t->rank, t->dim, t->order, 1);
  if (t->numel > 0) rotate(shifted, t, shift, 0, part, 0, 0);
  return 1;
}

/* -- Functions ----------------------------------------------------------- */

/* zeros(n1, ..., nk [, keywords]): it serves as an initialiser, so the keywords
   of one may stand last, and mean nothing. */
static int zeros(lua_State *L) {
  int64_t size[IDN_MAXRANK];
  int rank = lua_gettop(L);
  if (rank > 1 && lua_istable(L, rank)) rank--;
  idn_checksize(L, 1, rank, size, 1);
  idn_newtensor(L, rank, size, IDN_ROW, 1);
  return 1;
}

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
  int64_t dim;
  *count = lua_istable(L, 1) ? (int)idn_countnumbers(L, 1) : 0;
  if (*count == 0)
    idn_fail(L, 1, "table of tensors expected, got %s",
             lua_istable(L, 1) ? "an empty one" : idn_pushgot(L, 1));
  lua_rawgeti(L, 1, 1);
  const idn_tensor *t = idn_checktensor(L, 3, "tensor 1", 1);
  if (!idn_tointeger(L, 2, &dim))
    idn_fail(L, 1, "dimension: integer expected, got %s", idn_pushgot(L, 2));
  if (dim < 1 || dim > t->rank)
    idn_fail(L, 1, "dimension %s out of range [1, %d]", idn_pushgot(L, 2),
             (int)t->rank);
  *rank = t->rank;
  memcpy(size, t->dim, (size_t)t->rank * sizeof *size);
  lua_pop(L, 1);
  return (int)dim - 1;
}

/* idinit.cat({t1, ...}, dim) */
static int cat(lua_State *L) {
  int64_t size[IDN_MAXRANK];
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
  int64_t step = idn_stride(joined)[dim], at = 0;
  for (int k = 1; k <= count; k++) {
    lua_rawgeti(L, 1, k);
    int64_t extent = checkpart(L, k, rank, size, dim);
    if (extent > size[dim] - at) break; /* a finalizer changed the table */
    const idn_tensor *t = lua_touserdata(L, -1);
    copypart(rank, t->dim, joined->data + at * step, idn_stride(joined),
             t->data, idn_stride(t));
    at += extent;
    lua_pop(L, 1);
  }
  lua_settop(L, 3);
  return 1;
}

static const luaL_Reg methods[] = {
    {"fill", fill},       {"copy", copy},
    {"clone", clone},     {"contiguous", contiguous},
    {"reshape", reshape}, {"circshift", circshift},
    {"totable", totable}, {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"tensor", tensor},
    {"zeros", zeros},
    {"cat", cat},
    {NULL, NULL},
};

void idn_open_elements(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__eq", equal}, {NULL, NULL}};
  idn_register(L, functions);
  lua_getfield(L, -1, "methods");
  idn_register(L, methods);
  lua_getfield(L, -2, "metatable");
  idn_register(L, metamethods);
  lua_pop(L, 2);
}
