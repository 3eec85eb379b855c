/* The .safetensors format: what a header says, and how one is written. Works
   on memory only and asks for none. */
#ifndef IDN_SAFETENSORS_H
#define IDN_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "scan.h"
#include "stream.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_ST_METADATA "__metadata__" /* what no tensor is called */
#define IDN_ST_PRELUDE 9               /* the bytes that tell such a file */
#define IDN_ST_MAXTEXT 100000000u      /* the longest header that is allowed */

/* Whether text is UTF-8. */
int idn_isutf8(idn_span text);

/* -- Reading ------------------------------------------------------------- */

/* What a header says of one tensor. */
typedef struct idn_stentry {
  idn_span name;       /* UTF-8, as all text of a header */
  idn_span kind;       /* its type by the name that the file has for it */
  int type;            /* that type as dtype.h has it, or -1 */
  char *shape;         /* for idn_stshape */
  uint64_t begin, end; /* its bytes, counted from where the data begin */
  int chosen;          /* the caller's own */
} idn_stentry;

/* A file's header. The functions below that return text return the fault in
   plain words, UTF-8 without control characters, or NULL if there is none. */
typedef struct idn_safetensors {
  idn_scan scan;     /* of the text */
  uint64_t datasize; /* in bytes */
  size_t textsize;   /* of the header's text, IDN_ST_PRELUDE - 1 bytes in */
  int hasmetadata;
  idn_stentry *entries;
  size_t count;
  char shown[64];
} idn_safetensors;

/* Whether a file that begins with these bytes claims the format. */
int idn_issafetensors(const void *bytes, size_t n);

/* Reads the first IDN_ST_PRELUDE bytes of a file. Sets datasize and textsize;
   the text lies within the file. */
const char *idn_stprelude(idn_safetensors *h, const void *bytes,
                          uint64_t filesize);

/* How many entries the text can hold. */
size_t idn_stmost(const idn_safetensors *h);

/* Takes a pair of the metadata, and returns whether its key is a new one. */
typedef int idn_putpair(void *state, idn_span key, idn_span value);

/* Reads the text into as many entries as idn_stmost tells, and leaves them in
   the order of their names. Their bytes cover the data without holes or
   overlap, and those of a known type are as many as the shape tells. The text
   is changed, and has to stay as long as the entries. */
const char *idn_stheader(idn_safetensors *h, char *text, idn_stentry *entries,
                         idn_putpair *pair, void *state);

/* The entry with that name, or NULL. */
idn_stentry *idn_stfind(const idn_safetensors *h, idn_span name);

/* The rank of an entry of a header that was read, and its extents. */
int idn_stshape(const idn_safetensors *h, const idn_stentry *e,
                int64_t size[IDN_MAXRANK]);

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
