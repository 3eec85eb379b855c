-- idinit.taps: the non-zeros of identities that are not made.

local idinit = require "idinit"
local fails = require "spec.support.fails"

-- The taps in an order of their own: "1.5 at (2,1)" and so on.
local function taps(...)
  local list = {}
  local function add(next, value, ...)
    if value == nil then return false end
    list[#list + 1] = ("%.9g at (%s)"):format(value, table.concat({ ... }, ","))
    return true, next
  end
  local next = idinit.taps(...)
  while add(next, next()) do end -- luacheck: ignore
  table.sort(list)
  return table.concat(list, ", ")
end

describe("idinit.taps", function()
  it("gives each value with its indices in a for loop", function()
    local count, sum = 0, 0
    for value, k1, k2, i, o in idinit.taps(3, 5, 4, 3, { gain = 100 }) do
      assert.equal(100, value)
      assert.same({ 2, 3 }, { k1, k2 })
      assert.equal(i, o)
      count, sum = count + 1, sum + i
    end
    assert.equal(3, count)
    assert.equal(6, sum)
  end)

  it("gives them in all forms of the call", function()
    local expected = "2 at (1,1), 2 at (2,2)"
    assert.equal(expected, taps(3, 2, { gain = 2 }))
    assert.equal(expected, taps { 3, 2, gain = 2 })
    assert.equal("1 at (1,1), 1 at (2,2)", taps(3, 2))
  end)

  it("gives float32 values", function()
    for value in idinit.taps(2, 2, { gain = 0.1 }) do
      assert.equal(13421773 * 2 ^ -27, value)
    end
    for value in idinit.taps(2, 2, { gain = 0 / 0 }) do assert.is_true(value ~= value) end
    assert.equal("-inf at (1,1)", taps(1, 1, { gain = -1e300 }))
  end)

  it("ends at once where every value rounds to 0", function()
    assert.is_nil(idinit.taps(2 ^ 53, 2, { groups = 2 ^ 52, gain = 1e-60 })())
    assert.is_nil(idinit.taps(2, 2 ^ 53, { fit = "mean", gain = -1e-30 })())
    assert.is_nil(idinit.taps(2 ^ 50, 2, { fit = "hadamard", gain = 1e-44 })())
    assert.equal(2 ^ -149, (idinit.taps(2 ^ 50, 2, { fit = "hadamard", gain = 2 ^ -124 })()))
    assert.equal(2 ^ -149, (idinit.taps(2, 2 ^ 20, { fit = "mean", gain = 2 ^ -130 })()))
  end)

  it("finds the values that do not round to 0 at once", function()
    -- Of outputs that take 2^52 and 2^52 - 1 inputs the mean is 0 and is not.
    local kw = { fit = "mean", gain = 2 ^ -98, window = { { 1, 1 }, {} } }
    assert.is_nil(idinit.taps(2, 2 ^ 53 - 1, kw)())
    kw.window[1] = { 2, 2 }
    assert.equal(2 ^ -149, (idinit.taps(2, 2 ^ 53 - 1, kw)()))
    kw.window = { {}, { 1, 1 } }
    assert.is_nil(idinit.taps(2 ^ 52, 2 ^ 53 - 1,
      { fit = "mean", gain = 2 ^ -98, groups = 2 ^ 51, window = kw.window })())
    -- The r-th of 2^52 shares is 2^-200 * r and a little less.
    kw = { fit = "split", gain = 2 ^ -97 }
    local value, o, i = idinit.taps(1, 2 ^ 52, kw)()
    assert.same({ 2 ^ -149, 1, 2 ^ 50 + 1 }, { value, o, i })
    assert.equal("1.40129846e-45 at (1,2)", taps(1, 2, { fit = "split", gain = 2 ^ -149 }))
    kw.window = { {}, { 1, 2 ^ 50 } }
    assert.is_nil(idinit.taps(1, 2 ^ 52, kw)())
  end)

  it("gives every keyword's", function()
    assert.equal("1 at (1,2), 1 at (2,1)", taps(2, 2, { shift = 1 }))
    assert.equal("1 at (1,1), 1 at (2,1)", taps(2, 1, { groups = 2 }))
    assert.equal("1 at (1,1), 1 at (1,2), 1 at (1,3)", taps(1, 3, { fit = "tile" }))
    assert.equal("0.5 at (1,1), 0.5 at (1,3), 1 at (2,2)", taps(2, 3, { fit = "mean" }))
    assert.equal("1 at (1,1), 2 at (1,3), 3 at (2,2)", taps(2, 3, { fit = "split", gain = 3 }))
    assert.equal("-0.5 at (2,2), -0.5 at (4,2), 0.5 at (1,1), 0.5 at (1,2), 0.5 at (2,1),"
      .. " 0.5 at (3,1), 0.5 at (3,2), 0.5 at (4,1)", taps(4, 2, { fit = "hadamard" }))
    assert.equal("1 at (1,1,3)", taps(1, 1, 4, { layout = "oiw", center = "hi", order = "col" }))
  end)

  it("counts indices from the window's first", function()
    assert.equal("1 at (1,2), 1 at (2,3)", taps(4, 4, { window = { { 2, 3 }, {} } }))
    assert.equal("", taps(4, 4, { window = { { 1, 2 }, { 3, 4 } } }))
    assert.equal("1 at (1,1)", taps(4, 4, { shift = 1, window = { { 1, 1 }, { 4, 4 } } }))
  end)

  it("gives none where there is none", function()
    assert.equal("", taps(5))
    assert.equal("", taps(5, { gain = 3, shift = 2 }))
    assert.equal("", taps(0, 3))
    assert.equal("", taps(3, 0))
    assert.equal("", taps(0, 3, 3))
    assert.equal("", taps(3, 0, 2, { fit = "hadamard" }))
  end)

  it("gives none that is 0", function()
    assert.equal("", taps(3, 3, { gain = 0 }))
    assert.equal("", taps(3, 3, { gain = -1e-60 }))
    assert.equal("", taps(4, 2, { gain = 0, fit = "hadamard" }))
    assert.equal("", taps(2 ^ 50, 2 ^ 50, { gain = 0, groups = 2 ^ 50 }))
    -- A third of the least float is 0 and half of it even, so 0 too.
    assert.equal("1.40129846e-45 at (2,2)",
      taps(2, 3, { gain = 2 ^ -149, fit = "mean" }))
    assert.equal("1.40129846e-45 at (2,2), 1.40129846e-45 at (2,4)",
      taps(2, 5, { gain = 1.25 * 2 ^ -149, fit = "mean" }))
  end)

  it("stays at its end", function()
    local next = idinit.taps(1, 1)
    assert.same({ 1, 1, 1 }, { next() })
    for _ = 1, 3 do assert.equal(0, select("#", next())) end
  end)

  it("runs as many at once as wanted", function()
    local a, b = idinit.taps(3, 3), idinit.taps(3, 3, { gain = 2 })
    for _ = 1, 3 do
      local x, xi = a()
      local y, yi = b()
      assert.same({ 1, 2 }, { x, y })
      assert.equal(xi, yi)
    end
  end)

  it("does not heed arguments, which a for loop passes", function()
    local next = idinit.taps(1, 1)
    assert.equal(1, (next("x", {}, 3)))
  end)

  it("starts at once however large the size, and makes no tensor", function()
    collectgarbage()
    local before = collectgarbage "count"
    local seen = {}
    for value, i, j in idinit.taps(2 ^ 31, 2 ^ 31) do
      seen[#seen + 1] = value == 1 and i == j and i
      if #seen == 3 then break end
    end
    table.sort(seen)
    assert.equal(3, #seen)
    assert.is_true(seen[1] < seen[2] and seen[2] < seen[3])
    assert.is_true(collectgarbage "count" - before < 100)
    assert.equal("1 at (1,1), 1 at (2,2)",
      taps(2 ^ 53, 2 ^ 53, { window = { { 2 ^ 53 - 1, 2 ^ 53 }, { 2 ^ 53 - 1, 2 ^ 53 } } }))
    for _, fit in ipairs { "tile", "mean", "hadamard" } do
      assert.is_number(idinit.taps(2 ^ 31, 2 ^ 30, { fit = fit })())
      assert.is_number(idinit.taps(2 ^ 30, 2 ^ 31, { fit = fit })())
      assert.is_number(idinit.taps(9, 2 ^ 30, 2 ^ 31, { fit = fit, groups = 2 ^ 20 })())
    end
  end)

  it("ends at once where no input of the window has a tap, however many groups", function()
    for _, fit in ipairs { "pad", "hadamard" } do
      local last = { {}, { 2, 2 } }
      assert.is_nil(idinit.taps(2 ^ 50, 2, { groups = 2 ^ 50, fit = fit, window = last })())
    end
  end)

  it("gives signs to rows and columns of more than 32 bits", function()
    local function at(row, column)
      return taps(2 ^ 34, 2 ^ 33, { fit = "hadamard", gain = 2 ^ 17,
        window = { { row, row }, { column, column } } })
    end
    assert.equal("1 at (1,1)", at(2 ^ 32, 1))
    assert.equal("-1 at (1,1)", at(2 ^ 32 + 1, 2 ^ 32 + 1))
    assert.equal("1 at (1,1)", at(2 ^ 32 + 2, 2 ^ 32 + 2))
  end)

  it("refuses what the initialiser refuses", function()
    fails(function() idinit.taps() end, "size expected, got nothing")
    fails(function() idinit.taps { gain = 2 } end, "size expected, got nothing")
    fails(function() idinit.taps(3, -3) end, "size 2", "got -3")
    fails(function() idinit.taps(nil) end, "size 1", "got nil")
    fails(function() idinit.taps(3, nil) end, "size 2", "got nil")
    fails(function() idinit.taps { 3, nil, 5 } end, "size 2", "got nil")
    fails(function() idinit.taps(3, "3") end, "size 2", 'got string "3"')
    fails(function() idinit.taps(3, 3, { gian = 2 }) end, '"gian"', '"gain"')
    fails(function() idinit.taps(3, 3, { shift = 0.5 }) end, "shift", "0.5")
    fails(function() idinit.taps(2 ^ 54, 3) end, "size 1")
    fails(function() idinit.taps(1, 3, 3, { center = { 2 } }) end,
      "center: 2 out of range [1, 1] in dimension 1")
  end)
end)
