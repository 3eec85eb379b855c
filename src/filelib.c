/* t:save(path) and idinit.load(path). */
#include <string.h>

#include "disk.h"
#include "dtype.h"
#include "npy.h"
#include "tensor.h"

#define BLOCK 16384 /* bytes of elements under way */

#if IDN_NPY_MAXRANK != IDN_MAXRANK
#error "a tensor of any rank can be saved, and what is loaded be a tensor"
#endif

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

/* A walk through a tensor's elements in the file's order: the first dimension
   of the walk is the fastest, and dimensions without a gap between are one. */
typedef struct walk {
  const float *data;
  int64_t offset; /* of the next element */
  int64_t left;
  int rank;
  int64_t size[IDN_MAXRANK], stride[IDN_MAXRANK], at[IDN_MAXRANK];
} walk;

static void addwalk(walk *w, int64_t size, int64_t stride) {
  int last = w->rank - 1;
  if (last >= 0 && stride == w->size[last] * w->stride[last]) {
    w->size[last] *= size;
    return;
  }
  w->size[w->rank] = size;
  w->stride[w->rank] = stride;
  w->at[w->rank++] = 0;
}

static void beginwalk(walk *w, const idn_tensor *t, int order) {
  w->data = t->data;
  w->offset = 0;
  w->left = t->numel;
  w->rank = 0;
  for (int k = 0; k < t->rank && t->numel > 0; k++) {
    int d = order == IDN_COL ? k : t->rank - 1 - k;
    if (idn_size(t)[d] != 1) addwalk(w, idn_size(t)[d], idn_stride(t)[d]);
  }
  if (w->rank == 0) addwalk(w, 1, 1);
}

/* `run` elements further in the first dimension. */
static void advance(walk *w, int64_t run) {
  w->left -= run;
  w->offset += run * w->stride[0];
  w->at[0] += run;
  for (int d = 0; d + 1 < w->rank && w->at[d] == w->size[d]; d++) {
    w->offset += w->stride[d + 1] - w->size[d] * w->stride[d];
    w->at[d] = 0;
    w->at[d + 1]++;
  }
}

/* Copies the next elements, up to `room` of them, and returns their number. */
static size_t gather(walk *w, float *to, size_t room) {
  size_t n = 0;
  while (n < room && w->left > 0) {
    const float *from = w->data + w->offset;
    int64_t run = w->size[0] - w->at[0];
    if (run > (int64_t)(room - n)) run = (int64_t)(room - n);
    if (w->stride[0] == 1)
      memcpy(to + n, from, (size_t)run * sizeof *to);
    else
      for (int64_t i = 0; i < run; i++)
        memcpy(to + n + i, from + i * w->stride[0], sizeof *to);
    n += (size_t)run;
    advance(w, run);
  }
  return n;
}

static const char *writetensor(transfer *f, const idn_tensor *t) {
  char header[IDN_NPY_MAXSAVED];
  int order =
      idn_ispacked(t, IDN_ROW) || !idn_ispacked(t, IDN_COL) ? IDN_ROW : IDN_COL;
  size_t n = idn_npywrite(header, t->rank, idn_size(t), order == IDN_COL);
  const char *fault = idn_writedisk(&f->disk, header, n);
  float *block = f->block.elements;
  walk w;
  beginwalk(&w, t, order);
  while (!fault && (n = gather(&w, block, BLOCK / sizeof *block)) > 0) {
    idn_writeelements(IDN_F32, block, block, n);
    fault = idn_writedisk(&f->disk, block, n * sizeof *block);
  }
  return fault;
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
