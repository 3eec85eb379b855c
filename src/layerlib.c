/* Layers between Lua and layer.c. A layer is a userdata that is made once, from
   settings that are checked then; a call checks what can have changed since:
   weight, bias and data. lua/idinit/layers calls these from functions that the
   script calls, so the script to blame stands at level 2. */
#include <string.h>

#include "forward.h"
#include "lib.h"

#define BLAME 2

typedef struct layer {
  uintptr_t tag; /* tagof(this) */
  idn_layer it;
  char label[]; /* what errors begin with */
} layer;

static uintptr_t tagof(const void *p) {
  static const char mark; /* only its address counts */
  return (uintptr_t)&mark ^ (uintptr_t)p;
}

static const layer *checklayer(lua_State *L, int arg) {
  const layer *l = lua_touserdata(L, arg);
  if (!l || lua_rawlen(L, arg) < sizeof *l || l->tag != tagof(l))
    idn_fail(L, BLAME, "layer expected, got %s", idn_pushgot(L, arg));
  return l;
}

/* A number as text for errors. [-0, +1] */
static const char *text(lua_State *L, int64_t n) {
  return idn_pushnumber(L, (double)n);
}

/* -- Making a layer ------------------------------------------------------ */

static void pushlist(lua_State *L, int64_t count, const int64_t *list) {
  lua_createtable(L, (int)count, 0);
  for (int64_t k = 0; k < count; k++) {
    idn_pushinteger(L, list[k]);
    lua_rawseti(L, -2, (int)k + 1);
  }
}

/* layer(label, kind, settings, same): a layer, the size of its weight, its
   padding, and whether it is transposed. Settings list nin, nout, groups, and
   for each axis kernel, stride, dilation, low, high and outpad; the padding may
   be "same" instead. Nothing, if that is past all numbers. */
static int makelayer(lua_State *L) {
  enum { HEAD = 3, EACH = sizeof(idn_axis) / sizeof(int64_t) };
  int64_t n[HEAD + EACH * IDN_MAXAXES] = {0}, size[IDN_MAXRANK];
  lua_settop(L, 4);
  const char *label = luaL_checkstring(L, 1), *kind = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  size_t count = lua_rawlen(L, 3), length = strlen(label) + 1;
  luaL_argcheck(L, count <= sizeof n / sizeof *n, 3, "too many settings");
  for (size_t k = 0; k < count; k++) {
    lua_rawgeti(L, 3, (int)k + 1);
    luaL_argcheck(L, idn_tointeger(L, 5, &n[k]), 3, "integers expected");
    lua_settop(L, 4);
  }
  layer *l = lua_newuserdata(L, sizeof *l + length);
  memset(l, 0, sizeof *l);
  memcpy(l->label, label, length);
  l->it.kind = idn_findkind(kind);
  l->it.axes = (int)(count / EACH);
  l->it.nin = n[0], l->it.nout = n[1], l->it.groups = n[2];
  memcpy(l->it.axis, n + HEAD, sizeof l->it.axis);
  luaL_argcheck(L, idn_islayer(&l->it), 3, "no layer");
  l->tag = tagof(l);
  if (lua_toboolean(L, 4) && !idn_padsame(&l->it)) return 0;
  pushlist(L, idn_weightsize(&l->it, size), size);
  for (int d = 0; d < l->it.axes; d++) {
    n[2 * d] = l->it.axis[d].low;
    n[2 * d + 1] = l->it.axis[d].high;
  }
  pushlist(L, 2 * l->it.axes, n);
  lua_pushboolean(L, l->it.kind->transposed);
  return 4;
}

/* integer(value): the integer that a value is, or nothing. */
static int integer(lua_State *L) {
  int64_t n;
  lua_settop(L, 1);
  if (!idn_tointeger(L, 1, &n)) return 0;
  idn_pushinteger(L, n);
  return 1;
}

/* -- Weight and bias ----------------------------------------------------- */

/* A layer at work on the arguments of a call. */
typedef struct call {
  lua_State *L;
  const char *label;
  idn_pass pass;
  int rank; /* of the result */
  int64_t size[IDN_MAXRANK + 1];
  int64_t done; /* columns that have been looked up */
} call;

/* Raises unless the tensor at `arg` has the size. */
static const idn_tensor *checkpart(const call *c, int arg, const char *what,
                                   int rank, const int64_t *size) {
  lua_State *L = c->L;
  const idn_tensor *t = idn_checktensor(L, arg, what, BLAME);
  if (!idn_hassize(t, rank, size))
    idn_fail(L, BLAME, "%s expects a %s of size %s, got size %s", c->label,
             what, idn_pushsize(L, rank, size),
             idn_pushsize(L, t->rank, t->dim));
  return t;
}

/* Reads a layer and its weight from two arguments. */
static const idn_tensor *readcall(call *c, lua_State *L, int self, int weight) {
  int64_t size[IDN_MAXRANK];
  const layer *l = checklayer(L, self);
  c->L = L;
  c->label = l->label;
  c->pass.layer = &l->it;
  c->done = 0;
  const idn_tensor *w =
      checkpart(c, weight, "weight", idn_weightsize(&l->it, size), size);
  idn_viewweight(&l->it, w->data, idn_stride(w), &c->pass.weight);
  return w;
}

/* What allocates can run a script's finalizers, and those of tensors too. */
static void recheck(const call *c, int arg) {
  if (!idn_totensor(c->L, arg))
    idn_fail(c->L, BLAME, "%s: a tensor has been finalized", c->label);
}

/* -- Data ---------------------------------------------------------------- */

static void checkrank(const call *c, const idn_tensor *x) {
  int m = c->pass.layer->axes;
  if (m == 0 && x->rank == 0)
    idn_fail(c->L, BLAME, "%s expects data of 1 dimension or more, got 0",
             c->label);
  if (m > 0 && x->rank != m + 2)
    idn_fail(c->L, BLAME,
             "%s expects data of %d dimensions (%d spatial, channels, batch), "
             "got %d",
             c->label, m + 2, m, (int)x->rank);
}

static void checkchannels(const call *c, const idn_tensor *x) {
  int m = c->pass.layer->axes;
  if (x->dim[m] == c->pass.layer->nin) return;
  idn_fail(c->L, BLAME, "%s expects %s %s in dimension %d, got %s", c->label,
           text(c->L, c->pass.layer->nin), m == 0 ? "inputs" : "channels",
           m + 1, text(c->L, x->dim[m]));
}

static void checkextent(const call *c, int d, int64_t in) {
  lua_State *L = c->L;
  const idn_axis *a = &c->pass.layer->axis[d];
  int64_t least = idn_leastextent(c->pass.layer, d);
  if (in < least)
    idn_fail(L, BLAME,
             "%s expects an extent of %s or more in dimension %d (kernel %s, "
             "padding %s + %s), got %s",
             c->label, text(L, least), d + 1, text(L, a->kernel),
             text(L, a->low), text(L, a->high), text(L, in));
  if (idn_outextent(c->pass.layer, d, in) > IDN_MAXEXTENT)
    idn_fail(L, BLAME, "%s makes more than 2^53 outputs in dimension %d",
             c->label, d + 1);
}

/* The size of the result from that of the data. */
static void measure(call *c, const idn_tensor *x) {
  const idn_layer *l = c->pass.layer;
  checkrank(c, x);
  checkchannels(c, x);
  c->rank = x->rank;
  memcpy(c->size, x->dim, (size_t)x->rank * sizeof *x->dim);
  c->size[l->axes] = l->nout;
  c->pass.batch = x->numel > 0;
  for (int d = l->axes + 1; d < x->rank; d++) c->pass.batch *= x->dim[d];
  for (int d = 0; d < l->axes; d++) {
    checkextent(c, d, x->dim[d]);
    c->pass.in[d] = x->dim[d];
    c->size[d] = c->pass.out[d] = idn_outextent(l, d, x->dim[d]);
  }
  if (idn_countelements(c->rank, c->size) < 0)
    idn_fail(c->L, BLAME, "%s makes more than memory can hold: size %s",
             c->label, idn_pushsize(c->L, c->rank, c->size));
}

/* Replaces the tensor at `arg` by one in row order, if it is not. */
static void torow(const call *c, int arg) {
  const idn_tensor *x = lua_touserdata(c->L, arg);
  if (idn_order(x) == IDN_ROW) return;
  idn_tensor *row = idn_rawtensor(c->L, x->rank, x->dim, IDN_ROW, BLAME);
  recheck(c, arg);
  idn_copy(row, x);
  lua_replace(c->L, arg);
}

/* Pushes a tensor for the result. */
static idn_tensor *pushresult(const call *c) {
  idn_tensor *y = idn_newtensor(c->L, c->rank, c->size, IDN_ROW, 0);
  if (!y)
    idn_fail(c->L, BLAME, "%s: %s", c->label,
             idn_pushnomemory(c->L, c->rank, c->size));
  return y;
}

/* Puts the product of the data at 2 and the weight at 3, and the bias at 4 if
   there is one, on the top. */
static int multiply(call *c, int relu) {
  lua_State *L = c->L;
  const idn_layer *l = c->pass.layer;
  const idn_tensor *bias = NULL;
  if (lua_toboolean(L, 4)) bias = checkpart(c, 4, "bias", 1, &l->nout);
  if (!idn_totensor(L, 2))
    idn_fail(L, BLAME, "%s expects a tensor or nested tables, got %s", c->label,
             idn_pushgot(L, 2));
  measure(c, lua_touserdata(L, 2));
  torow(c, 2);
  idn_tensor *y = pushresult(c);
  recheck(c, 2);
  recheck(c, 3);
  if (bias) recheck(c, 4);
  if (c->pass.batch == 0) return 1; /* no data, no results */
  const idn_tensor *x = lua_touserdata(L, 2);
  if (!idn_forward(&c->pass, x->data, y->data))
    idn_fail(L, BLAME, "%s: not enough memory to work in", c->label);
  if (bias)
    idn_addbias(y->data, bias->data, *idn_stride(bias),
                y->numel / (l->nout * c->pass.batch), l->nout, c->pass.batch);
  if (relu) idn_relu(y->data, y->numel);
  return 1;
}

/* -- Data that are indices ----------------------------------------------- */

enum { RESULT = 6 }; /* where the result of a lookup stands */

/* Fills the next column of the result with that of the weight which the index
   at the top names. */
static void copycolumn(void *state) {
  call *c = state;
  lua_State *L = c->L;
  int64_t index, count = c->pass.layer->nin;
  if (!idn_tointeger(L, -1, &index) || index < 1 || index > count) {
    const char *got = idn_pushgot(L, lua_gettop(L));
    idn_fail(L, BLAME,
             "%s expects indices in range [1, %s], got %s at position %s",
             c->label, text(L, count), got, text(L, c->done + 1));
  }
  if (idn_iscdata(L, -1)) { /* Lua code has read it */
    recheck(c, 3);
    recheck(c, RESULT);
  }
  const idn_weight *w = &c->pass.weight;
  const idn_tensor *y = lua_touserdata(L, RESULT);
  const float *from = w->data + (index - 1) * w->in;
  float *to = y->data + c->done++;
  for (int64_t o = 0; o < y->dim[0]; o++)
    to[o * *idn_stride(y)] = from[o * w->out];
}

/* Puts columns of the weight at 3 on the top, for the indices at 2: a number,
   nested tables or a tensor. */
static int lookup(call *c) {
  lua_State *L = c->L;
  idn_nest n = {
      L, c->label, BLAME, .size = c->size + 1, .visit = copycolumn, .state = c};
  const idn_tensor *x = idn_totensor(L, 2);
  if (x) {
    torow(c, 2);
    x = lua_touserdata(L, 2);
    n.rank = x->rank;
    memcpy(n.size, x->dim, (size_t)x->rank * sizeof *x->dim);
  } else {
    idn_measurenest(&n, 2);
  }
  c->rank = n.rank + 1;
  if (c->rank > IDN_MAXRANK)
    idn_fail(L, BLAME, "%s expects indices of less than %d dimensions",
             c->label, IDN_MAXRANK);
  c->size[0] = c->pass.layer->nout;
  pushresult(c);
  recheck(c, 3);
  if (x)
    recheck(c, 2);
  else
    idn_walknest(&n, 2, NULL);
  for (; x && c->done < x->numel; lua_pop(L, 1)) {
    lua_pushnumber(L, x->data[c->done]);
    copycolumn(c);
  }
  return 1;
}

/* forward(layer, data, weight, bias or false, relu): the result. */
static int forward(lua_State *L) {
  call c;
  lua_settop(L, RESULT - 1);
  readcall(&c, L, 1, 3);
  if (c.pass.layer->kind->lookup) return lookup(&c);
  if (lua_istable(L, 2)) {
    idn_newnested(L, 2, c.label, BLAME);
    lua_replace(L, 2);
  }
  return multiply(&c, lua_toboolean(L, 5));
}

/* map(layer, tensor, f): replaces each element by what f makes of it. */
static int map(lua_State *L) {
  lua_settop(L, 3);
  const char *label = checklayer(L, 1)->label;
  idn_tensor *t = idn_checktensor(L, 2, "data", BLAME);
  if (idn_order(t) == IDN_GAPS)
    idn_fail(L, BLAME, "data: contiguous tensor expected");
  for (int64_t k = 0; k < t->numel; k++) { /* none once finalized */
    lua_pushvalue(L, 3);
    lua_pushnumber(L, t->data[k]);
    lua_call(L, 1, 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      idn_fail(L, BLAME, "%s: activation: number expected, got %s", label,
               idn_pushgot(L, -1));
    if (k < t->numel) t->data[k] = idn_tofloat(L, -1);
    lua_pop(L, 1);
  }
  lua_settop(L, 2);
  return 1;
}

/* -- For the proof ------------------------------------------------------- */

static int64_t checkrange(lua_State *L, int arg, const char *what,
                          int64_t most) {
  int64_t n;
  if (!idn_tointeger(L, arg, &n) || n < 1 || n > most)
    idn_fail(L, BLAME, "%s: integer in range [1, %s] expected, got %s", what,
             text(L, most), idn_pushgot(L, arg));
  return n;
}

/* axis(layer, d, n, k): of axis d, the least extent of n or more that gives any
   output, and which it gives; the kernel position of offset 0, or the last
   before it, and whether it is that; and the padding at both ends that gives
   position k the offset 0. */
static int axis(lua_State *L) {
  int64_t zero, low, high;
  lua_settop(L, 4);
  const idn_layer *l = &checklayer(L, 1)->it;
  int d = (int)checkrange(L, 2, "axis", l->axes) - 1;
  int64_t n = checkrange(L, 3, "extent", IDN_MAXEXTENT);
  int64_t k = checkrange(L, 4, "position", l->axis[d].kernel) - 1;
  int64_t least = idn_leastextent(l, d);
  if (n < least) n = least;
  int is_there = idn_zeroposition(l, d, &zero);
  idn_padfor(l, d, k, &low, &high);
  idn_pushinteger(L, n);
  idn_pushinteger(L, idn_outextent(l, d, n));
  idn_pushinteger(L, zero + 1);
  lua_pushboolean(L, is_there);
  idn_pushinteger(L, low);
  idn_pushinteger(L, high);
  return 6;
}

/* census(layer, weight): how many weights are not 0: in all, and lists of how
   many for each output, input and kernel position; and the number of the kernel
   position of offset 0, or nil. */
static int census(lua_State *L) {
  call c;
  lua_settop(L, 2);
  const idn_tensor *w = readcall(&c, L, 1, 2);
  const idn_layer *l = c.pass.layer;
  int64_t taps = idn_counttaps(l), count = l->nout + l->nin + taps;
  if (count > IDN_MAXLIST)
    idn_fail(L, BLAME, "%s: not enough memory to explain size %s", c.label,
             idn_pushsize(L, w->rank, w->dim));
  size_t bytes = (size_t)count * sizeof(int64_t);
  int64_t *counts = lua_newuserdata(L, bytes);
  memset(counts, 0, bytes);
  idn_census all = {0, counts, counts + l->nout, counts + l->nout + l->nin};
  recheck(&c, 2);
  idn_takecensus(l, &c.pass.weight, &all);
  idn_pushinteger(L, all.total);
  pushlist(L, l->nout, all.outs);
  pushlist(L, l->nin, all.ins);
  pushlist(L, taps, all.taps);
  int64_t origin = idn_zerotap(l);
  if (origin < 0) return 4;
  idn_pushinteger(L, origin + 1);
  return 5;
}

/* weight(layer, weight, tap, n, sort): of the weights of kernel position number
   `tap` that are not 0, the first from number n on: the number after it, value,
   output, input, and the indices in the weight; or nothing. The sort is "all",
   "straight" (they join a channel with the same one) or "crossing". */
static int weight(lua_State *L) {
  static const char *const sorts[] = {"all", "straight", "crossing", NULL};
  call c;
  idn_entry e;
  int64_t at[IDN_MAXAXES];
  lua_settop(L, 5);
  readcall(&c, L, 1, 2);
  const idn_layer *l = c.pass.layer;
  int64_t tap = checkrange(L, 3, "tap", idn_counttaps(l)) - 1;
  int64_t n = checkrange(L, 4, "number", IDN_MAXEXTENT) - 1;
  int sort = idn_choose(L, 5, "sort", sorts, "sort of weights");
  const float *from = idn_locate(l, &c.pass.weight, tap, at);
  n = idn_nextweight(l, &c.pass.weight, from, (idn_sort)sort, n, &e);
  if (n < 0) return 0;
  luaL_checkstack(L, l->axes + 6, "too many results");
  idn_pushinteger(L, n + 2);
  lua_pushnumber(L, e.value);
  idn_pushinteger(L, e.out + 1);
  idn_pushinteger(L, e.in + 1);
  for (int d = 0; d < l->axes; d++) idn_pushinteger(L, at[d] + 1);
  for (int d = 0; d < 2; d++) idn_pushinteger(L, e.index[d] + 1);
  return l->axes + 6;
}

void idn_open_layer(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"layer", makelayer}, {"integer", integer}, {"forward", forward},
      {"map", map},         {"axis", axis},       {"census", census},
      {"weight", weight},   {NULL, NULL},
  };
  idn_register(L, functions);
}
