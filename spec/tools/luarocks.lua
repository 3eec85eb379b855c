-- What `luarocks test` runs: the specs, under the Lua that LuaRocks uses.

local kind = jit and "luajit" or "lua" .. _VERSION:match "%d%.%d"
local specs = table.concat(arg, " ")
if specs == "" then specs = "spec" end

local function run(command)
  local status = os.execute(command) -- 0 in Lua 5.1, true later
  if status ~= 0 and status ~= true then os.exit(1) end
end

run("make build/" .. kind .. "/idinit/core.so")
run("spec/tools/test '" .. specs .. "' " .. kind)
