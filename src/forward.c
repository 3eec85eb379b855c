#include "forward.h"

#include <stdlib.h>
#include <string.h>

#include "loop.h"

/* One rounding for each product and one for each sum, in whatever loop they
   stand: else an output's last bit would tell where. And rows are vectors at
   -O2 already, as clang makes them. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off", "excess-precision=standard")
#pragma GCC optimize("tree-vectorize", "vect-cost-model=dynamic")
#endif

/* -- Rows of floats ------------------------------------------------------ */

/* y = w * x */
static void scale(float *restrict y, const float *restrict x, float w,
                  int64_t n) {
  for (int64_t k = 0; k < n; k++) y[k] = w * x[k];
}

/* y += w * x */
static void addscaled(float *restrict y, const float *restrict x, float w,
                      int64_t n) {
  for (int64_t k = 0; k < n; k++) {
    float product = w * x[k];
    y[k] += product;
  }
}

/* y += w * x, element by element */
static void addproducts(float *restrict y, const float *restrict x,
                        const float *restrict w, int64_t n) {
  for (int64_t k = 0; k < n; k++) {
    float product = w[k] * x[k];
    y[k] += product;
  }
}

/* -- A layer at work ----------------------------------------------------- */

typedef struct work {
  const idn_pass *pass;
  const idn_layer *layer;
  int64_t ins, outs; /* of a group */
  int64_t taps;
  idn_census census;
  struct {
    int64_t first, end;
  } * diagonal;  /* of a kernel position: inputs, by output - input + nin - 1 */
  float *values; /* what runs point into */
  struct run *runs;
  int64_t count;
  float *panels;  /* [outs / WIDE][ins][WIDE], the rest filled up with 0 */
  const float *x; /* the first input that a tap joins */
  float *y;       /* and the output */
} work;

/* The positions that the tap at the kernel positions `at` joins. Returns 0 if
   it meets padding only. */
static int join(work *s, const int64_t *at, idn_loop *loop) {
  const idn_layer *l = s->layer;
  const idn_pass *p = s->pass;
  int64_t size[IDN_MAXAXES], ystep[IDN_MAXAXES], xstep[IDN_MAXAXES];
  int64_t ystride = l->nout * p->batch, xstride = l->nin * p->batch;
  for (int d = l->axes - 1; d >= 0; d--) {
    idn_reach r;
    if (!idn_reachof(l, d, at[d], p->in[d], p->out[d], &r)) return 0;
    size[d] = r.count;
    s->y += r.out * ystride;
    s->x += r.in * xstride;
    ystep[d] = r.outstep * ystride;
    xstep[d] = r.instep * xstride;
    ystride *= p->out[d];
    xstride *= p->in[d];
  }
  idn_makeloop(loop, l->axes, size, ystep, xstep);
  return 1;
}

/* -- Few weights: one by one, in runs ------------------------------------ */

/* Weights (in + k, out + k) that are not 0, k < length. */
typedef struct run {
  int64_t in, out, length;
  const float *w;
  int even;   /* all are equal */
  int single; /* and each is its output's only one */
} run;

static void markweight(void *state, int64_t in, int64_t out) {
  work *s = state;
  int64_t k = out - in + s->layer->nin - 1;
  if (s->diagonal[k].end == 0 || in < s->diagonal[k].first)
    s->diagonal[k].first = in;
  if (in >= s->diagonal[k].end) s->diagonal[k].end = in + 1;
}

/* Takes up a weight whose value has been put at `w`. Values may differ in a run
   where the products of a position lie side by side and are added up. */
static void addtorun(work *s, int64_t in, int64_t out, const float *w) {
  int single = s->census.outs[out] == 1;
  run *r = s->runs + s->count - 1;
  if (s->count > 0 && in == r->in + r->length && out == r->out + r->length &&
      single == r->single &&
      (*w == *r->w || (s->pass->batch == 1 && !single))) {
    r->length++;
    r->even = r->even && *w == *r->w;
  } else {
    s->runs[s->count++] = (run){in, out, 1, w, 1, single};
  }
}

/* Lists the runs of a kernel position, whose weights are at `from`. */
static void listruns(work *s, const float *from) {
  const idn_layer *l = s->layer;
  const idn_weight *weight = &s->pass->weight;
  float *value = s->values;
  s->count = 0;
  idn_eachweight(l, weight, from, markweight, s);
  for (int64_t k = 0; k < l->nin + l->nout - 1; k++) {
    for (int64_t in = s->diagonal[k].first; in < s->diagonal[k].end; in++) {
      int64_t out = in + k - (l->nin - 1);
      const float *w = idn_weightat(l, weight, from, in, out);
      if (!w || *w == 0) continue;
      *value = *w;
      addtorun(s, in, out, value++);
    }
    s->diagonal[k].first = s->diagonal[k].end = 0;
  }
}

static void addrun(const run *r, int64_t batch, int64_t n, float *y,
                   int64_t ystep, const float *x, int64_t xstep) {
  int64_t length = r->length * batch;
  if (r->even && ystep == length && xstep == length) {
    length *= n;
    n = 1;
  }
  for (; n > 0; n--, y += ystep, x += xstep) {
    if (r->single && *r->w == 1)
      memcpy(y, x, (size_t)length * sizeof *y);
    else if (r->single)
      scale(y, x, *r->w, length);
    else if (r->even)
      addscaled(y, x, *r->w, length);
    else
      addproducts(y, x, r->w, length);
  }
}

/* idn_visit's: adds all runs to n positions. */
static int addruns(void *state, int64_t n, float *y, int64_t ystep,
                   const float *x, int64_t xstep) {
  const work *s = state;
  int64_t batch = s->pass->batch;
  for (const run *r = s->runs; r < s->runs + s->count; r++)
    addrun(r, batch, n, y + r->out * batch, ystep, x + r->in * batch, xstep);
  return 1;
}

/* -- Many weights: a matrix product for each kernel position -------------- */

/* A product is cut into tiles: TILE positions by WIDE outputs. */
enum { TILE = 4, WIDE = 8 };

/* Puts a group's weights where the tiles read them. */
static void packpanels(const work *s, const float *from) {
  int64_t in = s->pass->weight.in, out = s->pass->weight.out;
  float *to = s->panels;
  for (int64_t o = 0; o < s->outs; o += WIDE) {
    int64_t width = s->outs - o < WIDE ? s->outs - o : WIDE;
    for (int64_t i = 0; i < s->ins; i++, to += WIDE)
      for (int64_t k = 0; k < width; k++) to[k] = from[i * in + (o + k) * out];
  }
}

/* Four floats at once: as plain arrays the tile takes twice as long. */
typedef float lanes __attribute__((vector_size(16)));

/* In macros, as functions that take or return vectors are called in more than
   one way on some machines. */
#define READ(a, p) memcpy(&(a), p, sizeof(lanes))
#define SPREAD(a, x) (one = (x), (a) = (lanes){one, one, one, one})
#define ADD(sum, x, w) (product = (x) * (w), (sum) += product)

/* sums[t] = x[t] times a panel, `depth` deep. Returns 0 if they are not all
   finite, or too large for their sum to be so. */
static int tile(const float *const x[TILE], int64_t step, const float *panel,
                int64_t depth, float sums[TILE][WIDE]) {
  const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  lanes a0 = {0}, a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  lanes a, b, s, product;
  float one;
  for (int64_t k = 0; k < depth; k++, panel += WIDE) {
    READ(a, panel), READ(b, panel + 4);
    SPREAD(s, x0[k * step]), ADD(a0, s, a), ADD(b0, s, b);
    SPREAD(s, x1[k * step]), ADD(a1, s, a), ADD(b1, s, b);
    SPREAD(s, x2[k * step]), ADD(a2, s, a), ADD(b2, s, b);
    SPREAD(s, x3[k * step]), ADD(a3, s, a), ADD(b3, s, b);
  }
  const lanes all[] = {a0, b0, a1, b1, a2, b2, a3, b3};
  memcpy(sums, all, sizeof all);
  s = (lanes){0}; /* 0 times what is not finite is no number */
  a = s * (a0 + a1 + a2 + a3 + b0 + b1 + b2 + b3);
  return a[0] + a[1] + a[2] + a[3] == 0;
}

/* One of these sums where not all is finite: an input may be so too, and
   weights of 0 must not see it. */
static float sumcolumn(const float *x, int64_t step, const float *panel,
                       int64_t depth) {
  float sum = 0;
  for (int64_t k = 0; k < depth; k++) {
    if (panel[k * WIDE] == 0) continue;
    float product = x[k * step] * panel[k * WIDE];
    sum += product;
  }
  return sum;
}

/* y += x times all panels, for `count` positions. */
static void addtile(const work *s, float *const y[TILE],
                    const float *const x[TILE], int count) {
  int64_t step = s->pass->batch;
  const float *panel = s->panels;
  for (int64_t o = 0; o < s->outs; o += WIDE, panel += s->ins * WIDE) {
    float sums[TILE][WIDE];
    int64_t width = s->outs - o < WIDE ? s->outs - o : WIDE;
    int is_finite = tile(x, step, panel, s->ins, sums);
    for (int t = 0; t < count; t++) {
      float *to = y[t] + o * step;
      for (int k = 0; k < WIDE && !is_finite; k++)
        sums[t][k] = sumcolumn(x[t], step, panel + k, s->ins);
      if (step == 1 && width == WIDE)
        addscaled(to, sums[t], 1, WIDE);
      else
        for (int64_t k = 0; k < width; k++) to[k * step] += sums[t][k];
    }
  }
}

/* idn_visit's: adds a product to n positions, each of which counts once for
   each of the batch. The last one fills up a tile that lacks some. */
static int addproduct(void *state, int64_t n, float *y, int64_t ystep,
                      const float *x, int64_t xstep) {
  const work *s = state;
  int64_t batch = s->pass->batch, rows = n * batch, member = 0;
  for (int64_t m = 0; m < rows; m += TILE) {
    const float *from[TILE];
    float *to[TILE];
    for (int t = 0; t < TILE; t++) {
      from[t] = x + member;
      to[t] = y + member;
      if (m + t + 1 >= rows || ++member < batch) continue;
      member = 0;
      x += xstep;
      y += ystep;
    }
    addtile(s, to, from, rows - m < TILE ? (int)(rows - m) : TILE);
  }
  return 1;
}

/* -- The layer ----------------------------------------------------------- */

static void *allocate(int64_t count, size_t size) {
  if ((uint64_t)count > SIZE_MAX / size) return NULL;
  return calloc(count > 0 ? (size_t)count : 1, size);
}

/* A product multiplies the zeros of its weights too: it pays where they are not
   many. An identity has one weight for each output and needs none. */
static int isdense(const work *s, int64_t filled) {
  const idn_layer *l = s->layer;
  int64_t block = s->ins * s->outs, total = s->census.total;
  return block >= 16 && total >= filled * block * l->groups / 16 &&
         total >= 2 * l->nout;
}

/* Counts the weights and finds memory for what they need. Returns 0 if there is
   none. */
static int prepare(work *s) {
  const idn_layer *l = s->layer;
  idn_census *c = &s->census;
  int64_t most = 0, filled = 0;
  s->ins = idn_ins(l);
  s->outs = idn_outs(l);
  s->taps = idn_counttaps(l);
  c->outs = allocate(l->nout + l->nin + s->taps, sizeof *c->outs);
  if (!c->outs) return 0;
  c->ins = c->outs + l->nout;
  c->taps = c->ins + l->nin;
  idn_takecensus(l, &s->pass->weight, c);
  for (int64_t tap = 0; tap < s->taps; tap++) {
    if (c->taps[tap] > most) most = c->taps[tap];
    filled += c->taps[tap] > 0;
  }
  if (isdense(s, filled)) {
    s->panels = allocate(s->ins * (s->outs + WIDE - 1), sizeof *s->panels);
    return s->panels != NULL;
  }
  s->diagonal = allocate(l->nin + l->nout, sizeof *s->diagonal);
  s->values = allocate(most + 1, sizeof *s->values);
  s->runs = allocate(most, sizeof *s->runs);
  return s->diagonal && s->values && s->runs;
}

/* Adds what a kernel position does, whose weights are at `from`, to the
   positions that it joins. */
static void addtap(work *s, const float *from, const idn_loop *loop) {
  const idn_layer *l = s->layer;
  if (!s->panels) {
    listruns(s, from);
    idn_runloop(loop, s->y, s->x, addruns, s);
    return;
  }
  for (int64_t g = 0; g < l->groups; g++) {
    packpanels(s, from + g * s->pass->weight.group);
    idn_runloop(loop, s->y, s->x, addproduct, s);
    s->y += s->outs * s->pass->batch;
    s->x += s->ins * s->pass->batch;
  }
}

int idn_forward(const idn_pass *pass, const float *x, float *y) {
  work s = {.pass = pass, .layer = pass->layer};
  int64_t at[IDN_MAXAXES];
  idn_loop loop;
  int ok = prepare(&s);
  for (int64_t tap = 0; ok && tap < s.taps; tap++) {
    if (s.census.taps[tap] == 0) continue;
    const float *from = idn_locate(s.layer, &pass->weight, tap, at);
    s.x = x;
    s.y = y;
    if (join(&s, at, &loop)) addtap(&s, from, &loop);
  }
  free(s.census.outs);
  free(s.diagonal);
  free(s.values);
  free(s.runs);
  free(s.panels);
  return ok;
}

/* -- Bias and relu ------------------------------------------------------- */

/* y[k][b] += bias[k * stride] for `count` outputs of a position. */
static void addrow(float *y, const float *bias, int64_t stride, int64_t count,
                   int64_t batch) {
  if (batch == 1 && stride == 1) {
    addscaled(y, bias, 1, count);
    return;
  }
  for (; count > 0; count--, bias += stride)
    for (int64_t b = 0; b < batch; b++) *y++ += *bias;
}

void idn_addbias(float *y, const float *bias, int64_t stride, int64_t positions,
                 int64_t channels, int64_t batch) {
  for (int64_t o = 0, end; o < channels; o = end + 1) {
    for (end = o; end < channels && bias[end * stride] != 0;) end++;
    for (int64_t p = 0; p < positions && end > o; p++)
      addrow(y + (p * channels + o) * batch, bias + o * stride, stride, end - o,
             batch);
  }
}

/* In integers: of a comparison some compilers make a maximum, which may give +0
   for -0. What is less than 0 stands between the least number below it and the
   negative infinity. */
void idn_relu(float *y, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    uint32_t bits;
    memcpy(&bits, y + k, sizeof bits);
    if (bits > 0x80000000U && bits <= 0xff800000U) bits = 0;
    memcpy(y + k, &bits, sizeof bits);
  }
}
