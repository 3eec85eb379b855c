#include "stream.h"

#include "dtype.h"
#include "elements.h"

#define ROOM 2048 /* elements under way */

typedef struct stream {
  int type;
  idn_put *put;
  void *state;
  const char *fault;
  int64_t count; /* of the elements in the block */
  float block[ROOM];
  unsigned char bytes[8 * ROOM];
} stream;

static int flush(stream *s) {
  size_t n = (size_t)s->count;
  idn_writeelements(s->type, s->block, s->bytes, n);
  s->fault = s->put(s->state, s->bytes, n * idn_typewidth(s->type));
  s->count = 0;
  return s->fault == NULL;
}

/* The runs come in order of packed strides, which is what `a` is for. */
static int visit(void *state, int64_t n, float *a, int64_t sa, const float *b,
                 int64_t sb) {
  stream *s = state;
  (void)a, (void)sa;
  while (n > 0) {
    int64_t some = n < ROOM - s->count ? n : ROOM - s->count;
    idn_copyrun(NULL, some, s->block + s->count, 1, b, sb);
    s->count += some;
    b += some * sb;
    n -= some;
    if (s->count == ROOM && !flush(s)) return 0;
  }
  return 1;
}

const char *idn_putelements(const idn_array *a, int order, int type,
                            idn_put *put, void *state) {
  stream s;
  int64_t packed[IDN_MAXRANK];
  idn_loop l;
  if (idn_countelements(a->rank, a->size) == 0)
    return NULL; /* no strides to pack */
  s.type = type;
  s.put = put;
  s.state = state;
  s.fault = NULL;
  s.count = 0;
  idn_packstrides(a->rank, a->size, order, packed);
  idn_makeloop(&l, a->rank, a->size, packed, a->stride);
  if (idn_runloop(&l, a->data, a->data, visit, &s) && s.count > 0) flush(&s);
  return s.fault;
}
