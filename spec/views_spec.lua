-- Views: parts of a tensor and dimensions in another order, which share its
-- memory.

local idinit = require "idinit"
local fails = require "spec.support.fails"
local layers = require "idinit.layers"
local mirror = require "spec.support.mirror"
local random = require "spec.support.random"

local has_ffi, ffi = pcall(require, "ffi")
local unpack = table.unpack or unpack

-- The numbers from 1 on in row-major order of the indices.
local function count(...)
  local n = 1
  for _, extent in ipairs { ... } do n = n * extent end
  local t = idinit.zeros(n)
  for k = 1, n do t[k] = k end
  return t:reshape(...)
end

local function sizeof(t) return { t:size() } end
local function strideof(t) return { t:stride() } end

describe("permute", function()
  it("puts dimensions in another order, over the same elements", function()
    local t = count(2, 3, 4)
    local v = t:permute(3, 1, 2)
    assert.same({ 4, 2, 3 }, sizeof(v))
    assert.same({ 1, 12, 4 }, strideof(v))
    assert.equal(t(2, 3, 4), v(4, 2, 3))
    v:set(1, 2, 3, -5)
    assert.equal(-5, t(2, 3, 1))
    assert.is_true(v:permute(2, 3, 1) == t)
  end)

  it("takes every dimension once", function()
    local t = count(2, 3)
    fails(function() return (t:permute(1)) end, "2 dimensions expected, got 1")
    fails(function() return (t:permute(1, 2, 3)) end, "2 dimensions expected, got 3")
    fails(function() return (t:permute(1, 1)) end, "dimension 1 is given twice")
    fails(function() return (t:permute(1, 3)) end, "dimension 3 out of range [1, 2]")
    fails(function() return (t:permute(1, 0)) end, "dimension 0 out of range [1, 2]")
    fails(function() return (t:permute(1, 1.5)) end, "dimension: integer expected, got 1.5")
    fails(function() return (t:permute(1, nil)) end, "dimension: integer expected, got nil")
    fails(function() return (t:permute()) end, "2 dimensions expected, got 0")
    assert.equal(7, idinit.tensor(7):permute()())
    fails(function() return (idinit.tensor(7):permute(1)) end, "0 dimensions expected, got 1")
  end)
end)

describe("transpose", function()
  it("swaps two dimensions, or reverses all", function()
    local t = count(2, 3, 4)
    assert.same({ 2, 4, 3 }, sizeof(t:transpose(2, 3)))
    assert.same({ 4, 3, 2 }, sizeof(t:transpose()))
    assert.equal(t(2, 1, 3), t:transpose()(3, 1, 2))
    assert.is_true(t:transpose(1, 1) == t)
    assert.same({ { 1, 4 }, { 2, 5 }, { 3, 6 } }, count(2, 3):transpose():totable())
    assert.equal(7, idinit.tensor(7):transpose()())
    assert.is_true(t:transpose():transpose() == t)
  end)

  it("takes two dimensions or none", function()
    local t = count(2, 3)
    fails(function() return (t:transpose(1)) end, "two dimensions or none expected, got 1")
    fails(function() return (t:transpose(1, 2, 1)) end, "two dimensions or none expected, got 3")
    fails(function() return (t:transpose(1, 3)) end, "dimension 3 out of range [1, 2]")
    fails(function() return (t:transpose(nil, nil)) end, "dimension: integer expected, got nil")
  end)
end)

describe("select", function()
  it("gives what lies at an index of a dimension", function()
    local t = count(2, 3)
    assert.same({ 2, 5 }, t:select(2, 2):totable())
    assert.same({ 4, 5, 6 }, t:select(1, 2):totable())
    assert.equal(5, t:select(2, 2):select(1, 2))
    t:select(2, 3):fill(0)
    assert.same({ { 1, 2, 0 }, { 4, 5, 0 } }, t:totable())
  end)

  it("has the errors of indices", function()
    local t = count(2, 3)
    fails(function() return (t:select(2, 4)) end, "index 4 out of range [1, 3] in dimension 2")
    fails(function() return (t:select(1, 0)) end, "index 0 out of range [1, 2] in dimension 1")
    fails(function() return (t:select(1)) end, "range [1, 2] expected in dimension 1, got nil")
    fails(function() return (t:select(3, 1)) end, "dimension 3 out of range [1, 2]")
    fails(function() return (t:select()) end, "dimension: integer expected, got nil")
    fails(function() return (t:select(1, {})) end, "expected in dimension 1, got table")
    fails(function() return (idinit.tensor(1):select(1, 1)) end, "dimension 1 out of range [1, 0]")
  end)
end)

describe("narrow", function()
  it("gives a part of a dimension", function()
    local t = count(2, 4)
    assert.same({ { 2, 3 }, { 6, 7 } }, t:narrow(2, 2, 2):totable())
    assert.same({ { 5, 6, 7, 8 } }, t:narrow(1, 2, 1):totable())
    assert.is_true(t:narrow(2, 1, 4) == t)
    assert.same({ 2, 0 }, sizeof(t:narrow(2, 5, 0)))
    assert.same({ 0, 4 }, sizeof(t:narrow(1, 1, 0)))
    t:narrow(2, 3, 2):copy { { -1, -2 }, { -3, -4 } }
    assert.same({ { 1, 2, -1, -2 }, { 5, 6, -3, -4 } }, t:totable())
  end)

  it("has the errors of indices", function()
    local t = count(2, 4)
    fails(function() return (t:narrow(2, 0, 1)) end, "index 0 out of range [1, 4] in dimension 2")
    fails(function() return (t:narrow(2, 5, 1)) end, "index 5 out of range [1, 4] in dimension 2")
    fails(function() return (t:narrow(2, 6, 0)) end, "index 6 out of range [1, 4] in dimension 2")
    fails(function() return (t:narrow(2, 3, 3)) end, "index 5 out of range [1, 4] in dimension 2")
    fails(function() return (t:narrow(2, 1, 2 ^ 53)) end, "index 9007199254740992 out of range")
    fails(function() return (t:narrow(1, 1, -1)) end,
      "count: integer in range [0, 2] expected, got -1")
    fails(function() return (t:narrow(1, 1, 0.5)) end, "count", "got 0.5")
    fails(function() return (t:narrow(1, 1)) end, "count", "got nil")
    fails(function() return (t:narrow(1, "1", 1)) end, "in dimension 1", 'got string "1"')
    fails(function() return (t:narrow(1, 0 / 0, 1)) end, "in dimension 1", "got nan")
    fails(function() return (t:narrow(3, 1, 1)) end, "dimension 3 out of range [1, 2]")
  end)
end)

describe("t[{...}]", function()
  local t

  before_each(function() t = count(2, 3, 4) end)

  it("selects indices, narrows by ranges and keeps the rest", function()
    assert.same({ 3, 4 }, sizeof(t[{ 2 }]))
    assert.is_true(t[{ 2 }] == t[2])
    assert.is_true(t[{}] == t)
    assert.is_true(t[{ {}, {}, {} }] == t)
    assert.same({ 2, 6, 10 }, t[{ 1, {}, 2 }]:totable())
    assert.same({ { 6, 7 }, { 10, 11 } }, t[{ 1, { 2, 3 }, { 2, 3 } }]:totable())
    assert.same({ { { 5, 6, 7, 8 } } }, t[{ { 1, 1 }, { 2, 2 } }]:totable())
    assert.equal(24, t[{ 2, 3, 4 }])
    assert.equal(3, t[1][1][{ 3 }])
    assert.equal(7, idinit.tensor(7)[{}])
  end)

  it("is written by a number, a tensor or nested tables", function()
    t[{ 1, { 1, 2 } }] = 0
    assert.same({ { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 9, 10, 11, 12 } }, t[1]:totable())
    t[{ 2, {}, 4 }] = { -1, -2, -3 }
    assert.same({ -1, -2, -3 }, { t(2, 1, 4), t(2, 2, 4), t(2, 3, 4) })
    t[{ {}, 1, 1 }] = idinit.tensor { 5, 6 }
    assert.same({ 5, 6 }, { t(1, 1, 1), t(2, 1, 1) })
    t[{ 1, 1, 1 }] = 8
    assert.equal(8, t(1, 1, 1))
    t[{}] = 3
    assert.is_true(t == idinit.zeros(2, 3, 4):fill(3))
    local s = idinit.tensor(1)
    s[{}] = 4
    assert.equal(4, s())
    fails(function() t[{ 1 }] = { 1 } end, "table of 3 expected, got one of 1")
    fails(function() t[{ 1 }] = idinit(3, 3) end, "size 3×4 expected, got size 3×3")
    fails(function() t[{ 1 }] = "x" end, 'got string "x"')
    fails(function() t[{ 1 }] = nil end, "expected, got nil")
    fails(function() t[{ 1, 1, 1 }] = {} end, "value: number expected, got table")
  end)

  it("refuses what is out of range or no range", function()
    fails(function() return (t[{ 3 }]) end, "index 3 out of range [1, 2] in dimension 1")
    fails(function() return (t[{ 1, 0 }]) end, "index 0 out of range [1, 3] in dimension 2")
    fails(function() return (t[{ 1, true }]) end, "in dimension 2, got boolean")
    for _, range in ipairs { { 0, 2 }, { 3, 2 }, { 1, 4 }, { -2, -1 }, { 1.5, 2 }, { 1, "2" } } do
      fails(function() return (t[{ 1, range }]) end,
        "first <= last in range [1, 3] expected in dimension 2", "got {")
      fails(function() t[{ 1, range }] = 1 end, "first <= last in range [1, 3]")
    end
    local wanted = "{first, last} or {} expected in dimension 1, got "
    fails(function() return (t[{ { 1 } }]) end, wanted .. "a table of 1")
    fails(function() return (t[{ { 1, 2, 3 } }]) end, wanted .. "a table of 3")
    fails(function() return (t[{ { first = 1 } }]) end, wanted .. "a table that is no list")
    fails(function() return (t[{ 1, 1, 1, 1 }]) end, "no more than 3 indices expected, got 4")
    fails(function() return (t[{ {}, {}, {}, {} }]) end, "no more than 3 indices expected, got 4")
    fails(function() return (t[{ 1, nil, 3 }]) end, "indices: list expected")
    fails(function() return (t[{ x = 1 }]) end, "indices: list expected")
    fails(function() return (idinit.tensor(7)[{ 1 }]) end, "no more than 0 indices expected, got 1")
    fails(function() return (idinit.zeros(0)[{ { 1, 0 } }]) end, "in range [1, 0]")
    assert.same({ 0, 3 }, sizeof(idinit.zeros(0, 3)[{ {} }]))
  end)

  it("leaves exact counts to t(...), get and set", function()
    fails(function() return (t(1)) end, "3 indices expected, got 1")
    fails(function() return (t:get(1, 1)) end, "3 indices expected, got 2")
    fails(function() t:set(1, 1, 5) end, "3 indices expected, got 2")
    fails(function() return (t(1, 1, {})) end, "in dimension 3, got table")
  end)

  if has_ffi then
    it("takes numbers of the FFI", function()
      local one, two = ffi.new("int64_t", 1), ffi.new("size_t", 2)
      local three = ffi.new("int64_t", 3)
      assert.equal(24, t[{ two, three, 4 }])
      assert.same({ 2, 4 }, sizeof(t[{ one, { two, three } }]))
      assert.is_true(t:select(one, two) == t[2])
      assert.is_true(t:narrow(one, two, one) == t[{ { 2, 2 } }])
      assert.is_true(t:permute(three, two, one) == t:transpose())
      assert.same({ 6, 4 }, sizeof(t:reshape(-one, 4)))
    end)
  end
end)

describe("reshape with -1", function()
  it("finds the extent", function()
    local t = count(2, 3, 4)
    assert.same({ 24 }, sizeof(t:reshape(-1)))
    assert.same({ 4, 6 }, sizeof(t:reshape(4, -1)))
    assert.same({ 2, 1, 12 }, sizeof(t:reshape(2, -1, 12)))
    assert.is_true(t:reshape(-1, 4) == count(6, 4))
    assert.same({ 0, 3 }, sizeof(idinit.zeros(0, 6):reshape(-1, 3)))
    assert.same({ 1 }, sizeof(idinit.tensor(5):reshape(-1)))
    assert.same({ 0 }, sizeof(idinit.zeros(0, 6):reshape(-1)))
  end)

  it("refuses what does not divide", function()
    local t = count(2, 3, 4)
    fails(function() return (t:reshape(-1, 5)) end,
      "size that divides the 24 elements of 2×3×4 expected, got -1×5")
    fails(function() return (t:reshape(0, -1)) end, "got 0×-1")
    fails(function() return (idinit.zeros(0, 3):reshape(0, -1)) end, "got 0×-1")
    fails(function() return (t:reshape(-1, -1)) end, "size 2: integer in range", "got -1")
    fails(function() return (t:reshape(-2)) end, "size 1: integer in range", "got -2")
    fails(function() return (t:reshape(2 ^ 53, 2 ^ 53, -1)) end, "size that divides")
  end)
end)

describe("A view", function()
  it("says by its strides what its memory order is", function()
    local t = count(3, 4)
    local v = t:transpose()
    assert.is_true(rawequal(v, v:contiguous()))
    assert.same({ 1, 4 }, strideof(v:clone()))
    assert.same({ 1, 4 }, strideof(v:circshift(1)))
    assert.same({ 1, 4 }, strideof(v:flip(1)))
    assert.same({ 1, 4 }, strideof(v:widen(2, 5)))
    assert.same({ 4, 1 }, strideof(v:transpose():clone()))
    local part = t[{ {}, { 1, 2 } }]
    assert.same({ 2, 1 }, strideof(part:clone()))
    assert.same({ 2, 1 }, strideof(part:contiguous()))
    assert.same({ 3, 1 }, strideof(part:transpose():contiguous()))
    assert.same({ 2, 1 }, strideof(idinit.zeros(4, 2, { order = "row" }):contiguous()))
    local col = idinit(3, 4, { order = "col" })
    assert.is_true(rawequal(col[{ {}, { 2, 3 } }]:contiguous(), nil) == false)
    assert.same({ 1, 3 }, strideof(col[{ {}, { 2, 3 } }]:clone()))
    assert.same({ 2, 1 }, strideof(col[{ { 1, 2 }, { 1, 2 } }]:clone()))
  end)

  it("is copied to as if the source had been copied first", function()
    local t = count(3, 3)
    t:copy(t:transpose())
    assert.same({ { 1, 4, 7 }, { 2, 5, 8 }, { 3, 6, 9 } }, t:totable())
    t[{ { 1, 2 } }] = t[{ { 2, 3 } }]
    assert.same({ { 2, 5, 8 }, { 3, 6, 9 }, { 3, 6, 9 } }, t:totable())
    t[{ { 2, 3 }, { 2, 3 } }] = t[{ { 1, 2 }, { 1, 2 } }]:transpose()
    assert.same({ { 2, 5, 8 }, { 3, 2, 3 }, { 3, 5, 6 } }, t:totable())
  end)

  it("is written by into with what, read through it, is the identity", function()
    local t = idinit.zeros(4, 3, 5):fill(9)
    local v = t:permute(3, 1, 2)[{ { 2, 5 }, { 1, 3 } }]
    idinit.into(v, { fit = "tile", gain = 2, shift = { 1, 1 } })
    assert.is_true(v == idinit(4, 3, 3, { fit = "tile", gain = 2, shift = { 1, 1 } }))
    assert.same({ 9, 9, 9 }, t:select(1, 4):select(2, 1):totable())
    assert.equal(9, t(1, 1, 1))
  end)

  it("is taken wherever a tensor is", function()
    local t = count(4, 3)
    local v, same = t:transpose(), t:transpose():clone()
    assert.equal(tostring(same), tostring(v))
    assert.equal(same:spy(), v:spy())
    assert.same(same:totable(), v:totable())
    assert.is_true(idinit.cat({ v, v }, 1) == idinit.cat({ same, same }, 1))
    assert.equal(0, v:maxdiff(same))
    local layer = layers.Dense(3, 4, { init = t, bias = v[1] })
    assert.is_true(layer(v) == layers.Dense(3, 4, { init = t:clone(), bias = same[1] })(same))
    local name = os.tmpname()
    for _, u in ipairs { v, v[{ { 1, 2 } }], count(2, 3, 4):permute(2, 3, 1) } do
      u:save(name)
      assert.is_true(idinit.load(name) == u)
    end
    os.remove(name)
  end)

  it("of an empty tensor is empty", function()
    local t = idinit.zeros(3, 0, 2)
    assert.same({ 2, 0, 3 }, sizeof(t:transpose()))
    assert.same({ 0, 2 }, sizeof(t:select(1, 2)))
    assert.same({ 3, 0 }, sizeof(t[{ {}, {}, 2 }]))
    assert.same({ 2, 0, 1 }, sizeof(t:narrow(1, 2, 2):narrow(3, 2, 1)))
    assert.is_true(t:transpose() == idinit.zeros(2, 0, 3))
  end)

  for _, n in ipairs { 3, 40 } do -- in the userdata, in a block
    it("keeps the memory alive and nothing else, at any depth: " .. n, function()
      local weak = setmetatable({}, { __mode = "k" })
      local function deep()
        local t = idinit(n, n, n, { gain = 7 })
        local v = t
        for _ = 1, 50 do
          v = v:transpose():transpose()[{ {}, { 1, n } }]:narrow(1, 1, n):permute(1, 2, 3)
          weak[v] = true
        end
        return v
      end
      local v = deep()
      for _ = 1, 4 do collectgarbage() end
      local others = 0
      for u in pairs(weak) do
        if not rawequal(u, v) then others = others + 1 end
      end
      assert.equal(0, others)
      for _ = 1, 20 do idinit(n, n, n, { gain = 5 }) end
      local middle = math.ceil(n / 2)
      assert.equal(7, v(middle, 2, 2))
      assert.equal(7, v:transpose()[2][2][middle])
    end)
  end
end)

-- Views of views of views beside the mirror's, by every way to make one.
describe("Random views of views of views", function()
  local draw = random.new(random.seed)

  local function shuffled(rank)
    local dims = {}
    for d = 1, rank do table.insert(dims, draw(d), d) end
    return dims
  end

  local function range(extent)
    local first = draw(extent)
    return first, first + draw(extent - first + 1) - 1
  end

  -- Each returns a view and its mirror, or nothing where it does not fit.
  local ways = {
    function(t, m)
      local dims = shuffled(#m.size)
      return t:permute(unpack(dims)), mirror.permute(m, dims)
    end,
    function(t, m)
      local dims, rank = {}, #m.size
      for d = 1, rank do dims[d] = rank + 1 - d end
      return t:transpose(), mirror.permute(m, dims)
    end,
    function(t, m)
      local dims, rank = {}, #m.size
      for d = 1, rank do dims[d] = d end
      local a, b = draw(rank), draw(rank)
      dims[a], dims[b] = dims[b], dims[a]
      return t:transpose(a, b), mirror.permute(m, dims)
    end,
    function(t, m)
      local d, list = draw(#m.size), {}
      local first, last = range(m.size[d])
      for k = 1, #m.size do list[k] = {} end
      list[d] = { first, last }
      return t:narrow(d, first, last - first + 1), mirror.slice(m, list)
    end,
    function(t, m)
      local list = {}
      for k = 1, draw(#m.size + 1) - 1 do
        local kind = draw(4)
        list[k] = kind == 1 and draw(m.size[k]) or kind == 2 and {} or { range(m.size[k]) }
      end
      local s = mirror.slice(m, list)
      if #s.size > 0 then return t[list], s end
    end,
    function(t, m)
      local d, list = draw(#m.size), {}
      if #m.size == 1 then return end
      for k = 1, #m.size do list[k] = {} end
      list[d] = draw(m.size[d])
      return t:select(d, list[d]), mirror.slice(m, list)
    end,
    function(t, m)
      local i = draw(m.size[1])
      if #m.size > 1 then return t[i], mirror.row(m, i) end
    end,
    function(t, m)
      local size = { -1, m.size[#m.size] }
      return t:reshape(unpack(size)), mirror.reshape(m, { m.numel / size[2], size[2] })
    end,
  }

  local function place(m)
    local p = {}
    for d = 1, #m.size do p[d] = draw(m.size[d]) end
    return p
  end

  local function check(t, m)
    assert.same(m.size, sizeof(t))
    local values = mirror.values(m)
    assert.is_true(t == idinit.tensor(values):reshape(unpack(m.size)))
    assert.same(mirror.nested(m), t:totable())
    assert.equal(mirror.iscontiguous(m), rawequal(t, t:contiguous()))
    for _ = 1, 5 do
      local p = place(m)
      local x = m.data[mirror.place(m, p)]
      assert.equal(x, t(unpack(p)))
      assert.equal(x, t[p])
      assert.equal(x, t:get(unpack(p)))
    end
  end

  local function write(t, m)
    local p, kind = place(m), draw(4)
    local x = draw(1000)
    if kind == 1 then
      p[#p + 1] = x
      t:set(unpack(p))
      p[#p] = nil
      m.data[mirror.place(m, p)] = x
    elseif kind == 2 then
      t[p] = x
      m.data[mirror.place(m, p)] = x
    elseif kind == 3 then
      t:fill(x)
      mirror.assign(m, x)
    else
      local values = mirror.values(m)
      for k = 1, #values do values[k] = values[k] + k end
      t:copy(idinit.tensor(values):reshape(unpack(m.size)))
      mirror.assign(m, values)
    end
  end

  it("have the elements that they should, before and after writes", function()
    for round = 1, 150 do
      local size = {}
      for d = 1, draw(4) do size[d] = draw(6) end
      local order = draw(2) == 1 and "row" or "col"
      local root, rootm = idinit { order = order, unpack(size) }, mirror.new(size, order)
      local values = {}
      for k = 1, rootm.numel do values[k] = draw(1000) end
      root:copy(idinit.tensor(values):reshape(unpack(size)))
      mirror.assign(rootm, values)
      local t, m = root, rootm
      local ok, message = pcall(function()
        for _ = 1, draw(6) do
          local v, w = ways[draw(#ways)](t, m)
          if v then t, m = v, w end
          check(t, m)
          write(t, m)
          check(t, m)
        end
        check(root, rootm)
      end)
      if not ok then
        error(("IDINIT_SEED=%d, round %d: %s"):format(random.seed, round, tostring(message)), 0)
      end
    end
  end)
end)
