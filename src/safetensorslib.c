/* idinit.save(path, tensors), and idinit.load of a .safetensors file. */
#include "safetensors.h"

#include <string.h>

#include "dtype.h"
#include "lib.h"
#include "transfer.h"

/* -- Load ---------------------------------------------------------------- */

static idn_span tospan(lua_State *L, int index) {
  return (idn_span){lua_tostring(L, index), lua_rawlen(L, index)};
}

static void pushspan(lua_State *L, idn_span text) {
  lua_pushlstring(L, text.p, text.n);
}

/* An idn_putpair: sets a field of the table at the top. */
static int setpair(void *state, idn_span key, idn_span value) {
  lua_State *L = state;
  pushspan(L, key);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3); /* table, key, what the key has so far */
  int isnew = lua_isnil(L, -1);
  lua_pop(L, 1);
  pushspan(L, value);
  lua_rawset(L, -3);
  return isnew;
}

/* Pushes a buffer for the header's text, one for its entries and the table of
   the metadata, and reads the header. [-0, +3] */
static const char *readheader(lua_State *L, idn_transfer *f, idn_safetensors *h,
                              const void *first) {
  const char *fault = idn_stprelude(h, first, f->filesize);
  if (fault) return fault;
  char *text = lua_newuserdata(L, h->textsize + 1);
  idn_stentry *entries = lua_newuserdata(L, idn_stmost(h) * sizeof *entries);
  lua_newtable(L);
  fault = idn_seekdisk(&f->disk, IDN_ST_PRELUDE - 1);
  if (!fault) fault = idn_readdisk(&f->disk, text, h->textsize);
  return fault ? fault : idn_stheader(h, text, entries, setpair, L);
}

/* The type of a chosen entry must be one that is known, before memory is asked
   for any. */
static const char *choose(lua_State *L, idn_stentry *e) {
  e->chosen = 1;
  if (e->type >= 0) return NULL;
  pushspan(L, e->name);
  pushspan(L, e->kind);
  return lua_pushfstring(L,
                         "tensor \"%s\": element type \"%s\" is not supported",
                         lua_tostring(L, -2), lua_tostring(L, -1));
}

/* Chooses the entries that the list at `names` names, or all if it is nil. */
static const char *chooseall(lua_State *L, idn_safetensors *h, int names) {
  const char *fault = NULL;
  int all = lua_isnil(L, names), n = all ? 0 : (int)lua_rawlen(L, names);
  for (size_t i = 0; i < h->count && !fault; i++) {
    h->entries[i].chosen = 0;
    if (all) fault = choose(L, &h->entries[i]);
  }
  for (int i = 1; i <= n && !fault; i++) {
    lua_rawgeti(L, names, i);
    int is_name = lua_type(L, -1) == LUA_TSTRING; /* as it was checked to be */
    idn_stentry *e = is_name ? idn_stfind(h, tospan(L, -1)) : NULL;
    if (!e)
      return lua_pushfstring(L, "no tensor in it is called \"%s\"",
                             lua_tostring(L, -1));
    lua_pop(L, 1);
    fault = choose(L, e);
  }
  return fault;
}

/* Sets a field of the table at the top to the tensor of an entry. */
static const char *loadentry(lua_State *L, idn_transfer *f,
                             const idn_safetensors *h, const idn_stentry *e) {
  int64_t size[IDN_MAXRANK];
  int rank = idn_stshape(h, e, size);
  pushspan(L, e->name);
  idn_tensor *t = idn_rawtensor(L, rank, size, IDN_ROW, 0);
  if (!t) return idn_pushnomemory(L, rank, size);
  uint64_t start = IDN_ST_PRELUDE - 1 + h->textsize + e->begin;
  const char *fault = idn_seekdisk(&f->disk, start);
  if (!fault) fault = idn_readtensor(f, t, e->type, 0);
  lua_rawset(L, -3);
  return fault;
}

const char *idn_loadsafetensors(lua_State *L, idn_transfer *f, int names,
                                const void *first, size_t n) {
  (void)n; /* as many as tell such a file */
  idn_safetensors *h = lua_newuserdata(L, sizeof *h);
  const char *fault = readheader(L, f, h, first);
  if (!fault) fault = chooseall(L, h, names);
  if (fault) return fault;
  lua_newtable(L);
  for (size_t i = 0; i < h->count && !fault; i++)
    if (h->entries[i].chosen) fault = loadentry(L, f, h, &h->entries[i]);
  lua_insert(L, -2);
  return fault;
}

/* -- Save ---------------------------------------------------------------- */

/* What save has on its stack: arguments, values of keywords; two buffers and a
   transfer; and a pair of the table that is read. */
enum { PATH = 1, TENSORS, KEYWORDS, DTYPE, METADATA };
enum { KEY = METADATA + 4, VALUE };

/* Raises unless there is a UTF-8 string at `index`. */
static void checktext(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) != LUA_TSTRING)
    idn_fail(L, 1, "%s: string expected, got %s", what, idn_pushgot(L, index));
  if (!idn_isutf8(tospan(L, index)))
    idn_fail(L, 1, "%s: UTF-8 expected, got %s", what, idn_pushgot(L, index));
}

/* The tensor at VALUE, whose name is at KEY. */
static const idn_tensor *checktensor(lua_State *L) {
  checktext(L, KEY, "name of a tensor");
  if (idn_isequal(tospan(L, KEY), IDN_ST_METADATA))
    idn_fail(L, 1, "name of a tensor: \"" IDN_ST_METADATA "\" is taken");
  const idn_tensor *x = idn_totensor(L, VALUE);
  if (!x)
    idn_fail(L, 1, "tensor \"%s\": tensor expected, got %s",
             lua_tostring(L, KEY), idn_pushgot(L, VALUE));
  return x;
}

/* How many pairs are in the table at `arg`, none if it is nil. */
static size_t countpairs(lua_State *L, int arg) {
  size_t n = 0;
  if (lua_isnil(L, arg)) return 0;
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) n++;
  return n;
}

/* Reads the tables, which a finalizer may have changed: there is room for as
   many pairs as there were. Allocates nothing unless it raises, so that what it
   finds stays as it is. */
static void gather(lua_State *L, idn_sttable *t) {
  idn_saved *saved = t->tensors;
  idn_pair *pair = t->metadata;
  size_t count = countpairs(L, TENSORS), pairs = countpairs(L, METADATA);
  if (count > t->count || pairs > t->pairs)
    idn_fail(L, 1, "tensors or metadata were added meanwhile");
  t->count = count;
  t->pairs = pairs;
  for (lua_pushnil(L); lua_next(L, TENSORS); lua_pop(L, 1)) {
    const idn_tensor *x = checktensor(L);
    *saved++ = (idn_saved){tospan(L, KEY), x->rank, idn_size(x), x};
  }
  if (!t->hasmetadata) return;
  for (lua_pushnil(L); lua_next(L, METADATA); lua_pop(L, 1)) {
    checktext(L, KEY, "key of metadata");
    checktext(L, VALUE, "value of metadata");
    *pair++ = (idn_pair){tospan(L, KEY), tospan(L, VALUE)};
  }
}

static const char *writefile(idn_transfer *f, const idn_sttable *t) {
  const char *fault = idn_stwrite(t, idn_puttransfer, f);
  for (size_t i = 0; i < t->count && !fault; i++)
    fault = idn_writetensor(f, t->tensors[i].tensor, IDN_ROW, t->type);
  return fault;
}

/* Reads the arguments, up to METADATA. */
static void readsave(lua_State *L, idn_sttable *t) {
  static const char *const names[] = {"dtype", "metadata", NULL};
  lua_settop(L, KEYWORDS);
  if (!lua_istable(L, TENSORS))
    idn_failgot(L, TENSORS, "tensors: table of tensors by name");
  idn_checkkeywords(L, KEYWORDS, names,
                    "; idinit.save(path, idinit.load(other)) passes metadata "
                    "for keywords, which are to be {metadata = metadata}");
  t->type = idn_checktype(L, DTYPE, "dtype", IDN_WRITTEN);
  t->hasmetadata = !lua_isnil(L, METADATA);
  if (t->hasmetadata && !lua_istable(L, METADATA))
    idn_failgot(L, METADATA, "metadata: table");
  t->count = countpairs(L, TENSORS);
  t->pairs = countpairs(L, METADATA);
}

/* idinit.save(path, tensors [, {dtype = , metadata = }]) */
static int save(lua_State *L) {
  idn_sttable t;
  const char *path = idn_checkpath(L, PATH);
  idn_checkending(L, path, ".npy",
                  "idinit.save writes .safetensors files, t:save(path) writes "
                  ".npy");
  readsave(L, &t);
  t.tensors = lua_newuserdata(L, t.count * sizeof *t.tensors);
  t.metadata = lua_newuserdata(L, t.pairs * sizeof *t.metadata);
  idn_transfer *f = idn_newtransfer(L);
  gather(L, &t);
  idn_stsort(&t);
  const char *fault = "names and metadata are too long";
  if (idn_stsize(&t) <= IDN_ST_MOSTBEFORE)
    fault = idn_createdisk(&f->disk, path);
  if (!fault) fault = writefile(f, &t);
  if (!fault) fault = idn_commitdisk(&f->disk);
  idn_endtransfer(L, f, "save", path, fault);
  return 0;
}

void idn_open_safetensors(lua_State *L) {
  static const luaL_Reg functions[] = {{"save", save}, {NULL, NULL}};
  idn_register(L, functions);
}
