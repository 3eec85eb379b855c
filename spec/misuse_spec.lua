-- Whatever a script does with the functions that it finds, it gets an error, never
-- a crash, and no tensor is harmed. Through `debug` it finds more of them, and these
-- refuse a wrong self too.

local idinit = require "idinit"
local core = require "idinit.core"
local layers = require "idinit.layers"
local child = require "spec.tools.child"
local dying = require "spec.support.dying"
local fails = require "spec.support.fails"
local random = require "spec.support.random"

local has_ffi, ffi = pcall(require, "ffi")
local newproxy = rawget(_G, "newproxy")

local metatable = debug.getmetatable(idinit(2, 2))
local gc = debug.getmetatable(idinit(100, 100)).__gc -- of tensors with a block

local methods = {}
for name, f in pairs(core.methods) do methods[name] = f end

if not has_ffi then methods.data = nil end -- it says that it needs the FFI

local function finalized(...)
  local t = idinit(...)
  gc(t)
  return t
end

local function upvalues(f)
  local list = {}
  for k = 1, 60 do
    local name, value = debug.getupvalue(f, k)
    if not name then return list end
    list[k] = value
  end
  return list
end

-- Userdata of this module that are no tensors.
local ours = {}
for _, f in ipairs { idinit.taps(4, 4), core.is_tensor } do
  for _, value in pairs(upvalues(f)) do
    if type(value) == "userdata" then ours[#ours + 1] = value end
  end
end

-- Everything that is no live tensor.
local strangers = {
  ["a number"] = 5, ["a string"] = "tensor", ["true"] = true, ["a table"] = {},
  ["a table like a tensor"] = setmetatable({ 1, 2, tag = 1 }, { __name = "idinit.tensor" }),
  ["a function"] = function() end, ["a thread"] = coroutine.create(function() end),
  ["a file"] = io.stdout, ["a finalized tensor"] = finalized(2, 2),
  ["a finalized large tensor"] = finalized(100, 100),
  ["idinit"] = idinit, ["a partial"] = idinit {},
}
for k, value in ipairs(ours) do strangers["a value of the module's own, " .. k] = value end
if newproxy then
  strangers["a proxy"] = newproxy()
  strangers["a proxy with a metatable"] = newproxy(true)
end
if has_ffi then
  strangers["a pointer"] = ffi.new("float[9]") + 0
  strangers["a null pointer"] = ffi.cast("void *", nil)
  strangers["an array"] = ffi.new "float[9]"
  strangers["an integer"] = ffi.new("int64_t", 5)
  strangers["a ctype"] = ffi.typeof "float *"
end
local upvalueid = rawget(debug, "upvalueid")
if upvalueid then
  strangers["a light userdata"] = upvalueid(function() return strangers end, 1)
end

local arguments = {
  {}, { 1 }, { 1, 1 }, { 1, 1, 5 }, { "size" }, { "size", 5 }, { {} }, { { 1, 1 } },
  { { 1, 1 }, 5 }, { random.new }, { idinit(2, 2) },
}

local unpack = table.unpack or unpack

local function refuses(f, self)
  for _, args in ipairs(arguments) do
    local ok, message = pcall(f, self, unpack(args))
    if ok then error("an error was expected", 2) end
    if type(message) ~= "string" or not message:find "tensor" then
      error("a message about a tensor was expected, got " .. tostring(message), 2)
    end
  end
end

describe("A wrong self", function()
  for name in pairs(strangers) do
    it("that is " .. name .. " is refused by every method", function()
      for method, f in pairs(methods) do
        if method ~= "save" or name ~= "a string" then refuses(f, strangers[name]) end
      end
    end)

    it("that is " .. name .. " is refused by every metamethod", function()
      for event, f in pairs(metatable) do
        if type(f) == "function" and event ~= "__eq" and event ~= "__gc" then
          refuses(f, strangers[name])
        end
      end
    end)

    it("that is " .. name .. " is refused by the finalizer, unless it was one", function()
      if name:find "^a finalized" then
        assert.has_no_error(function() gc(strangers[name]) end)
      else
        refuses(gc, strangers[name])
      end
    end)

    it("that is " .. name .. " equals no tensor", function()
      local x, t = strangers[name], idinit(2, 2)
      local a, b = pcall(metatable.__eq, x, t)
      local c, d = pcall(metatable.__eq, t, x)
      assert.is_false(a and b)
      assert.is_false(c and d)
      assert.is_false((pcall(metatable.__eq, x, x)))
      assert.is_false((pcall(metatable.__eq, x, 5)))
      assert.is_false(t == x)
    end)

    it("that is " .. name .. " is no tensor", function()
      assert.is_false(idinit.is_tensor(strangers[name]))
      assert.is_false((pcall(idinit.cat, { strangers[name] }, 1)))
      assert.is_false((pcall(idinit.into, strangers[name])))
    end)
  end

  it("that is nothing is refused by every method and metamethod", function()
    for _, f in pairs(methods) do
      assert.is_false((pcall(f)))
      refuses(f, nil)
    end
    for event, f in pairs(metatable) do
      if type(f) == "function" then
        assert.is_false((pcall(f)))
        if event ~= "__eq" then refuses(f, nil) end
      end
    end
  end)

  it("is what a method called by a dot has", function()
    local t = idinit(2, 2)
    fails(function() t.fill(3) end, "tensor expected, got 3")
    fails(function() t.size() end, "tensor expected, got nil")
    fails(function() t.reshape(4) end, "tensor expected, got 4")
    fails(function() t.clone(nil) end, "tensor expected, got nil")
  end)
end)

describe("The module's own __call", function()
  it("may be called with anything for the module, or nothing", function()
    local call = debug.getmetatable(idinit).__call
    assert.equal("function", type(call()))
    assert.equal("function", type(call(nil)))
    assert.is_true(call(5, 2, 3) == idinit(2, 3))
  end)
end)

describe("The metatable put on other values by debug.setmetatable", function()
  local function swapped(value, f)
    local before = debug.getmetatable(value)
    debug.setmetatable(value, metatable)
    local ok, message = pcall(f, value)
    debug.setmetatable(value, before)
    assert(ok, message)
  end

  local uses = {
    function(x) return x[1] end, function(x) return x[{ 1 }] end, function(x) x[1] = 1 end,
    function(x) x[{ 1 }] = 1 end, function(x) return x(1), 1 end, function(x) return x(), 1 end,
    function(x) return tostring(x), 1 end, function(x) return x:size(), 1 end,
    function(x) return x:fill(1), 1 end, function(x) return x:get(1), 1 end,
    function(x) return x == idinit(2, 2) end, function(x) return #x end,
  }

  for name, value in pairs(strangers) do
    if type(value) ~= "cdata" then
      it("crashes nothing where it is " .. name, function()
        swapped(value, function(x)
          for _, use in ipairs(uses) do pcall(use, x) end
          assert(not idinit.is_tensor(x))
          assert(not pcall(methods.size, x))
        end)
      end)
    end
  end

  it("crashes nothing where it is nil or a boolean", function()
    for _, value in ipairs { false, true } do
      swapped(value, function(x)
        for _, use in ipairs(uses) do pcall(use, x) end
      end)
    end
    debug.setmetatable(nil, metatable)
    for _, use in ipairs(uses) do pcall(use, nil) end
    debug.setmetatable(nil, nil)
  end)
end)

describe("A tensor without its metatable", function()
  it("is one for every function", function()
    local t = idinit(40, 40, { gain = 2 })
    local before = debug.getmetatable(t)
    debug.setmetatable(t, nil)
    assert.is_true(idinit.is_tensor(t))
    assert.equal(2, methods.get(t, 7, 7))
    assert.equal(1600, methods.numel(t))
    assert.is_true(methods.clone(t) == idinit(40, 40, { gain = 2 }))
    debug.setmetatable(t, before)
    assert.equal(2, t[7][7])
  end)
end)

describe("A finalizer run by hand", function()
  for _, n in ipairs { 2, 100 } do
    it("may run again and again on " .. n .. " x " .. n, function()
      local t = idinit(n, n)
      gc(t)
      pcall(gc, t)
      pcall(gc, t)
      t = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
    end)

    it("leaves views as they are on " .. n .. " x " .. n, function()
      local t = idinit(n, n, { gain = 3 })
      local row, all = t[2], t:reshape(n * n)
      gc(t)
      for _ = 1, 20 do idinit(n, n, { gain = 9 }) end
      collectgarbage()
      assert.equal(3, row[2])
      assert.equal(0, row[1])
      assert.equal(3, all[1])
      gc(row)
      assert.equal(3, all[n + 2])
      assert.is_false((pcall(function() return row[2] end)))
    end)

    it("leaves a tensor that raises, also where it was in use: " .. n .. " x " .. n, function()
      local t = idinit(n, n)
      for _ = 1, 200 do assert(t[1][1] == 1 and t(2, 2) == 1 and t[{ 1, 2 }] == 0) end
      gc(t)
      fails(function() return t[1] end, "finalized")
      fails(function() return t(1, 1), 1 end, "finalized")
      fails(function() return t[{ 1, 1 }] end, "finalized")
      fails(function() t[1] = 5 end, "finalized")
      fails(function() t[{ 1, 1 }] = 5 end, "finalized")
      fails(function() return #t end, "finalized")
      local _, message = pcall(tostring, t)
      assert.matches("finalized", message)
      fails(function() t:size() end, "finalized")
      fails(function() t:set(1, 1, 5) end, "finalized")
      fails(function() t:save "x" end, "finalized")
      fails(function() idinit(n, n):copy(t) end, "expected")
      fails(function() idinit.into(t) end, "finalized")
      fails(function() idinit.cat({ t }, 1) end, "finalized")
      assert.is_false(t == idinit(n, n))
    end)
  end

  it("leaves what runs over it", function()
    local t = idinit(50, 50)
    local values = {}
    for i = 1, 50 do
      if i == 25 then gc(t) end
      local ok, value = pcall(function() return t[i][i] end)
      values[i] = ok and value
    end
    assert.equal(1, values[24])
    assert.is_false(values[25])
  end)

  it("is noticed by the module that is loaded anew", function()
    local before = {}
    for name, part in pairs(package.loaded) do
      if name:find "^idinit" then before[name] = part end
    end
    for name in pairs(before) do package.loaded[name] = nil end
    local again = require "idinit"
    for name, part in pairs(before) do package.loaded[name] = part end
    assert.is_false(again == idinit)
    for _, each in ipairs { gc, debug.getmetatable(again(100, 100)).__gc } do
      for _, make in ipairs { idinit, again } do
        local t = make(100, 100)
        assert.is_true(t(1, 1) == 1 and idinit.is_tensor(t) and again.is_tensor(t))
        assert.is_true(t == idinit(100, 100))
        each(t)
        assert.is_false((pcall(function() return t(1, 1), 1 end)))
        assert.is_false(idinit.is_tensor(t) or again.is_tensor(t))
      end
    end
  end)
end)

-- A finalizer finds the tensors that are garbage together with what it is of,
-- whose own finalizers run by then or soon after.
describe("A tensor that a finalizer brings back", function()
  local saved = {}

  local function lose()
    local t = idinit(100, 100)
    local row = t[3]
    assert(t(2, 2) == 1 and row[3] == 1)
    local function finalize() saved.t, saved.row = t, row end
    dying(finalize)
  end

  it("has lost its elements, and so have views that were garbage too", function()
    lose()
    for _ = 1, 4 do collectgarbage() end
    for _ = 1, 20 do idinit(100, 100, { gain = 9 }) end
    for _ = 1, 300 do assert(not pcall(function() return saved.t(2, 2), 1 end)) end
    fails(function() saved.t:fill(5) end, "tensor has been finalized")
    fails(function() saved.row:fill(5) end, "tensor has been finalized")
    assert.is_false(idinit.is_tensor(saved.t) or idinit.is_tensor(saved.row))
  end)

  it("may lose them in the middle of a call", function()
    local uses = {
      function(t) return t:clone()(2, 2) end,
      function(t) return t:totable()[2][2] end,
      function(t) return idinit.cat({ t, t }, 1)(102, 2) end,
      function(t) return layers.Dense(100, 100)(t)(2, 2) end,
      function(t) return t[2][2] end,
      function(t) return t:reshape(10000)[102] end,
    }
    for k = 1, 600 do
      saved.t = nil
      lose()
      repeat collectgarbage "step" until saved.t
      local ok, value = pcall(uses[k % #uses + 1], saved.t)
      assert(ok and value == 1 or not ok
        and (value:find "has been finalized" or value:find "got userdata"), value)
    end
  end)
end)

-- When a state is closed, the module's library may be unloaded before.
describe("A finalizer older than the module", function()
  it("may use it when the state is closed", function()
    local code = [[
      local idinit
      local function finalize()
        io.write(idinit(3, 3)(2, 2) == 1 and "done" or "wrong")
      end
      old = require "spec.support.dying" (finalize)
      idinit = require "idinit"
    ]]
    assert.equal("done", (child.must(child.lua() .. " -e " .. child.quote(code))))
  end)
end)

-- `make asan` and `make valgrind` see whether all memory is given back.
describe("Tensors that finalizers make while a state is closed", function()
  it("serve those that come later, or say that they are gone", function()
    local code = [[
      local idinit
      local watch = require "spec.support.dying"
      old = watch(function()
        local ok, value = pcall(function() return kept[1][2][2] + kept[2][2] end)
        assert(ok and value == 4 or not ok and value:find "finalized", value)
        assert(idinit.zeros(200, 200):fill(3)[200][200] == 3)
        io.write "done"
      end)
      idinit = require "idinit"
      young = watch(function()
        kept = { idinit.zeros(200, 200):fill(1) }
        kept[2] = idinit(200, 200, { gain = 3 })[2]
        io.write "made "
      end)
    ]]
    assert.equal("made done", (child.must(child.lua() .. " -e " .. child.quote(code))))
  end)
end)

describe("The core", function()
  it("gives no access to what the module believes without a check", function()
    for _, name in ipairs { "metatable", "owners", "records", "foreign" } do
      assert.is_nil(core[name])
    end
  end)

  it("checks what those who call it have checked", function()
    local function message(f, ...) return select(2, pcall(f, ...)) end
    assert.matches("string expected", message(core.unknown, "x", {}))
  end)

  it("survives random arguments", function()
    local output, status = child.run(("%s spec/support/garbage.lua %d %d"):format(
      child.lua(), random.seed, 8000))
    -- Before it, sanitizers may warn of the memory that is not there.
    assert.equal("IDINIT_SEED=" .. random.seed .. ": 8000 calls survived\n",
      output:match "[^\n]*\n$")
    assert.equal(0, status)
  end)
end)

describe("An error", function()
  it("blames the line that made the mistake", function()
    local t, f = idinit(2, 2), idinit {}
    local mistakes = {
      function() idinit(3, -1) end,
      function() f(3, -1) end,
      function() idinit.identity_init(3, { gian = 1 }) end,
      function() idinit { gain = "x" } end,
      function() idinit.into(t, 3) end,
      function() idinit.taps(3, -1) end,
      function() idinit.tensor { "x" } end,
      function() idinit.zeros(-1) end,
      function() idinit.cat({}, 1) end,
      function() idinit.load "/no/such/file.npy" end,
      function() t:save "/no/such/folder/file.npy" end,
      function() t:fill "x" end,
      function() t[3] = 1 end,
      function() return t[3] end,
      function() return (t(3, 3)) end,
      function() t:spy(1) end,
    }
    for _, mistake in ipairs(mistakes) do fails(mistake) end
  end)

  it("has facts also where no line is to blame", function()
    local _, message = pcall(idinit, 3, -1)
    assert.matches("size 2: integer in range [0, 2^53] expected, got -1", message, 1, true)
    _, message = pcall(idinit.zeros, 3, -1)
    assert.matches("size 2: integer in range [0, 2^53] expected, got -1", message, 1, true)
    local function tail() return idinit(3, -1) end
    _, message = pcall(tail)
    assert.matches("size 2: integer in range [0, 2^53] expected, got -1", message, 1, true)
    local wrapped = coroutine.wrap(function() return (idinit(3, -1)) end)
    _, message = pcall(wrapped)
    assert.matches("size 2: integer in range [0, 2^53] expected, got -1", message, 1, true)
  end)

  it("names no C file, and comes as a string", function()
    for _, f in ipairs { idinit, idinit.into, idinit.taps, idinit.tensor, idinit.zeros,
      idinit.cat, idinit.load } do
      local ok, message = pcall(f, "x", "y")
      assert.is_false(ok)
      assert.is_string(message)
      assert.is_nil(message:find "%.c[: ]")
      assert.is_nil(message:find "bad argument")
    end
  end)
end)
