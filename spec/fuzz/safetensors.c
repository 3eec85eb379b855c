/* The .safetensors reader against any bytes at all: it accepts what it can
   describe in full and nothing else, and reads no byte beside what it is given;
   and the writer: what it writes is read as it was. A target for libFuzzer. */
#include "safetensors.h"
#include "dtype.h"

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

#define LENGTH (IDN_ST_PRELUDE - 1)

/* A block of its own, for the sanitizer to see a step beside it. */
static void *block(const void *from, size_t n) {
  void *p = malloc(n > 0 ? n : 1);
  CHECK(p);
  if (n > 0 && from) memcpy(p, from, n);
  return p;
}

/* The metadata that were read last, of which only so many are kept. */
enum { PAIRS = 64 };
static idn_pair metadata[PAIRS];
static size_t pairs;

static int issame(idn_span a, idn_span b) {
  return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static int takepair(void *state, idn_span key, idn_span value) {
  CHECK(state == metadata && idn_isutf8(key) && idn_isutf8(value));
  for (size_t i = 0; i < pairs && i < PAIRS; i++)
    if (issame(metadata[i].key, key)) return 0;
  if (pairs < PAIRS) metadata[pairs] = (idn_pair){key, value};
  pairs++;
  return 1;
}

/* Reads a header as idinit.load does, and returns the fault, or NULL. What it
   holds is to be freed in any case. */
static const char *readheader(idn_safetensors *h, const uint8_t *bytes,
                              size_t n, uint64_t filesize) {
  memset(h, 0xa5, sizeof *h);
  h->scan.start = NULL;
  h->entries = NULL;
  pairs = 0;
  if (!idn_issafetensors(bytes, n)) return "none";
  uint8_t *first = block(bytes, IDN_ST_PRELUDE);
  const char *fault = idn_stprelude(h, first, filesize);
  free(first);
  if (fault) return fault;
  CHECK(h->textsize <= IDN_ST_MAXTEXT);
  CHECK(LENGTH + h->textsize + h->datasize == filesize);
  if (h->textsize > n - LENGTH) return "short";
  char *text = block(bytes + LENGTH, h->textsize);
  return idn_stheader(h, text, block(NULL, idn_stmost(h) * sizeof *h->entries),
                      takepair, metadata);
}

static void release(idn_safetensors *h) {
  free(h->scan.start);
  free(h->entries);
}

static void checkfault(const char *fault) {
  size_t n = 0;
  CHECK(fault);
  while ((unsigned char)fault[n] >= ' ' && fault[n] != 0x7f) n++;
  CHECK(n > 0 && fault[n] == '\0');
  CHECK(idn_isutf8((idn_span){fault, n}));
}

static void checkentries(const idn_safetensors *h) {
  uint64_t covered = 0;
  CHECK(h->count <= idn_stmost(h));
  for (size_t i = 0; i < h->count; i++) {
    const idn_stentry *e = &h->entries[i];
    int64_t size[IDN_MAXRANK];
    int rank = idn_stshape(h, e, size);
    CHECK(rank >= 0 && rank <= IDN_MAXRANK);
    CHECK(e->begin <= e->end && e->end <= h->datasize && idn_isutf8(e->name));
    CHECK(idn_stfind(h, e->name) == e);
    covered += e->end - e->begin;
    for (size_t k = 0; k < i; k++) {
      const idn_stentry *other = &h->entries[k];
      CHECK(!issame(e->name, other->name));
      CHECK(e->end <= other->begin || other->end <= e->begin);
    }
    CHECK(e->type >= -1 && e->type < IDN_NTYPES);
    uint64_t bytes = e->type < 0 ? 0 : idn_typewidth(e->type);
    for (int d = 0; d < rank; d++) {
      CHECK(size[d] >= 0 && size[d] <= IDN_MAXEXTENT);
      bytes *= (uint64_t)size[d];
    }
    CHECK(e->type < 0 || bytes == e->end - e->begin);
  }
  CHECK(covered == h->datasize);
}

/* -- Writing ------------------------------------------------------------- */

typedef struct output {
  size_t n;
  uint8_t bytes[1 << 20];
} output;

static const char *put(void *state, const void *bytes, size_t n) {
  output *o = state;
  CHECK(o->n + n <= sizeof o->bytes);
  memcpy(o->bytes + o->n, bytes, n);
  o->n += n;
  return NULL;
}

/* What is written is read as it was. The names come once each. */
static void checkwriting(idn_sttable *t) {
  static output o;
  idn_safetensors h;
  uint64_t filesize = 0;
  idn_stsort(t);
  o.n = 0;
  CHECK(idn_stwrite(t, put, &o) == NULL && idn_stsize(t) == o.n);
  CHECK(o.n % 8 == 0);
  for (size_t i = 0; i < t->count; i++) {
    uint64_t bytes = idn_typewidth(t->type);
    for (int d = 0; d < t->tensors[i].rank; d++)
      bytes *= (uint64_t)t->tensors[i].size[d];
    filesize += bytes;
  }
  CHECK(!readheader(&h, o.bytes, o.n, o.n + filesize));
  CHECK(h.count == t->count && h.hasmetadata == t->hasmetadata);
  checkentries(&h);
  CHECK(pairs == t->pairs);
  for (size_t i = 0; i < pairs; i++) {
    CHECK(issame(metadata[i].key, t->metadata[i].key));
    CHECK(issame(metadata[i].value, t->metadata[i].value));
  }
  for (size_t i = 0; i < t->count; i++) {
    int64_t size[IDN_MAXRANK];
    const idn_stentry *e = idn_stfind(&h, t->tensors[i].name);
    CHECK(e && issame(t->tensors[i].name, e->name));
    CHECK(idn_stshape(&h, e, size) == t->tensors[i].rank);
    for (int d = 0; d < t->tensors[i].rank; d++)
      CHECK(size[d] == t->tensors[i].size[d]);
    CHECK(e->type == t->type);
  }
  release(&h);
}

/* Text between line ends is a name in turn, a key and a value. */
static void checktexts(const uint8_t *data, size_t size) {
  enum { MOST = 32 };
  static const int64_t extents[IDN_MAXRANK] = {2, 3, 1};
  idn_saved tensors[MOST];
  idn_pair pairs[MOST];
  if (size == 0) return;
  idn_sttable t = {data[0] % IDN_NTYPES, 0, tensors, data[0] > 127, 0, pairs};
  const char *p = (const char *)data + 1, *end = (const char *)data + size;
  idn_span texts[3];
  for (int k = 0; p < end && t.count < MOST && t.pairs < MOST; k++) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (!stop) stop = end;
    texts[k % 3] = (idn_span){p, (size_t)(stop - p)};
    p = stop + 1;
    if (!idn_isutf8(texts[k % 3])) return;
    if (k % 3 < 2) continue;
    for (size_t i = 0; i < t.count; i++)
      if (issame(tensors[i].name, texts[0])) return;
    if (issame(texts[0], (idn_span){"__metadata__", 12})) return;
    tensors[t.count] = (idn_saved){texts[0], (int)t.count % 4, extents, NULL};
    t.count++;
    if (!t.hasmetadata) continue;
    for (size_t i = 0; i < t.pairs; i++)
      if (issame(pairs[i].key, texts[1])) return;
    pairs[t.pairs++] = (idn_pair){texts[1], texts[2]};
  }
  checkwriting(&t);
}

/* -- Files --------------------------------------------------------------- */

/* The same tensors, written in one type, are read again. */
static void checkagain(idn_safetensors *h) {
  static int64_t sizes[64][IDN_MAXRANK];
  idn_saved tensors[64];
  idn_pair kept[PAIRS];
  if (h->count > 64 || h->textsize > 4096 || pairs > PAIRS) return;
  memcpy(kept, metadata, sizeof kept);
  idn_sttable t = {IDN_U8, h->count, tensors, h->hasmetadata, pairs, kept};
  for (size_t i = 0; i < h->count; i++) {
    const idn_stentry *e = &h->entries[i];
    if (e->type < 0) return;
    int rank = idn_stshape(h, e, sizes[i]);
    tensors[i] = (idn_saved){e->name, rank, sizes[i], NULL};
  }
  checkwriting(&t);
}

static void checkfile(const uint8_t *bytes, size_t n) {
  idn_safetensors h, other;
  const char *fault = readheader(&h, bytes, n, n);
  if (!fault) {
    checkentries(&h);
    checkagain(&h);
    checkfault(readheader(&other, bytes, n, n + 1));
    release(&other);
    checkfault(readheader(&other, bytes, n, n - 1));
    release(&other);
  } else {
    checkfault(fault);
  }
  release(&h);
}

/* A file of a header alone, whose data are as long as it tells, which chance
   seldom has. */
static void checkfitted(const uint8_t *text, size_t n) {
  idn_safetensors h;
  unsigned long long needed;
  uint8_t *bytes = block(NULL, LENGTH + n);
  for (size_t i = 0; i < LENGTH; i++)
    bytes[i] = (uint8_t)((uint64_t)n >> 8 * i & 255);
  memcpy(bytes + LENGTH, text, n);
  const char *fault = readheader(&h, bytes, LENGTH + n, LENGTH + n);
  for (uint64_t size = 1; fault && size < UINT32_MAX; size *= 16) {
    if (sscanf(fault, "%llu bytes of data expected", &needed) == 1)
      size = needed;
    else if (!strstr(fault, "bytes in the range"))
      break;
    release(&h);
    fault = readheader(&h, bytes, LENGTH + n, LENGTH + n + size);
    if (size == 0) break;
  }
  if (!fault) {
    checkentries(&h);
    checkagain(&h);
  } else {
    checkfault(fault);
  }
  release(&h);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  checkfile(data, size);
  if (size > LENGTH) checkfitted(data + LENGTH, size - LENGTH);
  checktexts(data, size);
  return 0;
}
