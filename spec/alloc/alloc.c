/* A Lua with idinit inside whose allocators fail when they are told to:
     alloc SCRIPT
   The module's calloc, malloc and free are renamed to those below when it is
   compiled in. Scripts have the table `alloc`. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

#undef calloc
#undef malloc
#undef free

int luaopen_idinit_core(lua_State *L);

/* What an allocator has handed out, and which of its calls fail. */
typedef struct supply {
  long used; /* blocks or bytes */
  long calls, first, last;
  int failed;
} supply;

static supply c_supply, lua_supply; /* of the module; of Lua, in bytes */

static int fails(supply *s) {
  if (++s->calls < s->first || s->calls > s->last) return 0;
  s->failed = 1;
  return 1;
}

static void arm(supply *s, long first, long last) {
  s->calls = 0;
  s->first = first;
  s->last = last;
  s->failed = 0;
}

static void disarm(void) { c_supply.last = lua_supply.last = 0; }

void *alloc_malloc(size_t size) {
  void *block = fails(&c_supply) ? NULL : malloc(size);
  if (block)
    c_supply.used++;
  else
    errno = ENOMEM;
  return block;
}

void *alloc_calloc(size_t count, size_t size) {
  void *block = alloc_malloc(count * size);
  return block ? memset(block, 0, count * size) : NULL;
}

void alloc_free(void *block) {
  if (block) c_supply.used--;
  free(block);
}

/* LuaJIT's own allocator: not every LuaJIT takes another from the start. */
static lua_Alloc own;
static void *own_data;

static void *supplylua(void *data, void *block, size_t before, size_t after) {
  (void)data;
  if (!block) before = 0; /* else a type */
  if (after > before && fails(&lua_supply)) return NULL;
  void *other;
  if (own) {
    other = own(own_data, block, before, after);
  } else if (after == 0) {
    free(block);
    other = NULL;
  } else {
    other = realloc(block, after);
  }
  if (other || after == 0) lua_supply.used += (long)after - (long)before;
  return other;
}

static lua_State *newstate(void) {
#ifdef LUA_JITLIBNAME
  lua_State *L = luaL_newstate();
  own = lua_getallocf(L, &own_data);
  lua_setallocf(L, supplylua, NULL);
#else
  lua_State *L = lua_newstate(supplylua, NULL);
#endif
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_idinit_core);
  lua_setfield(L, -2, "idinit.core");
  lua_settop(L, 0);
  return L;
}

/* LuaJIT gives back all of its arena at once, so its bytes need no count. */
static void close(lua_State *L) {
  if (own) lua_setallocf(L, own, own_data);
  lua_close(L);
  own = NULL;
}

/* The calls from `first` to `last` of an allocator are to fail. */
static void armby(lua_State *L, int arg) {
  int is_lua = *luaL_checkstring(L, arg) == 'l';
  arm(is_lua ? &lua_supply : &c_supply, (long)luaL_checknumber(L, arg + 1),
      (long)luaL_checknumber(L, arg + 2));
}

/* alloc.try(f, "lua" or "c", first, last) calls f while calls fail. Returns
   whether one did, then what pcall returns but for results. */
static int try(lua_State *L) {
  lua_settop(L, 4);
  supply *s = *luaL_checkstring(L, 2) == 'l' ? &lua_supply : &c_supply;
  luaL_checkstack(L, 1000, NULL); /* LuaJIT crashes where this fails later */
  lua_pushvalue(L, 1);
  armby(L, 2);
  int status = lua_pcall(L, 0, 1, 0);
  disarm();
  lua_pushboolean(L, s->failed);
  lua_pushboolean(L, status == 0);
  if (status == 0) return 2; /* and no result, which would be kept */
  lua_pushvalue(L, 5);
  return 3;
}

/* alloc.state(load, check, "lua" or "c", first, last) runs the code `load` in a
   new state while calls fail, then the code `check`, and closes the state while
   every call fails. Returns what alloc.try does, and what is left in use: bytes
   of Lua, blocks of the module. */
static int state(lua_State *L) {
  supply outer_lua = lua_supply;
  lua_Alloc outer_own = own;
  void *outer_data = own_data;
  long blocks = c_supply.used;
  char text[200] = "";
  own = NULL;
  lua_supply.used = 0;
  lua_State *M = newstate();
  int counts = own == NULL;
  int bad = luaL_loadstring(M, luaL_checkstring(L, 1));
  armby(L, 3);
  bad = bad || lua_pcall(M, 0, 0, 0);
  int failed = lua_supply.failed || c_supply.failed;
  disarm();
  if (bad) strncpy(text, lua_tostring(M, -1), sizeof text - 1);
  lua_settop(M, 0);
  if (luaL_dostring(M, luaL_checkstring(L, 2))) {
    strncpy(text, lua_tostring(M, -1), sizeof text - 1);
    bad = failed = 1;
    strncat(text, " (afterwards)", sizeof text - strlen(text) - 1);
  }
  arm(&c_supply, 1, 1000000);
  if (counts) arm(&lua_supply, 1, 1000000);
  close(M);
  disarm();
  long left = counts ? lua_supply.used : 0;
  lua_supply = outer_lua;
  own = outer_own;
  own_data = outer_data;
  disarm();
  lua_pushboolean(L, failed);
  lua_pushboolean(L, !bad);
  lua_pushstring(L, text);
  lua_pushnumber(L, (lua_Number)left);
  lua_pushnumber(L, (lua_Number)(c_supply.used - blocks));
  return 5;
}

/* How many blocks of the module are in use. */
static int blocks(lua_State *L) {
  lua_pushnumber(L, (lua_Number)c_supply.used);
  return 1;
}

int main(int argc, char **argv) {
  static const luaL_Reg functions[] = {
      {"try", try}, {"state", state}, {"blocks", blocks}, {NULL, NULL}};
  if (argc != 2) return 2;
  lua_State *L = newstate();
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  lua_setglobal(L, "alloc");
  int bad = luaL_dofile(L, argv[1]);
  if (bad) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  int counts = own == NULL;
  close(L);
  if (c_supply.used != 0 || (counts && lua_supply.used != 0)) {
    fprintf(stderr, "%ld blocks and %ld bytes of Lua are left\n", c_supply.used,
            lua_supply.used);
    return 1;
  }
  return bad;
}
