/* idinit.save(path, tensors), and idinit.load of a .safetensors file. */
#include "safetensors.h"

#include <string.h>

#include "dtype.h"
#include "lib.h"
#include "transfer.h"

/* -- Load ---------------------------------------------------------------- */

/* Pushes a buffer for the header's text and one for its entries, and reads
   it. */
static const char *readheader(lua_State *L, idn_transfer *f,
                              idn_safetensors *h) {
  char first[IDN_ST_PRELUDE];
  h->fault[0] = '\0'; /* none so far */
  const char *fault = idn_peekdisk(&f->disk, first, IDN_ST_PRELUDE);
  if (fault) return fault;
  if (!idn_stprelude(h, first, f->filesize)) return h->fault;
  char *text = lua_newuserdata(L, h->textsize + 1);
  idn_entry *entries = lua_newuserdata(L, idn_stmost(h) * sizeof *entries);
  fault = idn_readdisk(&f->disk, first, IDN_ST_PRELUDE - 1);
  if (!fault) fault = idn_readdisk(&f->disk, text, h->textsize);
  if (fault) return fault;
  return idn_stheader(h, text, entries) ? NULL : h->fault;
}

static void pushspan(lua_State *L, idn_span text) {
  lua_pushlstring(L, text.p, text.n);
}

/* Pushes the table of the metadata. [-0, +1] */
static const char *pushmetadata(lua_State *L, idn_safetensors *h) {
  idn_span key, value;
  lua_newtable(L);
  while (idn_stpair(h, &key, &value)) {
    pushspan(L, key);
    pushspan(L, value);
    lua_pushvalue(L, -2);
    lua_rawget(L, -4); /* table, key, value, what the key has so far */
    if (!lua_isnil(L, -1))
      return lua_pushfstring(L, "metadata: key \"%s\" comes twice",
                             lua_tostring(L, -3));
    lua_pop(L, 1);
    lua_rawset(L, -3);
  }
  return NULL;
}

/* Marks the entries that the list at `names` names, or all if it is nil. */
static const char *choose(lua_State *L, idn_safetensors *h, int names) {
  int all = lua_isnil(L, names);
  lua_newtable(L); /* the place of each entry by its name */
  for (size_t i = 0; i < h->count; i++) {
    h->entries[i].chosen = all;
    if (all) continue;
    pushspan(L, h->entries[i].name);
    lua_pushnumber(L, (lua_Number)i);
    lua_rawset(L, -3);
  }
  for (int i = 1, n = all ? 0 : (int)lua_rawlen(L, names); i <= n; i++) {
    lua_rawgeti(L, names, i);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1))
      return lua_pushfstring(L, "no tensor in it is called \"%s\"",
                             lua_tostring(L, -2));
    h->entries[(size_t)lua_tonumber(L, -1)].chosen = 1;
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  return NULL;
}

/* Every type must be one that is known, before memory is asked for any. */
static const char *checktypes(lua_State *L, const idn_safetensors *h) {
  for (size_t i = 0; i < h->count; i++) {
    const idn_entry *e = &h->entries[i];
    if (!e->chosen || e->type >= 0) continue;
    pushspan(L, e->name);
    pushspan(L, e->kind);
    return lua_pushfstring(L,
                           "tensor \"%s\": element type \"%s\" is not "
                           "supported",
                           lua_tostring(L, -2), lua_tostring(L, -1));
  }
  return NULL;
}

/* Sets field `name` of the table at the top to the tensor of an entry. */
static const char *loadentry(lua_State *L, idn_transfer *f,
                             const idn_safetensors *h, const idn_entry *e) {
  int64_t size[IDN_MAXRANK];
  int rank = idn_stshape(e, size);
  pushspan(L, e->name);
  idn_tensor *t = idn_rawtensor(L, rank, size, IDN_ROW, 0);
  if (!t) return idn_pushnomemory(L, rank, size);
  uint64_t start = IDN_ST_PRELUDE - 1 + h->textsize + e->begin;
  const char *fault = idn_seekdisk(&f->disk, start);
  if (!fault) fault = idn_readtensor(f, t, e->type, 0);
  lua_rawset(L, -3);
  return fault;
}

const char *idn_loadsafetensors(lua_State *L, idn_transfer *f, int names) {
  idn_safetensors *h = lua_newuserdata(L, sizeof *h);
  const char *fault = readheader(L, f, h);
  if (!fault) fault = pushmetadata(L, h);
  if (!fault) fault = choose(L, h, names);
  if (!fault) fault = checktypes(L, h);
  if (fault) return fault;
  lua_newtable(L);
  for (size_t i = 0; i < h->count && !fault; i++)
    if (h->entries[i].chosen) fault = loadentry(L, f, h, &h->entries[i]);
  lua_insert(L, -2);
  return fault;
}

/* -- Save ---------------------------------------------------------------- */

/* What save has on its stack. */
enum { PATH = 1, TENSORS, KEYWORDS, DTYPE, METADATA, NAMED, PAIRS };

static idn_span tospan(lua_State *L, int index) {
  return (idn_span){lua_tostring(L, index), lua_rawlen(L, index)};
}

/* Raises unless there is a UTF-8 string at `index`. */
static void checktext(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) != LUA_TSTRING)
    idn_fail(L, 1, "%s: string expected, got %s", what, idn_pushgot(L, index));
  if (!idn_isutf8(tospan(L, index)))
    idn_fail(L, 1, "%s: UTF-8 expected, got %s", what, idn_pushgot(L, index));
}

static void checktensor(lua_State *L, int key, int value) {
  checktext(L, key, "name of a tensor");
  if (idn_isequal(tospan(L, key), IDN_ST_METADATA))
    idn_fail(L, 1, "name of a tensor: \"" IDN_ST_METADATA "\" is taken");
  if (!idn_totensor(L, value))
    idn_fail(L, 1, "tensor \"%s\": tensor expected, got %s",
             lua_tostring(L, key), idn_pushgot(L, value));
}

static void checkpair(lua_State *L, int key, int value) {
  checktext(L, key, "key of metadata");
  checktext(L, value, "value of metadata");
}

/* Pushes a copy of the table at `arg`, for nobody to change, and returns how
   many pairs it has, each of which passed the check. [-0, +1] */
static size_t copy(lua_State *L, int arg,
                   void (*check)(lua_State *L, int key, int value)) {
  size_t n = 0;
  lua_newtable(L);
  int to = lua_gettop(L);
  lua_pushnil(L);
  for (; lua_next(L, arg); n++) {
    check(L, to + 1, to + 2);
    lua_pushvalue(L, to + 1);
    lua_insert(L, to + 1); /* copy, key for lua_next, key, value */
    lua_rawset(L, to);
  }
  return n;
}

/* Allocates nothing, so that what it finds stays as it is. */
static void gather(lua_State *L, idn_sttable *t) {
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, NAMED); lua_pop(L, 1)) {
    const idn_tensor *x = idn_totensor(L, -1);
    if (!x) idn_fail(L, 1, "a tensor was finalized meanwhile");
    t->tensors[n++] = (idn_saved){tospan(L, -2), x->rank, idn_size(x), x};
  }
  n = 0;
  if (!t->hasmetadata) return;
  for (lua_pushnil(L); lua_next(L, PAIRS); lua_pop(L, 1))
    t->metadata[n++] = (idn_pair){tospan(L, -2), tospan(L, -1)};
}

static const char *writefile(idn_transfer *f, const idn_sttable *t) {
  const char *fault = idn_stwrite(t, idn_puttransfer, f);
  for (size_t i = 0; i < t->count && !fault; i++)
    fault = idn_writetensor(f, t->tensors[i].tensor, IDN_ROW, t->type);
  return fault;
}

/* Reads the arguments, up to PAIRS. */
static void readsave(lua_State *L, idn_sttable *t) {
  static const char *const names[] = {"dtype", "metadata", NULL};
  lua_settop(L, KEYWORDS);
  if (!lua_istable(L, TENSORS))
    idn_fail(L, 1, "tensors: table of tensors by name expected, got %s",
             idn_pushgot(L, TENSORS));
  idn_checkkeywords(L, KEYWORDS, names,
                    "; idinit.save(path, idinit.load(other)) passes metadata "
                    "for keywords, which are to be {metadata = metadata}");
  t->type = idn_checktype(L, DTYPE, "dtype", IDN_WRITTEN);
  t->hasmetadata = !lua_isnil(L, METADATA);
  if (t->hasmetadata && !lua_istable(L, METADATA))
    idn_fail(L, 1, "metadata: table expected, got %s",
             idn_pushgot(L, METADATA));
  t->count = copy(L, TENSORS, checktensor);
  t->pairs = 0;
  if (t->hasmetadata)
    t->pairs = copy(L, METADATA, checkpair);
  else
    lua_pushnil(L);
}

/* idinit.save(path, tensors [, {dtype = , metadata = }]) */
static int save(lua_State *L) {
  idn_sttable t;
  const char *path = idn_checkpath(L, PATH);
  if (idn_endsin(path, ".npy"))
    return idn_fail(L, 1,
                    "cannot save \"%s\": idinit.save writes .safetensors "
                    "files, t:save(path) writes .npy",
                    path);
  readsave(L, &t);
  t.tensors = lua_newuserdata(L, t.count * sizeof *t.tensors);
  t.metadata = lua_newuserdata(L, t.pairs * sizeof *t.metadata);
  idn_transfer *f = idn_newtransfer(L);
  gather(L, &t);
  idn_stsort(&t);
  if (idn_stsize(&t) > IDN_ST_MOSTBEFORE)
    return idn_cannot(L, "save", path, f, "names and metadata are too long");
  const char *fault = idn_createdisk(&f->disk, path);
  if (!fault) fault = writefile(f, &t);
  if (!fault) fault = idn_commitdisk(&f->disk);
  if (fault) return idn_cannot(L, "save", path, f, fault);
  idn_closedisk(&f->disk);
  return 0;
}

void idn_open_safetensors(lua_State *L) {
  static const luaL_Reg functions[] = {{"save", save}, {NULL, NULL}};
  idn_register(L, functions);
}
