/* Layers between Lua and layer.c. lua/idinit/layers calls these from
   functions that the script calls, so the script to blame stands at level 2.

   A layer comes as its label, which errors begin with, and its settings, a
   list: kind, groups, nin, nout, and for each kernel axis kernel, stride,
   dilation, low, high, outpad. Nothing of it is trusted. */
#include <string.h>

#include "layer.h"
#include "tensor.h"

#define BLAME 2

enum { TRANSPOSED = 1, FLIPPED = 2 }; /* bits of the kind */
enum { HEAD = 4, EACH = 6 };          /* settings, and those of an axis */

typedef struct call {
  lua_State *L;
  const char *label;
  idn_layer layer;
  int64_t high[IDN_MAXAXES], outpad[IDN_MAXAXES];
  int rank;                  /* of the data */
  int64_t size[IDN_MAXRANK]; /* of the result */
} call;

/* -- Settings ------------------------------------------------------------ */

static int64_t setting(call *c, int k, int64_t least) {
  int64_t n;
  lua_rawgeti(c->L, 2, k);
  if (!idn_tointeger(c->L, -1, &n) || n < least)
    idn_fail(c->L, BLAME, "setting %d: integer expected, got %s", k,
             idn_pushgot(c->L, -1));
  lua_pop(c->L, 1);
  return n;
}

/* Reads label and settings from arguments 1 and 2. */
static void readlayer(call *c, lua_State *L) {
  idn_layer *l = &c->layer;
  memset(c, 0, sizeof *c);
  c->L = L;
  if (lua_type(L, 1) != LUA_TSTRING || !lua_istable(L, 2))
    idn_fail(L, BLAME, "label and settings expected, got %s",
             idn_pushgot(L, 1));
  c->label = lua_tostring(L, 1);
  size_t count = lua_rawlen(L, 2);
  if (count < HEAD || count > HEAD + EACH * IDN_MAXAXES ||
      (count - HEAD) % EACH != 0)
    idn_fail(L, BLAME, "settings: %d and %d for each axis expected, got %d",
             HEAD, EACH, (int)count);
  l->axes = (int)(count - HEAD) / EACH;
  l->transposed = (setting(c, 1, 0) & TRANSPOSED) != 0;
  l->flipped = (setting(c, 1, 0) & FLIPPED) != 0;
  l->groups = setting(c, 2, 1);
  l->nin = setting(c, 3, 1);
  l->nout = setting(c, 4, 1);
  l->batch = 1;
  if (l->nin % l->groups != 0 || l->nout % l->groups != 0)
    idn_fail(L, BLAME, "groups: divisor of both channels expected, got %s",
             idn_pushnumber(L, (double)l->groups));
  for (int d = 0, k = HEAD; d < l->axes; d++, k += EACH) {
    l->axis[d].kernel = setting(c, k + 1, 1);
    l->axis[d].stride = setting(c, k + 2, 1);
    l->axis[d].dilation = setting(c, k + 3, 1);
    l->axis[d].low = setting(c, k + 4, -IDN_MAXEXTENT);
    c->high[d] = setting(c, k + 5, -IDN_MAXEXTENT);
    c->outpad[d] = setting(c, k + 6, 0);
  }
}

/* -- Weight and bias ----------------------------------------------------- */

/* Raises unless the tensor at `arg` has the size. */
static const idn_tensor *checkpart(const call *c, int arg, const char *what,
                                   int rank, const int64_t *size) {
  lua_State *L = c->L;
  const idn_tensor *t = idn_checktensor(L, arg, what, BLAME);
  if (t->rank != rank ||
      memcmp(t->dim, size, (size_t)rank * sizeof *size) != 0) {
    const char *wanted = idn_pushsize(L, rank, size);
    idn_fail(L, BLAME, "%s expects a %s of size %s, got size %s", c->label,
             what, wanted, idn_pushsize(L, t->rank, t->dim));
  }
  return t;
}

/* The tensor at `arg` as the layer's weight, whose strides it takes. */
static const idn_tensor *checkweight(call *c, int arg) {
  idn_layer *l = &c->layer;
  int64_t size[IDN_MAXRANK], ins = l->nin / l->groups;
  int64_t outs = l->nout / l->groups;
  int m = l->axes, outfirst = m == 0 || l->transposed;
  for (int d = 0; d < m; d++) size[d] = l->axis[d].kernel;
  size[m] = m == 0 ? l->nout : l->transposed ? outs : ins;
  size[m + 1] = outfirst ? l->nin : l->nout;
  const idn_tensor *w = checkpart(c, arg, "weight", m + 2, size);
  const int64_t *stride = idn_stride(w);
  for (int d = 0; d < m; d++) l->axis[d].wstride = stride[d];
  l->istride = stride[outfirst ? m + 1 : m];
  l->ostride = stride[outfirst ? m : m + 1];
  l->gstride = outfirst ? ins * l->istride : outs * l->ostride;
  return w;
}

/* -- Data ---------------------------------------------------------------- */

static void checkrank(const call *c, const idn_tensor *x) {
  int m = c->layer.axes;
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
  int m = c->layer.axes;
  if (x->dim[m] != c->layer.nin) {
    const char *wanted = idn_pushnumber(c->L, (double)c->layer.nin);
    idn_fail(c->L, BLAME, "%s expects %s %s in dimension %d, got %s", c->label,
             wanted, m == 0 ? "inputs" : "channels", m + 1,
             idn_pushnumber(c->L, (double)x->dim[m]));
  }
  if (x->numel == 0)
    idn_fail(c->L, BLAME, "%s expects data that is not empty, got size %s",
             c->label, idn_pushsize(c->L, x->rank, x->dim));
}

/* The least extent that gives any output. */
static int64_t leastextent(const call *c, int d) {
  const idn_axis *a = &c->layer.axis[d];
  int64_t span = a->dilation * (a->kernel - 1) + 1;
  int64_t missing = span - a->low - c->high[d];
  if (!c->layer.transposed) return missing;
  return (-missing - c->outpad[d]) / a->stride + 2;
}

static int toosmall(const call *c, int d) {
  const idn_axis *a = &c->layer.axis[d];
  lua_State *L = c->L;
  const char *least = idn_pushnumber(L, (double)leastextent(c, d));
  const char *kernel = idn_pushnumber(L, (double)a->kernel);
  const char *low = idn_pushnumber(L, (double)a->low);
  const char *high = idn_pushnumber(L, (double)c->high[d]);
  return idn_fail(L, BLAME,
                  "%s expects an extent of %s or more in dimension %d (kernel "
                  "%s, padding %s + %s), got %s",
                  c->label, least, d + 1, kernel, low, high,
                  idn_pushnumber(L, (double)a->in));
}

/* The size of the result from that of the data. */
static void measure(call *c, const idn_tensor *x) {
  idn_layer *l = &c->layer;
  checkrank(c, x);
  checkchannels(c, x);
  c->rank = x->rank;
  memcpy(c->size, x->dim, (size_t)x->rank * sizeof *x->dim);
  c->size[l->axes] = l->nout;
  for (int d = l->axes + 1; d < x->rank; d++) l->batch *= x->dim[d];
  for (int d = 0; d < l->axes; d++) {
    idn_axis *a = &l->axis[d];
    a->in = x->dim[d];
    a->out = idn_outextent(a, l->transposed, c->high[d], c->outpad[d]);
    if (a->out <= 0) toosmall(c, d);
    if (a->out == INT64_MAX)
      idn_fail(c->L, BLAME, "%s makes more than 2^53 outputs in dimension %d",
               c->label, d + 1);
    c->size[d] = a->out;
  }
  if (idn_countelements(c->rank, c->size) < 0)
    idn_fail(c->L, BLAME, "%s makes more than memory can hold: size %s",
             c->label, idn_pushsize(c->L, c->rank, c->size));
}

/* Replaces the tensor at `arg` by one in row order, if it is not. */
static void torow(const call *c, int arg) {
  const idn_tensor *x = lua_touserdata(c->L, arg);
  if (idn_ispacked(x, IDN_ROW)) return;
  idn_tensor *row = idn_newtensor(c->L, x->rank, x->dim, IDN_ROW, BLAME);
  idn_assign(c->L, row, arg, BLAME);
  lua_replace(c->L, arg);
}

/* What allocates can run a script's finalizers, and those of tensors too. */
static void recheck(const call *c, int arg) {
  if (!idn_totensor(c->L, arg))
    idn_fail(c->L, BLAME, "%s: a tensor has been finalized", c->label);
}

/* Pushes a tensor for the result. */
static idn_tensor *pushresult(const call *c) {
  idn_tensor *y = idn_trytensor(c->L, c->rank, c->size, IDN_ROW);
  if (!y)
    idn_fail(c->L, BLAME, "%s: %s", c->label,
             idn_pushnomemory(c->L, c->rank, c->size));
  return y;
}

/* -- Functions ----------------------------------------------------------- */

/* forward(label, settings, data, weight, bias or nil, relu): the result. */
static int forward(lua_State *L) {
  call c;
  lua_settop(L, 6);
  readlayer(&c, L);
  const idn_layer *l = &c.layer;
  const idn_tensor *weight = checkweight(&c, 4), *bias = NULL;
  if (lua_toboolean(L, 5)) bias = checkpart(&c, 5, "bias", 1, &l->nout);
  measure(&c, idn_checktensor(L, 3, "data", BLAME));
  torow(&c, 3);
  idn_tensor *y = pushresult(&c);
  recheck(&c, 3);
  recheck(&c, 4);
  if (bias) recheck(&c, 5);
  const idn_tensor *x = lua_touserdata(L, 3);
  if (!y->data || !idn_forward(l, weight->data, x->data, y->data))
    idn_fail(L, BLAME, "%s: not enough memory to work in", c.label);
  if (bias)
    idn_addbias(y->data, bias->data, *idn_stride(bias),
                y->numel / (l->nout * l->batch), l->nout, l->batch);
  if (lua_toboolean(L, 6)) idn_relu(y->data, y->numel);
  return 1;
}

/* map(label, tensor, f): replaces each element by what f makes of it. */
static int map(lua_State *L) {
  lua_settop(L, 3);
  idn_tensor *t = idn_checktensor(L, 2, "data", BLAME);
  if (!idn_ispacked(t, t->order))
    idn_fail(L, BLAME, "data: contiguous tensor expected");
  for (int64_t k = 0; k < t->numel; k++) { /* none once finalized */
    lua_pushvalue(L, 3);
    lua_pushnumber(L, t->data[k]);
    lua_call(L, 1, 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      idn_fail(L, BLAME, "%s: activation: number expected, got %s",
               lua_tostring(L, 1), idn_pushgot(L, -1));
    if (k < t->numel) t->data[k] = idn_tofloat(L, -1);
    lua_pop(L, 1);
  }
  lua_settop(L, 2);
  return 1;
}

/* The index at `arg`, counted from 0; the n-th of a list, or one alone where n
   is 0. */
static int64_t checkindex(const call *c, int arg, int64_t n) {
  lua_State *L = c->L;
  int64_t index;
  if (idn_tointeger(L, arg, &index) && index >= 1 && index <= c->layer.nin)
    return index - 1;
  const char *got = idn_pushgot(L, arg);
  const char *most = idn_pushnumber(L, (double)c->layer.nin);
  if (n == 0)
    idn_fail(L, BLAME, "%s expects an index in range [1, %s], got %s", c->label,
             most, got);
  return idn_fail(L, BLAME,
                  "%s expects indices in range [1, %s], got %s at position %s",
                  c->label, most, got, idn_pushnumber(L, (double)n));
}

/* Fills column `to` of y, the tensor at the top, with column `from` of w, the
   one at 4. */
static void copycolumn(lua_State *L, int64_t from, int64_t to) {
  const idn_tensor *w = idn_totensor(L, 4), *y = idn_totensor(L, -1);
  if (!w || !y) return;
  int64_t wstep = idn_stride(w)[0], ystep = idn_stride(y)[0];
  const float *column = w->data + from * idn_stride(w)[1];
  for (int64_t o = 0; o < y->dim[0]; o++)
    y->data[o * ystep + to] = column[o * wstep];
}

/* lookup(label, settings, index or list of indices, weight): columns. */
static int lookup(lua_State *L) {
  call c;
  lua_settop(L, 4);
  readlayer(&c, L);
  if (c.layer.axes > 0)
    idn_fail(L, BLAME, "settings: no axes expected, got %d", c.layer.axes);
  checkweight(&c, 4);
  c.size[0] = c.layer.nout;
  if (!lua_istable(L, 3)) {
    int64_t index = checkindex(&c, 3, 0);
    idn_newtensor(L, 1, c.size, IDN_ROW, BLAME);
    copycolumn(L, index, 0);
    return 1;
  }
  c.size[1] = idn_countnumbers(L, 3);
  if (c.size[1] == 0)
    idn_fail(L, BLAME, "%s expects an index or more, got none", c.label);
  idn_newtensor(L, 2, c.size, IDN_ROW, BLAME);
  for (int64_t n = 0; n < c.size[1]; n++) {
    lua_rawgeti(L, 3, (int)n + 1);
    int64_t index = checkindex(&c, lua_gettop(L), n + 1);
    lua_pop(L, 1);
    copycolumn(L, index, n);
  }
  return 1;
}

/* -- For the proof ------------------------------------------------------- */

static void pushcounts(lua_State *L, const int64_t *counts, int64_t n) {
  lua_createtable(L, (int)n, 0);
  for (int64_t k = 0; k < n; k++) {
    idn_pushinteger(L, counts[k]);
    lua_rawseti(L, -2, (int)k + 1);
  }
}

/* census(label, settings, nil, weight): how many weights are not 0: in all, and
   lists of how many for each output, input and kernel position. */
static int census(lua_State *L) {
  call c;
  lua_settop(L, 4);
  readlayer(&c, L);
  const idn_layer *l = &c.layer;
  const idn_tensor *w = checkweight(&c, 4);
  int64_t taps = idn_counttaps(l), count = l->nout + l->nin + taps;
  if (count > IDN_MAXLIST)
    idn_fail(L, BLAME, "%s: not enough memory to explain size %s", c.label,
             idn_pushsize(L, w->rank, w->dim));
  size_t bytes = (size_t)count * sizeof(int64_t);
  int64_t *counts = lua_newuserdata(L, bytes);
  memset(counts, 0, bytes);
  idn_census all = {0, counts, counts + l->nout, counts + l->nout + l->nin};
  recheck(&c, 4);
  idn_takecensus(l, w->data, &all);
  idn_pushinteger(L, all.total);
  pushcounts(L, all.outs, l->nout);
  pushcounts(L, all.ins, l->nin);
  pushcounts(L, all.taps, taps);
  return 4;
}

/* nextnonzero(tensor, from): the position in row-major index order, and the
   value, of the first element from position `from` on that is not 0; or
   nothing. */
static int nextnonzero(lua_State *L) {
  lua_settop(L, 2);
  const idn_tensor *t = idn_checktensor(L, 1, "weight", BLAME);
  int64_t k;
  if (!idn_tointeger(L, 2, &k) || k < 1)
    idn_fail(L, BLAME, "position: positive integer expected, got %s",
             idn_pushgot(L, 2));
  float value = 0;
  if (idn_ispacked(t, IDN_ROW)) {
    k = k - 1 < t->numel ? idn_findnonzero(t->data, k - 1, t->numel) : t->numel;
    if (k < t->numel) value = t->data[k];
  } else {
    for (k--; k < t->numel; k++) {
      int64_t rest = k, offset = 0;
      for (int d = t->rank - 1; d >= 0; d--) {
        offset += rest % t->dim[d] * idn_stride(t)[d];
        rest /= t->dim[d];
      }
      value = t->data[offset];
      if (value != 0) break;
    }
  }
  if (k >= t->numel) return 0;
  idn_pushinteger(L, k + 1);
  lua_pushnumber(L, value);
  return 2;
}

void idn_open_layer(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"forward", forward},         {"map", map},
      {"lookup", lookup},           {"census", census},
      {"nextnonzero", nextnonzero}, {NULL, NULL},
  };
  idn_register(L, functions);
}
