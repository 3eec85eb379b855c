/* Every small identity against its definition: of rank 2 with extents to 6, and
   of rank 3 with kernels to 3 and channels to 4; all orders of axes, groups on
   any axis, fits, centres, shifts and windows. Each tap has to come once, in
   its place, and nothing else may be touched. And the shares of splits: no two
   alike, and their sum 1. */
#include "../fuzz/identity.h"

enum {
  MOST = 64, /* elements of an identity */
  GAP = 8,   /* before and behind those of a window */
  UNTOUCHED = 7
};

/* An identity, and what the whole of it holds before its shift. */
typedef struct trial {
  idn_identity id;
  float whole[MOST];
  long count; /* of identities so far */
} trial;

/* What the whole holds where the window shows `at`. */
static float wanted(const trial *t, const int64_t *at) {
  int64_t k = 0;
  for (int d = 0; d < t->id.rank; d++)
    k = k * t->id.size[d] + origin(&t->id, d, at[d]);
  return t->whole[k];
}

static int64_t countgiven(const idn_identity *id) {
  idn_taps taps;
  idn_run run;
  int64_t given = 0;
  idn_taps_start(&taps, id);
  while (idn_taps_next(&taps, &run)) given += run.length;
  return given;
}

/* As many taps as the window has, which all are written: each comes once. */
static void check(trial *t) {
  const idn_identity *id = &t->id;
  float data[GAP + MOST + GAP];
  int64_t stride[3], at[3] = {0}, numel = 1, given = countgiven(id);
  for (int d = id->rank - 1; d >= 0; d--) {
    stride[d] = numel;
    numel *= id->length[d];
  }
  for (int64_t k = 0; k < GAP + numel + GAP; k++) data[k] = UNTOUCHED;
  idn_writetaps(id, stride, data + GAP);
  for (int64_t k = 0; k < numel; k++) {
    float value = wanted(t, at);
    CHECK(data[GAP + k] == (value != 0 ? value : UNTOUCHED));
    given -= value != 0;
    advance(id, at);
  }
  for (int k = 0; k < GAP; k++)
    CHECK(data[k] == UNTOUCHED && data[GAP + numel + k] == UNTOUCHED);
  CHECK(given == 0);
  t->count++;
}

/* Every shift and window in the dimensions from `d` on. */
static void eachwindow(trial *t, int d) {
  idn_identity *id = &t->id;
  if (d == id->rank) {
    check(t);
    return;
  }
  int64_t n = id->size[d], least = n > 0;
  for (id->shift[d] = 0; id->shift[d] < n + !n; id->shift[d]++)
    for (id->first[d] = 0; id->first[d] < n + !n; id->first[d]++)
      for (id->length[d] = least; id->first[d] + id->length[d] <= n;
           id->length[d]++)
        eachwindow(t, d + 1);
}

static void makewhole(trial *t) {
  idn_identity *id = &t->id;
  int64_t at[3] = {0}, numel = 1;
  for (int d = 0; d < id->rank; d++) {
    numel *= id->size[d];
    id->length[d] = id->size[d];
    id->shift[d] = id->first[d] = 0;
  }
  for (int64_t k = 0; k < numel; k++) {
    double value;
    t->whole[k] = define(id, at, &value) ? (float)value : 0;
    advance(id, at);
  }
}

static void eachfit(trial *t) {
  for (t->id.fit = IDN_PAD; t->id.fit <= IDN_HADAMARD; t->id.fit++) {
    makewhole(t);
    eachwindow(t, 0);
  }
}

static void eachcenter(trial *t) {
  int kernel = 0;
  while (kernel < t->id.rank && !idn_iskernel(&t->id, kernel)) kernel++;
  if (kernel == t->id.rank) {
    eachfit(t);
    return;
  }
  int64_t n = t->id.size[kernel] + !t->id.size[kernel];
  for (int64_t at = 0; at < n; at++) {
    t->id.center[kernel] = at;
    eachfit(t);
  }
}

/* Every number of groups, behind one another or on an axis of their own. */
static void eachgroups(trial *t) {
  idn_identity *id = &t->id;
  int64_t n = id->size[id->g] + !id->size[id->g];
  int has_axis = id->g != id->o && id->g != id->i;
  for (id->groups = has_axis ? n : 1; id->groups <= n; id->groups++)
    if (id->size[id->g] % id->groups == 0) eachcenter(t);
}

/* Every size: the kernel axis to `kernel`, the others to `most`. */
static void eachsize(trial *t, int d, int64_t kernel, int64_t most) {
  idn_identity *id = &t->id;
  if (d == id->rank) {
    eachgroups(t);
    return;
  }
  int64_t limit = idn_iskernel(id, d) ? kernel : most;
  for (id->size[d] = 0; id->size[d] <= limit; id->size[d]++)
    eachsize(t, d + 1, kernel, most);
}

/* Every way to give o, i and g to axes. */
static void eachlayout(trial *t, int rank, int64_t kernel, int64_t most) {
  idn_identity *id = &t->id;
  id->rank = rank;
  id->gain = 1;
  for (id->o = IDN_NOAXIS; id->o < rank; id->o++)
    for (id->i = IDN_NOAXIS; id->i < rank; id->i++)
      for (id->g = 0; id->g < rank; id->g++) {
        int has_axis = id->g != id->o && id->g != id->i;
        int is_missing = id->o == IDN_NOAXIS || id->i == IDN_NOAXIS;
        if (id->o != id->i && (has_axis || !is_missing))
          eachsize(t, 0, kernel, most);
      }
}

/* Float32 shares of 1 are positive, grow, and sum to 1 within 2^-23. Those of
   each binary exponent are summed as integers, exactly. */
static void checkshares(int64_t count) {
  enum { EXPONENTS = 64 };
  int64_t sum[EXPONENTS] = {0};
  long double all = 0;
  float before = 0;
  for (int64_t r = 1; r <= count; r++) {
    int exponent;
    float share = (float)idn_share(IDN_SPLIT, 1, r, count);
    double part = frexp(share, &exponent);
    CHECK(share > before && exponent > -EXPONENTS && exponent <= 1);
    sum[1 - exponent] += (int64_t)ldexp(part, 24);
    before = share;
  }
  for (int k = EXPONENTS - 1; k >= 0; k--)
    all += ldexpl((long double)sum[k], 1 - k - 24);
  CHECK(fabsl(all - 1) <= ldexpl(1, -23));
}

static void eachsplit(void) {
  const int64_t most = INT64_C(1) << 23;
  for (int64_t count = 1; count < 4000; count++) checkshares(count);
  for (int64_t power = 4096; power <= most; power *= 2)
    for (int64_t count = power - 1; count <= power + 1 && count <= most;
         count++)
      checkshares(count);
}

int main(void) {
  static trial t;
  eachlayout(&t, 2, 0, 6);
  eachlayout(&t, 3, 3, 4);
  eachsplit();
  printf("%ld identities are as they are defined\n", t.count);
  return 0;
}
