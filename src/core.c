#if defined(_WIN32)
#include <windows.h>
#elif (defined(__unix__) || defined(__APPLE__)) && !defined(IDN_PLAINC)
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#endif

#include "lib.h"

/* Keeps this library in the process. Lua 5.1 and LuaJIT close libraries before
   the finalizers of what is older have run, and these may use the module. */
static void stay(void) {
#if defined(_WIN32)
  HMODULE self;
  (void)GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN |
                               GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                           &idn_mark, &self);
#elif defined(RTLD_NODELETE)
  Dl_info self;
  if (dladdr(&idn_mark, &self))
    (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

/* Makes the module's table. Runs with the upvalues that idn_register passes
   on. */
static int open(lua_State *L) {
  lua_newtable(L);
  idn_open_args(L);
  idn_open_tensor(L);
  idn_open_index(L);
  idn_open_nest(L);
  idn_open_view(L);
  idn_open_rearrange(L);
  idn_open_widen(L);
  idn_open_taps(L);
  idn_open_text(L);
  idn_open_file(L);
  idn_open_npy(L);
  idn_open_safetensors(L);
  idn_open_bytes(L);
  idn_open_layer(L);
  return 1;
}

IDN_EXPORT int luaopen_idinit_core(lua_State *L);

/* Nothing here is shared between states. Opening again in one state gives the
   table that it has: what access.lua believes of a tensor has to be undone by
   every finalizer there is. */
int luaopen_idinit_core(lua_State *L) {
  lua_pushfstring(L, "idinit.core %p", (const void *)&idn_mark);
  lua_pushvalue(L, -1);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_istable(L, -1)) return 1;
  lua_pop(L, 1);
  stay();
  idn_pushheap(L);
  lua_newtable(L);
  lua_newtable(L);
  idn_pushowners(L);
  lua_pushcclosure(L, open, IDN_UPVALUES);
  lua_call(L, 0, 1);
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return 1;
}
