/* The .npy format of NumPy, versions 1.0 to 3.0: what a header says, and how
   one is written. Works on memory only and asks for none. */
#ifndef IDN_NPY_H
#define IDN_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "scan.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

#define IDN_NPY_PRELUDE 12       /* the bytes that tell a header's length */
#define IDN_NPY_MAXTEXT 0x100000 /* the longest header that is read */
#define IDN_NPY_MAXSAVED 1024    /* room for any header that is written */

/* A file's header. The functions below that return text return the fault in
   plain words, printable ASCII whatever the file holds, or NULL if there is
   none. */
typedef struct idn_npy {
  idn_scan scan;   /* of the text */
  size_t textat;   /* where the header's text lies in the file */
  size_t textsize; /* in bytes */
  uint64_t datasize;
  int type;      /* of the elements, as dtype.h has them */
  int highfirst; /* whether their highest byte comes first */
  int fortran;   /* whether the first index is the fastest */
  int rank;
  int64_t numel;
  int64_t size[IDN_MAXRANK];
} idn_npy;

/* Whether a file whose first `n` bytes are these says that it is one. */
int idn_isnpy(const void *bytes, size_t n);

/* Reads the first `n` bytes of a file of `filesize`: IDN_NPY_PRELUDE of them or
   more, or all where the file is shorter. Sets textat and textsize, which lie
   within the file, and datasize. */
const char *idn_npyprelude(idn_npy *h, const void *bytes, size_t n,
                           uint64_t filesize);

/* Reads the header's text and sets the rest. The file then holds exactly
   `numel` elements behind the text. */
const char *idn_npyheader(idn_npy *h, char *text);

/* Writes the header of an array of IDN_F16, IDN_F32 or IDN_F64, lowest byte
   first, and returns its length. The bytes are those that NumPy writes. */
size_t idn_npywrite(char to[IDN_NPY_MAXSAVED], int type, int rank,
                    const int64_t *size, int fortran);

#pragma GCC visibility pop

#endif
