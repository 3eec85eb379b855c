/* Layers against their definition, written down output by output. The bytes
   choose the layer, its weight and its input; all numbers are small integers,
   so that sums are exact in any order, or NaN or infinite.

   What layer.h tells of extents, offsets and weights is held against the same
   definition, which knows nothing of it. A target for libFuzzer. */
#include "forward.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                               \
  do {                                                                         \
    if (!(x)) {                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                  \
      abort();                                                                 \
    }                                                                          \
  } while (0)

typedef struct bytes {
  const uint8_t *at, *end;
} bytes;

static int64_t draw(bytes *b, int64_t low, int64_t high) {
  return low + (b->at < b->end ? *b->at++ : 0) % (high - low + 1);
}

/* What a case holds. Buffers are blocks of their own and no larger than they
   need to be, for the sanitizer to see a step beside them. */
typedef struct trial {
  idn_layer layer;
  idn_pass pass;
  int64_t stride[IDN_MAXAXES + 2];
  int64_t positions[2]; /* of the input, of the output */
  int64_t weights;
  float *w, *x, *y, *bias;
  int64_t bstride;
  int relu;
} trial;

/* -- The definition ------------------------------------------------------ */

/* Input position for output position `p` and kernel position `k`, or 0. */
static int meets(const trial *t, int d, int64_t p, int64_t k, int64_t *in) {
  const idn_axis *a = &t->layer.axis[d];
  const char *kind = t->layer.kind->name;
  int64_t tap = strcmp(kind, "CrossCor") == 0 ? k : a->kernel - 1 - k;
  if (strcmp(kind, "ConvTranspose") == 0) {
    int64_t from = p + a->low - tap * a->dilation;
    *in = from / a->stride;
    return from >= 0 && from % a->stride == 0 && *in < t->pass.in[d];
  }
  *in = p * a->stride + tap * a->dilation - a->low;
  return *in >= 0 && *in < t->pass.in[d];
}

/* Splits `n` in one index for each axis, the last fastest. */
static void split(const trial *t, int64_t n, int what, int64_t *at) {
  for (int d = t->layer.axes - 1; d >= 0; d--) {
    int64_t extent = what == 0   ? t->layer.axis[d].kernel
                     : what == 1 ? t->pass.in[d]
                                 : t->pass.out[d];
    at[d] = n % extent;
    n /= extent;
  }
}

/* The indices of a weight: kernel positions, and then Flux's two. */
static int indices(const trial *t, const int64_t *k, int64_t i, int64_t o,
                   int64_t *at) {
  const idn_layer *l = &t->layer;
  int64_t ins = l->nin / l->groups, outs = l->nout / l->groups;
  int m = l->axes,
      is_conv = m > 0 && strcmp(l->kind->name, "ConvTranspose") != 0;
  for (int d = 0; d < m; d++) at[d] = k[d];
  at[m] = is_conv ? i % ins : o % outs;
  at[m + 1] = is_conv ? o : i;
  return i / ins == o / outs;
}

static float weightof(const trial *t, const int64_t *k, int64_t i, int64_t o) {
  int64_t index[IDN_MAXAXES + 2], at = 0;
  if (!indices(t, k, i, o, index)) return 0;
  for (int d = 0; d < t->layer.axes + 2; d++) at += index[d] * t->stride[d];
  CHECK(at >= 0 && at < t->weights);
  return t->w[at];
}

/* The output at position p, output o, member b of the batch. `last` becomes the
   last product, and its result how many there were. */
static int define(const trial *t, int64_t p, int64_t o, int64_t b, double *sum,
                  float *last) {
  const idn_layer *l = &t->layer;
  int64_t outat[IDN_MAXAXES], k[IDN_MAXAXES], taps = 1;
  int count = 0;
  split(t, p, 2, outat);
  for (int d = 0; d < l->axes; d++) taps *= l->axis[d].kernel;
  *sum = 0;
  for (int64_t tap = 0; tap < taps; tap++) {
    int64_t from = 0;
    int inside = 1;
    split(t, tap, 0, k);
    for (int d = 0; d < l->axes && inside; d++) {
      int64_t in;
      inside = meets(t, d, outat[d], k[d], &in);
      from = from * t->pass.in[d] + in;
    }
    for (int64_t i = 0; i < l->nin && inside; i++) {
      float w = weightof(t, k, i, o);
      if (w == 0) continue;
      *last = w == 1 ? t->x[(from * l->nin + i) * t->pass.batch + b]
                     : w * t->x[(from * l->nin + i) * t->pass.batch + b];
      *sum += (double)*last;
      count++;
    }
  }
  return count;
}

/* The work of idn_takecensus: how many weights an output has in all. */
static int uses(const trial *t, int64_t o) {
  const idn_layer *l = &t->layer;
  int64_t taps = 1, k[IDN_MAXAXES];
  int count = 0;
  for (int d = 0; d < l->axes; d++) taps *= l->axis[d].kernel;
  for (int64_t tap = 0; tap < taps; tap++) {
    split(t, tap, 0, k);
    for (int64_t i = 0; i < l->nin; i++) count += weightof(t, k, i, o) != 0;
  }
  return count;
}

/* Whether each output has one weight at most, which has the census agree. */
static int isidentity(const trial *t) {
  const idn_layer *l = &t->layer;
  int64_t most = 0, total = 0, left = 0;
  int64_t *counts =
      calloc((size_t)(l->nout + l->nin + idn_counttaps(l)), sizeof *counts);
  CHECK(counts);
  idn_census census = {0, counts, counts + l->nout, counts + l->nout + l->nin};
  idn_takecensus(l, &t->pass.weight, &census);
  for (int64_t o = 0; o < l->nout; o++) {
    int n = uses(t, o);
    CHECK(census.outs[o] == n);
    if (n > most) most = n;
    total += n;
  }
  CHECK(census.total == total);
  left = total;
  for (int64_t i = 0; i < l->nin; i++) left -= census.ins[i];
  CHECK(left == 0);
  left = total;
  for (int64_t k = 0; k < idn_counttaps(l); k++) left -= census.taps[k];
  CHECK(left == 0);
  free(counts);
  return most <= 1;
}

/* Whether one entry says what the definition does, and comes after `last`. */
static void checkentry(const trial *t, const int64_t *k, const idn_entry *e,
                       const idn_entry *last) {
  int64_t index[IDN_MAXAXES + 2];
  int m = t->layer.axes;
  float w = weightof(t, k, e->in, e->out);
  CHECK(w != 0 && (w == e->value || (isnan(w) && isnan(e->value))));
  CHECK(indices(t, k, e->in, e->out, index));
  CHECK(index[m] == e->index[0] && index[m + 1] == e->index[1]);
  CHECK(last->index[0] < e->index[0] ||
        (last->index[0] == e->index[0] && last->index[1] < e->index[1]));
}

static idn_sort sortof(int64_t in, int64_t out) {
  return in == out ? IDN_STRAIGHT : IDN_CROSSING;
}

/* The weights of each kernel position, one after the other, against all. */
static void checkweights(const trial *t) {
  const idn_layer *l = &t->layer;
  int64_t k[IDN_MAXAXES], at[IDN_MAXAXES], left[3] = {0, 0, 0};
  for (int64_t tap = 0; tap < idn_counttaps(l); tap++) {
    const float *from = idn_locate(l, &t->pass.weight, tap, at);
    split(t, tap, 0, k);
    CHECK(memcmp(k, at, (size_t)l->axes * sizeof *k) == 0);
    for (int64_t i = 0; i < l->nin; i++)
      for (int64_t o = 0; o < l->nout; o++)
        if (weightof(t, k, i, o) != 0) left[IDN_ALL]++, left[sortof(i, o)]++;
    for (int sort = IDN_ALL; sort <= IDN_CROSSING; sort++) {
      idn_entry e, last = {0, 0, 0, {-1, -1}};
      int64_t n = -1;
      while ((n = idn_nextweight(l, &t->pass.weight, from, (idn_sort)sort,
                                 n + 1, &e)) >= 0) {
        CHECK(sort == IDN_ALL || sort == (int)sortof(e.in, e.out));
        if (sort == IDN_STRAIGHT) last.index[0] = -1;
        checkentry(t, k, &e, &last);
        last = e;
        left[sort]--;
      }
      CHECK(left[sort] == 0);
    }
  }
}

/* What is said of an axis, against its offsets and extents one by one. */
static void checkaxis(const trial *t, int d) {
  const idn_layer *l = &t->layer;
  int64_t zero, found = -1, low, high, least = idn_leastextent(l, d);
  int is_there = idn_zeroposition(l, d, &zero);
  for (int64_t k = 0; k < l->axis[d].kernel; k++) {
    idn_layer other = *l;
    if (idn_offset(l, d, k) == 0) found = k;
    idn_padfor(l, d, k, &low, &high);
    other.axis[d].low = low;
    other.axis[d].high = high;
    other.axis[d].stride = 1;
    other.axis[d].outpad = 0;
    CHECK(idn_offset(&other, d, k) == 0);
    for (int64_t n = 1; n < 5; n++) CHECK(idn_outextent(&other, d, n) == n);
  }
  if (is_there && zero >= 0 && zero < l->axis[d].kernel)
    CHECK(found == zero);
  else
    CHECK(found < 0);
  CHECK(least >= 1 && idn_outextent(l, d, least) >= 1);
  if (least > 1) CHECK(idn_outextent(l, d, least - 1) < 1);
}

/* An offset of 0 joins each position with itself, at stride 1. */
static void checkoffset(const trial *t, int d) {
  const idn_layer *l = &t->layer;
  for (int64_t k = 0; k < l->axis[d].kernel; k++)
    for (int64_t p = 0; p < t->pass.out[d]; p++) {
      int64_t in, sign = l->kind->transposed ? -1 : 1;
      if (l->axis[d].stride > 1 || !meets(t, d, p, k, &in)) continue;
      CHECK(in - p == sign * idn_offset(l, d, k));
    }
}

static uint32_t bitsof(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void compare(const trial *t) {
  const idn_layer *l = &t->layer;
  const float *y = t->y;
  int bits = isidentity(t);
  for (int64_t p = 0; p < t->positions[1]; p++)
    for (int64_t o = 0; o < l->nout; o++)
      for (int64_t b = 0; b < t->pass.batch; b++, y++) {
        double sum;
        float last = 0;
        int count = define(t, p, o, b, &sum, &last);
        if (t->bias && t->bias[t->bstride * o] != 0) {
          sum += (double)t->bias[t->bstride * o];
          count = -1;
        }
        if (t->relu && sum < 0) sum = 0, count = -1;
        CHECK((double)*y == sum || (isnan(*y) && isnan(sum)));
        if (bits && count > 0) CHECK(bitsof(*y) == bitsof(last));
        if (count == 0) CHECK(!signbit(*y));
      }
}

/* -- Cases --------------------------------------------------------------- */

/* Lays the weight out as Flux does or, where `mirrored`, with all its axes in
   reverse. */
static void layout(trial *t, int mirrored) {
  int64_t extent[IDN_MAXAXES + 2];
  int rank = idn_weightsize(&t->layer, extent);
  CHECK(rank == t->layer.axes + 2);
  t->weights = 1;
  for (int n = 0; n < rank; n++) {
    int d = mirrored ? n : rank - 1 - n;
    t->stride[d] = t->weights;
    t->weights *= extent[d];
  }
}

static float value(bytes *b, int special) {
  static const float specials[] = {NAN, INFINITY, -INFINITY, -0.0F};
  int64_t n = draw(b, 0, 255);
  if (special && n >= 248) return specials[n % 4];
  return (float)(n % 31 - 15);
}

static void fillweight(trial *t, bytes *b) {
  int64_t filled = draw(b, 0, 20), special = draw(b, 0, 9) == 0;
  int64_t one = draw(b, 0, 2);
  for (int64_t n = 0; n < t->weights; n++) {
    t->w[n] = draw(b, 0, 19) < filled ? value(b, (int)special) : 0;
    if (one == 0 && t->w[n] != 0) t->w[n] = 1;
  }
}

/* A weight with taps on diagonals only, as most outputs of an identity see. */
static void filldiagonals(trial *t, bytes *b) {
  const idn_layer *l = &t->layer;
  int64_t ins = l->nin / l->groups, outs = l->nout / l->groups;
  for (int64_t many = draw(b, 1, 3); many > 0; many--) {
    int64_t shift = draw(b, 0, ins - 1), at;
    float gain = many == 1 ? 1 : value(b, 1);
    int64_t k[IDN_MAXAXES], index[IDN_MAXAXES + 2];
    for (int d = 0; d < l->axes; d++) k[d] = draw(b, 0, l->axis[d].kernel - 1);
    for (int64_t g = 0; g < l->groups; g++)
      for (int64_t o = 0; o < outs && o + shift < ins; o++) {
        CHECK(indices(t, k, g * ins + o + shift, g * outs + o, index));
        at = 0;
        for (int d = 0; d < l->axes + 2; d++) at += index[d] * t->stride[d];
        t->w[at] = gain;
      }
  }
}

static void drawaxis(trial *t, int d, bytes *b) {
  idn_layer *l = &t->layer;
  idn_axis *a = &l->axis[d];
  int transposed = l->kind->transposed;
  t->pass.in[d] = draw(b, 1, l->axes > 2 ? 3 : l->axes == 2 ? 7 : 20);
  a->kernel = draw(b, 1, l->axes > 2 ? 2 : 4);
  a->stride = draw(b, 1, 9) > 6 ? draw(b, 2, 5) : 1;
  a->dilation = draw(b, 1, 9) > 6 ? draw(b, 2, 4) : 1;
  a->low = draw(b, 0, 5) - draw(b, 0, 1) * transposed;
  a->high = draw(b, 0, 5) - draw(b, 0, 1) * transposed;
  a->outpad = transposed ? draw(b, 0, 3) : 0;
}

/* Returns 0 if the input is too small for the layer. */
static int drawlayer(trial *t, bytes *b) {
  static const char *const kinds[] = {"ConvTranspose", "Conv", "CrossCor"};
  idn_layer *l = &t->layer;
  int64_t size = draw(b, 0, 15);
  l->axes = size < 2 ? 0 : size < 6 ? 1 : size < 13 ? 2 : (int)draw(b, 3, 5);
  l->kind = idn_findkind(l->axes > 0 ? kinds[draw(b, 0, 2)] : "Dense");
  l->groups = draw(b, 0, 4) == 0 && l->axes > 0 ? draw(b, 2, 5) : 1;
  l->nin = l->groups * draw(b, 1, draw(b, 0, 3) == 0 ? 20 : 5);
  l->nout = l->groups * draw(b, 1, draw(b, 0, 3) == 0 ? 20 : 5);
  if (draw(b, 0, 3) == 0) l->nout = l->nin;
  t->pass.batch = draw(b, 0, 2) == 0 ? draw(b, 2, 5) : 1;
  t->positions[0] = t->positions[1] = 1;
  for (int d = 0; d < l->axes; d++) drawaxis(t, d, b);
  CHECK(idn_islayer(l));
  if (l->axes > 0 && draw(b, 0, 2) == 0) CHECK(idn_padsame(l));
  for (int d = 0; d < l->axes; d++) {
    t->pass.out[d] = idn_outextent(l, d, t->pass.in[d]);
    if (t->pass.out[d] <= 0) return 0;
    t->positions[0] *= t->pass.in[d];
    t->positions[1] *= t->pass.out[d];
  }
  return t->positions[1] <= 4000;
}

static float *newbuffer(int64_t count) {
  float *p = malloc((size_t)count * sizeof *p);
  CHECK(p);
  memset(p, 0, (size_t)count * sizeof *p);
  return p;
}

/* Perhaps a bias, in every second element of a buffer, and an activation. */
static void finish(trial *t, bytes *b) {
  const idn_layer *l = &t->layer;
  if (draw(b, 0, 2) == 0) {
    t->bstride = draw(b, 1, 2);
    t->bias = newbuffer(t->bstride * (l->nout - 1) + 1);
    for (int64_t o = 0; o < l->nout; o++)
      t->bias[t->bstride * o] = draw(b, 0, 4) ? value(b, 1) : 0;
    idn_addbias(t->y, t->bias, t->bstride, t->positions[1], l->nout,
                t->pass.batch);
  }
  t->relu = draw(b, 0, 2) == 0;
  if (t->relu) idn_relu(t->y, t->positions[1] * l->nout * t->pass.batch);
}

/* The same bits for one of the batch alone, of inputs that round. */
static void checkplace(trial *t, bytes *b) {
  const idn_layer *l = &t->layer;
  idn_pass one = t->pass;
  int64_t batch = t->pass.batch, pick = draw(b, 0, batch - 1);
  int64_t ins = t->positions[0] * l->nin, outs = t->positions[1] * l->nout;
  float *x = newbuffer(ins), *y = newbuffer(outs);
  one.batch = 1;
  for (int64_t n = 0; n < t->weights; n++) t->w[n] /= 3;
  for (int64_t n = 0; n < ins * batch; n++) t->x[n] /= 7;
  for (int64_t n = 0; n < ins; n++) x[n] = t->x[n * batch + pick];
  for (int64_t n = 0; n < outs * batch; n++) t->y[n] = 0;
  CHECK(idn_forward(&t->pass, t->x, t->y));
  CHECK(idn_forward(&one, x, y));
  for (int64_t n = 0; n < outs; n++) {
    float other = t->y[n * batch + pick];
    CHECK(bitsof(y[n]) == bitsof(other) || (isnan(y[n]) && isnan(other)));
  }
  free(x);
  free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bytes b = {data, data + size};
  trial t = {.weights = 0};
  if (!drawlayer(&t, &b)) return 0;
  const idn_layer *l = &t.layer;
  layout(&t, draw(&b, 0, 3) == 0);
  int64_t ins = t.positions[0] * l->nin * t.pass.batch;
  int64_t outs = t.positions[1] * l->nout * t.pass.batch;
  t.w = newbuffer(t.weights);
  t.x = newbuffer(ins);
  t.y = newbuffer(outs);
  t.pass.layer = l;
  idn_viewweight(l, t.w, t.stride, &t.pass.weight);
  if (draw(&b, 0, 2) > 0)
    fillweight(&t, &b);
  else
    filldiagonals(&t, &b);
  int special = (int)draw(&b, 0, 2);
  for (int64_t n = 0; n < ins; n++) t.x[n] = value(&b, special == 0);
  for (int d = 0; d < l->axes; d++) checkaxis(&t, d), checkoffset(&t, d);
  checkweights(&t);
  CHECK(idn_forward(&t.pass, t.x, t.y));
  finish(&t, &b);
  compare(&t);
  checkplace(&t, &b);
  free(t.bias);
  free(t.w);
  free(t.x);
  free(t.y);
  return 0;
}
