/* Layers against their definition, written down output by output. The bytes
   choose the layer, its weight and its input; all numbers are small integers,
   so that sums are exact in any order, or NaN or infinite.

   A target for libFuzzer; with -DSELFTEST a program that tries so many layers
   at random: ./layers [count [seed]]. */
#include "layer.h"

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
  int64_t high[IDN_MAXAXES], outpad[IDN_MAXAXES];
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
  int64_t tap = t->layer.flipped ? a->kernel - 1 - k : k;
  if (t->layer.transposed) {
    int64_t from = p + a->low - tap * a->dilation;
    *in = from / a->stride;
    return from >= 0 && from % a->stride == 0 && *in < a->in;
  }
  *in = p * a->stride + tap * a->dilation - a->low;
  return *in >= 0 && *in < a->in;
}

/* Splits `n` in one index for each axis, the last fastest. */
static void split(const trial *t, int64_t n, int what, int64_t *at) {
  for (int d = t->layer.axes - 1; d >= 0; d--) {
    const idn_axis *a = &t->layer.axis[d];
    int64_t extent = what == 0 ? a->kernel : what == 1 ? a->in : a->out;
    at[d] = n % extent;
    n /= extent;
  }
}

static float weightof(const trial *t, const int64_t *k, int64_t i, int64_t o) {
  const idn_layer *l = &t->layer;
  int64_t ins = l->nin / l->groups, outs = l->nout / l->groups;
  if (i / ins != o / outs) return 0;
  int64_t at = i / ins * l->gstride + i % ins * l->istride;
  at += o % outs * l->ostride;
  for (int d = 0; d < l->axes; d++) at += k[d] * l->axis[d].wstride;
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
      from = from * l->axis[d].in + in;
    }
    for (int64_t i = 0; i < l->nin && inside; i++) {
      float w = weightof(t, k, i, o);
      if (w == 0) continue;
      *last = w == 1 ? t->x[(from * l->nin + i) * l->batch + b]
                     : w * t->x[(from * l->nin + i) * l->batch + b];
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
  idn_takecensus(l, t->w, &census);
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
      for (int64_t b = 0; b < l->batch; b++, y++) {
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
static void layout(trial *t, int dense, int mirrored) {
  idn_layer *l = &t->layer;
  int64_t ins = l->nin / l->groups, outs = l->nout / l->groups;
  int64_t extent[IDN_MAXAXES + 2], stride[IDN_MAXAXES + 2];
  int rank = l->axes + 2;
  for (int d = 0; d < l->axes; d++) extent[d] = l->axis[d].kernel;
  extent[rank - 2] = dense ? l->nout : l->transposed ? outs : ins;
  extent[rank - 1] = dense || l->transposed ? l->nin : l->nout;
  t->weights = 1;
  for (int n = 0; n < rank; n++) {
    int d = mirrored ? n : rank - 1 - n;
    stride[d] = t->weights;
    t->weights *= extent[d];
  }
  for (int d = 0; d < l->axes; d++) l->axis[d].wstride = stride[d];
  int out = dense || l->transposed ? rank - 2 : rank - 1;
  l->ostride = stride[out];
  l->istride = stride[out == rank - 1 ? rank - 2 : rank - 1];
  l->gstride = l->transposed || dense ? ins * l->istride : outs * l->ostride;
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
    int64_t shift = draw(b, 0, ins - 1), at = 0;
    float gain = many == 1 ? 1 : value(b, 1);
    for (int d = 0; d < l->axes; d++)
      at += draw(b, 0, l->axis[d].kernel - 1) * l->axis[d].wstride;
    for (int64_t g = 0; g < l->groups; g++)
      for (int64_t o = 0; o < outs && o + shift < ins; o++)
        t->w[at + g * l->gstride + o * l->ostride + (o + shift) * l->istride] =
            gain;
  }
}

static void drawaxis(trial *t, int d, bytes *b) {
  idn_axis *a = &t->layer.axis[d];
  int64_t most = t->layer.axes > 2 ? 3 : t->layer.axes == 2 ? 7 : 20;
  a->in = draw(b, 1, most);
  a->kernel = draw(b, 1, t->layer.axes > 2 ? 2 : 4);
  a->stride = draw(b, 1, 9) > 6 ? draw(b, 2, 5) : 1;
  a->dilation = draw(b, 1, 9) > 6 ? draw(b, 2, 4) : 1;
  a->low = draw(b, 0, 5) - draw(b, 0, 1) * t->layer.transposed;
  t->high[d] = draw(b, 0, 5) - draw(b, 0, 1) * t->layer.transposed;
  t->outpad[d] = t->layer.transposed ? draw(b, 0, 3) : 0;
}

/* Returns 0 if the input is too small for the layer. */
static int drawlayer(trial *t, bytes *b) {
  idn_layer *l = &t->layer;
  int64_t kind = draw(b, 0, 15);
  l->axes = kind < 2 ? 0 : kind < 6 ? 1 : kind < 13 ? 2 : (int)draw(b, 3, 5);
  l->transposed = l->axes > 0 && draw(b, 0, 2) == 0;
  l->flipped = l->axes > 0 && draw(b, 0, 2) > 0;
  l->groups = draw(b, 0, 4) == 0 && l->axes > 0 ? draw(b, 2, 5) : 1;
  l->nin = l->groups * draw(b, 1, draw(b, 0, 3) == 0 ? 20 : 5);
  l->nout = l->groups * draw(b, 1, draw(b, 0, 3) == 0 ? 20 : 5);
  if (draw(b, 0, 3) == 0) l->nout = l->nin;
  l->batch = draw(b, 0, 2) == 0 ? draw(b, 2, 5) : 1;
  t->positions[0] = t->positions[1] = 1;
  for (int d = 0; d < l->axes; d++) {
    idn_axis *a = &l->axis[d];
    drawaxis(t, d, b);
    a->out = idn_outextent(a, l->transposed, t->high[d], t->outpad[d]);
    if (a->out <= 0) return 0;
    t->positions[0] *= a->in;
    t->positions[1] *= a->out;
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
    idn_addbias(t->y, t->bias, t->bstride, t->positions[1], l->nout, l->batch);
  }
  t->relu = draw(b, 0, 2) == 0;
  if (t->relu) idn_relu(t->y, t->positions[1] * l->nout * l->batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bytes b = {data, data + size};
  trial t = {.weights = 0};
  if (!drawlayer(&t, &b)) return 0;
  const idn_layer *l = &t.layer;
  layout(&t, l->axes == 0, draw(&b, 0, 3) == 0);
  int64_t ins = t.positions[0] * l->nin * l->batch;
  int64_t outs = t.positions[1] * l->nout * l->batch;
  t.w = newbuffer(t.weights);
  t.x = newbuffer(ins);
  t.y = newbuffer(outs);
  if (draw(&b, 0, 2) > 0)
    fillweight(&t, &b);
  else
    filldiagonals(&t, &b);
  int special = (int)draw(&b, 0, 2);
  for (int64_t n = 0; n < ins; n++) t.x[n] = value(&b, special == 0);
  CHECK(idn_forward(l, t.w, t.x, t.y));
  finish(&t, &b);
  compare(&t);
  free(t.bias);
  free(t.w);
  free(t.x);
  free(t.y);
  return 0;
}

#ifdef SELFTEST
int main(int argc, char **argv) {
  enum { BYTES = 4096 };
  long count = argc > 1 ? atol(argv[1]) : 20000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  uint8_t *data = malloc(BYTES);
  CHECK(data);
  for (long n = 0; n < count; n++) {
    for (int k = 0; k < BYTES; k++) {
      seed = seed * 6364136223846793005U + 1442695040888963407U;
      data[k] = (uint8_t)(seed >> 56);
    }
    LLVMFuzzerTestOneInput(data, BYTES);
  }
  free(data);
  printf("%ld layers agree with their definition\n", count);
  return 0;
}
#endif
