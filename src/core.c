#include "tensor.h"

/* Makes the module's table. Runs with the upvalues that idn_register hands
   on. */
static int open(lua_State *L) {
  lua_newtable(L);
  idn_open_tensor(L);
  idn_open_elements(L);
  idn_open_identity(L);
  idn_open_text(L);
  idn_open_file(L);
  idn_open_forward(L);
  return 1;
}

IDN_EXPORT int luaopen_idinit_core(lua_State *L);

/* Nothing here is shared between states, and opening twice in one state gives
   two tables whose tensors work with each other. */
int luaopen_idinit_core(lua_State *L) {
  idn_pushheap(L);
  lua_newtable(L);
  lua_pushcclosure(L, open, 2);
  lua_call(L, 0, 1);
  return 1;
}
