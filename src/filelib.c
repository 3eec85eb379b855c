/* t:save(path) and idinit.load(path). */
#include <string.h>

#include "disk.h"
#include "dtype.h"
#include "elements.h"
#include "lib.h"
#include "loop.h"
#include "npy.h"

#define BLOCK 16384 /* bytes of elements under way */

/* One file on its way in or out. A finalizer closes it if an error is raised
   meanwhile. */
typedef struct transfer {
  uintptr_t tag; /* ~idn_tag(this), which is no tensor's */
  idn_disk disk;
  uint64_t filesize; /* of what is loaded, in bytes */
  idn_npy npy;
  union {
    unsigned char bytes[BLOCK];
    float elements[BLOCK / sizeof(float)];
  } block;
} transfer;

/* The transfer at `arg`, or NULL: scripts can get at all of this through
   `debug`. */
static transfer *totransfer(lua_State *L, int arg) {
  transfer *f = lua_touserdata(L, arg);
  if (lua_type(L, arg) != LUA_TUSERDATA || lua_rawlen(L, arg) != sizeof *f)
    return NULL;
  return f->tag == ~idn_tag(f) ? f : NULL;
}

static int finalize(lua_State *L) {
  transfer *f = totransfer(L, 1);
  if (f) idn_closedisk(&f->disk);
  return 0;
}

static transfer *newtransfer(lua_State *L) {
  transfer *f = lua_newuserdata(L, sizeof *f);
  memset(f, 0, offsetof(transfer, block));
  f->tag = ~idn_tag(f);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return f;
}

static const char *checkpath(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TSTRING)
    idn_fail(L, 1, "path: string expected, got %s", idn_pushgot(L, arg));
  const char *path = lua_tostring(L, arg);
  if (strlen(path) != lua_rawlen(L, arg))
    idn_fail(L, 1, "path: string without zero bytes expected");
  return path;
}

/* `fault` may lie in `f`, but not in what closing it frees. */
static int cannot(lua_State *L, const char *what, const char *path, transfer *f,
                  const char *fault) {
  idn_closedisk(&f->disk);
  return idn_fail(L, 1, "cannot %s \"%s\": %s", what, path, fault);
}

/* -- Save ---------------------------------------------------------------- */

/* Elements on their way into a file. */
typedef struct writer {
  transfer *f;
  const float *data;
  size_t count; /* of those in the block */
  const char *fault;
} writer;

static int flush(writer *w) {
  float *block = w->f->block.elements;
  idn_writeelements(IDN_F32, block, block, w->count);
  w->fault = idn_writedisk(&w->f->disk, block, w->count * sizeof *block);
  w->count = 0;
  return w->fault == NULL;
}

/* Visits the elements in the file's order, which is that of `a`. */
static int write(void *state, int64_t n, int64_t a, int64_t sa, int64_t b,
                 int64_t sb) {
  static const int64_t room = BLOCK / sizeof(float);
  writer *w = state;
  (void)a, (void)sa;
  while (n > 0) {
    int64_t space = room - (int64_t)w->count, part = n < space ? n : space;
    const int64_t step = 1;
    idn_copyelements(1, &part, w->f->block.elements + w->count, &step,
                     w->data + b, &sb);
    w->count += (size_t)part;
    b += part * sb;
    n -= part;
    if ((int64_t)w->count == room && !flush(w)) return 0;
  }
  return 1;
}

static const char *writetensor(transfer *f, const idn_tensor *t) {
  char header[IDN_NPY_MAXSAVED];
  int64_t packed[IDN_MAXRANK];
  writer w = {f, t->data, 0, NULL};
  idn_loop l;
  int order = idn_newsorder(t);
  size_t n = idn_npywrite(header, t->rank, idn_size(t), order == IDN_COL);
  w.fault = idn_writedisk(&f->disk, header, n);
  idn_packstrides(t->rank, idn_size(t), order, packed);
  idn_makeloop(&l, t->rank, idn_size(t), packed, idn_stride(t));
  if (!w.fault && idn_runloop(&l, write, &w)) flush(&w);
  return w.fault;
}

static int endsin(const char *path, const char *ending) {
  size_t n = strlen(path), m = strlen(ending);
  return n >= m && strcmp(path + n - m, ending) == 0;
}

/* t:save(path) returns t. */
static int save(lua_State *L) {
  idn_checktensor(L, 1, NULL, 1);
  const char *path = checkpath(L, 2);
  if (endsin(path, ".safetensors"))
    return idn_fail(L, 1,
                    "cannot save \"%s\": t:save writes .npy files, "
                    "idinit.save(path, tensors) writes .safetensors",
                    path);
  lua_settop(L, 2);
  transfer *f = newtransfer(L);
  /* Checked again: a finalizer may have run. From here on none does. */
  const idn_tensor *t = idn_checktensor(L, 1, NULL, 1);
  const char *fault = idn_createdisk(&f->disk, path);
  if (!fault) fault = writetensor(f, t);
  if (!fault) fault = idn_commitdisk(&f->disk);
  if (fault) return cannot(L, "save", path, f, fault);
  idn_closedisk(&f->disk);
  lua_settop(L, 1);
  return 1;
}

/* -- Load ---------------------------------------------------------------- */

/* Pushes a buffer for the header's text and reads the header. [-0, +1] */
static const char *readheader(lua_State *L, transfer *f) {
  unsigned char first[IDN_NPY_PRELUDE];
  idn_npy *h = &f->npy;
  size_t n = f->filesize < sizeof first ? (size_t)f->filesize : sizeof first;
  const char *fault = idn_readdisk(&f->disk, first, n);
  if (fault) return fault;
  if (!idn_npyprelude(h, first, n, f->filesize)) return h->fault;
  char *text = lua_newuserdata(L, h->textsize + 1);
  size_t head = n - h->textat; /* which has been read already */
  if (head > h->textsize) head = h->textsize;
  memcpy(text, first + h->textat, head);
  fault = idn_readdisk(&f->disk, text + head, h->textsize - head);
  if (fault) return fault;
  return idn_npyheader(h, text) ? NULL : h->fault;
}

static const char *readelements(transfer *f, idn_tensor *t) {
  const idn_npy *h = &f->npy;
  size_t width = idn_typewidth(h->type), most = BLOCK / width;
  float *to = t->data;
  const char *fault = NULL;
  for (int64_t left = h->numel; left > 0 && !fault;) {
    size_t n = left < (int64_t)most ? (size_t)left : most;
    void *raw = h->type == IDN_F32 ? (void *)to : f->block.bytes;
    fault = idn_readdisk(&f->disk, raw, n * width);
    if (!fault) idn_readelements(h->type, h->highfirst, raw, to, n);
    to += n;
    left -= (int64_t)n;
  }
  return fault;
}

static const char *loadnpy(lua_State *L, transfer *f) {
  const char *fault = readheader(L, f);
  if (fault) return fault;
  const idn_npy *h = &f->npy;
  int order = h->fortran ? IDN_COL : IDN_ROW;
  idn_tensor *t = idn_trytensor(L, h->rank, h->size, order);
  return t ? readelements(f, t) : idn_pushnomemory(L, h->rank, h->size);
}

/* What can be loaded: how a file tells that it is one, by its first bytes, and
   what reads it from its start on, pushes the result and returns the fault. */
static const struct {
  int (*is)(const void *first, size_t n);
  const char *(*load)(lua_State *L, transfer *f);
} formats[] = {{idn_isnpy, loadnpy}};

/* What people have beside that. */
static const struct {
  const char *start, *name;
} others[] = {
    {"PK\3\4", "a zip archive (.npz, PyTorch)"},
    {"PK\5\6", "an empty zip archive (.npz)"},
    {"\x1f\x8b", "a gzip file"},
    {"version https://git-lfs.github.com/spec/", "a Git LFS pointer"},
    {"\x80\2", "a Python pickle (PyTorch)"},
    {"\x80\3", "a Python pickle (PyTorch)"},
    {"\x80\4", "a Python pickle (PyTorch)"},
    {"\x80\5", "a Python pickle (PyTorch)"},
    {"\x89HDF\r\n\x1a\n", "an HDF5 file"},
    {"GGUF", "a GGUF file"},
};

/* Pushes what the file holds. [-0, +n] */
static const char *loadany(lua_State *L, transfer *f) {
  char first[64];
  size_t n = f->filesize < sizeof first ? (size_t)f->filesize : sizeof first;
  const char *fault = idn_peekdisk(&f->disk, first, n);
  if (fault) return fault;
  for (size_t k = 0; k < sizeof formats / sizeof *formats; k++)
    if (formats[k].is(first, n)) return formats[k].load(L, f);
  for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
    size_t m = strlen(others[k].start);
    if (n < m || memcmp(first, others[k].start, m) != 0) continue;
    return lua_pushfstring(L, "%s, not a .npy file", others[k].name);
  }
  return "not a .npy file";
}

static int load(lua_State *L) {
  const char *path = checkpath(L, 1);
  lua_settop(L, 1);
  transfer *f = newtransfer(L);
  const char *fault = idn_opendisk(&f->disk, path, &f->filesize);
  if (!fault) fault = loadany(L, f);
  if (fault) return cannot(L, "load", path, f, fault);
  idn_closedisk(&f->disk);
  return 1;
}

void idn_open_file(lua_State *L) {
  static const luaL_Reg methods[] = {{"save", save}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"load", load}, {NULL, NULL}};
  idn_register(L, functions);
  lua_getfield(L, -1, "methods");
  idn_register(L, methods);
  lua_pop(L, 1);
}
