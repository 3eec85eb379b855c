#include "stream.h"

#include "dtype.h"
#include "elements.h"
#include "loop.h"

#define ROOM 2048 /* elements under way */

typedef struct stream {
  const float *data;
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

/* The runs come in order of `a`, the packed strides. */
static int visit(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                 int64_t sb) {
  static const int64_t one = 1;
  stream *s = state;
  (void)a, (void)sa;
  while (n > 0) {
    int64_t some = n < ROOM - s->count ? n : ROOM - s->count;
    idn_copyelements(1, &some, s->block + s->count, &one, s->data + b, &sb);
    s->count += some;
    b += some * sb;
    n -= some;
    if (s->count == ROOM && !flush(s)) return 0;
  }
  return 1;
}

const char *idn_putelements(int rank, const int64_t *size, const float *data,
                            const int64_t *stride, int order, int type,
                            idn_put *put, void *state) {
  stream s;
  int64_t packed[IDN_MAXRANK];
  idn_loop l;
  if (idn_countelements(rank, size) == 0) return NULL; /* no strides to pack */
  s.data = data;
  s.type = type;
  s.put = put;
  s.state = state;
  s.fault = NULL;
  s.count = 0;
  idn_packstrides(rank, size, order, packed);
  idn_makeloop(&l, rank, size, packed, stride);
  if (idn_runloop(&l, visit, &s) && s.count > 0) flush(&s);
  return s.fault;
}
