-- What happens where there is no memory: at every call of an allocator that an
-- example makes, in a program with the module inside. See spec/alloc.

local child = require "spec.tools.child"

describe("A lack of memory #once #native", function()
  local tmp

  setup(function() tmp = child.folder() end)
  teardown(function() child.must("rm -rf '" .. tmp .. "'") end)

  for _, lua in ipairs { "luajit", "lua5.1", "lua5.4" } do
    local _, missing = child.run("command -v cc && pkg-config --exists " .. lua)
    if missing ~= 0 then
      pending("needs cc, pkg-config and the headers of " .. lua)
    else
      it("at any call is an error and leaves all as it was under " .. lua, function()
        local program = tmp .. "/" .. lua
        child.must(("cc -std=c99 -D_GNU_SOURCE -O1 -include spec/alloc/alloc.h -o '%s'"
          .. " $(pkg-config --cflags %s) src/*.c spec/alloc/alloc.c $(pkg-config --libs %s) -lm"):
          format(program, lua, lua))
        local said = child.must(("env -u LUA_INIT IDINIT_FOLDER='%s' LUA_CPATH="
          .. " LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua' '%s' spec/alloc/run.lua"):
          format(tmp, program))
        local calls, blocks = said:match "(%d+) calls of Lua and (%d+) of the module failed"
        assert.is_true(tonumber(calls) > 1000 and tonumber(blocks) > 100, said)
      end)
    end
  end
end)
