#if defined(_WIN32)
#define IDN_WINDOWS 1
#elif (defined(__unix__) || defined(__APPLE__)) && !defined(IDN_PLAINC)
#define IDN_POSIX 1
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE 1 /* F_FULLFSYNC */
#define _GNU_SOURCE 1      /* O_PATH */
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS 64 /* a file may be dated after 2038 */
#endif

#include "disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE ((size_t)1 << 20) /* no system takes 2 GiB in one call */
#define ATTEMPTS 100            /* at a name that nobody uses */
#define NOTREGULAR "not a regular file"

static const char *fault(void) {
  return errno != 0 ? strerror(errno) : "input or output failed";
}

/* The first `n` bytes of `text` and then `more`; NULL if memory is short. */
static char *join(const char *text, size_t n, const char *more) {
  size_t m = strlen(more) + 1;
  char *whole = malloc(n + m);
  if (!whole) return NULL;
  memcpy(whole, text, n);
  memcpy(whole + n, more, m);
  return whole;
}

/* The length of a path's folder, the separator included. */
static size_t folderlength(const char *path, const char *separators) {
  size_t n = strlen(path);
  while (n > 0 && !strchr(separators, path[n - 1])) n--;
  return n;
}

/* -- Operating systems ---------------------------------------------------

   Each one defines SEPARATORS, those of folders in a path, and

   openregular    opens a file for reading and tells its size
   seekfile       goes to a place in a file; 0, or errno is set
   findtarget     sets where a new file is to be; a fault if there is something
                  that cannot be replaced
   createlike     opens a file of that name, which did not exist, with the
                  permissions of the target; NULL, and errno is EEXIST if it did
   istoolarge     whether the process may write no file of that size
   syncfile       has a file written to the medium; 0, or errno is set
   replacetarget  renames the new file; 0, or errno is set
   removefile     removes the new file
   leavefolder    closes what findtarget opened
   processid      tells processes apart */

#if defined(IDN_POSIX)

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/vfs.h>
#include <sys/xattr.h>
#endif

#define SEPARATORS "/"
#define MAXLINKS 40
#define MAXLINKTEXT 4096

/* How a folder is opened that may be passed through, but not be listed. */
#if defined(O_SEARCH)
#define TOPASS (O_SEARCH | O_DIRECTORY | O_CLOEXEC)
#elif defined(O_PATH)
#define TOPASS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#else
#define TOPASS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

static const char *checkregular(const struct stat *st) {
  if (S_ISREG(st->st_mode)) return NULL;
  return S_ISDIR(st->st_mode) ? strerror(EISDIR) : NOTREGULAR;
}

/* O_NONBLOCK is for a pipe that takes the file's place behind our back. */
static const char *openregular(FILE **file, const char *path, uint64_t *bytes) {
  struct stat st;
  if (stat(path, &st) != 0) return fault();
  const char *bad = checkregular(&st);
  if (bad) return bad;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return fault();
  if (fstat(fd, &st) != 0) bad = fault();
  if (!bad) bad = checkregular(&st);
  if (!bad && !(*file = fdopen(fd, "rb"))) bad = fault();
  if (bad) close(fd);
  *bytes = (uint64_t)st.st_size;
  return bad;
}

static int seekfile(FILE *file, uint64_t at) {
  return fseeko(file, (off_t)at, SEEK_SET);
}

static void leavefolder(idn_disk *d) {
  if (d->old >= 0) close(d->old);
  close(d->folder);
}

/* Goes to the folder of `path`, as seen from the one that the target is in, if
   there is one yet. Folders are entered one by one, and the rest is done in the
   last: no path becomes longer than those that the system was given. */
static int enter(idn_disk *d, const char *path) {
  size_t n = folderlength(path, "/");
  char *folder = n > 0 ? join(path, n, "") : join(".", 1, "");
  char *name = join("", 0, path[n] != '\0' ? path + n : ".");
  int from = d->target ? d->folder : AT_FDCWD;
  int fd = folder && name ? openat(from, folder, TOPASS) : -1;
  free(folder);
  if (fd < 0) {
    free(name);
    return -1;
  }
  if (d->target) leavefolder(d);
  free(d->target);
  d->target = name;
  d->folder = fd;
  d->old = -1;
  return 0;
}

/* Links of /proc lead to what is open, which others write to: /dev/stdout is
   one in the end. */
static int isopenlink(const idn_disk *d) {
#if defined(__linux__)
  struct statfs fs;
  return fstatfs(d->folder, &fs) == 0 && fs.f_type == 0x9fa0;
#else
  (void)d; /* elsewhere no file can be made beside it */
  return 0;
#endif
}

/* Opens the old file, if there is one, which has to be writable. */
static const char *openold(idn_disk *d) {
  struct stat st;
  if (fstatat(d->folder, d->target, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? NULL : fault();
  const char *bad = checkregular(&st);
  if (bad) return bad;
  d->old = openat(d->folder, d->target,
                  O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
  return d->old < 0 ? fault() : NULL;
}

static const char *findtarget(idn_disk *d, const char *path) {
  char text[MAXLINKTEXT];
  if (enter(d, path) != 0) return fault();
  for (int links = 0;; links++) {
    ssize_t n = readlinkat(d->folder, d->target, text, sizeof text - 1);
    if (n < 0) return openold(d); /* no link */
    if (isopenlink(d)) return NOTREGULAR;
    if (links == MAXLINKS) return strerror(ELOOP);
    text[n] = '\0';
    if (enter(d, text) != 0) return fault();
  }
}

/* Gives a new file the access control list of the old one, if that has one and
   its group is the same, and else none: its folder may have handed one down.
   Returns 0 if that fails. */
static int copylist(int fd, int old, int samegroup) {
#if defined(__linux__)
  static const char name[] = "system.posix_acl_access";
  char list[4096];
  ssize_t n = fgetxattr(old, name, list, sizeof list);
  if (n >= 0 && samegroup) return fsetxattr(fd, name, list, (size_t)n, 0) == 0;
  int none = n < 0 && (errno == ENODATA || errno == ENOTSUP);
  int removed = fremovexattr(fd, name) == 0;
  return none && (removed || errno == ENODATA || errno == ENOTSUP);
#else
  (void)fd, (void)old, (void)samegroup;
  return 1;
#endif
}

/* Gives a new file, which nobody else can open so far, the owner, group and
   permissions of the old one. Where the group cannot be kept, it and all others
   get what every class had; where a list cannot, they get nothing. Mode and
   list together have the group's share of the mode as the list's mask. */
static void inherit(int fd, int old) {
  struct stat from, own;
  if (fstat(old, &from) != 0 || fstat(fd, &own) != 0) return;
  mode_t mode = from.st_mode & 0777;
  int kept = (own.st_uid == from.st_uid && own.st_gid == from.st_gid) ||
             fchown(fd, from.st_uid, from.st_gid) == 0 ||
             fchown(fd, (uid_t)-1, from.st_gid) == 0;
  if (!copylist(fd, old, kept))
    mode &= 0700;
  else if (!kept)
    mode = (mode & 0700) | (mode & mode >> 3 & mode >> 6) * 011;
  if (fchmod(fd, mode) != 0) return; /* some file systems have none */
}

static FILE *createlike(idn_disk *d, const char *name) {
  int fd = openat(d->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  d->old >= 0 ? 0600 : 0666);
  if (fd < 0) return NULL;
  if (d->old >= 0) inherit(fd, d->old);
  FILE *file = fdopen(fd, "wb");
  if (!file) {
    close(fd);
    unlinkat(d->folder, name, 0);
  }
  return file;
}

/* Past its limit the system would end the process by a signal. */
static int istoolarge(uint64_t size) {
  struct rlimit most;
  return getrlimit(RLIMIT_FSIZE, &most) == 0 && (uint64_t)most.rlim_cur < size;
}

/* Some file systems have nothing to synchronize and say so. */
static int syncfile(FILE *file) {
  int fd = fileno(file);
#ifdef F_FULLFSYNC
  if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  int done;
  do done = fsync(fd);
  while (done != 0 && errno == EINTR);
  return done == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -1;
}

/* The new name outlasts a power cut where the system can see to it. */
static int replacetarget(const idn_disk *d) {
  if (renameat(d->folder, d->temporary, d->folder, d->target) != 0) return -1;
  int folder = openat(d->folder, ".", O_RDONLY | O_CLOEXEC);
  if (folder < 0) return 0;
  fsync(folder);
  close(folder);
  return 0;
}

static void removefile(const idn_disk *d) {
  unlinkat(d->folder, d->temporary, 0);
}

static uint64_t processid(void) { return (uint64_t)getpid(); }

#elif defined(IDN_WINDOWS)

#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <sys/stat.h>
#include <windows.h>

#define SEPARATORS "/\\:"

/* To open the console or a pipe does not wait, only to read would. */
static const char *openchecked(int *fd, const char *path, int flags) {
  *fd = _open(path, flags | _O_BINARY | _O_NOINHERIT);
  if (*fd < 0) return fault();
  if (GetFileType((HANDLE)_get_osfhandle(*fd)) == FILE_TYPE_DISK) return NULL;
  _close(*fd);
  errno = EACCES;
  return NOTREGULAR;
}

static const char *openregular(FILE **file, const char *path, uint64_t *bytes) {
  int fd;
  const char *bad = openchecked(&fd, path, _O_RDONLY);
  if (bad) return bad;
  *bytes = (uint64_t)_filelengthi64(fd);
  *file = _fdopen(fd, "rb");
  if (*file) return NULL;
  bad = fault();
  _close(fd);
  return bad;
}

static int seekfile(FILE *file, uint64_t at) {
  return _fseeki64(file, (int64_t)at, SEEK_SET);
}

static const char *findtarget(idn_disk *d, const char *path) {
  int fd;
  const char *bad = openchecked(&fd, path, _O_WRONLY);
  if (bad && errno != ENOENT) return bad;
  if (!bad) _close(fd);
  d->target = join(path, strlen(path), "");
  return d->target ? NULL : fault();
}

/* A new file has the rights that its folder hands down. */
static FILE *createlike(idn_disk *d, const char *path) {
  (void)d;
  int fd =
      _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
            _S_IREAD | _S_IWRITE);
  if (fd < 0) return NULL;
  FILE *file = _fdopen(fd, "wb");
  if (!file) {
    _close(fd);
    remove(path);
  }
  return file;
}

static int syncfile(FILE *file) { return _commit(_fileno(file)); }

static int replacetarget(const idn_disk *d) {
  if (MoveFileExA(d->temporary, d->target,
                  MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
    return 0;
  DWORD code = GetLastError();
  errno = code == ERROR_ACCESS_DENIED || code == ERROR_SHARING_VIOLATION
              ? EACCES
              : EIO;
  return -1;
}

static uint64_t processid(void) { return (uint64_t)_getpid(); }

#else /* plain C: whether a file is replaced is up to the library's rename */

#define SEPARATORS "/"

static const char *openregular(FILE **file, const char *path, uint64_t *bytes) {
  *file = fopen(path, "rb");
  if (!*file || fseek(*file, 0, SEEK_END) != 0) return fault();
  long end = ftell(*file);
  if (end < 0 || fseek(*file, 0, SEEK_SET) != 0) return fault();
  *bytes = (uint64_t)end;
  return NULL;
}

/* No file is longer than ftell could tell. */
static int seekfile(FILE *file, uint64_t at) {
  return fseek(file, (long)at, SEEK_SET);
}

static const char *findtarget(idn_disk *d, const char *path) {
  d->target = join(path, strlen(path), "");
  return d->target ? NULL : fault();
}

static FILE *createlike(idn_disk *d, const char *path) {
  (void)d;
  FILE *file = fopen(path, "rb");
  if (!file) return fopen(path, "wb");
  fclose(file);
  errno = EEXIST;
  return NULL;
}

static int syncfile(FILE *file) { return fflush(file); }

static int replacetarget(const idn_disk *d) {
  return rename(d->temporary, d->target);
}

static uint64_t processid(void) { return 0; }

#endif

#if !defined(IDN_POSIX)

static void leavefolder(idn_disk *d) { (void)d; }

static int istoolarge(uint64_t size) {
  (void)size;
  return 0;
}

static void removefile(const idn_disk *d) { remove(d->temporary); }

#endif

/* -- Everywhere ---------------------------------------------------------- */

const char *idn_opendisk(idn_disk *d, const char *path, uint64_t *bytes) {
  errno = 0;
  const char *bad = openregular(&d->file, path, bytes);
  if (!bad) setvbuf(d->file, NULL, _IONBF, 0);
  return bad;
}

const char *idn_readdisk(idn_disk *d, void *to, size_t n) {
  char *p = to;
  if (!d->file) return "file has been closed";
  while (n > 0) {
    size_t piece = n < PIECE ? n : PIECE;
    errno = 0;
    size_t got = fread(p, 1, piece, d->file);
    p += got;
    n -= got;
    if (got == piece) continue;
    if (feof(d->file)) return "file became shorter while it was read";
    if (errno != EINTR) return fault();
    clearerr(d->file);
  }
  return NULL;
}

const char *idn_seekdisk(idn_disk *d, uint64_t at) {
  if (!d->file) return "file has been closed";
  errno = 0;
  return seekfile(d->file, at) == 0 ? NULL : fault();
}

/* What could not be done, and why. */
static const char *failed(idn_disk *d, const char *what) {
  snprintf(d->fault, sizeof d->fault, "%s: %s", what, fault());
  return d->fault;
}

/* Names are tried, as a thread elsewhere may think of the same one. They are as
   short as the shortest names that a system may be content with. */
static const char *createtemporary(idn_disk *d) {
  static const char form[] = ".idinit-012345";
  size_t folder = folderlength(d->target, SEPARATORS);
  char *path = join(d->target, folder, form);
  uint64_t salt = processid() << 32 ^ (uint64_t)(uintptr_t)d ^
                  (uint64_t)time(NULL) << 20 ^ (uint64_t)clock();
  if (!path) return fault();
  for (int i = 0; i < ATTEMPTS && !d->file; i++) {
    salt = salt * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    snprintf(path + folder, sizeof form, ".idinit-%06x",
             (unsigned)(salt >> 40));
    d->file = createlike(d, path);
    if (!d->file && errno != EEXIST) break;
  }
  if (d->file) {
    d->temporary = path;
    return NULL;
  }
  const char *bad = failed(d, "cannot create a file in its folder");
  free(path);
  return bad;
}

const char *idn_createdisk(idn_disk *d, const char *path) {
  errno = ENOENT;
  if (*path == '\0') return fault();
  errno = 0;
  const char *bad = findtarget(d, path);
  if (!bad) bad = createtemporary(d);
  if (!bad) setvbuf(d->file, NULL, _IONBF, 0);
  return bad;
}

const char *idn_writedisk(idn_disk *d, const void *from, size_t n) {
  const char *p = from;
  while (n > 0) {
    size_t piece = n < PIECE ? n : PIECE;
    if (istoolarge(d->written + piece)) return strerror(EFBIG);
    errno = 0;
    size_t put = fwrite(p, 1, piece, d->file);
    p += put;
    n -= put;
    d->written += put;
    if (put == piece) continue;
    if (errno != EINTR) return fault();
    clearerr(d->file);
  }
  return NULL;
}

const char *idn_commitdisk(idn_disk *d) {
  FILE *file = d->file;
  errno = 0;
  if (fflush(file) != 0 || syncfile(file) != 0) return fault();
  d->file = NULL;
  if (fclose(file) != 0) return fault();
  if (replacetarget(d) != 0)
    return failed(d, errno == EBUSY
                         ? "a mount point or a file in use cannot be replaced"
                         : "cannot put the new file in its place");
  free(d->temporary);
  d->temporary = NULL;
  return NULL;
}

void idn_closedisk(idn_disk *d) {
  if (d->file) fclose(d->file);
  if (d->temporary) removefile(d);
  if (d->target) leavefolder(d);
  free(d->temporary);
  free(d->target);
  d->file = NULL;
  d->temporary = d->target = NULL;
}
