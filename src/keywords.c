#include "keywords.h"

/* -- Values -------------------------------------------------------------- */

/* Each keyword has a reader, which takes the value at the stack index `arg`
   into the identity and raises what is wrong with it. Where the size is not
   known yet, `id.rank` is 0, and positions and extents mean nothing. */

static void readgain(idn_call *c, int arg) {
  if (lua_type(c->L, arg) != LUA_TNUMBER)
    idn_failgot(c->L, arg, "gain: number");
  c->id.gain = idn_todouble(c->L, arg);
}

static void readshift(idn_call *c, int arg) {
  int known = c->id.rank > 0;
  idn_checkshift(c->L, arg, known ? c->id.rank : IDN_MAXRANK,
                 known ? c->id.size : NULL, c->id.shift);
}

/* Of a transposed weight the default layout ends in o, i, and groups lie along
   i. */
static void readtransposed(idn_call *c, int arg) {
  idn_identity *id = &c->id;
  if (lua_type(c->L, arg) != LUA_TBOOLEAN)
    idn_failgot(c->L, arg, "transposed: true or false");
  if (!lua_toboolean(c->L, arg)) return;
  if (id->rank > 2) id->i = id->rank - 1, id->o = id->rank - 2;
  id->g = id->i;
}

/* Takes the axes from a layout, and returns whether all are there. */
static int findaxes(idn_call *c, const char *letters, int count) {
  idn_identity *id = &c->id;
  int is_transposed = id->g == id->i, g = IDN_NOAXIS, seen = 0;
  id->o = id->i = IDN_NOAXIS;
  for (int d = 0; d < count; d++) {
    int letter = letters[d] | 0x20; /* lower case, and no locale's letters */
    if (letter < 'a' || letter > 'z') return 0;
    int *axis = letter == 'o'   ? &id->o
                : letter == 'i' ? &id->i
                : letter == 'g' ? &g
                                : NULL;
    if (axis && *axis != IDN_NOAXIS) return 0;
    if (axis) *axis = d, seen++;
  }
  id->g = g != IDN_NOAXIS ? g : is_transposed ? id->i : id->o;
  return seen >= 2;
}

static void readlayout(idn_call *c, int arg) {
  static const char *const expects =
      "layout: string of one \"o\", one \"i\" (beside one \"g\" for groups, "
      "either can "
      "be missing) and other letters for kernel axes";
  idn_identity *id = &c->id;
  size_t length;
  if (lua_type(c->L, arg) != LUA_TSTRING) idn_failgot(c->L, arg, expects);
  const char *letters = lua_tolstring(c->L, arg, &length);
  if (length > IDN_MAXRANK || !findaxes(c, letters, (int)length))
    idn_failgot(c->L, arg, expects);
  if (id->rank < 2) return;
  if ((int)length != id->rank)
    idn_fail(c->L, 1, "layout: \"%s\" names %d axes, the size has %d", letters,
             (int)length, id->rank);
  if (idn_hasgroupaxis(id) && id->size[id->g] > 0) id->groups = id->size[id->g];
}

/* Raises that groups, the value at `arg`, do not split the axis that they lie
   along, or are not as many as their own is long. */
IDN_NORETURN static void unfit(const idn_call *c, int arg, int64_t groups) {
  const idn_identity *id = &c->id;
  int is_own = idn_hasgroupaxis(id), is_out = id->g == id->o;
  int could_split_i = is_out && id->size[id->i] % groups == 0;
  const char *got = idn_pushgot(c->L, arg);
  idn_fail(c->L, 1,
           "groups: %s%s, the extent of axis \"%s\" in dimension %d, expected, "
           "got %s%s",
           is_own ? "" : "divisor of ",
           idn_pushnumber(c->L, (double)id->size[id->g]),
           is_own ? "g" : (is_out ? "o" : "i"), id->g + 1, got,
           could_split_i ? " (transposed = true splits axis \"i\")" : "");
}

static void readgroups(idn_call *c, int arg) {
  idn_identity *id = &c->id;
  int64_t groups;
  if (!idn_tointeger(c->L, arg, &groups) || groups < 1)
    idn_failgot(c->L, arg, "groups: positive integer");
  if (id->rank < 2) return;
  int64_t extent = id->size[id->g];
  int is_other = idn_hasgroupaxis(id) && extent > 0 && groups != extent;
  if (is_other || extent % groups != 0) unfit(c, arg, groups);
  id->groups = groups;
}

/* The n-th kernel axis, counted from 0. */
static int kernelaxis(const idn_identity *id, int n) {
  int d = 0;
  while (!idn_iskernel(id, d) || n-- > 0) d++;
  return d;
}

/* Sets the position, counted from 1, of the taps on axis `d`. */
static void setcenter(idn_call *c, int d, int64_t position) {
  int64_t extent = c->id.size[d];
  if (extent == 0) return;
  if (position > extent)
    idn_fail(c->L, 1, "center: %s out of range [1, %s] in dimension %d",
             idn_pushnumber(c->L, (double)position),
             idn_pushnumber(c->L, (double)extent), d + 1);
  c->id.center[d] = position - 1;
}

#define CENTER "\"lo\", \"hi\" or a table of positions"

static void readpositions(idn_call *c, int arg) {
  int count = idn_checklist(c->L, arg, "center: " CENTER),
      known = c->id.rank > 1;
  int axes = known ? 0 : IDN_MAXRANK - 2;
  for (int d = 0; known && d < c->id.rank; d++) axes += idn_iskernel(&c->id, d);
  if (known ? count != axes : count > axes)
    idn_fail(c->L, 1,
             "center: one position for each of %d kernel axes expected, got %d",
             axes, count);
  for (int n = 0; n < count; n++) {
    int64_t position;
    lua_rawgeti(c->L, arg, n + 1);
    if (!idn_tointeger(c->L, -1, &position) || position < 1)
      idn_failgot(c->L, lua_gettop(c->L), "center: table of positive integers");
    if (known) setcenter(c, kernelaxis(&c->id, n), position);
    lua_pop(c->L, 1);
  }
}

static void readcenter(idn_call *c, int arg) {
  static const char *const names[] = {"lo", "hi", NULL};
  if (lua_istable(c->L, arg)) {
    readpositions(c, arg);
    return;
  }
  int higher = idn_choose(c->L, arg, "center", names, CENTER);
  for (int d = 0; d < c->id.rank; d++)
    c->id.center[d] = idn_middle(c->id.size[d], higher);
}

static void readfit(idn_call *c, int arg) {
  static const char *const names[] = {"pad",   "tile",     "mean",
                                      "split", "hadamard", NULL};
  c->id.fit = (idn_fit)idn_choose(
      c->L, arg, "fit", names,
      "\"pad\", \"tile\", \"mean\", \"split\" or \"hadamard\"");
}

static void readorder(idn_call *c, int arg) {
  static const char *const names[] = {"row", "col", NULL};
  c->order = idn_choose(c->L, arg, "order", names, "\"row\" or \"col\"");
}

/* The entry of the window for dimension `d`. */
static void readrange(idn_call *c, int arg, int d) {
  static const char *const expects =
      "window: {first, last} or {} in each dimension";
  lua_State *L = c->L;
  int64_t first, last;
  int count = idn_checklist(L, arg, expects);
  if (count == 0) return;
  if (count != 2)
    idn_fail(L, 1, "%s expected, got a table of %d in dimension %d", expects,
             count, d + 1);
  lua_rawgeti(L, arg, 1);
  lua_rawgeti(L, arg, 2);
  if (!idn_tointeger(L, -2, &first) || !idn_tointeger(L, -1, &last)) {
    const char *got = idn_pushgot(L, -2);
    idn_fail(L, 1, "%s expected, got {%s, %s} in dimension %d", expects, got,
             idn_pushgot(L, -2), d + 1);
  }
  int64_t size = c->id.rank > 0 ? c->id.size[d] : IDN_MAXEXTENT;
  int is_whole = first == 1 && last == 0 && (size == 0 || c->id.rank == 0);
  if (first < 1 || last > size || (first > last && !is_whole))
    idn_fail(L, 1,
             "window: first <= last in range [1, %s] expected, got {%s, %s} in "
             "dimension %d",
             idn_pushnumber(L, (double)size), idn_pushnumber(L, (double)first),
             idn_pushnumber(L, (double)last), d + 1);
  c->id.first[d] = first - 1;
  c->id.length[d] = last - first + 1;
  lua_pop(L, 2);
}

static void readwindow(idn_call *c, int arg) {
  int count = idn_checklist(c->L, arg, "window: table of ranges");
  int rank = c->id.rank;
  if (rank > 0 ? count != rank : count == 0 || count > IDN_MAXRANK)
    idn_fail(c->L, 1,
             "window: {first, last} or {} for each of %d dimensions expected, "
             "got %d",
             rank > 0 ? rank : IDN_MAXRANK, count);
  for (int d = 0; d < count; d++) {
    lua_rawgeti(c->L, arg, d + 1);
    readrange(c, lua_gettop(c->L), d);
    lua_pop(c->L, 1);
  }
}

/* -- Keywords ------------------------------------------------------------ */

/* All there are, and the reader of each. They are read in this order, so a
   reader may use what those before it have set: `layout`, `groups` and `center`
   the axes. */
static const char *const names[IDN_KEYWORDS + 1] = {
    "gain",   "shift", "transposed", "layout", "groups",
    "center", "fit",   "order",      "window", NULL};
static void (*const readers[IDN_KEYWORDS])(idn_call *c, int arg) = {
    readgain,   readshift, readtransposed, readlayout, readgroups,
    readcenter, readfit,   readorder,      readwindow};

void idn_readkeywords(idn_call *c) {
  idn_identity_init(&c->id, c->rank, c->size);
  c->order = IDN_ROW;
  for (int k = 0; c->values && k < IDN_KEYWORDS; k++)
    if (!lua_isnil(c->L, c->values + k)) readers[k](c, c->values + k);
}

/* Pushes the value at `arg`, a table as a copy. Those of windows nest two deep;
   below that there is nothing that a keyword could mean. */
static void pushcopy(lua_State *L, int arg, int depth) {
  if (!lua_istable(L, arg) || depth == 0) {
    lua_pushvalue(L, arg);
    return;
  }
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, arg)) { /* copy, key, value */
    lua_pushvalue(L, -2);
    pushcopy(L, lua_gettop(L) - 1, depth - 1);
    lua_rawset(L, -5);
    lua_pop(L, 1);
  }
}

void idn_pushkeywords(const idn_call *c) {
  for (int k = 0; k < IDN_KEYWORDS; k++) {
    if (c->values)
      pushcopy(c->L, c->values + k, 2);
    else
      lua_pushnil(c->L);
  }
}

/* -- The call ------------------------------------------------------------ */

static int hasmetatable(lua_State *L, int arg) {
  if (!lua_getmetatable(L, arg)) return 0;
  lua_pop(L, 1);
  return 1;
}

/* An rng is whatever cannot be a size, a tensor or keywords. */
static int isrng(lua_State *L, int arg) {
  double x;
  switch (lua_type(L, arg)) {
  case LUA_TNUMBER:
    return 0;
  case LUA_TFUNCTION:
    return 1;
  case LUA_TUSERDATA:
    return !idn_totensor(L, arg);
  case LUA_TTABLE:
    return hasmetatable(L, arg);
  default:
    return idn_iscdata(L, arg) && !idn_foreignnumber(L, arg, 0, &x);
  }
}

/* Reads the table at `keys`, if it is not 0, and pushes the sizes that it
   lists. Returns how many there are. */
static int readvalues(idn_call *c, int keys, int defaults) {
  lua_State *L = c->L;
  luaL_checkstack(L, IDN_KEYWORDS + IDN_MAXRANK + 8, "too many arguments");
  c->values = lua_gettop(L) + 1;
  for (int k = 0; k < IDN_KEYWORDS; k++) {
    if (defaults)
      lua_pushvalue(L, defaults - k); /* as upvalues are counted */
    else
      lua_pushnil(L);
  }
  if (!keys) return 0;
  if (hasmetatable(L, keys))
    idn_fail(L, 1, "keywords: plain table expected, got one with a metatable");
  int listed = idn_takekeywords(L, keys, names, c->values, 1, "");
  for (int d = 1; d <= listed && d <= IDN_MAXRANK; d++) lua_rawgeti(L, keys, d);
  return listed;
}

void idn_readcall(idn_call *c, lua_State *L, int first, int defaults) {
  int top = lua_gettop(L), keys = 0;
  c->L = L;
  c->values = 0;
  if (top >= first && isrng(L, first)) first++;
  if (top >= first && lua_istable(L, top)) keys = top--;
  c->rank = top < first ? 0 : top - first + 1;
  if (keys || defaults) {
    int listed = readvalues(c, keys, defaults);
    if (listed > 0 && c->rank > 0)
      idn_fail(L, 1,
               "sizes given both as arguments and in the table of keywords");
    if (listed > 0) {
      c->rank = listed;
      first = c->values + IDN_KEYWORDS;
    }
  }
  idn_checksize(L, first, c->rank, c->size);
}
