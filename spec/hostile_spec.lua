-- Scripts that change what is around the module: globals, loaded modules, its own
-- files. None of it reaches memory, and what is changed after the loading changes
-- nothing at all.

local child = require "spec.tools.child"

-- What a script prints that runs in a process of its own.
local function run(code)
  local output, status = child.run(child.lua() .. " -e " .. child.quote(code))
  assert.equal(0, status, output)
  return output
end

-- Uses everything, without a global but what is passed.
local everything = [[
  local idinit, _, assert = ...
  local t = idinit(3, 3, 2, { gain = 100 })
  local s = 0
  for i = 1, 3 do for j = 1, 3 do s = s + t[i][j][1] + t(i, j, 2) + t[{ i, j, 1 }] end end
  assert(s == 300)
  t[2][2][1] = 7
  t:set(1, 1, 1, 3)
  assert(t:get(2, 2, 1) == 7 and t[1][1][1] == 3)
  assert(idinit { gain = 2 } (2, 2)(2, 2) == 2 and idinit.tensor { 1, 2 }[2] == 2)
  for v in idinit.taps(2, 3) do assert(v == 1) end
  assert(idinit.into(idinit(2, 2), { gain = 5 })(1, 1) == 5)
]]

local texts = [[
  local idinit, layers, assert, pcall, tostring = ...
  local t = idinit(2, 2)
  assert(tostring(t) == "2×2 float tensor:\n 1.0  0.0\n 0.0  1.0")
  assert(t:spy(20, 8))
  local layer = layers.Conv({ 3 }, 2, 2, { pad = "same", activation = layers.relu })
  assert(layer:explain() and layer(idinit.zeros(4, 2, 1)))
  assert(tostring(layer))
  assert(not pcall(idinit, 3, "x") and not pcall(idinit, { gian = 2 }))
  assert(not pcall(layers.Dense, 2, 2, { act = 1 }) and not pcall(function() return t(3, 3) end))
  local embedding = layers.Embedding(3, 2)
  assert(embedding({ 1, 2 }) and layers.Dense(2, 2)({ 1, 2 }))
  assert(layers.ConvTranspose({ 2 }, 1, 3, { stride = 2 }):explain() == false)
]]

describe("Globals", function()
  for what, change in pairs {
    ["that are gone"] = "for k in next, globals do globals[k] = nil end",
    ["that do something else"] = [[
      for k, v in next, globals do
        if _type(v) == "function" then globals[k] = function() return true, 7 end end
      end]],
    ["whose tables are emptied"] = [[
      for _, library in next, { string, table, math } do
        for k in next, library do library[k] = nil end
      end]],
  } do
    it(what .. " after the loading change nothing", function()
      local code = ([[
        local idinit, layers = require "idinit", require "idinit.layers"
        local load, write = loadstring or load, io.write
        local assert, pcall, tostring = assert, pcall, tostring
        local next, _type, exit = next, type, os.exit
        local parts = { assert(load(%q)), assert(load(%q)) }
        local globals = _G
        local string, table, math = string, table, math
        %s
        parts[1](idinit, layers, assert)
        parts[2](idinit, layers, assert, pcall, tostring)
        write "done"
        exit(0, true)
      ]]):format(everything, texts, change)
      assert.equal("done", run(code))
    end)
  end

  it("that are replaced amidst give nothing the memory of a row", function()
    assert.equal("done", run [[
      local idinit = require "idinit"
      local pcall0, u = pcall, idinit(3, 3)
      local t = idinit(100, 100)
      for i = 1, 100 do
        pcall = function() return true, u end
        local row = t[i]
        pcall = pcall0
        assert(row:size(1) == 100 and row[i] == 1)
      end
      assert(u == idinit(3, 3) and not pcall(function() return u(4, 4) end))
      io.write "done"
    ]])
  end)
end)

describe("A core that is loaded before idinit", function()
  it("works, and gives nothing away", function()
    assert.equal("done", run [[
      local core = require "idinit.core"
      for _, name in ipairs { "metatable", "owners", "records", "outline", "watch", "lend" } do
        assert(core[name] == nil, name)
      end
      local early = core.zeros(100, 100)
      assert(not pcall(setmetatable, early, {}))
      local idinit = require "idinit"
      assert(early[3][4] == 0 and early == idinit.zeros(100, 100))
      assert(tostring(early):find "float tensor" and core.install == nil)
      io.write "done"
    ]])
  end)

  it("may be given other metamethods, which reach no memory", function()
    assert.equal("done", run [[
      local core = require "idinit.core"
      assert(not pcall(core.install))
      core.install { __index = function() return 7 end, __gc = error, __eq = error, __len = 3 }
      local idinit = require "idinit"
      local t = idinit(30, 30)
      assert(t[1] == 7 and t(1, 1) == 1 and #t == 30 and t == t)
      t = nil
      collectgarbage() collectgarbage()
      io.write "done"
    ]])
  end)
end)

describe("A forged core", function()
  local forge = [[
      local core = require "idinit.core"
      local forged = {}
      for k, v in pairs(core) do forged[k] = v end
      forged.is_tensor = function() return true end
      forged.outline = function() return 1, 0, 2 ^ 31 - 1, 1 end
      package.loaded["idinit.core"] = forged
  ]]

  it("makes no compiled access to what is no tensor", function()
    assert.equal("done", run(forge .. [[
      forged.zeros = function() return io.stdout end
      local ok, access = pcall(require, "idinit.access")
      assert(not ok or not access)
      io.write "done"
    ]]))
  end)

  it("lets genuine tensors alone be read", function()
    assert.equal("done", run(forge .. [[
      local ok, access = pcall(require, "idinit.access")
      if ok and access then
        local t = core.zeros(3)
        for _ = 1, 300 do
          assert(not pcall(access.__index, io.stdout, 1))
          assert(not pcall(access.__index, {}, 1))
          assert(not pcall(access.__index, t, 4) and access.__index(t, 3) == 0)
          assert(not pcall(access.__newindex, io.stdout, 1, 1))
        end
      end
      io.write "done"
    ]]))
  end)
end)

describe("Another module", function()
  local use = [[
    local idinit = require "idinit"
    local t = idinit(30, 30)
    assert(t[3][3] == 1 and t(4, 4) == 1 and tostring(t):find "float" and idinit(3, 5):size(2) == 5)
    assert(require "idinit.layers".Dense(2, 2):explain())
    io.write "done"
  ]]

  for what, change in pairs {
    ["called ffi"] = [[
      package.loaded.ffi = { typeof = function() return "x" end, cast = error, new = error }]],
    ["called ffi, and empty,"] = "package.loaded.ffi = {}",
    ["called ffi, and true,"] = "package.loaded.ffi = true",
    ["called bit, which is none,"] = [[
      package.loaded.bit = nil
      package.preload.bit = function() error "no" end]],
    ["called jit"] = 'jit = { version = "LuaJIT 2.1", status = function() return true end }',
  } do
    it(what .. " changes nothing", function()
      assert.equal("done", run(change .. "\n" .. use))
    end)
  end

  it("may be loaded where jit is none", function()
    assert.equal("done", run("jit = nil\n" .. use))
    assert.equal("done", run("jit = 7\n" .. use))
  end)
end)

it("Loading all of idinit again and again runs out of nothing", function()
  assert.equal("done", run [[
    for k = 1, 5000 do
      for name in pairs(package.loaded) do
        if name:find "^idinit" then package.loaded[name] = nil end
      end
      local idinit = require "idinit"
      require "idinit.layers"
      if k % 500 == 0 then assert(idinit(2, 2)[2][2] == 1) end
    end
    io.write "done"
  ]])
end)
