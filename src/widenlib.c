/* t:widen(d, n [, how [, groups]]): a dimension that goes on as fits have it,
   so that a layer gets more channels and a network computes what it did. */
#include <string.h>

#include "lib.h"
#include "loop.h"
#include "taps.h"

/* A widening of dimension `d`, in each of `groups` blocks, of which one has
   `before` elements and is to have `after`. */
typedef struct widening {
  int d;
  idn_fit fit;
  int64_t groups, before, after;
} widening;

/* -- Copying what is shared out ------------------------------------------ */

/* Each element times `factor`, divided by `divisor`, and rounded once. */
typedef struct scaled {
  float *to;
  const float *from;
  double factor, divisor;
} scaled;

static int scale(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                 int64_t sb) {
  const scaled *s = state;
  float *to = s->to + a;
  const float *from = s->from + b;
  double factor = s->factor, divisor = s->divisor;
  if (divisor == 1) {
    for (int64_t k = 0; k < n; k++)
      to[k * sa] = (float)((double)from[k * sb] * factor);
  } else {
    for (int64_t k = 0; k < n; k++)
      to[k * sa] = (float)((double)from[k * sb] / divisor);
  }
  return 1;
}

/* The share of the r-th of `count` copies: that of a tap. */
static void share(scaled *s, idn_fit fit, int64_t r, int64_t count) {
  s->factor = fit == IDN_SPLIT ? idn_share(fit, 1, r, count) : 1;
  s->divisor = fit == IDN_MEAN ? (double)count : 1;
}

/* Copies the elements [first, last) of a block's dimension, `from` elements
   behind the source's first, for the r-th of `count` times. */
static void copypart(const widening *w, idn_tensor *to, const idn_tensor *from,
                     int64_t group, int64_t first, int64_t last, int64_t r,
                     int64_t count) {
  int64_t size[IDN_MAXRANK];
  const int64_t *sa = idn_stride(to), *sb = idn_stride(from);
  int64_t at = group * w->after + (r - 1) * w->before + first;
  if (first >= last) return;
  memcpy(size, from->dim, (size_t)from->rank * sizeof *size);
  size[w->d] = last - first;
  scaled s = {.to = to->data + at * sa[w->d],
              .from = from->data + (group * w->before + first) * sb[w->d]};
  if (w->fit != IDN_MEAN && w->fit != IDN_SPLIT) {
    idn_copyelements(from->rank, size, s.to, sa, s.from, sb);
    return;
  }
  idn_loop l;
  share(&s, w->fit, r, count);
  idn_makeloop(&l, from->rank, size, sa, sb);
  idn_runloop(&l, scale, &s);
}

/* The first elements of a block have one copy more than the others where the
   copies do not come out even. */
static void copyblock(const widening *w, idn_tensor *to, const idn_tensor *from,
                      int64_t group) {
  int64_t count = w->after / w->before, more = w->after % w->before;
  for (int64_t r = 1; r <= count + 1; r++) {
    copypart(w, to, from, group, 0, more, r, count + 1);
    if (r <= count) copypart(w, to, from, group, more, w->before, r, count);
  }
}

/* -- The call ------------------------------------------------------------ */

static idn_fit checkfit(lua_State *L, int arg) {
  static const char *const names[] = {"tile", "mean", "split", "pad", NULL};
  static const idn_fit fits[] = {IDN_TILE, IDN_MEAN, IDN_SPLIT, IDN_PAD};
  if (lua_isnoneornil(L, arg)) return IDN_TILE;
  return fits[idn_choose(L, arg, "how", names,
                         "\"tile\", \"mean\", \"split\" or \"pad\"")];
}

/* Reads the arguments; the new extent goes to `extent`. */
static widening checkwidening(lua_State *L, const idn_tensor *t,
                              int64_t *extent) {
  widening w = {.groups = 1};
  if (t->rank == 0)
    idn_fail(L, 1, "a tensor of rank 0 has no dimension to widen");
  w.d = idn_checkdimension(L, 2, t->rank, 1);
  int64_t m = t->dim[w.d];
  if (!idn_tointeger(L, 3, extent) || *extent < m)
    idn_fail(L, 1, "extent: integer in range [%s, 2^53] expected, got %s",
             idn_pushnumber(L, (double)m), idn_pushgot(L, 3));
  w.fit = checkfit(L, 4);
  if (!lua_isnoneornil(L, 5) &&
      (!idn_tointeger(L, 5, &w.groups) || w.groups < 1 || m % w.groups != 0 ||
       *extent % w.groups != 0))
    idn_fail(L, 1,
             "groups: divisor of %s and %s, the extents of dimension %d, "
             "expected, got %s",
             idn_pushnumber(L, (double)m), idn_pushnumber(L, (double)*extent),
             w.d + 1, idn_pushgot(L, 5));
  if (m == 0 && *extent > 0 && w.fit != IDN_PAD)
    idn_fail(L, 1, "how: \"pad\" expected for dimension %d, whose extent is 0",
             w.d + 1);
  w.before = m / w.groups;
  w.after = *extent / w.groups;
  return w;
}

static int widen(lua_State *L) {
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  int64_t size[IDN_MAXRANK];
  lua_settop(L, 5);
  widening w = checkwidening(L, t, &size[0]);
  int64_t extent = size[0];
  memcpy(size, t->dim, (size_t)t->rank * sizeof *size);
  size[w.d] = extent;
  idn_tensor *(*make)(lua_State *, int, const int64_t *, int, int) =
      w.fit == IDN_PAD ? idn_newtensor : idn_rawtensor;
  idn_tensor *wide = make(L, t->rank, size, idn_newsorder(t), 1);
  idn_checktensor(L, 1, NULL, 1);
  for (int64_t g = 0; g < w.groups && wide->numel > 0 && w.before > 0; g++) {
    if (w.fit == IDN_PAD)
      copypart(&w, wide, t, g, 0, w.before, 1, 1);
    else
      copyblock(&w, wide, t, g);
  }
  return 1;
}

void idn_open_widen(lua_State *L) {
  static const luaL_Reg methods[] = {{"widen", widen}, {NULL, NULL}};
  idn_registerin(L, "methods", methods);
}
