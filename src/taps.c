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
  id->g = id->o;
  id->fit = IDN_PAD;
  id->gain = 1;
  id->groups = 1;
  for (int d = 0; d < rank; d++) {
    id->size[d] = id->length[d] = size[d];
    id->shift[d] = id->first[d] = 0;
    id->center[d] = idn_middle(size[d], 0);
  }
}

int idn_iskernel(const idn_identity *id, int d) {
  return d != id->o && d != id->i && d != id->g;
}

int idn_hasgroupaxis(const idn_identity *id) {
  return id->g != id->o && id->g != id->i;
}

/* -- What a tap holds ---------------------------------------------------- */

double idn_share(idn_fit fit, double gain, int64_t r, int64_t count) {
  double c = (double)count;
  if (fit == IDN_MEAN) return gain / c;
  if (fit == IDN_SPLIT) return gain * (2 * (double)r / (c * (c + 1)));
  return gain;
}

/* gain * 2^(-K/2) with 2^K the power of two next to `outs`. */
static double hadamardgain(double gain, int64_t outs) {
  int k = 0;
  while (((int64_t)1 << k) < outs) k++;
  for (int half = k / 2; half > 0; half--) gain *= 0.5;
  return k % 2 ? gain * 0.70710678118654752440 : gain;
}

/* The sign of a Hadamard matrix: whether row and column have an odd number of
   bits in common. */
static int isnegative(int64_t row, int64_t col) {
  uint64_t bits = (uint64_t)row & (uint64_t)col;
  for (int half = 32; half > 0; half /= 2) bits ^= bits >> half;
  return (int)(bits & 1);
}

/* The taps of a segment where each output takes `count` inputs. Segments that
   lie beside each other are of an output's first input, its second, and so on;
   of those below each other, each output has one. */
static float tapvalue(const idn_taps *t, int64_t segment, int64_t count) {
  int64_t r = t->is_down ? 1 : segment + 1;
  return (float)idn_share(t->id->fit, t->gain, r, count);
}

static float stepvalue(const idn_run *run, int64_t k) {
  int is_negative = run->is_row && isnegative(run->row, run->col + k);
  return is_negative ? 0 - run->value : run->value;
}

/* -- Where they stand ---------------------------------------------------- */

int64_t idn_kernelposition(const idn_identity *id, int d) {
  int64_t room = id->size[d] - id->shift[d], center = id->center[d];
  int64_t shifted = center < room ? center + id->shift[d] : center - room;
  return shifted - id->first[d];
}

float idn_tap(const idn_identity *id, const idn_run *run, int64_t k,
              int64_t *at) {
  for (int d = 0; d < id->rank; d++)
    at[d] = d == id->o   ? run->o + (run->is_row ? 0 : k)
            : d == id->i ? run->i + k
            : d == id->g ? run->g
                         : idn_kernelposition(id, d);
  return stepvalue(run, k);
}

/* Adds to `pieces` the positions of [0, n) that + delta lie in [0, length).
   Returns the new count. */
static int clip(idn_piece *pieces, int count, int64_t n, int64_t delta,
                int64_t length) {
  idn_piece p = {max64(0, -delta), min64(n, length - delta), delta};
  if (p.from < p.to) pieces[count++] = p;
  return count;
}

/* The positions on the axis `d` that a shift brings into the window: those that
   it moves up, and those that it wraps. Without an axis there is one, 0. */
static int cutaxis(const idn_identity *id, int d, idn_piece *pieces) {
  if (d == IDN_NOAXIS) return clip(pieces, 0, 1, 0, 1);
  int64_t n = id->size[d], delta = id->shift[d] - id->first[d];
  int count = clip(pieces, 0, n, delta, id->length[d]);
  return clip(pieces, count, n, delta - n, id->length[d]);
}

static int hastaps(const idn_identity *id) {
  if (id->rank < 2) return 0;
  for (int d = 0; d < id->rank; d++) {
    if (id->length[d] == 0) return 0;
    if (!idn_iskernel(id, d)) continue;
    int64_t at = idn_kernelposition(id, d);
    if (at < 0 || at >= id->length[d]) return 0;
  }
  return 1;
}

/* -- The cursor ---------------------------------------------------------- */

/* The axes that pieces are of, and bands, in what the cursor goes through. */
enum { OUT, IN, GROUP, BAND, DIGITS };

static const idn_piece *piece(const idn_taps *t, int axis) {
  return &t->piece[axis][t->at[axis]];
}

static const idn_band *band(const idn_taps *t) { return &t->band[t->at[BAND]]; }

/* a / b, which mostly is 0, and a division slow. */
static int64_t quotient(int64_t a, int64_t b) { return a < b ? 0 : a / b; }

/* The extent of a block on the axis `d`. */
static int64_t blockextent(const idn_identity *id, int d) {
  if (d == IDN_NOAXIS) return 1;
  return d == id->g ? id->size[d] / id->groups : id->size[d];
}

/* The first segment of a band whose taps do not round to 0. Shares grow from
   segment to segment, and there can be too many to try one after the other. */
static int64_t firstsegment(const idn_taps *t, int64_t count) {
  int64_t low = 0, high = count;
  if (tapvalue(t, 0, count) != 0) return 0;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (tapvalue(t, middle, count) != 0)
      high = middle;
    else
      low = middle;
  }
  return high;
}

static void addband(idn_taps *t, int64_t from, int64_t to, int64_t count) {
  if (from == to) return;
  idn_band new = {from, to, count, firstsegment(t, count)};
  if (new.first < count) t->band[t->count[BAND]++] = new;
}

/* Where inputs are shared out, the first outputs can take one more. */
static void findbands(idn_taps *t) {
  int is_shared = t->id->fit == IDN_MEAN || t->id->fit == IDN_SPLIT;
  int64_t least = is_shared && !t->is_down ? t->ins / t->outs : 1;
  int64_t more = is_shared && !t->is_down ? t->ins % t->outs : 0;
  t->count[BAND] = 0;
  addband(t, 0, more, least + 1);
  addband(t, more, t->outs, least);
}

/* What the window shows of the current group's block in the current band, and
   the segments there. */
static void startgroup(idn_taps *t) {
  const idn_identity *id = t->id;
  const idn_piece *out = piece(t, OUT), *in = piece(t, IN);
  int64_t before = id->g == id->o ? t->group * t->outs : 0;
  int64_t beside = id->g == id->i ? t->group * t->ins : 0;
  t->rows.from = max64(out->from - before, band(t)->from);
  t->rows.to = min64(out->to - before, band(t)->to);
  t->rows.delta = out->delta + before;
  t->cols.from = max64(in->from - beside, 0);
  t->cols.to = min64(in->to - beside, t->ins);
  t->cols.delta = in->delta + beside;
  const idn_piece *along = t->is_down ? &t->rows : &t->cols;
  int has_rows = t->rows.from < t->rows.to; /* of the band */
  t->segment = max64(quotient(along->from, t->period), band(t)->first);
  t->lastsegment = has_rows ? quotient(along->to - 1, t->period) : -1;
  t->has_run = 0;
}

static void startgroups(idn_taps *t) {
  const idn_identity *id = t->id;
  int axis = id->g == id->o ? OUT : id->g == id->i ? IN : GROUP;
  int64_t extent = axis == OUT ? t->outs : axis == IN ? t->ins : 1;
  t->group = t->firstgroup = quotient(piece(t, axis)->from, extent);
  t->lastgroup = quotient(piece(t, axis)->to - 1, extent);
  startgroup(t);
}

void idn_taps_start(idn_taps *t, const idn_identity *id) {
  t->id = id;
  t->is_over = 1;
  if (!hastaps(id)) return;
  t->outs = blockextent(id, id->o);
  t->ins = blockextent(id, id->i);
  t->is_down = t->outs > t->ins;
  t->is_dense = id->fit == IDN_HADAMARD && t->is_down;
  t->gain = t->is_dense ? hadamardgain(id->gain, t->outs) : id->gain;
  t->period = t->is_down ? t->ins : t->outs;
  if (id->fit == IDN_PAD || id->fit == IDN_HADAMARD)
    t->period = t->is_dense ? 1 : IDN_MAXEXTENT;
  findbands(t);
  t->count[OUT] = cutaxis(id, id->o, t->piece[OUT]);
  t->count[IN] = cutaxis(id, id->i, t->piece[IN]);
  t->count[GROUP] =
      cutaxis(id, idn_hasgroupaxis(id) ? id->g : IDN_NOAXIS, t->piece[GROUP]);
  for (int k = 0; k < DIGITS; k++) {
    t->at[k] = 0;
    if (t->count[k] == 0) return;
  }
  t->is_over = 0;
  startgroups(t);
}

static void nextcombination(idn_taps *t) {
  int k = 0;
  while (k < DIGITS && ++t->at[k] == t->count[k]) t->at[k++] = 0;
  t->is_over = k == DIGITS;
  if (!t->is_over) startgroups(t);
}

/* Groups between the first and the last are in the window as a whole, or alike:
   if one of them has no tap there, none has. */
static void nextgroup(idn_taps *t) {
  if (t->group == t->lastgroup) {
    nextcombination(t);
  } else {
    int is_empty = t->group > t->firstgroup && !t->has_run;
    t->group = is_empty ? t->lastgroup : t->group + 1;
    startgroup(t);
  }
}

static int rowrun(const idn_taps *t, int64_t segment, idn_run *run) {
  run->is_row = 1;
  run->row = segment;
  run->col = t->cols.from;
  run->o = segment + t->rows.delta;
  run->i = t->cols.from + t->cols.delta;
  run->length = t->cols.to - t->cols.from;
  return 1;
}

/* The part of the segment's diagonal that lies in the window. */
static int diagonalrun(const idn_taps *t, int64_t segment, idn_run *run) {
  int64_t down = t->is_down ? segment * t->period : 0;
  int64_t right = t->is_down ? 0 : segment * t->period;
  int64_t from = max64(t->rows.from - down, t->cols.from - right);
  int64_t to = min64(t->rows.to - down, t->cols.to - right);
  run->is_row = 0;
  run->o = down + from + t->rows.delta;
  run->i = right + from + t->cols.delta;
  run->length = to - from;
  return to > from;
}

int idn_taps_next(idn_taps *t, idn_run *run) {
  while (!t->is_over) {
    while (t->segment <= t->lastsegment) {
      int64_t segment = t->segment++;
      if (!(t->is_dense ? rowrun : diagonalrun)(t, segment, run)) continue;
      run->g = t->group + piece(t, GROUP)->delta;
      run->value = tapvalue(t, segment, band(t)->count);
      return t->has_run = 1;
    }
    nextgroup(t);
  }
  return 0;
}

/* -- Writing ------------------------------------------------------------- */

/* How far neighbours on the axis `d` lie apart, if there are any. */
static int64_t step(const idn_identity *id, int d, const int64_t *stride) {
  return d != IDN_NOAXIS && id->length[d] > 1 ? stride[d] : 0;
}

void idn_writetaps(const idn_identity *id, const int64_t *stride, float *data) {
  idn_taps taps;
  idn_run run = {0};
  idn_taps_start(&taps, id);
  if (taps.is_over) return;
  int64_t so = step(id, id->o, stride), si = step(id, id->i, stride);
  int64_t sg = idn_hasgroupaxis(id) ? step(id, id->g, stride) : 0;
  for (int d = 0; d < id->rank; d++)
    if (idn_iskernel(id, d))
      data += idn_kernelposition(id, d) * step(id, d, stride);
  while (idn_taps_next(&taps, &run)) {
    float *p = data + (run.o * so + run.i * si + run.g * sg);
    int64_t next = run.is_row ? si : so + si;
    for (int64_t k = 0; k < run.length; k++) p[k * next] = stepvalue(&run, k);
  }
}
