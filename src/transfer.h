/* Files on their way in or out, and what the bindings of their formats share.
 */
#ifndef IDN_TRANSFER_H
#define IDN_TRANSFER_H

#include "disk.h"
#include "stream.h"
#include "tensor.h"

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* A finalizer closes the file if an error is raised meanwhile. */
typedef struct idn_transfer {
  uintptr_t tag; /* ~idn_tag(this), which is no tensor's */
  idn_disk disk;
  uint64_t filesize; /* of what is loaded, in bytes */
} idn_transfer;

/* Pushes one without a file. [-0, +1] */
idn_transfer *idn_newtransfer(lua_State *L);

/* The path at `arg`. */
const char *idn_checkpath(lua_State *L, int arg);

/* Raises the hint if the path ends so, which files of another kind do. */
void idn_checkending(lua_State *L, const char *path, const char *ending,
                     const char *hint);

/* Closes the file, and raises "cannot <what> "<path>": <fault>" if there is a
   fault. That may lie in the transfer, but not in what closing the file frees.
 */
void idn_endtransfer(lua_State *L, idn_transfer *f, const char *what,
                     const char *path, const char *fault);

/* The element type that the name at `arg` means, `first` or one behind it; f32
   if it is nil. */
int idn_checktype(lua_State *L, int arg, const char *what, int first);

/* The next three return the fault, or NULL if there is none. */

/* Reads elements, all of the tensor's, into its buffer in memory order. */
const char *idn_readtensor(idn_transfer *f, idn_tensor *t, int type,
                           int highfirst);

/* Writes them, in IDN_ROW or IDN_COL order. */
const char *idn_writetensor(idn_transfer *f, const idn_tensor *t, int order,
                            int type);

/* An idn_put whose state is an idn_transfer. */
const char *idn_puttransfer(void *f, const void *bytes, size_t n);

#pragma GCC visibility pop

#endif
