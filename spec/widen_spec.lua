-- Rows, reversed and wider tensors, and how far two are apart.

local idinit = require "idinit"
local fails = require "spec.support.fails"
local model = require "spec.support.model"
local random = require "spec.support.random"

local nan, inf = 0 / 0, 1 / 0

-- A tensor with random elements, some of them alike.
local function filled(draw, size, order)
  local t = idinit { order = order, (table.unpack or unpack)(size) } -- luacheck: ignore
  for p in model.positions(size) do t[p] = (draw(2000) - 1000) / 64 end
  return t
end

local function randomsize(draw, rank, least)
  local size = {}
  for d = 1, rank do size[d] = draw(5) + least - 1 end
  return size
end

local function copyof(list)
  local copy = {}
  for k, v in ipairs(list) do copy[k] = v end
  return copy
end

describe("A loop over t:rows()", function()
  it("gives each index and its view, which shares the elements", function()
    local t, seen = idinit(3, 4), {}
    for i, row in t:rows() do
      seen[#seen + 1] = i
      row[4] = i
    end
    assert.same({ 1, 2, 3 }, seen)
    assert.same({ { 1, 0, 0, 1 }, { 0, 1, 0, 2 }, { 0, 0, 1, 3 } }, t:totable())
  end)

  it("gives numbers at rank 1, and nothing where there is nothing", function()
    local sum = 0
    for i, x in idinit.tensor({ 5, 6, 7 }):rows() do sum = sum + i * x end
    assert.equal(5 + 12 + 21, sum)
    for _ in idinit(0, 3):rows() do error "a row" end
    for i, row in idinit(2, 0):rows() do assert.equal(0, row:numel(), i) end
  end)

  it("may be left, and begun anew", function()
    local t = idinit(5, 5)
    for _ = 1, 3 do
      for i in t:rows() do
        if i == 2 then break end
      end
    end
    local next, state, first = t:rows()
    local i, row = next(state, first)
    assert.equal(1, i)
    assert.equal(t[1], row)
  end)

  it("wants a tensor with rows", function()
    fails(function() return (idinit.tensor(7):rows()) end, "a tensor of rank 0 has no rows")
    fails(function() return (idinit(2, 2).rows(3)) end, "tensor expected, got 3")
    local next, t = idinit(2, 2):rows()
    fails(function() return (next(t, "1")) end, 'got string "1"')
    fails(function() return (next(t, -1)) end, "got -1")
    fails(function() return (next({}, 0)) end, "tensor expected, got table")
  end)
end)

describe("flip", function()
  it("reverses along the dimensions that it is given", function()
    local t = idinit.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    assert.same({ { 3, 2, 1 }, { 6, 5, 4 } }, t:flip(2):totable())
    assert.same({ { 4, 5, 6 }, { 1, 2, 3 } }, t:flip(1):totable())
    assert.same({ { 6, 5, 4 }, { 3, 2, 1 } }, t:flip(2, 1):totable())
  end)

  it("is a model's, at random sizes and orders", function()
    local draw = random.new(random.seed)
    for _ = 1, 200 do
      local size = randomsize(draw, draw(4), 0)
      local t = filled(draw, size, draw(2) == 1 and "row" or "col")
      local flipped, list = {}, {}
      for d = 1, #size do
        if draw(2) == 1 or d == #size and #list == 0 then
          flipped[d], list[#list + 1] = true, d
        end
      end
      local u = t:flip((table.unpack or unpack)(list)) -- luacheck: ignore
      for p in model.positions(size) do
        local q = copyof(p)
        for d in pairs(flipped) do q[d] = size[d] + 1 - p[d] end
        assert.equal(t[p], u[q], random.seed)
      end
    end
  end)

  it("keeps the order of memory", function()
    assert.same({ 1, 4 }, { idinit(4, 3, { order = "col" }):flip(1):stride() })
    assert.same({ 3, 1 }, { idinit(4, 3):flip(1, 2):stride() })
  end)

  it("wants dimensions, each once", function()
    local t = idinit(2, 3)
    fails(function() return (t:flip()) end, "dimension expected, got nothing")
    fails(function() return (t:flip(3)) end, "dimension 3 out of range [1, 2]")
    fails(function() return (t:flip(1, 1)) end, "dimension 1 is given twice")
    fails(function() return (t:flip(1, nil)) end, "dimension: integer expected, got nil")
  end)
end)

describe("maxdiff", function()
  local function diff(a, b) return idinit.tensor(a):maxdiff(idinit.tensor(b)) end

  it("is the largest absolute difference", function()
    assert.equal(3, diff({ 1, 5, -2 }, { 2, 2, -2 }))
    assert.equal(0, diff({ { 1, 2 }, { 3, 4 } }, { { 1, 2 }, { 3, 4 } }))
    assert.equal(0, idinit(0, 3):maxdiff(idinit(0, 3)))
    assert.equal(2, diff(3, 1))
  end)

  it("rounds no difference to float32", function()
    assert.equal(2 ^ 25 - 2 ^ -20, diff({ 2 ^ 25 }, { 2 ^ -20 }))
  end)

  it("is 0 of two NaNs and of an infinity and itself", function()
    assert.equal(0, diff({ nan, inf, -inf, 0 }, { nan, inf, -inf, 0 / -1 }))
    assert.equal(inf, diff({ inf, 1 }, { -inf, 2 }))
    assert.equal(inf, diff({ inf, 1 }, { 3, 2 }))
  end)

  it("is NaN for a NaN and a number, wherever they stand", function()
    for _, n in ipairs { 3, 700, 5000 } do
      for _, k in ipairs { 1, 2, n - 1, n } do
        local t, u = idinit.zeros(n), idinit.zeros(n):fill(7)
        t[k] = nan
        local d = t:maxdiff(u)
        assert.is_true(d ~= d, n .. " " .. k)
      end
    end
  end)

  it("finds one that differs among many", function()
    for _, k in ipairs { 1, 1023, 1024, 1025, 4999 } do
      local t, u = idinit.zeros(5000), idinit.zeros(5000)
      u[k] = -0.5
      assert.equal(0.5, t:maxdiff(u))
    end
  end)

  it("sees through the order of memory", function()
    local t = filled(random.new(1), { 4, 5, 6 }, "row")
    local u = idinit.zeros(4, 5, 6)
    u = idinit.into(u, { order = "col" }):copy(t)
    assert.equal(0, t:maxdiff(u))
    u[{ 4, 5, 6 }] = u(4, 5, 6) + 2
    assert.equal(2, u:maxdiff(t))
  end)

  it("wants a tensor of the same size", function()
    fails(function() return (idinit(2, 3):maxdiff(idinit(3, 2))) end,
      "tensor of size 2×3 expected, got size 3×2")
    fails(function() return (idinit(2, 3):maxdiff { { 1 } }) end, "tensor expected, got table")
    fails(function() return (idinit(2, 3):maxdiff()) end, "tensor expected, got n")
  end)
end)

-- What widen makes of a list: the position in it of each new element, 0 for a
-- zero, and its share.
local function widened(m, n, how, groups)
  local from, share, a, b = {}, {}, m / groups, n / groups
  for g = 0, groups - 1 do
    for j = 1, b do
      local at = how == "pad" and (j <= a and j or 0) or (j - 1) % a + 1
      local c, r = 0, 0
      for k = 1, b do
        if (k - 1) % a + 1 == at then
          c = c + 1
          if k == j then r = c end
        end
      end
      from[g * b + j] = at == 0 and 0 or g * a + at
      share[g * b + j] = how == "mean" and 1 / c or how == "split" and 2 * r / (c * (c + 1)) or 1
    end
  end
  return from, share
end

describe("widen", function()
  it("repeats elements, or shares them out among their copies", function()
    local t = idinit.tensor { { 6, 12 } }
    assert.same({ { 6, 12, 6, 12, 6 } }, t:widen(2, 5):totable())
    assert.same({ { 6, 12, 6, 12, 6 } }, t:widen(2, 5, "tile"):totable())
    assert.same({ { 2, 6, 2, 6, 2 } }, t:widen(2, 5, "mean"):totable())
    assert.same({ { 1, 4, 2, 8, 3 } }, t:widen(2, 5, "split"):totable())
    assert.same({ { 6, 12, 0, 0, 0 } }, t:widen(2, 5, "pad"):totable())
    assert.same({ { 6, 12 }, { 6, 12 }, { 6, 12 } }, t:widen(1, 3):totable())
    assert.same(t:totable(), t:widen(2, 2, nil, 1):totable())
  end)

  it("does so in each block of groups", function()
    local t = idinit.tensor { 1, 2, 3, 4 }
    assert.same({ 1, 2, 1, 2, 3, 4, 3, 4 }, t:widen(1, 8, "tile", 2):totable())
    assert.same({ 1, 2, 0, 3, 4, 0 }, t:widen(1, 6, "pad", 2):totable())
  end)

  it("is a model's, at random sizes, orders and groups", function()
    local draw = random.new(random.seed)
    for _ = 1, 300 do
      local size = randomsize(draw, draw(4), 1)
      local d, how = draw(#size), ({ "tile", "mean", "split", "pad" })[draw(4)]
      local groups = draw(3)
      size[d] = size[d] * groups
      local t = filled(draw, size, draw(2) == 1 and "row" or "col")
      local n = size[d] + groups * (draw(12) - 1)
      local u = t:widen(d, n, how, groups)
      local from, share = widened(size[d], n, how, groups)
      local wide = copyof(size)
      wide[d] = n
      assert.same(wide, { u:size() })
      for p in model.positions(wide) do
        local q = copyof(p)
        q[d] = from[p[d]]
        local wanted = q[d] == 0 and 0 or model.float32(t[q] * share[p[d]])
        assert.is_true(math.abs(wanted - u[p]) <= math.abs(wanted) * 2 ^ -23,
          ("%s seed %d: %g is %g"):format(how, random.seed, wanted, u[p]))
      end
    end
  end)

  it("is what the fit of that name makes of an identity", function()
    for m = 1, 5 do
      for n = m, 12 do
        assert.equal(idinit(n, m, { fit = "tile" }), idinit(m, m):widen(1, n))
        for _, how in ipairs { "tile", "mean", "split", "pad" } do
          assert.equal(idinit(m, n, { fit = how, gain = 3 }),
                       idinit(m, m, { gain = 3 }):widen(2, n, how))
        end
      end
    end
  end)

  it("keeps what two layers compute", function()
    local draw = random.new(random.seed)
    local layers = require "idinit.layers"
    for _, how in ipairs { "mean", "split" } do
      local w1, w2 = filled(draw, { 5, 4 }), filled(draw, { 3, 5 })
      local function run(a, b)
        local function init(weight) return function() return weight end end
        local first = layers.Dense(4, a:size(1), { init = init(a), activation = layers.relu })
        return layers.Dense(b:size(2), 3, { init = init(b) })(first { 1, -2, 3, 4 })
      end
      local small, wide = run(w1, w2), run(w1:widen(1, 13), w2:widen(2, 13, how))
      assert.is_true(small:maxdiff(wide) <= 1e-3, random.seed)
    end
  end)

  it("keeps the order of memory, and NaN, infinity and the sign of 0", function()
    local t = idinit(4, 3, { order = "col" })
    assert.same({ 1, 4 }, { t:widen(2, 6):stride() })
    assert.same({ 1, 8 }, { t:widen(1, 8, "pad"):stride() })
    local odd = idinit.tensor { nan, inf, 0 / -1 }:widen(1, 6, "split")
    assert.is_true(odd[1] ~= odd[1] and odd[5] == inf and 1 / odd[3] == -inf)
  end)

  it("makes a tensor of its own", function()
    local t = idinit(2, 2)
    local u = t:widen(1, 2)
    u[1] = 7
    assert.equal(idinit(2, 2), t)
  end)

  it("pads what is empty, and leaves it empty", function()
    assert.equal(idinit.zeros(3, 2), idinit(0, 2):widen(1, 3, "pad"))
    assert.same({ 5, 0 }, { idinit(2, 0):widen(1, 5, "mean"):size() })
    assert.same({ 0, 2 }, { idinit(0, 2):widen(1, 0):size() })
    fails(function() return (idinit(0, 2):widen(1, 3)) end, "how", '"pad"', "dimension 1")
  end)

  it("says what it wants", function()
    local t = idinit(2, 4)
    fails(function() return (t:widen(3, 4)) end, "dimension 3 out of range [1, 2]")
    fails(function() return (t:widen()) end, "dimension: integer expected, got n")
    fails(function() return (t:widen(2, 3)) end,
      "extent: integer in range [4, 2^53] expected, got 3")
    fails(function() return (t:widen(2)) end, "extent", "got nil")
    fails(function() return (t:widen(2, 4.5)) end, "extent", "got 4.5")
    fails(function() return (t:widen(2, 8, "means")) end,
      'how: "tile", "mean", "split" or "pad" expected, got string "means"')
    fails(function() return (t:widen(2, 8, "tile\0")) end, "how")
    fails(function() return (t:widen(2, 8, 3)) end, "how", "got 3")
    fails(function() return (t:widen(2, 8, "tile", 3)) end, "groups", "4 and 8", "dimension 2")
    fails(function() return (t:widen(2, 9, "tile", 2)) end, "groups", "4 and 9", "dimension 2")
    fails(function() return (t:widen(2, 8, "tile", 0)) end, "groups", "got 0")
    fails(function() return (t:widen(1, 2 ^ 53)) end, "not enough memory")
    fails(function() return (idinit.tensor(1):widen(1, 2)) end, "rank 0")
    fails(function() return (t.widen(7, 1, 2)) end, "tensor expected, got 7")
  end)
end)
