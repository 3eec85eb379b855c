/* t:widen(d, n [, how [, groups]]): a dimension that goes on as fits have it,
   so that a layer gets more channels and a network computes what it did. */
#include <string.h>

#include "lib.h"
#include "taps.h"

/* A widening of dimension `d`, in each of `groups` blocks, of which one has
   `before` elements and is to have `after`. */
typedef struct widening {
  int d;
  idn_fit fit;
  int64_t groups, before, after;
  int64_t size[IDN_MAXRANK]; /* of what is copied */
} widening;

/* -- Copying what is shared out ------------------------------------------ */

/* Each element times `factor`, divided by `divisor`, and rounded once. */
typedef struct share {
  double factor, divisor;
} share;

static int scale(void *state, int64_t n, float *a, int64_t sa, const float *b,
                 int64_t sb) {
  const share *s = state;
  double factor = s->factor, divisor = s->divisor;
  if (divisor == 1) {
    for (int64_t k = 0; k < n; k++)
      a[k * sa] = (float)((double)b[k * sb] * factor);
  } else {
    for (int64_t k = 0; k < n; k++)
      a[k * sa] = (float)((double)b[k * sb] / divisor);
  }
  return 1;
}

/* Copies the elements [first, last) of a block for the r-th of `count` times:
   the share of a copy is that of a tap. */
static void copypart(widening *w, idn_array to, idn_array from, int64_t first,
                     int64_t last, int64_t r, int64_t count) {
  share s = {1, 1};
  if (w->fit == IDN_SPLIT) s.factor = idn_share(w->fit, 1, r, count);
  if (w->fit == IDN_MEAN) s.divisor = (double)count;
  w->size[w->d] = last - first;
  from = idn_from(from, w->d, first);
  to = idn_from(to, w->d, (r - 1) * w->before + first);
  if (w->fit == IDN_MEAN || w->fit == IDN_SPLIT)
    idn_eachrun(&to, &from, scale, &s);
  else
    idn_copyelements(&to, &from);
}

/* Where copies do not come out even, the first elements have one more than the
   others. Only those of a split differ: else what is there is doubled. */
static void widenblock(widening *w, idn_array to, idn_array from) {
  int64_t count = w->after / w->before, more = w->after % w->before, n;
  int64_t made = w->fit == IDN_SPLIT ? count + 1 : 1;
  for (int64_t r = 1; r <= made; r++) {
    copypart(w, to, from, 0, more, r, count + 1);
    if (r <= count) copypart(w, to, from, more, w->before, r, count);
  }
  from.data = to.data;
  from.stride = to.stride;
  if (w->fit == IDN_SPLIT || w->fit == IDN_PAD) return;
  for (int64_t done = w->before; done < w->after; done += n) {
    w->size[w->d] = n = w->after - done < done ? w->after - done : done;
    idn_array next = idn_from(to, w->d, done);
    idn_copyelements(&next, &from);
  }
}

/* -- The call ------------------------------------------------------------ */

static idn_fit checkfit(lua_State *L, int arg) {
  static const char *const names[] = {"pad", "tile", "mean", "split", NULL};
  if (lua_isnoneornil(L, arg)) return IDN_TILE;
  return (idn_fit)idn_choose(L, arg, "how", names,
                             "\"tile\", \"mean\", \"split\" or \"pad\"");
}

/* Reads the arguments; the new extent goes to `extent`. */
static widening checkwidening(lua_State *L, const idn_tensor *t,
                              int64_t *extent) {
  widening w = {.groups = 1};
  if (t->rank == 0)
    idn_fail(L, 1, "a tensor of rank 0 has no dimension to widen");
  w.d = idn_checkdimension(L, 2, t->rank);
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
  int64_t extent;
  lua_settop(L, 5);
  widening w = checkwidening(L, t, &extent);
  memcpy(w.size, t->dim, (size_t)t->rank * sizeof *w.size);
  w.size[w.d] = extent;
  idn_tensor *wide =
      w.fit == IDN_PAD ? idn_newtensor(L, t->rank, w.size, idn_newsorder(t), 1)
                       : idn_rawtensor(L, t->rank, w.size, idn_newsorder(t), 1);
  idn_checktensor(L, 1, NULL, 1);
  idn_array to = *idn_arrayof(wide);
  idn_array from = {t->data, t->rank, w.size, idn_stride(t)};
  for (int64_t g = 0; g < w.groups && wide->numel > 0 && w.before > 0; g++)
    widenblock(&w, idn_from(to, w.d, g * w.after),
               idn_from(from, w.d, g * w.before));
  return 1;
}

void idn_open_widen(lua_State *L) {
  static const luaL_Reg methods[] = {{"widen", widen}, {NULL, NULL}};
  idn_registerin(L, "methods", methods);
}
