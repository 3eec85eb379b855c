/* What is made of an identity: tensors, writes into memory that is there,
   iterators over its taps, and functions that wait for a size. */
#include <string.h>

#include "keywords.h"

/* -- Tensors ------------------------------------------------------------- */

static int partial(lua_State *L);

/* A function that waits for a size. */
static int pushpartial(idn_call *c) {
  idn_readkeywords(c); /* early, what is wrong for every size */
  idn_pushupvalues(c->L);
  idn_pushkeywords(c);
  lua_pushcclosure(c->L, partial, IDN_UPVALUES + IDN_KEYWORDS);
  return 1;
}

/* The taps of a size alone, without a cursor: by far the commonest call. */
static void writediagonal(const idn_tensor *t) {
  const int64_t *size = t->dim, *stride = idn_stride(t);
  int o = t->rank - 1, i = t->rank - 2;
  if (t->rank < 2 || t->numel == 0) return;
  float *p = t->data;
  for (int d = 0; d < i; d++) p += idn_middle(size[d], 0) * stride[d];
  for (int64_t k = 0; k < size[o] && k < size[i]; k++)
    p[k * (stride[o] + stride[i])] = 1;
}

/* The identity that the arguments from `first` on ask for. */
static int make(lua_State *L, int first, int defaults) {
  idn_call c;
  idn_readcall(&c, L, first, defaults);
  if (c.rank == 0) return pushpartial(&c);
  if (!c.values) {
    writediagonal(idn_newtensor(L, c.rank, c.size, IDN_ROW, 1));
    return 1;
  }
  idn_readkeywords(&c);
  idn_tensor *t = idn_newtensor(L, c.rank, c.id.length, c.order, 1);
  idn_writetaps(&c.id, idn_stride(t), t->data);
  return 1;
}

static int partial(lua_State *L) {
  return make(L, 1, lua_upvalueindex(IDN_UPVALUES + 1));
}

/* identity_init(...) */
static int identity_init(lua_State *L) { return make(L, 1, 0); }

/* The same as __call of the module's table, which a script can also call
   without it. */
static int call(lua_State *L) { return make(L, 2, 0); }

/* -- Memory that is there ------------------------------------------------ */

/* Reads a call that has to have a size. */
static void readall(idn_call *c, lua_State *L, int first) {
  idn_readcall(c, L, first, 0);
  if (c->rank == 0) idn_fail(L, 1, "size expected, got nothing");
  idn_readkeywords(c);
}

/* into(cdata, ...). Where its elements lie, and whether they are enough, only
   Lua code can find out. */
static int intoforeign(lua_State *L) {
  idn_call c;
  int64_t stride[IDN_MAXRANK];
  readall(&c, L, 2);
  int64_t numel = idn_countelements(c.rank, c.id.length);
  if (numel < 0) idn_fail(L, 1, "%s", idn_pushnomemory(L, c.rank, c.id.length));
  float **data = lua_newuserdata(L, sizeof *data);
  *data = NULL;
  idn_pushforeign(L, "locate");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -3);
  idn_pushinteger(L, numel); /* userdata, locate, cdata, userdata, numel */
  lua_call(L, 3, 1);
  if (!lua_isnil(L, -1)) idn_fail(L, 1, "%s", lua_tostring(L, -1));
  if (*data && numel > 0) {
    memset(*data, 0, (size_t)numel * sizeof **data);
    idn_packstrides(c.rank, c.id.length, c.order, stride);
    idn_writetaps(&c.id, stride, *data);
  }
  lua_settop(L, 1);
  return 1;
}

/* into(tensor, ...): without sizes its own. */
static int into(lua_State *L) {
  idn_call c;
  if (idn_iscdata(L, 1)) return intoforeign(L);
  idn_tensor *t = idn_checktensor(L, 1, "destination", 1);
  idn_readcall(&c, L, 2, 0);
  if (c.rank == 0) {
    c.rank = t->rank;
    memcpy(c.size, t->dim, (size_t)t->rank * sizeof *t->dim);
  }
  if (c.rank == 0)
    idn_fail(L, 1, "destination: rank 1 or more expected, got rank 0");
  idn_readkeywords(&c);
  if (!idn_hassize(t, c.rank, c.id.length))
    idn_fail(L, 1, "destination: tensor of size %s expected, got size %s",
             idn_pushsize(L, c.rank, c.id.length),
             idn_pushsize(L, t->rank, t->dim));
  idn_fill(t, 0);
  idn_writetaps(&c.id, idn_stride(t), t->data);
  lua_settop(L, 1);
  return 1;
}

/* -- Taps ---------------------------------------------------------------- */

/* An identity with a cursor over its taps. */
typedef struct plan {
  idn_identity id;
  idn_taps taps;
  idn_run run;
  int64_t step; /* taps of `run` that have been given out */
} plan;

static int nexttap(lua_State *L) {
  plan *p = lua_touserdata(L, lua_upvalueindex(1));
  while (p->step == p->run.length) {
    if (!idn_taps_next(&p->taps, &p->run)) return 0;
    p->step = 0;
  }
  int64_t at[IDN_MAXRANK];
  luaL_checkstack(L, p->id.rank + 1, "too many results");
  lua_pushnumber(L, idn_tap(&p->id, &p->run, p->step++, at));
  for (int d = 0; d < p->id.rank; d++) idn_pushinteger(L, at[d] + 1);
  return p->id.rank + 1;
}

/* taps(...) */
static int taps(lua_State *L) {
  idn_call c;
  readall(&c, L, 1);
  plan *p = lua_newuserdata(L, sizeof *p);
  p->id = c.id;
  idn_taps_start(&p->taps, &p->id);
  p->run.length = p->step = 0;
  lua_pushcclosure(L, nexttap, 1);
  return 1;
}

void idn_open_taps(lua_State *L) {
  static const luaL_Reg functions[] = {{"identity_init", identity_init},
                                       {"call", call},
                                       {"into", into},
                                       {"taps", taps},
                                       {NULL, NULL}};
  idn_register(L, functions);
}
