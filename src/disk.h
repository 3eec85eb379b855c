/* Regular files: read from the front, or replaced as a whole. The only place
   that knows the operating system. */
#ifndef IDN_DISK_H
#define IDN_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#pragma GCC visibility push(hidden) /* the module exports its opener alone */

/* A file that is open, or, all zero, none. Functions that return text return
   the fault, or NULL if there is none; it may lie in here. After a fault the
   file is still to be closed. */
typedef struct idn_disk {
  FILE *file;
  char *target;     /* where a new file is to be in the end */
  char *temporary;  /* where it is until then */
  uint64_t written; /* bytes of it so far */
  int folder, old;  /* descriptors, where there is a target and the system has
                       them: its folder, which both names are in, and the file
                       to replace, or -1 */
  char fault[160];
} idn_disk;

/* Opens a file and tells its size in bytes. Waits for nobody: what is no
   regular file, as a pipe or a device, is refused unopened. */
const char *idn_opendisk(idn_disk *d, const char *path, uint64_t *bytes);

/* Goes to the byte that is `at` bytes behind the first. */
const char *idn_seekdisk(idn_disk *d, uint64_t at);

/* Reads exactly `n` bytes. */
const char *idn_readdisk(idn_disk *d, void *to, size_t n);

/* Begins a file that is to be at `path`: a symbolic link there stays, and
   what it leads to is replaced, except if that is an open file that the system
   makes look like one, as /dev/stdout. A file there has to be writable, keeps
   its content until idn_commitdisk, and passes on permissions and owner: nobody
   gets more access than before. */
const char *idn_createdisk(idn_disk *d, const char *path);

/* Writes `n` bytes, or none beyond what the process may write. */
const char *idn_writedisk(idn_disk *d, const void *from, size_t n);

/* Puts the new file in its place, once it is safe on the medium. */
const char *idn_commitdisk(idn_disk *d);

/* Closes a file, and removes a new one that was not committed. May run again.
 */
void idn_closedisk(idn_disk *d);

#pragma GCC visibility pop

#endif
