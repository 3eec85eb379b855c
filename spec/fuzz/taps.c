/* Taps against their definition, asked element by element. The bytes choose an
   identity: small and whole, huge with a small window, or huge with a window
   that no memory could hold, of which the cursor alone is asked. A target for
   libFuzzer. */
#include "identity.h"

enum {
  MOST = 4096,  /* elements of a window that is made */
  RUNS = 200,   /* runs of a window that is not */
  UNTOUCHED = 7 /* what elements hold that are not written */
};

/* `got` is the float next to `exact`, or for the root of a half a neighbour. */
static int isnear(const idn_identity *id, float got, double exact) {
  float rounded = (float)exact;
  if (isnan(rounded)) return isnan(got);
  if (got == rounded) return 1;
  return id->fit == IDN_HADAMARD && (got == nextafterf(rounded, INFINITY) ||
                                     got == nextafterf(rounded, -INFINITY));
}

/* -- Runs ---------------------------------------------------------------- */

static void checkstep(const idn_identity *id, const idn_run *run, int64_t k) {
  int64_t at[IDN_MAXRANK];
  double exact;
  float got = idn_tap(id, run, k, at);
  CHECK(define(id, at, &exact) && isnear(id, got, exact));
}

static int hasgroupaxis(const idn_identity *id) {
  return id->g != id->o && id->g != id->i;
}

/* Whether two runs have a position in common. */
static int meet(const idn_identity *id, const idn_run *a, const idn_run *b) {
  if (hasgroupaxis(id) && a->g != b->g) return 0;
  if (a->is_row ? a->o != b->o : a->o - a->i != b->o - b->i) return 0;
  return a->i < b->i + b->length && b->i < a->i + a->length;
}

/* The taps of a whole identity, modulo 2^64, where none rounds to 0. */
static uint64_t counttaps(const idn_identity *id) {
  uint64_t groups = (uint64_t)id->groups;
  uint64_t outs = (uint64_t)blockextent(id, id->o);
  uint64_t ins = (uint64_t)blockextent(id, id->i);
  uint64_t least = outs < ins ? outs : ins, most = outs < ins ? ins : outs;
  if (id->fit == IDN_HADAMARD && outs > ins) return groups * outs * ins;
  int is_padded = id->fit == IDN_PAD || id->fit == IDN_HADAMARD;
  return groups * (is_padded ? least : most);
}

/* The first runs of a window of any size: ends and middle of each are taps, no
   two meet, and if they are all there are, none is missing. */
static void checkcursor(const idn_identity *id, int is_whole) {
  static idn_run runs[RUNS];
  idn_taps taps;
  int n = 0;
  uint64_t count = 0;
  idn_taps_start(&taps, id);
  while (n < RUNS && idn_taps_next(&taps, &runs[n])) {
    const idn_run *run = &runs[n];
    CHECK(run->length > 0);
    checkstep(id, run, 0);
    checkstep(id, run, run->length / 2);
    checkstep(id, run, run->length - 1);
    for (int k = 0; k < n; k++) CHECK(!meet(id, run, &runs[k]));
    count += (uint64_t)run->length;
    n++;
  }
  if (n < RUNS) CHECK(!idn_taps_next(&taps, &runs[0]));
  int is_tiny = fabs(id->gain) < ldexp(1, -40);
  if (n < RUNS && is_whole && !is_tiny) CHECK(count == counttaps(id));
}

/* -- Windows that are made ------------------------------------------------ */

static int64_t offset(const idn_identity *id, const int64_t *stride,
                      const int64_t *at) {
  int64_t sum = 0;
  for (int d = 0; d < id->rank; d++) sum += at[d] * stride[d];
  return sum;
}

/* How often the cursor comes to each element. */
static void visit(const idn_identity *id, const int64_t *stride, char *visits) {
  int64_t at[IDN_MAXRANK];
  idn_taps taps;
  idn_run run;
  idn_taps_start(&taps, id);
  while (idn_taps_next(&taps, &run))
    for (int64_t k = 0; k < run.length; k++) {
      checkstep(id, &run, k);
      idn_tap(id, &run, k, at);
      CHECK(visits[offset(id, stride, at)]++ == 0);
    }
}

/* Every element of the window, and the gaps between, in a block that holds
   these and no more. */
static void checkwindow(const idn_identity *id, const int64_t *stride,
                        int64_t span) {
  int64_t at[IDN_MAXRANK] = {0};
  double exact;
  float *data = malloc((size_t)span * sizeof *data);
  char *visits = calloc(1, (size_t)span);
  CHECK(data && visits);
  for (int64_t k = 0; k < span; k++) data[k] = UNTOUCHED;
  idn_writetaps(id, stride, data);
  visit(id, stride, visits);
  do {
    int64_t k = offset(id, stride, at);
    int is_tap = define(id, at, &exact);
    CHECK(visits[k] == is_tap);
    CHECK(is_tap ? isnear(id, data[k], exact) : data[k] == UNTOUCHED);
    data[k] = UNTOUCHED;
  } while (advance(id, at));
  for (int64_t k = 0; k < span; k++) CHECK(data[k] == UNTOUCHED);
  free(visits);
  free(data);
}

/* -- Cases --------------------------------------------------------------- */

typedef struct bytes {
  const uint8_t *at, *end;
} bytes;

/* A number in [low, high]: of as many bytes as the range needs. */
static int64_t draw(bytes *b, int64_t low, int64_t high) {
  uint64_t range = (uint64_t)(high - low), n = 0;
  for (uint64_t left = range; left > 0; left >>= 8)
    n = n << 8 | (b->at < b->end ? *b->at++ : 0);
  return low + (int64_t)(n % (range + 1));
}

/* A number in [low, high], more often than not near an end or small. */
static int64_t drawedge(bytes *b, int64_t low, int64_t high) {
  int64_t room = high - low < 40 ? high - low : 40;
  switch (draw(b, 0, 3)) {
  case 0:
    return low + draw(b, 0, room);
  case 1:
    return high - draw(b, 0, room);
  case 2: {
    int64_t power = INT64_C(1) << draw(b, 0, 52);
    return low + (power < high - low ? power : high - low);
  }
  default:
    return draw(b, low, high);
  }
}

static double drawgain(bytes *b) {
  static const double gains[] = {1, 0, -1, 0.1, 1e-40, 3e38, 1e300};
  int64_t n = draw(b, 0, 11);
  if (n > 9) return ldexp(1, -(int)draw(b, 30, 150)); /* some shares are 0 */
  if (n == 9) return (double)draw(b, -1000000, 1000000) / 1024;
  return n < 7 ? gains[n] : n == 7 ? (double)NAN : -(double)INFINITY;
}

/* The largest divisor of `n` up to `most` that a short search finds. */
static int64_t divisor(int64_t n, int64_t most) {
  for (int64_t k = most; k > 1 && k > most - 100; k--)
    if (n % k == 0) return k;
  for (int64_t k = most < 100 ? most : 100; k > 1; k--)
    if (n % k == 0) return k;
  return 1;
}

/* An extent of a small identity: of 32 axes most have to be 1. */
static int64_t drawsmall(bytes *b, int64_t left) {
  int64_t most = draw(b, 0, 3) ? 6 : 70;
  return draw(b, 0, 30) == 30 ? 0 : draw(b, 1, left < most ? left : most);
}

static int drawother(bytes *b, int rank, int o, int i) {
  int d = (int)draw(b, 0, rank - 1);
  while (d == o || d == i) d = (d + 1) % rank;
  return d;
}

/* Axes anywhere: groups along o, along i, or on an axis of their own, with or
   without both of the others. */
static void drawaxes(idn_identity *id, bytes *b) {
  if (id->rank < 2 || draw(b, 0, 3) == 0) return;
  int64_t kind = draw(b, 0, 5);
  id->o = drawother(b, id->rank, IDN_NOAXIS, IDN_NOAXIS);
  id->i = drawother(b, id->rank, id->o, id->o);
  id->g = kind == 0 ? id->i : id->o;
  if (kind < 3) return;
  if (kind == 3) id->o = IDN_NOAXIS;
  if (kind == 4) id->i = IDN_NOAXIS;
  if (kind == 5 && id->rank == 2) id->i = IDN_NOAXIS;
  id->g = drawother(b, id->rank, id->o, id->i);
}

static void drawgroups(idn_identity *id, bytes *b) {
  int64_t n = id->size[id->g], most = n > 0 ? n : 9;
  if (hasgroupaxis(id))
    id->groups = n > 0 ? n : 1;
  else if (draw(b, 0, 1))
    id->groups = divisor(n, drawedge(b, 1, most));
}

/* All but the window. */
static void drawidentity(idn_identity *id, bytes *b, int is_small) {
  int64_t size[IDN_MAXRANK], left = MOST;
  int rank = (int)draw(b, 0, 11);
  rank = rank < 1 ? 1 : rank < 11 ? rank / 2 + 2 : (int)draw(b, 7, 32);
  for (int d = 0; d < rank; d++) {
    size[d] = is_small ? drawsmall(b, left) : drawedge(b, 0, IDN_MAXEXTENT);
    if (size[d] > 0) left /= size[d];
  }
  idn_identity_init(id, rank, size);
  drawaxes(id, b);
  id->fit = (idn_fit)draw(b, IDN_PAD, IDN_HADAMARD);
  id->gain = drawgain(b);
  if (rank < 2) return;
  drawgroups(id, b);
  for (int d = 0; d < rank; d++) {
    if (size[d] == 0) continue;
    int64_t kind = draw(b, 0, 5);
    id->center[d] =
        kind < 4 ? idn_middle(size[d], kind & 1) : drawedge(b, 0, size[d] - 1);
    if (draw(b, 0, 1)) id->shift[d] = drawedge(b, 0, size[d] - 1);
  }
}

/* A window of at most `most` elements in a dimension that holds its taps more
   often than not. */
static void drawrange(idn_identity *id, int d, bytes *b, int64_t most) {
  int64_t n = id->size[d];
  id->first[d] = 0;
  id->length[d] = n < most ? n : most;
  if (n > 0 && draw(b, 0, 2)) {
    id->length[d] = drawedge(b, 1, id->length[d]);
    id->first[d] = drawedge(b, 0, n - id->length[d]);
  }
  int64_t tap = idn_kernelposition(id, d);
  if (!idn_iskernel(id, d) || draw(b, 0, 7) == 0 || n == 0) return;
  if (tap < 0 || tap >= id->length[d]) {
    id->first[d] += tap;
    if (id->first[d] > n - id->length[d]) id->first[d] = n - id->length[d];
  }
}

static int64_t drawwindow(idn_identity *id, bytes *b, int64_t most) {
  int64_t count = 1;
  for (int d = 0; d < id->rank; d++) {
    drawrange(id, d, b, most);
    count *= id->length[d];
    if (count > 0) most /= id->length[d];
  }
  return count;
}

/* Strides in a random order of dimensions, perhaps with gaps. Returns how many
   elements from first to last. */
static int64_t drawstrides(const idn_identity *id, bytes *b, int64_t *stride) {
  int order[IDN_MAXRANK] = {0};
  int64_t step = 1, span = 1;
  for (int d = 0; d < id->rank; d++) {
    int k = (int)draw(b, 0, d);
    order[d] = order[k];
    order[k] = d;
  }
  for (int d = 0; d < id->rank; d++) {
    int64_t length = id->length[order[d]];
    if (id->rank < 7 && draw(b, 0, 3) == 0) step++;
    stride[order[d]] = step;
    span += (length - 1) * step;
    step *= length;
  }
  return span;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bytes b = {data, data + size};
  idn_identity id;
  int64_t stride[IDN_MAXRANK] = {0}, kind = draw(&b, 0, 5);
  drawidentity(&id, &b, kind < 3);
  if (kind == 5) {
    int is_whole = draw(&b, 0, 1) == 1;
    for (int d = 0; d < id.rank && !is_whole; d++)
      drawrange(&id, d, &b, IDN_MAXEXTENT);
    for (int d = 0; d < id.rank; d++) is_whole &= id.length[d] > 0;
    checkcursor(&id, is_whole && id.rank > 1);
    return 0;
  }
  int64_t count = 1;
  for (int d = 0; d < id.rank; d++) count *= kind == 0 ? id.length[d] : 1;
  if (kind > 0) count = drawwindow(&id, &b, MOST);
  if (count == 0) {
    idn_writetaps(&id, stride, NULL);
    checkcursor(&id, 0);
  } else {
    checkwindow(&id, stride, drawstrides(&id, &b, stride));
  }
  return 0;
}
