-- The tensor: elements, views, sizes, and what makes new ones of it. Its texts,
-- pictures and files have specs of their own.

local idinit = require "idinit"
local fails = require "spec.support.fails"
local model = require "spec.support.model"
local random = require "spec.support.random"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack
local nan, inf = 0 / 0, 1 / 0

local sizeof = lists.sizeof

-- A tensor of the numbers from 1 on in row-major order, kept in either order.
local function count(order, ...)
  local size, n = { ... }, 0
  local t = idinit { order = order, ... }
  for p in model.positions(size) do
    n = n + 1
    t[p] = n
  end
  return t
end

for _, order in ipairs { "row", "col" } do
  describe("Elements of a tensor in " .. order .. " order", function()
    local t, u

    before_each(function()
      t, u = count(order, 2, 3), count(order, 2, 3, 2)
    end)

    it("are read by indices, in five ways", function()
      for i = 1, 2 do
        for j = 1, 3 do
          local x = (i - 1) * 3 + j
          assert.equal(x, t[i][j])
          assert.equal(x, t(i, j))
          assert.equal(x, t:get(i, j))
          assert.equal(x, t[{ i, j }])
          assert.equal(x, t[i](j))
        end
      end
      assert.equal(12, u(2, 3, 2))
      assert.equal(12, u[2][3][2])
      assert.equal(12, u[{ 2, 3, 2 }])
      assert.equal(12, u[2](3, 2))
      assert.equal(12, u[2][{ 3, 2 }])
    end)

    it("are written by indices, in four ways", function()
      t[1][2] = 20
      t[{ 1, 3 }] = 30
      t:set(2, 1, 40)
      t[2]:set(2, 50)
      assert.same({ { 1, 20, 30 }, { 40, 50, 6 } }, t:totable())
      u[2][3][1] = -1
      u[{ 1, 1, 2 }] = -2
      u:set(1, 2, 1, -3)
      assert.same({ { { 1, -2 }, { -3, 4 }, { 5, 6 } }, { { 7, 8 }, { 9, 10 }, { -1, 12 } } },
        u:totable())
    end)

    it("take integral floats as indices", function()
      assert.equal(6, t(2.0, 3.0))
      assert.equal(6, t[2.0][3.0])
      assert.equal(6, t[{ 2.0, 3.0 }])
      t:set(2.0, 3.0, 9)
      assert.equal(9, t(2, 3))
    end)

    it("are float32", function()
      for _, x in ipairs { 0.1, 1 / 3, -2.5, 2 ^ 24 + 1, 2 ^ 24 + 3, 1e300, -1e300, 1e-46, 1e-45,
        inf, -inf, 16777217.5, 2 ^ 128 - 2 ^ 103 } do
        t[1][1] = x
        assert.equal(model.float32(x), t(1, 1))
        t[{ 1, 2 }] = x
        assert.equal(model.float32(x), t(1, 2))
        t:set(2, 3, x)
        assert.equal(model.float32(x), t(2, 3))
        t[2] = x
        assert.equal(model.float32(x), t(2, 1))
        assert.equal(model.float32(x), t:fill(x)(2, 2))
      end
      t[1][1] = nan
      assert.is_true(t(1, 1) ~= t(1, 1))
      t[1][1] = 0 / -1
      assert.equal(-inf, 1 / t(1, 1))
    end)

    it("out of range are errors that name index, extent and dimension", function()
      local function all(fact, ...)
        local i, j = ...
        fails(function() return t(i, j), 1 end, fact)
        fails(function() return t:get(i, j), 1 end, fact)
        fails(function() return t[{ i, j }], 1 end, fact)
        fails(function() t[{ i, j }] = 1 end, fact)
        fails(function() t:set(i, j, 1) end, fact)
      end
      all("index 7 out of range [1, 3] in dimension 2", 1, 7)
      all("index 0 out of range [1, 3] in dimension 2", 1, 0)
      all("index -1 out of range [1, 2] in dimension 1", -1, 1)
      all("index 3 out of range [1, 2] in dimension 1", 3, 1)
      all("index 4294967297 out of range [1, 2] in dimension 1", 2 ^ 32 + 1, 1)
      all("index 9007199254740992 out of range", 1, 2 ^ 53)
      all("integer index in range [1, 2] expected in dimension 1, got 1.5", 1.5, 1)
      all("integer index in range [1, 3] expected in dimension 2, got nan", 1, nan)
      all("in dimension 2, got inf", 1, inf)
      all("in dimension 1, got -inf", -inf, 1)
      all('in dimension 1, got string "1"', "1", 1)
      all("in dimension 2, got boolean", 1, true)
      all("in dimension 2, got 1e+300", 1, 1e300)
      all("in dimension 1, got userdata", t, 1)
    end)

    it("out of a view are errors of the view", function()
      fails(function() return t[3] end, "index 3 out of range [1, 2] in dimension 1")
      fails(function() return t[1][4] end, "index 4 out of range [1, 3] in dimension 1")
      fails(function() return t[0] end, "index 0 out of range [1, 2] in dimension 1")
      fails(function() return t[1.5] end, "in dimension 1, got 1.5")
      fails(function() return t[nan] end, "in dimension 1, got nan")
      fails(function() return t[true] end, "in dimension 1, got boolean")
      fails(function() return t[nil] end, "in dimension 1, got nil")
      fails(function() return t[print] end, "in dimension 1, got function")
      fails(function() t[3] = 1 end, "index 3 out of range [1, 2] in dimension 1")
      fails(function() t[1][0] = 1 end, "index 0 out of range [1, 3] in dimension 1")
      fails(function() t[1.5] = 1 end, "in dimension 1, got 1.5")
      fails(function() t[true] = 1 end, "in dimension 1, got boolean")
    end)

    it("of too many or few indices are errors", function()
      fails(function() return t(1), 1 end, "2 indices expected, got 1")
      fails(function() return t(), 1 end, "2 indices expected, got 0")
      fails(function() return t(1, 2, 3), 1 end, "2 indices expected, got 3")
      fails(function() return t(1, 2, nil), 1 end, "2 indices expected, got 3")
      fails(function() return t:get(1), 1 end, "2 indices expected, got 1")
      fails(function() return t[1](), 1 end, "1 index expected, got 0")
      fails(function() return t[{ 1, 2, 3 }], 1 end, "no more than 2 indices expected, got 3")
      fails(function() return t[1][{ 1, 2 }], 1 end, "no more than 1 index expected, got 2")
      fails(function() t[{ 1, 2, 3 }] = 1 end, "no more than 2 indices expected, got 3")
      fails(function() t:set() end, "2 indices expected, got 0")
      fails(function() t:set(1) end, "2 indices expected, got 0")
      fails(function() t:set(1, 2) end, "2 indices expected, got 1")
      fails(function() t:set(1, 2, 3, 4) end, "2 indices expected, got 3")
    end)

    it("take no value that is no number", function()
      for _, value in ipairs { "1", true, {}, print, io.stdout } do
        local got = type(value) == "string" and 'string "1"' or type(value)
        fails(function() t[{ 1, 2 }] = value end, "number expected, got " .. got)
        fails(function() t:set(1, 2, value) end, "number expected, got " .. got)
        if type(value) ~= "table" then
          fails(function() t[1][2] = value end, "number expected, got " .. got)
          fails(function() t[1] = value end, "expected, got " .. got)
        end
      end
      fails(function() t[1][2] = nil end, "number expected, got nil")
      fails(function() t[1][2] = {} end, "number expected, got table")
      fails(function() t[1] = nil end, "expected, got nil")
      fails(function() t:set(1, 2, nil) end, "number expected, got nil")
      fails(function() t[{ 1, 2 }] = t end, "number expected, got userdata")
      assert.is_true(t == count(order, 2, 3))
    end)
  end)
end

describe("A field of a tensor", function()
  it("that does not exist is nil, and none can be set", function()
    local t = idinit(2, 2)
    assert.is_nil(t.nosuchfield)
    assert.is_nil(t["1"])
    assert.is_nil(t.__gc)
    assert.is_nil(t.__index)
    assert.is_nil(t.__name)
    fails(function() t.x = 1 end, "index expected", 'string "x"')
    fails(function() t["1"] = 1 end, "index expected", 'string "1"')
    fails(function() t.size = print end, "index expected", 'string "size"')
  end)

  it("is no way to break it by its metatable", function()
    assert.is_false(pcall(setmetatable, idinit(2, 2), {}))
  end)
end)

describe("The metatable of a tensor", function()
  local events = { "__call", "__eq", "__index", "__len", "__newindex", "__tostring" }

  it("shows what can be done with one, and no finalizer", function()
    local shown = {}
    for name, value in pairs(getmetatable(idinit(2, 2))) do
      assert.equal("function", type(value))
      shown[#shown + 1] = name
    end
    table.sort(shown)
    assert.same(events, shown)
  end)

  it("is one for all tensors", function()
    for _, t in ipairs { idinit(100, 100), idinit(100, 100)[1], idinit(2, 2)[1], idinit(2) } do
      assert.equal(getmetatable(idinit(2, 2)), getmetatable(t))
    end
  end)

  it("has functions that do what tensors do", function()
    local t, shown = count("row", 2, 3), getmetatable(idinit(2, 2))
    assert.equal(6, shown.__call(t, 2, 3))
    assert.equal(4, shown.__index(t, 2)[1])
    assert.equal(2, shown.__len(t))
    assert.is_true(shown.__eq(t, t:clone()))
    assert.equal(tostring(t), shown.__tostring(t))
    shown.__newindex(t, 2, 7)
    assert.equal(7, t(2, 3))
  end)

  it("changes no tensor by what is written to it", function()
    local shown, kept = getmetatable(idinit(2, 2)), {}
    for name, value in pairs(shown) do
      kept[name] = value
      shown[name] = function() error "not a tensor's" end
    end
    shown.__gc = error
    local t = idinit(100, 100)
    assert.equal(1, t(2, 2) + t[1][2])
    assert.equal(100, #t)
    assert.is_true(t == idinit(100, 100))
    shown.__gc = nil
    for name, value in pairs(kept) do shown[name] = value end
  end)
end)

describe("A view", function()
  for _, order in ipairs { "row", "col" } do
    it("shares the elements of a tensor in " .. order .. " order", function()
      local t = count(order, 3, 2, 2)
      local v = t[2]
      assert.same({ 2, 2 }, sizeof(v))
      v[1][2] = 60
      assert.equal(60, t(2, 1, 2))
      t:set(2, 2, 2, 80)
      assert.equal(80, v(2, 2))
      local row = v[2]
      row:fill(-1)
      assert.same({ { 5, 60 }, { -1, -1 } }, t[2]:totable())
      assert.same({ { 1, 2 }, { 3, 4 } }, t[1]:totable())
      assert.same({ { 9, 10 }, { 11, 12 } }, t[3]:totable())
    end)

    it("takes a number, a tensor or nested tables in " .. order .. " order", function()
      local t = count(order, 3, 2)
      t[1] = 7
      t[2] = idinit.tensor { 8, 9 }
      t[3] = { 10, 11 }
      assert.same({ { 7, 7 }, { 8, 9 }, { 10, 11 } }, t:totable())
      local u = count(order, 2, 2, 2)
      u[1] = t[1][1]
      u[2] = { { 1, 2 }, { 3, 4 } }
      u[1][2] = t[2]
      assert.same({ { { 7, 7 }, { 8, 9 } }, { { 1, 2 }, { 3, 4 } } }, u:totable())
      u[1] = u[2]
      assert.same(u[2]:totable(), u[1]:totable())
      u[1] = u[1]
      assert.same(u[2]:totable(), u[1]:totable())
    end)

    it("refuses what is not of its size in " .. order .. " order", function()
      local t = count(order, 3, 2)
      local before = t:clone()
      fails(function() t[1] = {} end, "table of 2 expected, got one of 0")
      fails(function() t[1] = { 1 } end, "table of 2 expected, got one of 1")
      fails(function() t[1] = { 1, 2, 3 } end, "table of 2 expected, got one of 3")
      fails(function() t[1] = { 1, "2" } end, "[2]: number expected", 'got string "2"')
      fails(function() t[1] = { 1, { 2 } } end, "[2]: number expected", "got table")
      fails(function() t[1] = { { 1, 2 } } end, "table of 2 expected")
      fails(function() t[1] = idinit.zeros(3) end, "size 2 expected, got size 3")
      fails(function() t[1] = idinit.zeros(1, 2) end, "size 2 expected, got size 1×2")
      fails(function() t[1] = t end, "size 2 expected, got size 3×2")
      fails(function() t[1] = "x" end, 'got string "x"')
      assert.is_true(t == before)
    end)
  end

  it("keeps the elements when the tensor is garbage", function()
    for _, n in ipairs { 2, 40 } do -- in the userdata, in a block
      local v = idinit(n, n, n, { gain = 3 })[math.ceil(n / 2)][n]
      for _ = 1, 3 do collectgarbage() end
      idinit(n, n, n, { gain = 5 })
      assert.equal(3, v[n])
      assert.equal(0, v[1])
      local w = idinit(n, n, n)[1][1]
      collectgarbage()
      w:fill(7)
      assert.equal(7, w[n])
    end
  end)

  it("knows its place", function()
    local t = idinit(2, 3, 4)
    assert.same({ 4, 1 }, { t[2]:stride() })
    assert.same({ 1 }, { t[2][3]:stride() })
    local u = idinit(2, 3, 4, { order = "col" })
    assert.same({ 2, 6 }, { u[2]:stride() })
    assert.same({ 6 }, { u[2][3]:stride() })
  end)

  it("of an empty tensor is empty", function()
    local t = idinit.zeros(2, 0, 3)
    assert.same({ 0, 3 }, sizeof(t[2]))
    fails(function() return t[2][1] end, "index 1 out of range [1, 0] in dimension 1")
    fails(function() return t(1, 1, 1), 1 end, "index 1 out of range [1, 0] in dimension 2")
    fails(function() return idinit.zeros(0)[1] end, "index 1 out of range [1, 0] in dimension 1")
    t[1] = 5
    t[1] = {}
    t[2] = idinit.zeros(0, 3)
  end)
end)

describe("A tensor", function()
  it("tells its size, strides, rank and number of elements", function()
    local t = idinit.zeros(2, 3, 4)
    assert.same({ 2, 3, 4 }, sizeof(t))
    assert.same({ 2, 3, 4 }, { t:size(1), t:size(2), t:size(3) })
    assert.same({ 12, 4, 1 }, { t:stride() })
    assert.same({ 12, 4, 1 }, { t:stride(1), t:stride(2), t:stride(3) })
    assert.equal(3, t:dim())
    assert.equal(24, t:numel())
    assert.equal(2, #t)
    assert.equal(4, #t[1][1])
    assert.equal(0, #idinit.zeros(0, 3))
    assert.same({ 2, 3, 4 }, { t:size(nil) })
  end)

  it("has no other dimensions", function()
    local t = idinit.zeros(2, 3)
    for _, method in ipairs { "size", "stride" } do
      fails(function() t[method](t, 3) end, "dimension 3 out of range [1, 2]")
      fails(function() t[method](t, 0) end, "dimension 0 out of range [1, 2]")
      fails(function() t[method](t, -1) end, "dimension -1 out of range [1, 2]")
      fails(function() t[method](t, 1.5) end, "dimension", "integer expected", "1.5")
      fails(function() t[method](t, "1") end, "dimension", "integer expected", 'string "1"')
      fails(function() t[method](t, nan) end, "dimension", "integer expected", "nan")
    end
  end)

  it("of rank 0 holds one number", function()
    local t = idinit.tensor(5)
    assert.equal(0, t:dim())
    assert.equal(1, t:numel())
    assert.equal(0, select("#", t:size()))
    assert.equal(5, t())
    assert.equal(5, t:get())
    assert.equal(5, t[{}])
    assert.equal(5, t:totable())
    t:set(6)
    assert.equal(6, t())
    t[{}] = 7
    assert.equal(7, t())
    assert.equal(8, t:fill(8)())
    assert.is_true(t == idinit.tensor(8))
    assert.is_true(t:clone() == t)
    assert.is_true(t:reshape(1, 1) == idinit.tensor { { 8 } })
    assert.is_true(t:copy(idinit.tensor(9)) == idinit.tensor(9))
    assert.equal(1, idinit.tensor { 1 }:reshape():numel())
    fails(function() return t[1] end, "0 indices expected, got 1")
    fails(function() t[1] = 2 end, "0 indices expected, got 1")
    fails(function() return t(1), 1 end, "0 indices expected, got 1")
    fails(function() return #t end, "rank 0")
    fails(function() t:size(1) end, "dimension 1 out of range [1, 0]")
  end)

  it("is a tensor for is_tensor, and nothing else is", function()
    assert.is_true(idinit.is_tensor(idinit(2)))
    assert.is_true(idinit.is_tensor(idinit(2, 2)[1]))
    assert.is_true(idinit.is_tensor(idinit.zeros(0)))
    assert.is_false(idinit.is_tensor())
    for _, x in ipairs { 1, "t", true, {}, print, io.stdout, idinit, setmetatable({}, {}) } do
      assert.is_false(idinit.is_tensor(x))
    end
  end)
end)

describe("Equality", function()
  local row, col = count("row", 2, 3), count("col", 2, 3)

  it("is that of sizes and elements, in any order of memory", function()
    assert.is_true(row == col)
    assert.is_true(col == row)
    assert.is_true(row == row)
    assert.is_true(idinit.zeros(2, 0) == idinit.zeros(2, 0))
    assert.is_true(count("row", 3, 2, 2)[2] == count("col", 3, 2, 2)[2])
    assert.is_true(idinit.tensor { 0 } == idinit.tensor { 0 / -1 })
    assert.is_true(idinit(200, 200)[3]:reshape(20, 10)[1] == idinit(10, 10)[3])
    assert.is_true(idinit(10, 10)[3] == idinit(200, 200)[3]:reshape(20, 10)[1])
  end)

  it("fails where one element or the size differs", function()
    for p in model.positions { 2, 3 } do
      local other = col:clone()
      other[p] = 99
      assert.is_false(row == other)
      assert.is_true(row ~= other)
    end
    assert.is_false(row == row:reshape(3, 2))
    assert.is_false(row == row:reshape(6))
    assert.is_false(row == row:reshape(2, 3, 1))
    assert.is_false(idinit.zeros(2, 0) == idinit.zeros(0, 2))
    assert.is_false(idinit.zeros(2, 0) == idinit.zeros(3, 0))
    assert.is_false(idinit.zeros(1) == idinit.zeros())
  end)

  it("never holds for NaN", function()
    local t = idinit.tensor { 1, nan }
    assert.is_false(t == t:clone())
    assert.is_false(t == idinit.tensor { 1, nan })
  end)

  it("never holds for what is no tensor", function()
    assert.is_false(row == io.stdout)
    assert.is_false(io.stdout == row)
    assert.is_false(row == 1)
    assert.is_false(row == {})
    assert.is_false(row == nil)
  end)
end)

describe("fill and copy", function()
  it("return the tensor itself", function()
    local t = idinit.zeros(2, 2)
    assert.is_true(rawequal(t, t:fill(3)))
    assert.same({ { 3, 3 }, { 3, 3 } }, t:totable())
    assert.is_true(rawequal(t, t:copy(idinit(2, 2))))
    assert.is_true(t == idinit(2, 2))
    assert.is_true(rawequal(t, t:copy { { 1, 2 }, { 3, 4 } }))
    assert.same({ { 1, 2 }, { 3, 4 } }, t:totable())
    assert.is_true(rawequal(t, t:copy(t)))
    local e = idinit.zeros(0, 2)
    assert.is_true(rawequal(e, e:fill(1):copy {}))
  end)

  it("refuse other sizes and values, and then write nothing", function()
    local t = count("row", 2, 2)
    fails(function() t:fill() end, "number expected, got nothing")
    fails(function() t:fill "1" end, "number expected", 'string "1"')
    fails(function() t:fill {} end, "number expected, got table")
    fails(function() t:fill(t) end, "number expected, got userdata")
    fails(function() t:copy() end, "expected, got")
    fails(function() t:copy(1) end, "expected, got 1")
    fails(function() t:copy "x" end, 'expected, got string "x"')
    fails(function() t:copy(idinit(2, 3)) end, "size 2×2 expected, got size 2×3")
    fails(function() t:copy(idinit(4)) end, "size 2×2 expected, got size 4")
    fails(function() t:copy { { 1, 2 } } end, "table of 2 expected, got one of 1")
    fails(function() t:copy { { 9, 9 }, { 9 } } end, "[2]: table of 2 expected, got one of 1")
    fails(function() t:copy { { 9, 9 }, { 9, "9" } } end, "[2][2]: number expected", '"9"')
    fails(function() t:copy { { 9, 9 }, 9 } end, "[2]: table of 2 expected, got 9")
    fails(function() t:copy { 9, { 9, 9 } } end, "[1]: table of 2 expected, got 9")
    assert.same({ { 1, 2 }, { 3, 4 } }, t:totable())
  end)

  it("move elements between views that overlap", function()
    for _, order in ipairs { "row", "col" } do
      local t = count(order, 4, 4)
      local flat = count("row", 16)
      local square = flat:reshape(4, 4)
      -- The transpose of a square, by way of the same elements in other order.
      local other = idinit(4, 4, { order = "col" }):copy(t)
      assert.is_true(other == t)
      t[1]:copy(t[2])
      assert.same({ 5, 6, 7, 8 }, t[1]:totable())
      square[2]:copy(flat:reshape(2, 8)[1]:reshape(2, 4)[1])
      assert.same({ 1, 2, 3, 4 }, square[2]:totable())
      local halves = count("row", 3, 4)
      halves:reshape(12)
      local a, b = halves:reshape(6, 2), halves:reshape(3, 2, 2)
      a[2]:copy(b[1][1])
      assert.same({ 1, 2, 1, 2 }, halves[1]:totable())
    end
  end)
end)

describe("clone and contiguous", function()
  it("make a copy of its own", function()
    for _, order in ipairs { "row", "col" } do
      local t = count(order, 3, 2, 2)
      local c = t:clone()
      assert.is_true(c == t)
      assert.same({ t:stride() }, { c:stride() })
      c:fill(0)
      assert.equal(1, t(1, 1, 1))
      local v = t[2]:clone()
      assert.is_true(v == t[2])
      v:fill(9)
      assert.equal(5, t(2, 1, 1))
    end
    assert.same({ 0, 3 }, sizeof(idinit.zeros(0, 3):clone()))
  end)

  it("give a tensor without gaps in row or column order, itself if it is one", function()
    local row, col = count("row", 3, 2, 2), count("col", 3, 2, 2)
    assert.is_true(rawequal(row, row:contiguous()))
    assert.is_true(rawequal(col, col:contiguous()))
    local v = row[2]
    assert.is_true(rawequal(v, v:contiguous()))
    local w = col[2]
    local c = w:contiguous()
    assert.is_true(c == w)
    assert.same({ 2, 1 }, { c:stride() })
    assert.same({ 2, 1 }, { w:clone():stride() })
    assert.same({ 1, 3, 6 }, { col:clone():stride() })
    c:fill(0)
    assert.equal(5, col(2, 1, 1))
    local e = idinit.zeros(2, 0)
    assert.is_true(rawequal(e, e:contiguous()))
    local one = idinit(1, 2, 2, { order = "col" })
    assert.is_true(rawequal(one, one:contiguous()))
    assert.same({ 1, 2 }, { one[1]:contiguous():stride() })
  end)
end)

describe("reshape", function()
  it("keeps the elements in row-major index order", function()
    for _, order in ipairs { "row", "col" } do
      local t = count(order, 2, 3, 4)
      for _, size in ipairs { { 24 }, { 4, 6 }, { 6, 4 }, { 1, 24 }, { 24, 1 }, { 4, 3, 2 },
        { 2, 12 }, { 2, 3, 2, 2 }, { 2, 3, 4 }, { 1, 2, 1, 3, 1, 4, 1 }, { 3, 8 } } do
        local r = t:reshape(unpack(size))
        assert.same(size, sizeof(r))
        assert.is_true(r == count("row", unpack(size)))
      end
    end
  end)

  local function shares(t, r)
    local before = t:get(unpack(sizeof(t)))
    r:fill(99)
    local shared = t:get(unpack(sizeof(t))) == 99
    assert.is_true(shared or t:get(unpack(sizeof(t))) == before)
    return shared
  end

  it("is a view where it can be one", function()
    local function check(expected, make, ...)
      local t = make()
      assert.equal(expected, shares(t, t:reshape(...)))
    end
    local function row() return count("row", 2, 3, 4) end
    local function col() return count("col", 2, 3, 4) end
    check(true, row, 24)
    check(true, row, 4, 3, 2)
    check(true, row, 2, 1, 3, 4)
    check(true, col, 2, 3, 4)
    check(true, col, 1, 2, 3, 1, 4)
    check(true, col, 2, 3, 2, 2)
    check(false, col, 24)
    check(false, col, 6, 4)
    check(false, col, 2, 12)
    check(true, function() return row()[2] end, 12)
    check(true, function() return col()[2][1] end, 2, 2)
    check(false, function() return col()[2] end, 12)
    check(true, function() return count("col", 4, 1) end, 2, 2)
    check(true, function() return count("col", 1, 4) end, 2, 2)
  end)

  it("keeps the elements alive", function()
    local r = count("row", 40, 40):reshape(1600)
    local s = count("row", 2, 3):reshape(3, 2)
    collectgarbage()
    collectgarbage()
    assert.equal(1600, r[1600])
    assert.equal(6, s(3, 2))
  end)

  it("takes any size of as many elements", function()
    assert.same({ 0, 7 }, sizeof(idinit.zeros(3, 0):reshape(0, 7)))
    assert.same({ 2 ^ 40, 0, 2 ^ 40 }, sizeof(idinit.zeros(0):reshape(2 ^ 40, 0, 2 ^ 40)))
    local t = idinit(2, 3)
    fails(function() t:reshape(5) end, "6 elements of 2×3", "got 5")
    fails(function() t:reshape(2, 2) end, "6 elements of 2×3", "got 2×2")
    fails(function() t:reshape() end, "6 elements of 2×3")
    fails(function() t:reshape(0) end, "6 elements of 2×3")
    fails(function() t:reshape(2 ^ 32, 2 ^ 32, 2 ^ 32) end, "6 elements of 2×3")
    fails(function() t:reshape(-2, 6) end, "size 1", "got -2")
    fails(function() t:reshape(1.5, 4) end, "size 1", "got 1.5")
    fails(function() t:reshape("6") end, "size 1", 'string "6"')
    fails(function() t:reshape { 3, 2 } end, "size 1", "table")
    fails(function() t:reshape(unpack(idinit.zeros(33):fill(1):totable())) end, "32", "33")
  end)
end)

describe("t:circshift", function()
  it("moves element p - s to p, wrapped", function()
    for _, order in ipairs { "row", "col" } do
      local t = count(order, 3, 2)
      assert.same({ { 5, 6 }, { 1, 2 }, { 3, 4 } }, t:circshift(1):totable())
      assert.same({ { 3, 4 }, { 5, 6 }, { 1, 2 } }, t:circshift(-1):totable())
      assert.same({ { 2, 1 }, { 4, 3 }, { 6, 5 } }, t:circshift { 0, 1 }:totable())
      assert.same({ { 6, 5 }, { 2, 1 }, { 4, 3 } }, t:circshift { 4, -3 }:totable())
      assert.is_true(t:circshift {} == t)
      assert.is_true(t:circshift(0) == t)
      assert.same({ t:stride() }, { t:circshift(1):stride() })
    end
  end)

  it("makes a new tensor, also by 0", function()
    local t = idinit(2, 2)
    t:circshift(0):fill(9)
    t:circshift {}:fill(9)
    assert.is_true(t == idinit(2, 2))
    assert.is_true(t:circshift(1):circshift(-1) == t)
  end)

  it("works on views, vectors, one number and nothing", function()
    assert.same({ 3, 1, 2 }, idinit.tensor { 1, 2, 3 }:circshift(1):totable())
    assert.same({ { 3, 4 }, { 1, 2 } }, count("col", 3, 2, 2)[1]:circshift(1):totable())
    assert.same({ 0, 3 }, sizeof(idinit.zeros(0, 3):circshift { 5, 5 }))
    assert.equal(4, idinit.tensor(4):circshift {}())
    fails(function() idinit.tensor(4):circshift(1) end, "no more than 0 integers expected, got 1")
  end)

  it("refuses what is no shift", function()
    local t = idinit(3, 3)
    fails(function() t:circshift() end, "shift", "integer")
    fails(function() t:circshift(0.5) end, "shift", "integer", "0.5")
    fails(function() t:circshift("1") end, "shift", "integer", 'string "1"')
    fails(function() t:circshift(inf) end, "shift", "integer", "inf")
    fails(function() t:circshift { 1, 2, 3 } end, "no more than 2 integers expected, got 3")
    fails(function() t:circshift { 1, {} } end, "shift", "table")
    fails(function() t:circshift { x = 1 } end, "shift", "no list")
  end)

  it("is that of its definition, for random sizes and shifts", function()
    for seed = random.seed, random.seed + 200 do
      local draw, size, shift = random.new(seed), {}, {}
      for d = 1, draw(4) do
        size[d] = draw(5)
        if d == #shift + 1 and draw(4) > 1 then shift[d] = draw(31) - 16 end
      end
      local t = count(draw(2) == 1 and "row" or "col", unpack(size))
      local array = model.circshift(function(p) return t:get(unpack(p)) end, size, shift)
      local u = t:circshift(shift)
      for p in model.positions(size) do
        assert(u:get(unpack(p)) == array(p), "IDINIT_SEED=" .. seed)
      end
    end
  end)
end)

describe("totable and idinit.tensor", function()
  it("are the way to nested tables and back", function()
    for _, order in ipairs { "row", "col" } do
      local t = count(order, 2, 3, 2)
      assert.same({ { { 1, 2 }, { 3, 4 }, { 5, 6 } }, { { 7, 8 }, { 9, 10 }, { 11, 12 } } },
        t:totable())
      assert.is_true(idinit.tensor(t:totable()) == t)
      assert.same({ 7, 8 }, t[2][1]:totable())
    end
    assert.same({}, idinit.zeros(0, 3):totable())
    assert.same({ {}, {} }, idinit.zeros(2, 0):totable())
  end)

  it("take a number, vectors and deeper tables", function()
    assert.same({}, sizeof(idinit.tensor(5)))
    assert.same({ 3 }, sizeof(idinit.tensor { 1, 2, 3 }))
    assert.same({ 2, 1, 2 }, sizeof(idinit.tensor { { { 1, 2 } }, { { 3, 4 } } }))
    assert.same({ 0 }, sizeof(idinit.tensor {}))
    assert.same({ 2, 0 }, sizeof(idinit.tensor { {}, {} }))
    assert.same({ 2, 1 }, { idinit.tensor { { 1, 2 }, { 3, 4 } }:stride() })
    local deep = 5
    for _ = 1, 32 do deep = { deep } end
    assert.equal(32, idinit.tensor(deep):dim())
    fails(function() idinit.tensor { deep } end, "32")
  end)

  it("refuse tables of more than one shape, and what is no number", function()
    fails(function() idinit.tensor() end, "expected, got nothing")
    fails(function() idinit.tensor { 1, nil, 3 } end, "[2]: number expected, got nil")
    fails(function() idinit.tensor { 1, 2, [4] = 4 } end, "[3]: number expected, got nil")
    fails(function() idinit.tensor { { 1, nil, 3 }, { 1 } } end, "[1][2]: number expected, got nil")
    fails(function() idinit.zeros(3):copy { 1, nil, 3 } end, "table of 3 expected, got one of 2")
    fails(function() idinit.cat({ idinit(1), nil, idinit(1) }, 1) end,
      "tensor 2: tensor expected, got nil")
    fails(function() idinit.tensor(nil) end, "expected, got nil")
    fails(function() idinit.tensor "5" end, 'expected, got string "5"')
    fails(function() idinit.tensor(true) end, "expected, got boolean")
    fails(function() idinit.tensor(idinit(2)) end, "expected, got userdata")
    fails(function() idinit.tensor { 1, "2" } end, "[2]: number expected", '"2"')
    fails(function() idinit.tensor { { 1, 2 }, { 3 } } end, "[2]: table of 2 expected", "of 1")
    fails(function() idinit.tensor { { 1 }, { 3, 4 } } end, "[2]: table of 1 expected", "of 2")
    fails(function() idinit.tensor { { 1, 2 }, 3 } end, "[2]: table of 2 expected, got 3")
    fails(function() idinit.tensor { 1, { 2 } } end, "[2]: number expected, got table")
    fails(function() idinit.tensor { {}, { 1 } } end, "[2]: table of 0 expected")
    fails(function() idinit.tensor { {}, 1 } end, "[2]: table of 0 expected, got 1")
    fails(function() idinit.tensor { { { 1 } }, { { "x" } } } end, "[2][1][1]: number")
  end)

  it("refuse a table that holds itself", function()
    local loop = {}
    loop[1] = loop
    fails(function() idinit.tensor(loop) end, "32")
  end)

  it("do not call metamethods", function()
    local strange = setmetatable({ 1, 2 }, { __index = error, __len = error, __call = error })
    assert.same({ 1, 2 }, idinit.tensor(strange):totable())
  end)
end)

describe("idinit.zeros", function()
  it("ignores keywords behind the size, as an initialiser of layers has to", function()
    local t = idinit.zeros(3, 2)
    assert.is_true(t == idinit.zeros(3, 2, { groups = 2 }))
    assert.is_true(t == idinit.zeros(3, 2, { transposed = true, groups = 2 }))
    fails(function() idinit.zeros { 3, 2 } end, "size 1", "got table")
    fails(function() idinit.zeros(3, {}, {}) end, "size 2", "got table")
    fails(function() idinit.zeros(3, nil) end, "size 2", "got nil")
    fails(function() idinit.zeros(3, nil, {}) end, "size 2", "got nil")
    fails(function() idinit.zeros(3, 2):reshape(6, nil) end, "size 2", "got nil")
  end)

  it("makes zeros of a size in row order", function()
    local t = idinit.zeros(2, 3)
    assert.same({ { 0, 0, 0 }, { 0, 0, 0 } }, t:totable())
    assert.same({ 3, 1 }, { t:stride() })
    assert.equal(0, idinit.zeros():dim())
    assert.equal(0, idinit.zeros()())
    assert.equal(0, idinit.zeros(3, 0):numel())
    for _, n in ipairs { 511, 512, 513, 100000 } do -- about the size kept in the userdata
      local z = idinit.zeros(n)
      assert.equal(n, z:numel())
      assert.equal(0, z[n])
      z[n] = 5
      assert.equal(5, z[n])
      assert.equal(0, z[n - 1])
    end
  end)

  it("refuses what is no size", function()
    fails(function() idinit.zeros(2, -1) end, "size 2", "got -1")
    fails(function() idinit.zeros(2.5) end, "size 1", "got 2.5")
    fails(function() idinit.zeros("2") end, "size 1", 'string "2"')
    fails(function() idinit.zeros { 2, 2 } end, "size 1", "table")
    fails(function() idinit.zeros(nil) end, "size 1", "nil")
    fails(function() idinit.zeros(2 ^ 40, 2 ^ 40) end, "not enough memory")
    fails(function() idinit.zeros(2 ^ 53, 2 ^ 10) end, "not enough memory")
    fails(function() idinit.zeros(2 ^ 62) end, "size 1")
  end)
end)

describe("idinit.cat", function()
  it("joins tensors along a dimension", function()
    local a, b = count("row", 2, 2), count("col", 2, 2)
    assert.same({ { 1, 2 }, { 3, 4 }, { 1, 2 }, { 3, 4 } }, idinit.cat({ a, b }, 1):totable())
    assert.same({ { 1, 2, 1, 2 }, { 3, 4, 3, 4 } }, idinit.cat({ a, b }, 2):totable())
    assert.same({ 1, 2, 3 },
      idinit.cat({ idinit.tensor { 1 }, idinit.tensor { 2, 3 } }, 1):totable())
    local c = idinit.cat({ count("row", 2, 1, 2), count("col", 2, 3, 2) }, 2)
    assert.same({ 2, 4, 2 }, sizeof(c))
    assert.same({ { { 1, 2 }, { 1, 2 }, { 3, 4 }, { 5, 6 } },
      { { 3, 4 }, { 7, 8 }, { 9, 10 }, { 11, 12 } } }, c:totable())
  end)

  it("takes views, the same tensor twice, one alone and empty ones", function()
    local t = count("col", 3, 2, 2)
    assert.same({ { 5, 6 }, { 7, 8 }, { 5, 6 }, { 7, 8 } },
      idinit.cat({ t[2], t[2] }, 1):totable())
    local one = idinit.cat({ t[1] }, 2)
    assert.is_true(one == t[1])
    one:fill(0)
    assert.equal(1, t(1, 1, 1))
    assert.is_true(idinit.cat({ idinit.zeros(0, 2), t[1], idinit.zeros(0, 2) }, 1) == t[1])
    assert.same({ 0, 4 }, sizeof(idinit.cat({ idinit.zeros(0, 2), idinit.zeros(0, 2) }, 2)))
  end)

  it("refuses tensors that do not fit, and what is none", function()
    local a, b = idinit(2, 2), idinit(2, 3)
    fails(function() idinit.cat({ a, b }, 1) end, "tensor 2", "extent 2 expected in dimension 2")
    fails(function() idinit.cat({ a, idinit(2) }, 1) end, "tensor 2", "rank 2 expected, got 1")
    fails(function() idinit.cat({ a, 5 }, 1) end, "tensor 2: tensor expected, got 5")
    fails(function() idinit.cat({ a, {} }, 1) end, "tensor 2: tensor expected, got table")
    fails(function() idinit.cat({ "a" }, 1) end, "tensor 1: tensor expected", '"a"')
    fails(function() idinit.cat({}, 1) end, "table of tensors expected")
    fails(function() idinit.cat(a, 1) end, "table of tensors expected", "userdata")
    fails(function() idinit.cat() end, "table of tensors expected")
    fails(function() idinit.cat({ a, b }) end, "dimension", "integer expected")
    fails(function() idinit.cat({ a, b }, "2") end, "dimension", 'string "2"')
    fails(function() idinit.cat({ a, b }, 1.5) end, "dimension", "1.5")
    fails(function() idinit.cat({ a, b }, 0) end, "dimension 0 out of range [1, 2]")
    fails(function() idinit.cat({ a, b }, 3) end, "dimension 3 out of range [1, 2]")
    fails(function() idinit.cat({ idinit.tensor(1) }, 1) end, "dimension 1 out of range [1, 0]")
    local long = idinit.zeros(0, 2 ^ 53)
    fails(function() idinit.cat({ long, long }, 2) end, "size 2", "got 1.8014398509482e+16")
  end)
end)

describe("t:data", function()
  local has_ffi, ffi = pcall(require, "ffi")

  if not has_ffi then
    it("needs the FFI and says so", function()
      fails(function() idinit(2, 2):data() end, "FFI")
    end)
    return
  end

  it("points to the first element", function()
    local t = count("row", 2, 3)
    local p = t:data()
    assert.is_true(ffi.istype("float *", p))
    for k = 0, 5 do assert.equal(k + 1, p[k]) end
    p[5] = 60
    assert.equal(60, t(2, 3))
    assert.equal(4, t[2]:data()[0])
    assert.is_true(t[2]:data() == p + 3)
    local u = count("col", 2, 3)
    assert.equal(4, u:data()[1])
    assert.equal(6, u:data()[5])
  end)

  it("refuses what is no tensor", function()
    local data = idinit(2).data
    fails(function() data(io.stdout) end, "tensor expected, got userdata")
    fails(function() data() end, "tensor expected, got")
  end)
end)
