#include "layer.h"

#include <stdlib.h>
#include <string.h>

/* -- Four floats at once ------------------------------------------------- */

#if defined(__GNUC__)
typedef float lanes __attribute__((vector_size(16)));
typedef int32_t masks __attribute__((vector_size(16)));
static inline lanes spread(float s) { return (lanes){s, s, s, s}; }
static inline lanes times(lanes a, lanes b) { return a * b; }
static inline lanes plus(lanes a, lanes b) { return a + b; }
static inline lanes floored(lanes a) {
  return (lanes)((masks)a & ~(a < spread(0)));
}
#else
typedef struct lanes {
  float at[4];
} lanes;
static inline lanes spread(float s) { return (lanes){{s, s, s, s}}; }
static inline lanes times(lanes a, lanes b) {
  for (int k = 0; k < 4; k++) a.at[k] *= b.at[k];
  return a;
}
static inline lanes plus(lanes a, lanes b) {
  for (int k = 0; k < 4; k++) a.at[k] += b.at[k];
  return a;
}
static inline lanes floored(lanes a) {
  for (int k = 0; k < 4; k++) a.at[k] = a.at[k] < 0 ? 0 : a.at[k];
  return a;
}
#endif

static inline lanes read4(const float *p) {
  lanes a;
  memcpy(&a, p, sizeof a);
  return a;
}

static inline void write4(float *p, lanes a) { memcpy(p, &a, sizeof a); }

/* y = w * x */
static void scale(float *y, const float *x, float w, int64_t n) {
  int64_t k = 0;
  for (; k + 4 <= n; k += 4) write4(y + k, times(spread(w), read4(x + k)));
  for (; k < n; k++) y[k] = w * x[k];
}

/* y += w * x */
static void addscaled(float *y, const float *x, float w, int64_t n) {
  int64_t k = 0;
  for (; k + 4 <= n; k += 4)
    write4(y + k, plus(read4(y + k), times(spread(w), read4(x + k))));
  for (; k < n; k++) y[k] += w * x[k];
}

/* y += w * x, element by element */
static void addproducts(float *y, const float *x, const float *w, int64_t n) {
  int64_t k = 0;
  for (; k + 4 <= n; k += 4)
    write4(y + k, plus(read4(y + k), times(read4(w + k), read4(x + k))));
  for (; k < n; k++) y[k] += w[k] * x[k];
}

static int allfinite(const float *x, int64_t n) {
  lanes sum = spread(0);
  float part[4], rest = 0;
  int64_t k = 0;
  for (; k + 4 <= n; k += 4) sum = plus(sum, times(spread(0), read4(x + k)));
  for (; k < n; k++) rest += 0 * x[k];
  write4(part, sum);
  return part[0] + part[1] + part[2] + part[3] + rest == 0;
}

int64_t idn_findnonzero(const float *w, int64_t from, int64_t count) {
  for (; from + 8 <= count; from += 8) {
    uint32_t bits[8];
    memcpy(bits, w + from, sizeof bits);
    if ((bits[0] | bits[1] | bits[2] | bits[3] | bits[4] | bits[5] | bits[6] |
         bits[7])
        << 1)
      break;
  }
  while (from < count && w[from] == 0) from++;
  return from;
}

/* -- Where a tap joins outputs and inputs -------------------------------- */

/* Positions that one tap joins: a box in the output and one in the input, of
   the same size, with the first position's offset and a step for each axis. */
typedef struct box {
  int axes;
  int64_t size[IDN_MAXAXES];
  int64_t y, x;
  int64_t ystep[IDN_MAXAXES], xstep[IDN_MAXAXES];
} box;

/* The first and the last coarse position that tap `t` joins with a fine one. */
static void reach(const idn_axis *a, int64_t t, int64_t coarse, int64_t fine,
                  int64_t *first, int64_t *last) {
  int64_t offset = t * a->dilation - a->low;
  *first = offset < 0 ? (-offset - 1) / a->stride + 1 : 0;
  *last = offset < fine ? (fine - 1 - offset) / a->stride : -1;
  if (*last > coarse - 1) *last = coarse - 1;
}

/* Returns 0 if the tap at the kernel positions `at` meets padding only. */
static int join(const idn_layer *l, const int64_t *at, box *b) {
  int64_t ystride = l->nout * l->batch, xstride = l->nin * l->batch;
  memset(b, 0, sizeof *b);
  b->axes = l->axes;
  for (int d = l->axes - 1; d >= 0; d--) {
    const idn_axis *a = &l->axis[d];
    int64_t t = l->flipped ? a->kernel - 1 - at[d] : at[d], first, last;
    int64_t coarse = l->transposed ? a->in : a->out;
    int64_t fine = l->transposed ? a->out : a->in;
    reach(a, t, coarse, fine, &first, &last);
    if (first > last) return 0;
    int64_t there = first * a->stride + t * a->dilation - a->low;
    b->size[d] = last - first + 1;
    b->y += (l->transposed ? there : first) * ystride;
    b->x += (l->transposed ? first : there) * xstride;
    int64_t leap = last > first ? a->stride : 1; /* else it can be past all */
    b->ystep[d] = l->transposed ? ystride * leap : ystride;
    b->xstep[d] = l->transposed ? xstride : xstride * leap;
    ystride *= a->out;
    xstride *= a->in;
  }
  return 1;
}

/* A row: the last axis of a box. */
typedef struct row {
  float *y;
  const float *x;
  int64_t count, ystep, xstep;
} row;

typedef void rowfunction(const void *state, const row *r);

static void eachrow(const box *b, float *y, const float *x, rowfunction *f,
                    const void *state) {
  int64_t at[IDN_MAXAXES] = {0};
  int last = b->axes - 1, d;
  row r = {.count = 1};
  r.y = y + b->y;
  r.x = x + b->x;
  if (last >= 0) {
    r.count = b->size[last];
    r.ystep = b->ystep[last];
    r.xstep = b->xstep[last];
  }
  do {
    f(state, &r);
    for (d = last - 1; d >= 0; d--) {
      r.y += b->ystep[d];
      r.x += b->xstep[d];
      if (++at[d] < b->size[d]) break;
      r.y -= b->ystep[d] * at[d];
      r.x -= b->xstep[d] * at[d];
      at[d] = 0;
    }
  } while (d >= 0);
}

/* -- Taking stock of the weight ------------------------------------------ */

int64_t idn_counttaps(const idn_layer *l) {
  int64_t count = 1;
  for (int d = 0; d < l->axes; d++) count *= l->axis[d].kernel;
  return count;
}

/* Kernel position number `tap`, as one position for each axis; returns its
   weights. */
static const float *locate(const idn_layer *l, const float *w, int64_t tap,
                           int64_t *at) {
  for (int d = l->axes - 1; d >= 0; d--) {
    at[d] = tap % l->axis[d].kernel;
    tap /= l->axis[d].kernel;
    w += at[d] * l->axis[d].wstride;
  }
  return w;
}

typedef void weightfunction(void *state, int64_t in, int64_t out);

/* Calls f for each weight of a kernel position that is not 0, as the memory
   has them. */
static inline void eachweight(const idn_layer *l, const float *w,
                              weightfunction *f, void *state) {
  int64_t ins = l->nin / l->groups, outs = l->nout / l->groups;
  int by_out = l->ostride <= l->istride;
  int64_t inner = by_out ? outs : ins, outer = by_out ? ins : outs;
  int64_t step = by_out ? l->ostride : l->istride;
  int64_t leap = by_out ? l->istride : l->ostride;
  for (int64_t g = 0; g < l->groups; g++)
    for (int64_t a = 0; a < outer; a++) {
      const float *line = w + g * l->gstride + a * leap;
      for (int64_t b = 0; b < inner; b++) {
        if (line[b * step] == 0) {
          if (step == 1) b = idn_findnonzero(line, b, inner) - 1;
          continue;
        }
        f(state, g * ins + (by_out ? a : b), g * outs + (by_out ? b : a));
      }
    }
}

static void countweight(void *state, int64_t in, int64_t out) {
  idn_census *c = state;
  c->total++;
  c->ins[in]++;
  c->outs[out]++;
}

void idn_takecensus(const idn_layer *l, const float *w, idn_census *c) {
  int64_t at[IDN_MAXAXES], taps = idn_counttaps(l);
  for (int64_t tap = 0; tap < taps; tap++) {
    int64_t before = c->total;
    eachweight(l, locate(l, w, tap, at), countweight, c);
    c->taps[tap] = c->total - before;
  }
}

/* A layer at work. */
typedef struct task {
  const idn_layer *layer;
  const float *weight;
  int64_t ins, outs; /* channels of a group */
  int64_t taps;
  idn_census census;
  int64_t most;   /* weights at one kernel position */
  int64_t filled; /* kernel positions with any */
} task;

static void *allocate(int64_t count, size_t size) {
  if ((uint64_t)count > SIZE_MAX / size) return NULL;
  return calloc(count > 0 ? (size_t)count : 1, size);
}

/* Returns 0 if there is no memory. */
static int prepare(task *t) {
  const idn_layer *l = t->layer;
  idn_census *c = &t->census;
  t->ins = l->nin / l->groups;
  t->outs = l->nout / l->groups;
  t->taps = idn_counttaps(l);
  c->outs = allocate(l->nout, sizeof *c->outs);
  c->ins = allocate(l->nin, sizeof *c->ins);
  c->taps = allocate(t->taps, sizeof *c->taps);
  if (!c->outs || !c->ins || !c->taps) return 0;
  idn_takecensus(l, t->weight, c);
  for (int64_t tap = 0; tap < t->taps; tap++) {
    if (c->taps[tap] > t->most) t->most = c->taps[tap];
    t->filled += c->taps[tap] > 0;
  }
  return 1;
}

/* -- Few weights: one by one, in runs ------------------------------------ */

/* Weights (in + k, out + k) that are not 0, k < length. */
typedef struct run {
  int64_t in, out, length;
  const float *w;
  int same;   /* all are equal */
  int single; /* and each is its output's only one */
} run;

/* The weights of the current kernel position. */
typedef struct sparse {
  const task *task;
  struct {
    int64_t first, end;
  } * diagonal;  /* inputs, by output - input + nin - 1 */
  float *values; /* what runs point into */
  run *runs;
  int64_t count;
} sparse;

static void markweight(void *state, int64_t in, int64_t out) {
  sparse *s = state;
  int64_t k = out - in + s->task->layer->nin - 1;
  if (s->diagonal[k].end == 0 || in < s->diagonal[k].first)
    s->diagonal[k].first = in;
  if (in >= s->diagonal[k].end) s->diagonal[k].end = in + 1;
}

static float weightat(const task *t, const float *w, int64_t in, int64_t out) {
  const idn_layer *l = t->layer;
  if (l->groups > 1) {
    int64_t group = in / t->ins;
    if (out / t->outs != group) return 0;
    in -= group * t->ins;
    out -= group * t->outs;
    w += group * l->gstride;
  }
  return w[in * l->istride + out * l->ostride];
}

/* Whether a weight is the next of a run. */
static int continues(const run *r, int64_t in, int64_t out, int single) {
  return in == r->in + r->length && out == r->out + r->length &&
         single == r->single;
}

/* Takes up a weight whose value has been put at `w`. */
static void addtorun(sparse *s, int64_t in, int64_t out, const float *w) {
  int single = s->task->census.outs[out] == 1;
  run *r = s->runs + s->count;
  if (s->count > 0 && continues(r - 1, in, out, single)) {
    r[-1].length++;
    r[-1].same = r[-1].same && *w == *r[-1].w;
  } else {
    *r = (run){in, out, 1, w, 1, single};
    s->count++;
  }
}

/* Lists the runs of a kernel position, whose weights are at w. */
static void listruns(sparse *s, const float *w) {
  int64_t nin = s->task->layer->nin, nout = s->task->layer->nout;
  float *value = s->values;
  s->count = 0;
  eachweight(s->task->layer, w, markweight, s);
  for (int64_t k = 0; k < nin + nout - 1; k++) {
    for (int64_t in = s->diagonal[k].first; in < s->diagonal[k].end; in++) {
      int64_t out = in + k - (nin - 1);
      *value = weightat(s->task, w, in, out);
      if (*value != 0) addtorun(s, in, out, value++);
    }
    s->diagonal[k].first = s->diagonal[k].end = 0;
  }
}

/* A run whose weights are all equal, over a row. */
static void evenrun(const run *r, row p, int64_t batch) {
  int64_t length = r->length * batch;
  if (p.ystep == length && p.xstep == length) {
    length *= p.count;
    p.count = 1;
  }
  for (int64_t n = 0; n < p.count; n++) {
    if (!r->single)
      addscaled(p.y, p.x, *r->w, length);
    else if (*r->w != 1)
      scale(p.y, p.x, *r->w, length);
    else
      memcpy(p.y, p.x, (size_t)length * sizeof *p.y);
    p.y += p.ystep;
    p.x += p.xstep;
  }
}

static void mixedrun(const run *r, row p, int64_t batch) {
  for (int64_t n = 0; n < p.count; n++) {
    if (batch == 1 && !r->single) {
      addproducts(p.y, p.x, r->w, r->length);
    } else {
      run one = {0, 0, 1, r->w, 1, r->single};
      row q = {p.y, p.x, 1, 0, 0};
      for (; one.w < r->w + r->length; one.w++, q.y += batch, q.x += batch)
        evenrun(&one, q, batch);
    }
    p.y += p.ystep;
    p.x += p.xstep;
  }
}

static void sparserow(const void *state, const row *r) {
  const sparse *s = state;
  int64_t batch = s->task->layer->batch;
  for (int64_t k = 0; k < s->count; k++) {
    const run *one = &s->runs[k];
    row part = *r;
    part.y += one->out * batch;
    part.x += one->in * batch;
    if (one->same)
      evenrun(one, part, batch);
    else
      mixedrun(one, part, batch);
  }
}

static int runsparse(const task *t, const float *x, float *y) {
  const idn_layer *l = t->layer;
  sparse work = {.task = t};
  int64_t at[IDN_MAXAXES];
  box b;
  work.diagonal = allocate(l->nin + l->nout, sizeof *work.diagonal);
  work.values = allocate(t->most + 1, sizeof *work.values);
  work.runs = allocate(t->most, sizeof *work.runs);
  int ok = work.diagonal && work.values && work.runs;
  for (int64_t tap = 0; ok && tap < t->taps; tap++) {
    if (t->census.taps[tap] == 0) continue;
    const float *w = locate(l, t->weight, tap, at);
    if (!join(l, at, &b)) continue;
    listruns(&work, w);
    eachrow(&b, y, x, sparserow, &work);
  }
  free(work.diagonal);
  free(work.values);
  free(work.runs);
  return ok;
}

/* -- Many weights: a matrix product for each kernel position -------------- */

/* A product is cut into tiles: TILE positions by WIDE outputs. */
enum { TILE = 4, WIDE = 8 };

typedef struct dense {
  int64_t ins, outs, batch;
  float *panels; /* [outs / WIDE][ins][WIDE], the rest filled up with 0 */
} dense;

static void packpanels(dense *s, const float *w, int64_t istride,
                       int64_t ostride) {
  float *to = s->panels;
  for (int64_t o = 0; o < s->outs; o += WIDE) {
    int64_t width = s->outs - o < WIDE ? s->outs - o : WIDE;
    for (int64_t i = 0; i < s->ins; i++, to += WIDE)
      for (int64_t k = 0; k < width; k++)
        to[k] = w[i * istride + (o + k) * ostride];
  }
}

/* sums[t] = x[t] times a panel, `depth` deep. */
static void tile(const float *const x[TILE], int64_t step, const float *panel,
                 int64_t depth, float sums[TILE][WIDE]) {
  const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  lanes a0 = spread(0), b0 = a0, a1 = a0, b1 = a0;
  lanes a2 = a0, b2 = a0, a3 = a0, b3 = a0;
  for (int64_t k = 0; k < depth; k++, panel += WIDE) {
    lanes a = read4(panel), b = read4(panel + 4), s;
    s = spread(x0[k * step]);
    a0 = plus(a0, times(s, a));
    b0 = plus(b0, times(s, b));
    s = spread(x1[k * step]);
    a1 = plus(a1, times(s, a));
    b1 = plus(b1, times(s, b));
    s = spread(x2[k * step]);
    a2 = plus(a2, times(s, a));
    b2 = plus(b2, times(s, b));
    s = spread(x3[k * step]);
    a3 = plus(a3, times(s, a));
    b3 = plus(b3, times(s, b));
  }
  write4(sums[0], a0), write4(sums[0] + 4, b0);
  write4(sums[1], a1), write4(sums[1] + 4, b1);
  write4(sums[2], a2), write4(sums[2] + 4, b2);
  write4(sums[3], a3), write4(sums[3] + 4, b3);
}

/* Each position of a row counts once for each of the batch. */
static void denserow(const void *state, const row *r) {
  const dense *s = state;
  int64_t rows = r->count * s->batch;
  for (int64_t o = 0; o < s->outs; o += WIDE) {
    const float *panel = s->panels + o * s->ins;
    int64_t width = s->outs - o < WIDE ? s->outs - o : WIDE;
    for (int64_t m = 0; m < rows; m += TILE) {
      const float *x[TILE];
      float *y[TILE], sums[TILE][WIDE];
      int count = rows - m < TILE ? (int)(rows - m) : TILE;
      for (int t = 0; t < TILE; t++) {
        int64_t n = m + (t < count ? t : 0);
        int64_t p = s->batch == 1 ? n : n / s->batch, b = n - p * s->batch;
        x[t] = r->x + p * r->xstep + b;
        y[t] = r->y + p * r->ystep + o * s->batch + b;
      }
      tile(x, s->batch, panel, s->ins, sums);
      for (int t = 0; t < count; t++)
        for (int64_t k = 0; k < width; k++) y[t][k * s->batch] += sums[t][k];
    }
  }
}

static int rundense(const task *t, const float *x, float *y) {
  const idn_layer *l = t->layer;
  dense work = {t->ins, t->outs, l->batch, NULL};
  int64_t at[IDN_MAXAXES];
  box b;
  work.panels = allocate(t->ins * (t->outs + WIDE - 1), sizeof *work.panels);
  if (!work.panels) return 0;
  for (int64_t tap = 0; tap < t->taps; tap++) {
    if (t->census.taps[tap] == 0) continue;
    const float *w = locate(l, t->weight, tap, at);
    if (!join(l, at, &b)) continue;
    for (int64_t g = 0; g < l->groups; g++) {
      packpanels(&work, w + g * l->gstride, l->istride, l->ostride);
      eachrow(&b, y + g * t->outs * l->batch, x + g * t->ins * l->batch,
              denserow, &work);
    }
  }
  free(work.panels);
  return 1;
}

/* A product multiplies the zeros of its weights too, which the input must
   allow; it pays where they are not many. An identity has one weight for each
   output and never comes here. */
static int isdense(const task *t, const float *x) {
  const idn_layer *l = t->layer;
  int64_t block = t->ins * t->outs, all = t->filled * block * l->groups;
  if (block < 16 || t->census.total < all / 16 || t->census.total < 2 * l->nout)
    return 0;
  if (t->census.total == all) return 1;
  int64_t count = l->nin * l->batch;
  for (int d = 0; d < l->axes; d++) count *= l->axis[d].in;
  return allfinite(x, count);
}

/* -- The layer ----------------------------------------------------------- */

int64_t idn_outextent(const idn_axis *a, int transposed, int64_t high,
                      int64_t outpad) {
  const int64_t limit = (int64_t)1 << 53;
  if (a->dilation > limit / a->kernel) return INT64_MAX;
  int64_t span = a->dilation * (a->kernel - 1) + 1, pad = a->low + high, out;
  if (transposed) {
    if (a->stride > limit / a->in) return INT64_MAX;
    out = (a->in - 1) * a->stride + span - pad + outpad;
  } else {
    int64_t room = a->in + pad - span;
    out = room < 0 ? 0 : room / a->stride + 1;
  }
  return out > limit ? INT64_MAX : out;
}

int idn_forward(const idn_layer *layer, const float *weight, const float *x,
                float *y) {
  task t = {.layer = layer, .weight = weight};
  int ok = prepare(&t);
  if (ok) ok = isdense(&t, x) ? rundense(&t, x, y) : runsparse(&t, x, y);
  free(t.census.outs);
  free(t.census.ins);
  free(t.census.taps);
  return ok;
}

/* y[k][b] += bias[k * stride] for `count` outputs of a position. */
static void addrow(float *y, const float *bias, int64_t stride, int64_t count,
                   int64_t batch) {
  int64_t k = 0;
  if (batch == 1 && stride == 1)
    for (; k + 4 <= count; k += 4)
      write4(y + k, plus(read4(y + k), read4(bias + k)));
  for (y += k * batch; k < count; k++, y += batch)
    for (int64_t b = 0; b < batch; b++) y[b] += bias[k * stride];
}

void idn_addbias(float *y, const float *bias, int64_t stride, int64_t positions,
                 int64_t channels, int64_t batch) {
  for (int64_t o = 0, end; o < channels; o = end) {
    int is_zero = bias[o * stride] == 0;
    for (end = o + 1; end < channels; end++)
      if ((bias[end * stride] == 0) != is_zero) break;
    for (int64_t p = is_zero ? positions : 0; p < positions; p++)
      addrow(y + (p * channels + o) * batch, bias + o * stride, stride, end - o,
             batch);
  }
}

void idn_relu(float *y, int64_t count) {
  int64_t k = 0;
  for (; k + 4 <= count; k += 4) write4(y + k, floored(read4(y + k)));
  for (; k < count; k++) y[k] = y[k] < 0 ? 0 : y[k];
}
