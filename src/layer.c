#include "layer.h"

#include <string.h>

#include "size.h"

static const idn_kind kinds[] = {
    {.name = "Dense", .outfirst = 1},
    {.name = "Conv", .has_axes = 1, .flipped = 1},
    {.name = "CrossCor", .has_axes = 1},
    {.name = "ConvTranspose",
     .has_axes = 1,
     .transposed = 1,
     .flipped = 1,
     .outfirst = 1},
    {.name = "Embedding", .outfirst = 1, .lookup = 1},
};

const idn_kind *idn_findkind(const char *name) {
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    if (strcmp(kinds[k].name, name) == 0) return &kinds[k];
  return NULL;
}

int idn_islayer(const idn_layer *l) {
  if (!l->kind || l->kind->has_axes != (l->axes > 0)) return 0;
  for (int d = 0; d < l->axes; d++) {
    const idn_axis *a = &l->axis[d];
    if (a->kernel < 1 || a->stride < 1 || a->dilation < 1 || a->outpad < 0 ||
        a->kernel - 1 > IDN_MAXEXTENT / a->dilation)
      return 0;
  }
  return l->groups > 0 && l->nin > 0 && l->nin % l->groups == 0 &&
         l->nout > 0 && l->nout % l->groups == 0;
}

/* -- An axis ------------------------------------------------------------- */

static int64_t spanof(const idn_axis *a) {
  return a->dilation * (a->kernel - 1);
}

int idn_padsame(idn_layer *l) {
  for (int d = 0; d < l->axes; d++) {
    idn_axis *a = &l->axis[d];
    int64_t steps = a->kernel - (l->kind->transposed ? a->stride : 1);
    int64_t most = IDN_MAXEXTENT / a->dilation, total = steps * a->dilation;
    if (steps > most || -steps > most) return 0;
    a->high = total / 2 - (total % 2 < 0); /* rounded down */
    a->low = total - a->high;
  }
  return 1;
}

void idn_padfor(const idn_layer *l, int axis, int64_t k, int64_t *low,
                int64_t *high) {
  const idn_axis *a = &l->axis[axis];
  *low = a->low + idn_offset(l, axis, k);
  *high = spanof(a) - *low;
}

int64_t idn_outextent(const idn_layer *l, int axis, int64_t in) {
  const idn_axis *a = &l->axis[axis];
  int64_t pad = a->low + a->high, room = in - 1 + pad - spanof(a);
  if (!l->kind->transposed) return room < 0 ? 0 : room / a->stride + 1;
  if (in > 1 && a->stride > ((int64_t)1 << 60) / (in - 1)) return INT64_MAX;
  return (in - 1) * a->stride + 1 + spanof(a) - pad + a->outpad;
}

int64_t idn_leastextent(const idn_layer *l, int axis) {
  const idn_axis *a = &l->axis[axis];
  int64_t missing = spanof(a) - a->low - a->high;
  if (!l->kind->transposed) return missing < 0 ? 1 : missing + 1;
  missing += a->outpad;
  return missing < 0 ? (-missing - 1) / a->stride + 2 : 1;
}

int64_t idn_offset(const idn_layer *l, int axis, int64_t k) {
  const idn_axis *a = &l->axis[axis];
  return (l->kind->flipped ? a->kernel - 1 - k : k) * a->dilation - a->low;
}

int idn_zeroposition(const idn_layer *l, int axis, int64_t *k) {
  const idn_axis *a = &l->axis[axis];
  int64_t steps = a->low / a->dilation, rest = a->low % a->dilation;
  if (l->kind->flipped) {
    *k = a->kernel - 1 - steps - (rest > 0);
  } else {
    *k = steps - (rest < 0);
  }
  return rest == 0;
}

int64_t idn_zerotap(const idn_layer *l) {
  int64_t tap = 0, k;
  for (int d = 0; d < l->axes; d++) {
    if (!idn_zeroposition(l, d, &k) || k < 0 || k >= l->axis[d].kernel)
      return -1;
    tap = tap * l->axis[d].kernel + k;
  }
  return tap;
}

int idn_reachof(const idn_layer *l, int axis, int64_t k, int64_t in,
                int64_t out, idn_reach *r) {
  int64_t stride = l->axis[axis].stride, offset = idn_offset(l, axis, k);
  int64_t coarse = out, fine = in;
  if (l->kind->transposed) coarse = in, fine = out;
  int64_t first = offset < 0 ? (-offset - 1) / stride + 1 : 0;
  int64_t last = offset < fine ? (fine - 1 - offset) / stride : -1;
  if (last > coarse - 1) last = coarse - 1;
  if (first > last) return 0;
  int64_t there = first * stride + offset;
  if (first == last) stride = 1; /* no step is taken, and it may be past all */
  r->count = last - first + 1;
  r->in = r->out = first;
  r->instep = r->outstep = 1;
  if (l->kind->transposed)
    r->out = there, r->outstep = stride;
  else
    r->in = there, r->instep = stride;
  return 1;
}

/* -- The weight ---------------------------------------------------------- */

/* Of its two channel indices the first runs within a group and the second
   through all groups. How many channels a group has on their sides: */
static int64_t innerof(const idn_layer *l) {
  return l->kind->outfirst ? idn_outs(l) : idn_ins(l);
}
static int64_t outerof(const idn_layer *l) {
  return l->kind->outfirst ? idn_ins(l) : idn_outs(l);
}

int idn_weightsize(const idn_layer *l, int64_t *size) {
  for (int d = 0; d < l->axes; d++) size[d] = l->axis[d].kernel;
  size[l->axes] = innerof(l);
  size[l->axes + 1] = outerof(l) * l->groups;
  return l->axes + 2;
}

void idn_viewweight(const idn_layer *l, const float *data,
                    const int64_t *stride, idn_weight *w) {
  int outer = l->axes + 1;
  w->data = data;
  w->stride = stride;
  w->in = stride[l->kind->outfirst ? outer : outer - 1];
  w->out = stride[l->kind->outfirst ? outer - 1 : outer];
  w->group = stride[outer] * outerof(l);
}

int64_t idn_counttaps(const idn_layer *l) {
  int64_t count = 1;
  for (int d = 0; d < l->axes; d++) count *= l->axis[d].kernel;
  return count;
}

const float *idn_locate(const idn_layer *l, const idn_weight *w, int64_t tap,
                        int64_t *at) {
  const float *from = w->data;
  for (int d = l->axes - 1; d >= 0; d--) {
    at[d] = tap % l->axis[d].kernel;
    tap /= l->axis[d].kernel;
    from += at[d] * w->stride[d];
  }
  return from;
}

const float *idn_weightat(const idn_layer *l, const idn_weight *w,
                          const float *from, int64_t in, int64_t out) {
  int64_t group = l->groups > 1 ? in / idn_ins(l) : 0;
  if (l->groups > 1 && out / idn_outs(l) != group) return NULL;
  return from + group * w->group + (in - group * idn_ins(l)) * w->in +
         (out - group * idn_outs(l)) * w->out;
}

int64_t idn_findnonzero(const float *w, int64_t step, int64_t k,
                        int64_t count) {
  const uint64_t nosigns = 0x7fffffff7fffffffU;
  for (; step == 1 && k + 8 <= count; k += 8) {
    uint64_t bits[4];
    memcpy(bits, w + k, sizeof bits);
    if ((bits[0] | bits[1] | bits[2] | bits[3]) & nosigns) break;
  }
  while (k < count && w[k * step] == 0) k++;
  return k;
}

int64_t idn_nextweight(const idn_layer *l, const idn_weight *w,
                       const float *from, idn_sort sort, int64_t n,
                       idn_entry *e) {
  int straight = sort == IDN_STRAIGHT;
  int64_t inner = innerof(l), outer = outerof(l), width = outer * l->groups;
  int64_t step = w->stride[l->axes + 1], leap = w->stride[l->axes];
  for (; n < (straight ? width : inner * width); n++) {
    int64_t a = straight ? n % inner : n / width, b = n % width;
    int64_t next =
        straight ? b : idn_findnonzero(from + a * leap, step, b, width);
    n += next - b;
    if (next == width) n--;
    float value = next < width ? from[a * leap + next * step] : 0;
    int64_t other = next / outer * inner + a;
    if (value == 0 || (sort != IDN_ALL && straight != (other == next)))
      continue;
    *e = (idn_entry){value, next, other, {a, next}};
    if (!l->kind->outfirst) e->in = other, e->out = next;
    return n;
  }
  return -1;
}

static void count(void *state, int64_t in, int64_t out) {
  idn_census *c = state;
  c->total++;
  c->ins[in]++;
  c->outs[out]++;
}

void idn_takecensus(const idn_layer *l, const idn_weight *w, idn_census *c) {
  int64_t at[IDN_MAXAXES], taps = idn_counttaps(l);
  for (int64_t tap = 0; tap < taps; tap++) {
    int64_t before = c->total;
    idn_eachweight(l, w, idn_locate(l, w, tap, at), count, c);
    c->taps[tap] = c->total - before;
  }
}
