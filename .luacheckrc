-- What every Lua from 5.1 to 5.5 and LuaJIT has, and what only some have.
std = "min"
read_globals = {
  "jit", "loadstring", "setfenv", "unpack",
  table = { fields = { "move", "pack", "unpack" } },
}
max_line_length = 100
files["spec"] = { std = "+busted" }
files["spec/hosts"] = { std = "+love+ngx_lua", read_globals = { "vim" } }
files["spec/tools/newer.lua"] = { std = "max" }
files["rockspec"] = { std = "rockspec" }

-- Declarations for editors, without bodies.
files["lua/idinit/types.lua"] = { unused = false }
