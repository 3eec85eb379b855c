/* The .safetensors format: what a header says, and how one is written. Works
   on memory only and asks for none. */
#ifndef IDN_SAFETENSORS_H
#define IDN_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "size.h"
#include "stream.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_ST_METADATA "__metadata__" /* what no tensor is called */
#define IDN_ST_PRELUDE 9               /* the bytes that tell such a file */
#define IDN_ST_MAXTEXT 100000000u      /* the longest header that is allowed */

/* Text of any bytes: a zero byte is one like others. */
typedef struct idn_span {
  const char *p;
  size_t n;
} idn_span;

int idn_isequal(idn_span text, const char *word);

/* Whether text is UTF-8. */
int idn_isutf8(idn_span text);

/* -- Reading ------------------------------------------------------------- */

/* What a header says of one tensor. */
typedef struct idn_entry {
  idn_span name;          /* UTF-8, as all text of a header */
  idn_span kind;          /* its type by the name that the file has for it */
  int type;               /* that type as dtype.h has it, or -1 */
  char *shape, *shapeend; /* for idn_stshape */
  uint64_t begin, end;    /* its bytes, counted from where the data begin */
  int chosen;             /* the caller's own */
} idn_entry;

/* A file's header. The functions below that return int return 1, or 0 with the
   fault told in plain words, UTF-8 without control characters. */
typedef struct idn_safetensors {
  uint64_t datasize; /* in bytes */
  size_t textsize;   /* of the header's text, IDN_ST_PRELUDE - 1 bytes in */
  char *text;
  char *metadata; /* for idn_stpair, NULL where there are none */
  idn_entry *entries;
  size_t count;
  char fault[240];
} idn_safetensors;

/* Whether a file that begins with these bytes claims the format. */
int idn_issafetensors(const void *bytes, size_t n);

/* Reads the first IDN_ST_PRELUDE bytes of a file. Sets datasize and textsize;
   the text lies within the file. */
int idn_stprelude(idn_safetensors *h, const void *bytes, uint64_t filesize);

/* How many entries the text can hold. */
size_t idn_stmost(const idn_safetensors *h);

/* Reads the text into as many entries as idn_stmost tells, and leaves them in
   the order of their bytes. These cover the data without holes or overlap, and
   those of a known type are as many as the shape tells. The text is changed,
   and has to stay as long as the entries. */
int idn_stheader(idn_safetensors *h, char *text, idn_entry *entries);

/* The rank of an entry of a header that was read, and its extents. */
int idn_stshape(const idn_entry *e, int64_t size[IDN_MAXRANK]);

/* The next pair of the metadata, each of which can be had once; 0 behind the
   last. Keys may come again. */
int idn_stpair(idn_safetensors *h, idn_span *key, idn_span *value);

/* -- Writing ------------------------------------------------------------- */

typedef struct idn_pair {
  idn_span key, value;
} idn_pair;

typedef struct idn_saved {
  idn_span name;
  int rank;
  const int64_t *size;
  const void *tensor; /* the caller's own */
} idn_saved;

/* What is to be written: tensors of one type, and metadata. */
typedef struct idn_sttable {
  int type;
  size_t count;
  idn_saved *tensors;
  int hasmetadata;
  size_t pairs;
  idn_pair *metadata;
} idn_sttable;

/* Puts tensors and metadata in the order in which they are written. */
void idn_stsort(idn_sttable *t);

/* How many bytes come before the data: at most IDN_ST_MOSTBEFORE in a file. */
#define IDN_ST_MOSTBEFORE (IDN_ST_PRELUDE - 1 + (uint64_t)IDN_ST_MAXTEXT)
uint64_t idn_stsize(const idn_sttable *t);

/* Puts these bytes, which are those that the format's own library writes.
   Returns the first fault and puts nothing after it. */
const char *idn_stwrite(const idn_sttable *t, idn_put *sink, void *state);

#pragma GCC visibility pop

#endif
