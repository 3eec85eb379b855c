#include "loop.h"

/* Puts a dimension in its place: strides of `a` fall. */
static void add(idn_loop *l, int64_t size, int64_t a, int64_t b) {
  int d = l->rank++;
  for (; d > 0 && l->a[d - 1] < a; d--) {
    l->size[d] = l->size[d - 1];
    l->a[d] = l->a[d - 1];
    l->b[d] = l->b[d - 1];
  }
  l->size[d] = size;
  l->a[d] = a;
  l->b[d] = b;
}

static void merge(idn_loop *l) {
  int last = 0;
  for (int d = 1; d < l->rank; d++) {
    int64_t n = l->size[d];
    if (l->a[last] == l->a[d] * n && l->b[last] == l->b[d] * n) {
      l->size[last] *= n;
    } else {
      l->size[++last] = n;
    }
    l->a[last] = l->a[d];
    l->b[last] = l->b[d];
  }
  l->rank = last + 1;
}

void idn_makeloop(idn_loop *l, int rank, const int64_t *size, const int64_t *a,
                  const int64_t *b) {
  l->rank = 0;
  for (int d = 0; d < rank; d++)
    if (size[d] == 0) return;
  for (int d = 0; d < rank; d++)
    if (size[d] != 1) add(l, size[d], a[d], b[d]);
  if (l->rank == 0) add(l, 1, 1, 1);
  merge(l);
}

int idn_runloop(const idn_loop *l, float *a, const float *b, idn_visit *visit,
                void *state) {
  int64_t at[IDN_MAXRANK] = {0};
  int last = l->rank - 1;
  if (last < 0) return 1;
  for (;;) {
    if (!visit(state, l->size[last], a, l->a[last], b, l->b[last])) return 0;
    int d = last - 1;
    for (; d >= 0; d--) {
      a += l->a[d];
      b += l->b[d];
      if (++at[d] < l->size[d]) break;
      a -= l->a[d] * at[d];
      b -= l->b[d] * at[d];
      at[d] = 0;
    }
    if (d < 0) return 1;
  }
}
