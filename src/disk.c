#if defined(_WIN32)
#define IDN_WINDOWS 1
#elif (defined(__unix__) || defined(__APPLE__)) && !defined(IDN_PLAINC)
#define IDN_POSIX 1
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE 1 /* F_FULLFSYNC */
#define _FILE_OFFSET_BITS 64
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
   findtarget     sets where a new file is to be, malloc'ed; a fault if there
                  is something that can not be replaced
   createlike     opens a file that did not exist, with the permissions of
                  another; NULL, and errno is EEXIST if it did
   syncfile       has a file written to the medium; 0, or errno is set
   replacefile    renames, over a file if need be; 0, or errno is set
   processid      tells processes apart */

#if defined(IDN_POSIX)

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEPARATORS "/"
#define MAXLINKS 40
#define MAXLINKTEXT 4096

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
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

/* Where the symbolic links at `path` lead to, be there a file or none. */
static char *followlinks(const char *path) {
  char *at = join(path, strlen(path), "");
  for (int links = 0; at; links++) {
    char text[MAXLINKTEXT];
    ssize_t n = readlink(at, text, sizeof text - 1);
    if (n < 0) return at; /* no link */
    text[n] = '\0';
    char *next = join(at, *text == '/' ? 0 : folderlength(at, "/"), text);
    free(at);
    at = next;
    if (links == MAXLINKS || n == sizeof text - 1) {
      errno = links == MAXLINKS ? ELOOP : ENAMETOOLONG;
      free(at);
      return NULL;
    }
  }
  return NULL;
}

static const char *findtarget(char **target, const char *path) {
  struct stat st;
  int exists = stat(path, &st) == 0;
  if (!exists && errno != ENOENT) return fault();
  const char *bad = exists ? checkregular(&st) : NULL;
  if (bad) return bad;
  *target = followlinks(path);
  if (!*target) return fault();
  return exists && access(*target, W_OK) != 0 ? fault() : NULL;
}

/* Where the group can not be kept, it gets the rights of others only. */
static void inherit(int fd, const struct stat *from) {
  struct stat own;
  mode_t mode = from->st_mode & 0777;
  if (fstat(fd, &own) != 0) return;
  int kept = own.st_uid == from->st_uid && own.st_gid == from->st_gid;
  if (!kept && fchown(fd, from->st_uid, from->st_gid) != 0 &&
      fchown(fd, (uid_t)-1, from->st_gid) != 0)
    mode = (mode & 0707) | (mode & 07) << 3;
  if (fchmod(fd, mode) != 0) return; /* some file systems have none */
}

static FILE *createlike(const char *path, const char *other) {
  struct stat st;
  int exists = stat(other, &st) == 0;
  int fd =
      open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, exists ? 0600 : 0666);
  if (fd < 0) return NULL;
  if (exists) inherit(fd, &st);
  FILE *file = fdopen(fd, "wb");
  if (!file) {
    close(fd);
    unlink(path);
  }
  return file;
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

/* Makes a new name outlast a power cut where the system can do so. */
static void syncfolder(const char *path) {
  size_t n = folderlength(path, "/");
  char *folder = n > 0 ? join(path, n, "") : join(".", 1, "");
  int fd = folder ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(folder);
}

static int replacefile(const char *from, const char *to) {
  if (rename(from, to) != 0) return -1;
  syncfolder(to);
  return 0;
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

static const char *findtarget(char **target, const char *path) {
  int fd;
  const char *bad = openchecked(&fd, path, _O_WRONLY);
  if (bad && errno != ENOENT) return bad;
  if (!bad) _close(fd);
  *target = join(path, strlen(path), "");
  return *target ? NULL : fault();
}

/* A new file has the rights that its folder hands down. */
static FILE *createlike(const char *path, const char *other) {
  (void)other;
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

static int replacefile(const char *from, const char *to) {
  if (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
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

static const char *findtarget(char **target, const char *path) {
  *target = join(path, strlen(path), "");
  return *target ? NULL : fault();
}

static FILE *createlike(const char *path, const char *other) {
  (void)other;
  FILE *file = fopen(path, "rb");
  if (!file) return fopen(path, "wb");
  fclose(file);
  errno = EEXIST;
  return NULL;
}

static int syncfile(FILE *file) { return fflush(file); }

static int replacefile(const char *from, const char *to) {
  return rename(from, to);
}

static uint64_t processid(void) { return 0; }

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

/* Names are tried, as a thread elsewhere may think of the same one. */
static const char *createtemporary(idn_disk *d) {
  static const char form[] = ".idinit-0123456789abcdef.tmp";
  size_t folder = folderlength(d->target, SEPARATORS);
  char *path = join(d->target, folder, form);
  uint64_t salt = processid() << 32 ^ (uint64_t)(uintptr_t)d ^
                  (uint64_t)time(NULL) << 20 ^ (uint64_t)clock();
  if (!path) return fault();
  for (int i = 0; i < ATTEMPTS && !d->file; i++) {
    salt = salt * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    snprintf(path + folder, sizeof form, ".idinit-%016" PRIx64 ".tmp", salt);
    d->file = createlike(path, d->target);
    if (!d->file && errno != EEXIST) break;
  }
  if (d->file) {
    d->temporary = path;
    return NULL;
  }
  const char *bad = fault();
  free(path);
  return bad;
}

const char *idn_createdisk(idn_disk *d, const char *path) {
  errno = ENOENT;
  if (*path == '\0') return fault();
  errno = 0;
  const char *bad = findtarget(&d->target, path);
  if (!bad) bad = createtemporary(d);
  if (!bad) setvbuf(d->file, NULL, _IONBF, 0);
  return bad;
}

const char *idn_writedisk(idn_disk *d, const void *from, size_t n) {
  const char *p = from;
  while (n > 0) {
    size_t piece = n < PIECE ? n : PIECE;
    errno = 0;
    size_t put = fwrite(p, 1, piece, d->file);
    p += put;
    n -= put;
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
  if (fclose(file) != 0 || replacefile(d->temporary, d->target) != 0)
    return fault();
  free(d->temporary);
  d->temporary = NULL;
  return NULL;
}

void idn_closedisk(idn_disk *d) {
  if (d->file) fclose(d->file);
  if (d->temporary) remove(d->temporary);
  free(d->temporary);
  free(d->target);
  d->file = NULL;
  d->temporary = d->target = NULL;
}
