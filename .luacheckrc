-- What every Lua from 5.1 to 5.4 and LuaJIT has, and what some have.
std = "min"
read_globals = {
  "jit", "unpack",
  table = { fields = { "unpack", "pack", "move" } },
}
max_line_length = 100
include_files = { "lua", "spec", ".luacheckrc", ".busted", "rockspec/*.rockspec" }
files["spec"] = { std = "+busted" }
files["rockspec"] = { std = "rockspec" }
