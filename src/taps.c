#include "taps.h"

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t idn_middle(int64_t extent, int higher) {
  return (higher ? extent : extent - 1) / 2; /* 0 of 0: not rounded down */
}

void idn_identity_init(idn_identity *id, int rank, const int64_t *size) {
  id->rank = rank;
  id->o = rank == 2 ? 0 : rank - 1;
  id->i = rank == 2 ? 1 : rank - 2;
  id->fit = IDN_PAD;
  id->gain = 1;
  id->groups = 1;
  for (int d = 0; d < rank; d++) {
    id->size[d] = id->length[d] = size[d];
    id->shift[d] = id->first[d] = 0;
    id->center[d] = idn_middle(size[d], 0);
  }
}

int idn_negative(int64_t row, int64_t col) {
  uint64_t bits = (uint64_t)row & (uint64_t)col;
  for (int half = 32; half > 0; half /= 2) bits ^= bits >> half;
  return (int)(bits & 1);
}

/* Adds to `pieces` the positions of [from, to) that + delta lie in
   [0, length). Returns the new count. */
static int clip(idn_piece *pieces, int count, int64_t from, int64_t to,
                int64_t delta, int64_t length) {
  idn_piece p = {max64(from, -delta), min64(to, length - delta), delta};
  if (p.from < p.to) pieces[count++] = p;
  return count;
}

/* The positions below `limit` on the axis `d` that a shift brings into the
   window: those that it moves up, and those that it wraps. */
static int cutaxis(const idn_identity *id, int d, int64_t limit,
                   idn_piece *pieces) {
  int64_t n = id->size[d], shift = id->shift[d];
  int64_t delta = shift - id->first[d], length = id->length[d];
  int count = clip(pieces, 0, 0, min64(limit, n - shift), delta, length);
  return clip(pieces, count, n - shift, limit, delta - n, length);
}

int64_t idn_kernelposition(const idn_identity *id, int d) {
  int64_t room = id->size[d] - id->shift[d], center = id->center[d];
  int64_t shifted = center < room ? center + id->shift[d] : center - room;
  return shifted - id->first[d];
}

static int hastaps(const idn_identity *id) {
  if (id->rank < 2) return 0;
  for (int d = 0; d < id->rank; d++) {
    if (id->length[d] == 0) return 0;
    if (d == id->o || d == id->i) continue;
    int64_t at = idn_kernelposition(id, d);
    if (at < 0 || at >= id->length[d]) return 0;
  }
  return 1;
}

static int isdense(const idn_taps *t) {
  return t->id->fit == IDN_HADAMARD && t->block > t->diagonal;
}

/* Whether diagonals repeat below each other, not beside. */
static int repeatsdown(const idn_taps *t) { return t->block > t->diagonal; }

static idn_piece *outs(idn_taps *t) { return &t->o[t->piece / t->ins]; }
static idn_piece *ins(idn_taps *t) { return &t->i[t->piece % t->ins]; }

/* The outputs of the current group that lie in the current piece, counted from
   the group's first. */
static void groupouts(idn_taps *t, int64_t *from, int64_t *to) {
  int64_t base = t->group * t->block;
  *from = max64(outs(t)->from - base, 0);
  *to = min64(outs(t)->to - base, t->block);
}

/* a / b, which mostly is 0, and a division slow. */
static int64_t quotient(int64_t a, int64_t b) { return a < b ? 0 : a / b; }

/* The segments of the current group: one is a repeat of the diagonal, or a row
   of a dense block. */
static void startgroup(idn_taps *t) {
  int64_t from, to, period = isdense(t) ? 1 : t->diagonal;
  int repeats = isdense(t) || t->id->fit == IDN_TILE || t->id->fit == IDN_MEAN;
  if (repeatsdown(t))
    groupouts(t, &from, &to);
  else
    from = ins(t)->from, to = ins(t)->to;
  t->segment = repeats ? quotient(from, period) : 0;
  t->lastsegment = repeats ? quotient(to - 1, period) : 0;
  t->done = 0;
}

static void startpiece(idn_taps *t) {
  if (t->piece == t->outs * t->ins) return;
  t->group = quotient(outs(t)->from, t->block);
  t->lastgroup = quotient(outs(t)->to - 1, t->block);
  startgroup(t);
}

/* gain * 2^(-K/2) with 2^K the power of two next to `block`. */
static float hadamardvalue(double gain, int64_t block) {
  double value = gain;
  int k = 0;
  while (((int64_t)1 << k) < block) k++;
  for (int half = k / 2; half > 0; half--) value *= 0.5;
  return (float)(k % 2 ? value * 0.70710678118654752440 : value);
}

/* The largest value that a tap can have, but for its sign. */
static float largest(const idn_taps *t) {
  const idn_identity *id = t->id;
  double value = id->gain;
  if (isdense(t)) return hadamardvalue(value, t->block);
  if (id->fit == IDN_MEAN && !repeatsdown(t))
    value /= (double)(id->size[id->i] / t->block);
  return (float)value;
}

void idn_taps_start(idn_taps *t, const idn_identity *id) {
  t->id = id;
  t->outs = t->ins = t->piece = 0;
  if (!hastaps(id)) return;
  int64_t inputs = id->size[id->i];
  t->block = id->size[id->o] / id->groups;
  t->diagonal = min64(t->block, inputs);
  if (largest(t) == 0) return; /* not run by run: there can be 2^53 */
  int padded = id->fit == IDN_PAD || (id->fit == IDN_HADAMARD && !isdense(t));
  t->outs = cutaxis(id, id->o, id->size[id->o], t->o);
  t->ins = cutaxis(id, id->i, padded ? t->diagonal : inputs, t->i);
  startpiece(t);
}

static void nextsegment(idn_taps *t) {
  t->done = 0;
  if (t->segment < t->lastsegment) {
    t->segment++;
  } else if (t->group < t->lastgroup) {
    t->group++;
    startgroup(t);
  } else {
    t->piece++;
    startpiece(t);
  }
}

static int rowrun(idn_taps *t, idn_run *run) {
  if (t->done) return 0;
  t->done = 1;
  run->is_row = 1;
  run->row = t->segment;
  run->col = ins(t)->from;
  run->o = t->group * t->block + t->segment + outs(t)->delta;
  run->i = ins(t)->from + ins(t)->delta;
  run->length = ins(t)->to - ins(t)->from;
  run->value = hadamardvalue(t->id->gain, t->block);
  return 1;
}

/* The part of the segment's diagonal that lies in the pieces. A mean stops
   where the number of an output's taps changes. */
static int diagonalrun(idn_taps *t, idn_run *run) {
  int64_t down = repeatsdown(t) ? t->segment * t->diagonal : 0;
  int64_t right = repeatsdown(t) ? 0 : t->segment * t->diagonal;
  int64_t from, to;
  groupouts(t, &from, &to);
  int64_t lo = max64(max64(from - down, ins(t)->from - right), t->done);
  int64_t hi = min64(min64(to - down, ins(t)->to - right), t->diagonal);
  double value = t->id->gain;
  if (t->id->fit == IDN_MEAN && !repeatsdown(t)) {
    int64_t inputs = t->id->size[t->id->i], more = inputs % t->block;
    if (lo < more) hi = min64(hi, more);
    value /= (double)(inputs / t->block + (lo < more));
  }
  if (lo >= hi) return 0;
  t->done = hi;
  run->is_row = 0;
  run->o = t->group * t->block + down + lo + outs(t)->delta;
  run->i = right + lo + ins(t)->delta;
  run->length = hi - lo;
  run->value = (float)value;
  return 1;
}

int idn_taps_next(idn_taps *t, idn_run *run) {
  while (t->piece < t->outs * t->ins) {
    if (!(isdense(t) ? rowrun(t, run) : diagonalrun(t, run)))
      nextsegment(t);
    else if (run->value != 0)
      return 1;
  }
  return 0;
}

static void stripe(const idn_identity *id, const idn_run *run,
                   const int64_t *stride, idn_stripe *s) {
  int64_t so = stride[id->o], si = stride[id->i];
  s->first = run->o * so + run->i * si;
  s->step = run->is_row ? si : so + si;
  s->count = run->length;
  for (int d = 0; d < id->rank; d++)
    if (d != id->o && d != id->i)
      s->first += idn_kernelposition(id, d) * stride[d];
}

void idn_diagonal(int rank, const int64_t *size, const int64_t *stride,
                  idn_stripe *s) {
  s->first = s->step = s->count = 0;
  if (rank < 2) return;
  s->step = stride[rank - 2] + stride[rank - 1];
  s->count = min64(size[rank - 2], size[rank - 1]);
  for (int d = 0; d < rank - 2; d++) {
    s->first += idn_middle(size[d], 0) * stride[d];
    if (size[d] == 0) s->count = 0;
  }
}

void idn_writetaps(const idn_identity *id, const int64_t *stride, float *data) {
  idn_taps taps;
  idn_run run = {0};
  idn_taps_start(&taps, id);
  while (idn_taps_next(&taps, &run)) {
    idn_stripe s;
    stripe(id, &run, stride, &s);
    float *p = data + s.first;
    for (int64_t k = 0; k < s.count; k++) {
      int negative = run.is_row && idn_negative(run.row, run.col + k);
      p[k * s.step] = negative ? 0 - run.value : run.value;
    }
  }
}
