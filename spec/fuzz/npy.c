/* The .npy reader against any bytes at all: it accepts what it can describe in
   full and nothing else, and reads no byte beside what it is given. A target
   for libFuzzer. */
#include "npy.h"
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

/* A block of its own, for the sanitizer to see a step beside it. */
static void *block(const void *from, size_t n) {
  void *p = malloc(n > 0 ? n : 1);
  CHECK(p);
  if (n == 0) return p;
  if (from)
    memcpy(p, from, n);
  else
    memset(p, 0xa5, n);
  return p;
}

/* Reads a header as idinit.load does. Returns the fault, or NULL. */
static const char *readheader(idn_npy *h, const uint8_t *bytes, size_t n,
                              uint64_t filesize) {
  memset(h, 0xa5, sizeof *h);
  if (n > IDN_NPY_PRELUDE) n = IDN_NPY_PRELUDE;
  uint8_t *first = block(bytes, n);
  const char *fault = idn_npyprelude(h, first, n, filesize);
  free(first);
  if (fault) return fault;
  CHECK(h->textat <= n && h->textsize <= IDN_NPY_MAXTEXT);
  CHECK(h->textat + h->textsize <= filesize);
  char *text = block(bytes + h->textat, h->textsize);
  fault = idn_npyheader(h, text);
  free(text);
  return fault;
}

static void checkfault(const char *fault) {
  size_t n = 0;
  CHECK(fault);
  while (fault[n] >= ' ' && fault[n] <= '~') n++;
  CHECK(n > 0 && fault[n] == '\0');
}

static void checkheader(const idn_npy *h, uint64_t filesize) {
  CHECK(h->rank >= 0 && h->rank <= IDN_MAXRANK);
  CHECK(h->type >= 0 && h->type < IDN_NTYPES && h->type != IDN_BF16);
  CHECK(h->highfirst == 0 || h->highfirst == 1);
  CHECK(h->fortran == 0 || h->fortran == 1);
  int64_t numel = 1;
  int empty = 0;
  for (int d = 0; d < h->rank; d++) {
    CHECK(h->size[d] >= 0 && h->size[d] <= IDN_MAXEXTENT);
    empty |= h->size[d] == 0;
  }
  for (int d = 0; d < h->rank && !empty; d++) {
    CHECK(h->size[d] <= INT64_MAX / 8 / numel);
    numel *= h->size[d];
  }
  CHECK(h->numel == (empty ? 0 : numel));
  CHECK(filesize ==
        h->textat + h->textsize + (uint64_t)h->numel * idn_typewidth(h->type));
}

/* -- Files --------------------------------------------------------------- */

/* What is written for the same size is read as that size. */
static void checkwriting(const idn_npy *h) {
  char written[IDN_NPY_MAXSAVED];
  idn_npy again;
  size_t n = idn_npywrite(written, IDN_F32, h->rank, h->size, h->fortran);
  CHECK(n <= sizeof written && n % 64 == 0);
  uint64_t filesize = n + 4 * (uint64_t)h->numel;
  CHECK(!readheader(&again, (uint8_t *)written, n, filesize));
  checkheader(&again, filesize);
  CHECK(again.type == IDN_F32 && again.fortran == h->fortran &&
        again.rank == h->rank);
  for (int d = 0; d < h->rank; d++) CHECK(again.size[d] == h->size[d]);
}

static void checkfile(const uint8_t *bytes, size_t n) {
  idn_npy h, other;
  const char *fault = readheader(&h, bytes, n, n);
  if (fault) {
    checkfault(fault);
    return;
  }
  checkheader(&h, n);
  checkwriting(&h);
  checkfault(readheader(&other, bytes, n, n + 1));
  checkfault(readheader(&other, bytes, n, n - 1));
}

/* A file whose data is as long as its header tells, which chance seldom is. */
static void checkfitted(const uint8_t *bytes, size_t n) {
  enum { MOST = 65536 };
  idn_npy h;
  unsigned long long needed;
  const char *fault = readheader(&h, bytes, n, n);
  if (!fault || sscanf(fault, "%llu bytes of data expected", &needed) != 1)
    return;
  size_t start = h.textat + h.textsize;
  if (needed > MOST) return;
  uint8_t *whole = block(NULL, start + (size_t)needed);
  memcpy(whole, bytes, start);
  for (size_t i = 0; i < needed; i++)
    whole[start + i] = n > start ? bytes[start + i % (n - start)] : 0x3e;
  CHECK(!readheader(&h, whole, start + (size_t)needed, start + needed));
  checkfile(whole, start + (size_t)needed);
  free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *bytes = block(data, size);
  checkfile(bytes, size);
  checkfitted(bytes, size);
  free(bytes);
  return 0;
}
