/* Keywords to taps, and what is made of them: tensors, writes into others'
   memory, iterators. But for the front door, Lua calls these by way of a
   function that the script calls and another, so the script to blame stands at
   level 3. */
#include <string.h>

#include "taps.h"
#include "tensor.h"

#define BLAME 3

/* -- Keywords ------------------------------------------------------------ */

/* What is read from a table of keywords at stack index `keys`. Where the size
   is not known yet, `id.rank` is 0, and only what can be judged without it is
   judged. */
typedef struct reader {
  lua_State *L;
  int keys;
  int level; /* of the script to blame */
  int order;
  idn_identity id;
} reader;

static const char *const keywords[] = {"center", "fit",   "gain",  "groups",
                                       "layout", "order", "shift", "window"};
enum { KEYWORDS = sizeof keywords / sizeof *keywords };

/* Pushes keyword `name`; 0 with nothing pushed if it is not given. */
static int key(reader *r, const char *name) {
  lua_pushstring(r->L, name);
  lua_rawget(r->L, r->keys);
  if (!lua_isnil(r->L, -1)) return 1;
  lua_pop(r->L, 1);
  return 0;
}

static int expected(reader *r, const char *what, const char *expects) {
  return idn_fail(r->L, r->level, "%s: %s expected, got %s", what, expects,
                  idn_pushgot(r->L, -1));
}

/* The length of the list at the top. */
static int listlength(reader *r, const char *what, const char *expects) {
  int count = idn_listlength(r->L, lua_gettop(r->L));
  if (count < 0)
    idn_fail(r->L, r->level, "%s: %s expected, got a table that is no list",
             what, expects);
  return count;
}

/* Which of `names` the keyword is, or the first. */
static int choose(reader *r, const char *name, const char *const *names,
                  const char *expects) {
  int k = 0;
  if (!key(r, name)) return 0;
  if (lua_type(r->L, -1) != LUA_TSTRING) expected(r, name, expects);
  while (strcmp(names[k], lua_tostring(r->L, -1)) != 0)
    if (!names[++k]) expected(r, name, expects);
  if (strlen(names[k]) != lua_rawlen(r->L, -1)) expected(r, name, expects);
  lua_pop(r->L, 1);
  return k;
}

static void readgain(reader *r) {
  if (!key(r, "gain")) return;
  if (lua_type(r->L, -1) != LUA_TNUMBER) expected(r, "gain", "number");
  r->id.gain = idn_todouble(r->L, -1);
  lua_pop(r->L, 1);
}

static void readlayout(reader *r) {
  static const char *const expects =
      "string of one \"o\", one \"i\" and other letters for kernel axes";
  int outs = 0, ins = 0;
  if (!key(r, "layout")) return;
  if (lua_type(r->L, -1) != LUA_TSTRING) expected(r, "layout", expects);
  size_t length;
  const char *axes = lua_tolstring(r->L, -1, &length);
  if (length > IDN_MAXRANK) expected(r, "layout", expects);
  for (int d = 0; d < (int)length; d++) {
    int letter = axes[d] | 0x20; /* lower case, and no locale's letters */
    if (letter < 'a' || letter > 'z') expected(r, "layout", expects);
    if (letter == 'o') outs++, r->id.o = d;
    if (letter == 'i') ins++, r->id.i = d;
  }
  if (outs != 1 || ins != 1) expected(r, "layout", expects);
  r->id.g = r->id.o;
  if (r->id.rank > 1 && (int)length != r->id.rank)
    idn_fail(r->L, r->level, "layout: \"%s\" names %d axes, the size has %d",
             axes, (int)length, r->id.rank);
  lua_pop(r->L, 1);
}

static void readgroups(reader *r) {
  int64_t groups;
  if (!key(r, "groups")) return;
  if (!idn_tointeger(r->L, -1, &groups) || groups < 1)
    expected(r, "groups", "positive integer");
  if (r->id.rank > 1) {
    int64_t outputs = r->id.size[r->id.o];
    if (outputs % groups != 0) {
      const char *got = idn_pushgot(r->L, -1);
      idn_fail(r->L, r->level,
               "groups: divisor of %s, the extent of axis \"o\" in dimension "
               "%d, expected, got %s",
               idn_pushnumber(r->L, (double)outputs), r->id.o + 1, got);
    }
    r->id.groups = groups;
  }
  lua_pop(r->L, 1);
}

/* The n-th kernel axis, counted from 0. */
static int kernelaxis(const idn_identity *id, int n) {
  int d = 0;
  while (!idn_iskernel(id, d) || n-- > 0) d++;
  return d;
}

/* Sets the position, counted from 1, of the taps on axis `d`. */
static void setcenter(reader *r, int d, int64_t position) {
  int64_t extent = r->id.size[d];
  if (extent == 0) return;
  if (position > extent)
    idn_fail(r->L, r->level, "center: %s out of range [1, %s] in dimension %d",
             idn_pushnumber(r->L, (double)position),
             idn_pushnumber(r->L, (double)extent), d + 1);
  r->id.center[d] = position - 1;
}

static void readpositions(reader *r, const char *expects) {
  int count = listlength(r, "center", expects), known = r->id.rank > 1;
  int axes = (known ? r->id.rank : IDN_MAXRANK) - 2;
  if (known ? count != axes : count > axes)
    idn_fail(r->L, r->level,
             "center: one position for each of %d kernel axes expected, got %d",
             axes, count);
  for (int n = 0; n < count; n++) {
    int64_t position;
    lua_rawgeti(r->L, -1, n + 1);
    if (!idn_tointeger(r->L, -1, &position) || position < 1)
      expected(r, "center", "table of positive integers");
    if (known) setcenter(r, kernelaxis(&r->id, n), position);
    lua_pop(r->L, 1);
  }
}

static void readcenter(reader *r) {
  static const char *const names[] = {"lo", "hi", NULL};
  static const char *const expects = "\"lo\", \"hi\" or a table of positions";
  if (!key(r, "center")) return;
  int is_table = lua_istable(r->L, -1);
  if (is_table) readpositions(r, expects);
  lua_pop(r->L, 1);
  if (is_table) return;
  int higher = choose(r, "center", names, expects);
  for (int d = 0; d < r->id.rank; d++)
    r->id.center[d] = idn_middle(r->id.size[d], higher);
}

static void readshift(reader *r) {
  if (!key(r, "shift")) return;
  int known = r->id.rank > 0;
  idn_checkshift(r->L, lua_gettop(r->L), known ? r->id.rank : IDN_MAXRANK,
                 known ? r->id.size : NULL, r->id.shift, r->level);
  lua_pop(r->L, 1);
}

/* The entry of the window for dimension `d`, at the top of the stack. */
static void readrange(reader *r, int d) {
  static const char *const expects = "{first, last} or {} in each dimension";
  lua_State *L = r->L;
  int64_t first, last;
  if (!lua_istable(L, -1)) expected(r, "window", expects);
  int count = listlength(r, "window", expects);
  if (count == 0) return;
  if (count != 2)
    idn_fail(L, r->level,
             "window: %s expected, got a table of %d in dimension %d", expects,
             count, d + 1);
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  if (!idn_tointeger(L, -2, &first) || !idn_tointeger(L, -1, &last)) {
    const char *got = idn_pushgot(L, lua_gettop(L) - 1);
    idn_fail(L, r->level, "window: %s expected, got {%s, %s} in dimension %d",
             expects, got, idn_pushgot(L, lua_gettop(L) - 1), d + 1);
  }
  int64_t size = r->id.rank > 0 ? r->id.size[d] : IDN_MAXEXTENT;
  int is_whole = first == 1 && last == 0 && (size == 0 || r->id.rank == 0);
  if (first < 1 || last > size || (first > last && !is_whole))
    idn_fail(L, r->level,
             "window: first <= last in range [1, %s] expected, got {%s, %s} in "
             "dimension %d",
             idn_pushnumber(L, (double)size), idn_pushnumber(L, (double)first),
             idn_pushnumber(L, (double)last), d + 1);
  r->id.first[d] = first - 1;
  r->id.length[d] = last - first + 1;
  lua_pop(L, 2);
}

static void readwindow(reader *r) {
  static const char *const expects = "table of ranges";
  if (!key(r, "window")) return;
  if (!lua_istable(r->L, -1)) expected(r, "window", expects);
  int count = listlength(r, "window", expects), rank = r->id.rank;
  if (rank > 0 ? count != rank : count == 0 || count > IDN_MAXRANK)
    idn_fail(r->L, r->level,
             "window: {first, last} or {} for each of %d dimensions expected, "
             "got %d",
             rank > 0 ? rank : IDN_MAXRANK, count);
  for (int d = 0; d < count; d++) {
    lua_rawgeti(r->L, -1, d + 1);
    readrange(r, d);
    lua_pop(r->L, 1);
  }
  lua_pop(r->L, 1);
}

/* Reads the table of keywords at stack index `keys`. */
static void readkeys(reader *r, lua_State *L, int keys, int rank,
                     const int64_t *size, int level) {
  static const char *const fits[] = {"pad",   "tile",     "mean",
                                     "split", "hadamard", NULL};
  static const char *const orders[] = {"row", "col", NULL};
  r->L = L;
  r->keys = keys;
  r->level = level;
  luaL_checkstack(L, 8, "too many arguments");
  if (!lua_istable(L, keys))
    idn_fail(L, r->level, "keywords: table expected, got %s",
             idn_pushgot(L, keys));
  idn_identity_init(&r->id, rank, size);
  readgain(r);
  readlayout(r);
  readgroups(r);
  readcenter(r);
  r->id.fit = (idn_fit)choose(
      r, "fit", fits, "\"pad\", \"tile\", \"mean\", \"split\" or \"hadamard\"");
  r->order = choose(r, "order", orders, "\"row\" or \"col\"");
  readshift(r);
  readwindow(r);
}

/* Reads keywords at `keys` and the extents behind them. */
static void readall(reader *r, lua_State *L, int keys) {
  int64_t size[IDN_MAXRANK];
  int rank = lua_gettop(L) - keys;
  if (rank < 1) idn_fail(L, BLAME, "size expected, got nothing");
  idn_checksize(L, keys + 1, rank, size, BLAME);
  readkeys(r, L, keys, rank, size, BLAME);
}

/* -- Consumers of taps --------------------------------------------------- */

static void pushidentity(lua_State *L, const idn_identity *id, int order,
                         int level) {
  idn_tensor *t = idn_newtensor(L, id->rank, id->length, order, level);
  idn_writetaps(id, idn_stride(t), t->data);
}

/* create(keywords, n1, ..., nk) */
static int create(lua_State *L) {
  reader r;
  readall(&r, L, 1);
  pushidentity(L, &r.id, r.order, BLAME);
  return 1;
}

/* check(keywords): what can be judged without a size. */
static int check(lua_State *L) {
  reader r;
  lua_settop(L, 1);
  readkeys(&r, L, 1, 0, NULL, BLAME);
  return 0;
}

/* into(tensor, keywords, n1, ..., nk), or without sizes the tensor's own. */
static int into(lua_State *L) {
  reader r;
  idn_tensor *t = idn_checktensor(L, 1, "destination", BLAME);
  if (lua_gettop(L) > 2) {
    readall(&r, L, 2);
  } else {
    if (t->rank == 0)
      idn_fail(L, BLAME, "destination: rank 1 or more expected, got rank 0");
    readkeys(&r, L, 2, t->rank, idn_size(t), BLAME);
  }
  if (r.id.rank != t->rank ||
      memcmp(r.id.length, t->dim, (size_t)t->rank * sizeof *t->dim) != 0) {
    const char *wanted = idn_pushsize(L, r.id.rank, r.id.length);
    idn_fail(L, BLAME, "destination: tensor of size %s expected, got size %s",
             wanted, idn_pushsize(L, t->rank, t->dim));
  }
  idn_fill(t, 0);
  idn_writetaps(&r.id, idn_stride(t), t->data);
  lua_settop(L, 1);
  return 1;
}

/* An identity kept in a userdata, with a cursor over its taps. */
typedef struct plan {
  uintptr_t tag; /* ~idn_tag(this), which is no tensor's */
  int64_t numel; /* of the window */
  int order;
  idn_identity id;
  idn_taps taps;
  idn_run run;
  int64_t step; /* taps of `run` that have been given out */
} plan;

static plan *newplan(lua_State *L, int keys) {
  reader r;
  readall(&r, L, keys);
  plan *p = lua_newuserdata(L, sizeof *p);
  memset(p, 0, sizeof *p);
  p->tag = ~idn_tag(p);
  p->order = r.order;
  p->id = r.id;
  idn_taps_start(&p->taps, &p->id);
  return p;
}

/* plan(keywords, n1, ..., nk): for the FFI, which hands it to `write`; and its
   number of elements. */
static int writable(lua_State *L) {
  plan *p = newplan(L, 1);
  p->numel = idn_countelements(p->id.rank, p->id.length);
  if (p->numel < 0)
    idn_fail(L, BLAME, "%s", idn_pushnomemory(L, p->id.rank, p->id.length));
  idn_pushinteger(L, p->numel);
  return 2;
}

static void write(const plan *p, float *data) {
  int64_t stride[IDN_MAXRANK];
  if (p->numel == 0) return;
  memset(data, 0, (size_t)p->numel * sizeof *data);
  idn_packstrides(p->id.rank, p->id.length, p->order, stride);
  idn_writetaps(&p->id, stride, data);
}

static int nexttap(lua_State *L) {
  plan *p = lua_touserdata(L, lua_upvalueindex(1));
  if (lua_type(L, lua_upvalueindex(1)) != LUA_TUSERDATA ||
      lua_rawlen(L, lua_upvalueindex(1)) != sizeof *p || p->tag != ~idn_tag(p))
    idn_fail(L, 1, "the iterator's own values have been replaced");
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

/* taps(keywords, n1, ..., nk) */
static int taps(lua_State *L) {
  newplan(L, 1);
  lua_pushcclosure(L, nexttap, 1);
  return 1;
}

/* -- The front door ------------------------------------------------------ */

static int iskeyword(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TSTRING) return 0;
  for (int k = 0; k < KEYWORDS; k++)
    if (strcmp(keywords[k], lua_tostring(L, arg)) == 0)
      return strlen(keywords[k]) == lua_rawlen(L, arg);
  return 0;
}

/* Whether the table at `keys` has keywords and nothing else. */
static int isplain(lua_State *L, int keys) {
  int is_plain = !lua_getmetatable(L, keys);
  lua_pushnil(L);
  while (is_plain && lua_next(L, keys)) {
    lua_pop(L, 1);
    is_plain = iskeyword(L, -1);
  }
  lua_settop(L, keys);
  return is_plain;
}

/* Makes the identity if the arguments from `first` on are sizes and, at most, a
   table of keywords, without anything to be said of their form. */
static int direct(lua_State *L, int first) {
  int64_t size[IDN_MAXRANK];
  int top = lua_gettop(L), has_keys = top >= first && lua_istable(L, top);
  int rank = top - first + 1 - has_keys;
  if (rank < 1 || rank > IDN_MAXRANK) return 0;
  for (int d = 0; d < rank; d++)
    if (!idn_tointeger(L, first + d, &size[d]) || size[d] < 0) return 0;
  if (has_keys) {
    reader r;
    if (!isplain(L, top)) return 0;
    readkeys(&r, L, top, rank, size, 1);
    pushidentity(L, &r.id, r.order, 1);
    return 1;
  }
  idn_tensor *t = idn_newtensor(L, rank, size, IDN_ROW, 1);
  idn_stripe s;
  idn_diagonal(rank, size, idn_stride(t), &s);
  for (int64_t k = 0; k < s.count; k++) t->data[s.first + k * s.step] = 1;
  return 1;
}

/* The rest is build's, at upvalue 3. */
static int callbuild(lua_State *L, int first) {
  int count = lua_gettop(L) - first + 1;
  lua_pushvalue(L, lua_upvalueindex(3));
  lua_insert(L, first);
  lua_pushnil(L); /* no partial's keywords */
  lua_insert(L, first + 1);
  lua_call(L, count + 1, 1);
  return 1;
}

/* identity_init(...) */
static int front(lua_State *L) { return direct(L, 1) ? 1 : callbuild(L, 1); }

/* The same as __call of the module's table, which a script can also call
   without it. */
static int frontcall(lua_State *L) {
  if (lua_gettop(L) == 0) lua_pushnil(L);
  return direct(L, 2) ? 1 : callbuild(L, 2);
}

static void pushfront(lua_State *L, lua_CFunction f) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, f, 3);
}

/* front(build): the initialiser as a function and as __call. */
static int newfront(lua_State *L) {
  lua_settop(L, 1);
  pushfront(L, front);
  pushfront(L, frontcall);
  return 2;
}

static const luaL_Reg functions[] = {
    {"create", create}, {"check", check},    {"into", into}, {"plan", writable},
    {"taps", taps},     {"front", newfront}, {NULL, NULL},
};

/* A function pointer that the FFI calls with a plan and memory of its own. It
   lies in a userdata because Lua code without the FFI cannot call it there. */
static void pushwriter(lua_State *L) {
  void (**writer)(const plan *, float *) = lua_newuserdata(L, sizeof *writer);
  *writer = write;
}

/* The keywords that exist, for keywords.lua. */
static void pushkeywords(lua_State *L) {
  lua_createtable(L, KEYWORDS, 0);
  for (int k = 0; k < KEYWORDS; k++) {
    lua_pushstring(L, keywords[k]);
    lua_rawseti(L, -2, k + 1);
  }
}

void idn_open_taps(lua_State *L) {
  idn_register(L, functions);
  pushwriter(L);
  lua_setfield(L, -2, "writer");
  pushkeywords(L);
  lua_setfield(L, -2, "keywords");
}
