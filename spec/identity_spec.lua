-- How the initialiser is called, and what Flux's identity_init gives.

local idinit = require "idinit"
local fails = require "spec.support.fails"
local model = require "spec.support.model"
local nonzeros = require "spec.support.nonzeros"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack
local inf, nan = 1 / 0, 0 / 0

local sizeof = lists.sizeof

local function ones(n)
  local size = {}
  for d = 1, n do size[d] = 1 end
  return size
end

describe("idinit", function()
  it("is a callable table", function()
    assert.equal("table", type(idinit))
    assert.same({ 2, 3 }, sizeof(idinit(2, 3)))
  end)

  it("has the same call as a plain function", function()
    assert.equal("function", type(idinit.identity_init))
    assert.is_true(idinit.identity_init(3, 5) == idinit(3, 5))
    assert.is_true(idinit.identity_init(3, 5, { gain = 2 }) == idinit(3, 5, { gain = 2 }))
    assert.is_true(idinit.identity_init { gain = 2 } (3, 5) == idinit(3, 5, { gain = 2 }))
  end)

  it("has a version", function()
    assert.matches("^idinit %d+%.%d+%.%d+$", idinit._VERSION)
  end)

  it("writes no global", function()
    local before, count = {}, 0
    for name in pairs(_G) do before[name] = true end
    assert.is_string(tostring(idinit(3, 3, { gain = 2, window = { {}, { 1, 2 } } })))
    assert.same({ 2, 3 }, sizeof(idinit {} (2, 3)))
    for name in pairs(_G) do
      if not before[name] then count = count + 1 end
    end
    assert.equal(0, count)
  end)
end)

describe("A size", function()
  it("is a list of numbers with an integral value", function()
    assert.same({ 3, 5, 2 }, sizeof(idinit(3.0, 5, 2.0)))
    assert.same({ 3, 5, 2 }, sizeof(idinit { 3, 5.0, 2 }))
  end)

  it("has up to 32 extents", function()
    local t = idinit(unpack(ones(32)))
    assert.equal(32, t:dim())
    assert.equal(1, t:get(unpack(ones(32))))
    assert.is_true(idinit(ones(32)) == t)
    fails(function() idinit(unpack(ones(33))) end, "no more than 32 sizes expected, got 33")
    fails(function() idinit(ones(33)) end, "no more than 32 sizes expected, got 33")
    fails(function() idinit(unpack(ones(250))) end, "no more than 32 sizes expected, got 250")
  end)

  it("that is none is an error that names its position and what was got", function()
    fails(function() idinit(3, -1) end, "size 2", "got -1")
    fails(function() idinit(1.5) end, "size 1", "got 1.5")
    fails(function() idinit(3, 5, nan) end, "size 3", "got nan")
    fails(function() idinit(inf, 3) end, "size 1", "got inf")
    fails(function() idinit(3, -inf) end, "size 2", "got -inf")
    fails(function() idinit(-2 ^ 53) end, "size 1", "got -9007199254740992")
    fails(function() idinit(2 ^ 70) end, "size 1", "got 1.1805916207174e+21")
    fails(function() idinit("3", 3) end, "size 1", 'got string "3"')
    fails(function() idinit(3, "5") end, "size 2", 'got string "5"')
    fails(function() idinit(3, ("x"):rep(40)) end, 'got string "' .. ("x"):rep(40) .. '"')
    fails(function() idinit(3, ("x"):rep(41)) end, 'got string "' .. ("x"):rep(40) .. '..."')
    fails(function() idinit(3, true) end, "size 2", "got boolean")
    fails(function() idinit(3, print) end, "size 2", "got function")
    fails(function() idinit(3, nil, 5) end, "size 2", "got nil")
    fails(function() idinit(3, nil, { gain = 2 }) end, "size 2", "got nil")
    fails(function() idinit(3, nil) end, "size 2", "got nil")
    fails(function() idinit(3, 5, nil) end, "size 3", "got nil")
    fails(function() idinit(nil) end, "size 1", "got nil")
    fails(function() idinit(nil, 3) end, "size 1", "got nil")
    fails(function() idinit(nil, { gain = 2 }) end, "size 1", "got nil")
    fails(function() idinit({ gain = 2 }, nil) end, "size 1", "got table")
    fails(function() idinit(3, { gain = 2 }, 5) end, "size 2", "got table")
    fails(function() idinit({ gain = 2 }, 5) end, "size 1", "got table")
    fails(function() idinit(3, io.stdout) end, "size 2", "got userdata")
    fails(function() idinit(3, coroutine.create(function() end)) end, "size 2", "got thread")
    fails(function() idinit(2 ^ 53 + 2, 0) end, "size 1", "got 9.007199254741e+15")
    fails(function() idinit(1e300) end, "size 1", "got 1e+300")
  end)

  it("that is none is as wrong in a table", function()
    fails(function() idinit { 3, -1 } end, "size 2", "got -1")
    fails(function() idinit { 3, "5" } end, "size 2", 'got string "5"')
    fails(function() idinit { "3" } end, "size 1", 'got string "3"')
    fails(function() idinit { 3, {} } end, "size 2", "got table")
    fails(function() idinit { 3, nil, 5 } end, "size 2", "got nil")
    fails(function() idinit { nil, 5 } end, "size 1", "got nil")
    fails(function() idinit { [0] = 3 } end, "size 1", "got nil")
    fails(function() idinit { 3, [2.5] = 3 } end, "size 2", "got nil")
  end)

  it("that is none is as wrong after a partial and in a table for one", function()
    local f = idinit { gain = 2 }
    fails(function() f(3, -1) end, "size 2", "got -1")
    fails(function() f { 3, -1 } end, "size 2", "got -1")
    fails(function() f(3, f, 5) end, "size 2", "got function")
    fails(function() f(nil) end, "size 1", "got nil")
    fails(function() f(3, nil) end, "size 2", "got nil")
    fails(function() f { 3, nil, 5 } end, "size 2", "got nil")
  end)

  it("counts from 1 behind an rng", function()
    fails(function() idinit(print, 3, -1) end, "size 2", "got -1")
    fails(function() idinit(print, print, 3) end, "size 1", "got function")
    fails(function() idinit(print, nil) end, "size 1", "got nil")
    fails(function() idinit(print, 3, nil) end, "size 2", "got nil")
  end)

  it("may be of no tensor, but not too large for any memory", function()
    assert.equal("not enough memory for a tensor of size 1099511627776×1099511627776",
      fails(function() idinit(2 ^ 40, 2 ^ 40) end))
    fails(function() idinit(2 ^ 31, 2 ^ 31, 2 ^ 31) end, "not enough memory")
    fails(function() idinit(2 ^ 32, 2 ^ 32) end, "not enough memory")
    fails(function() idinit(2 ^ 33, 2 ^ 31) end, "not enough memory")
    fails(function() idinit(2 ^ 62, 2 ^ 62, 2 ^ 62) end, "size 1")
    fails(function() idinit(2 ^ 63) end, "size 1")
    fails(function() idinit(2 ^ 64, 0) end, "size 1")
  end)

  it("may have extents of 0 and is empty then", function()
    for _, size in ipairs { { 0 }, { 0, 3 }, { 3, 0 }, { 0, 0 }, { 3, 3, 0, 2 }, { 0, 3, 2, 2 },
      { 2, 2, 2, 0 }, { 0, 2 ^ 53 }, { 2 ^ 53, 2 ^ 53, 0, 2 ^ 53 } } do
      local t = idinit(unpack(size))
      assert.same(size, sizeof(t))
      assert.equal(0, t:numel())
      assert.equal(#size, t:dim())
    end
  end)
end)

describe("Values", function()
  it("are zeros at rank 1", function()
    assert.same({ 0, 0, 0, 0 }, idinit(4):totable())
    assert.same({ 0, 0, 0, 0 }, idinit(4, { gain = 3, shift = 2 }):totable())
    assert.same({ 0 }, idinit(1, { gain = 0 / 0 }):totable())
  end)

  it("are the gain on the diagonal at rank 2", function()
    assert.same({ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, idinit(3, 3):totable())
    assert.same({ { 4, 0, 0 }, { 0, 4, 0 } }, idinit(2, 3, { gain = 4 }):totable())
    assert.same({ { 1, 0 }, { 0, 1 }, { 0, 0 } }, idinit(3, 2):totable())
    assert.same({ { 1 } }, idinit(1, 1):totable())
    assert.same({ { 1, 0, 0 } }, idinit(1, 3):totable())
    assert.same({ { 1 }, { 0 }, { 0 } }, idinit(3, 1):totable())
  end)

  it("are the gain in the middle of a kernel from rank 3 on", function()
    assert.equal("(2,1,1) (2,2,2)", nonzeros(idinit(3, 2, 2)))
    assert.equal("(2,3,1,1) (2,3,2,2) (2,3,3,3)", nonzeros(idinit(3, 5, 4, 3)))
    assert.equal("(2,3,1,1,1) (2,3,1,2,2)", nonzeros(idinit(3, 5, 1, 2, 3)))
    assert.equal("(1,1,1,1,1,1) (1,1,1,1,2,2)", nonzeros(idinit(1, 1, 1, 1, 2, 2)))
  end)

  it("are at the lower middle of an even kernel", function()
    assert.equal("(2,1,1)", nonzeros(idinit(4, 1, 1)))
    assert.equal("(1,1,1,1)", nonzeros(idinit(2, 2, 1, 1)))
    assert.equal("(1,3,1,1)", nonzeros(idinit(2, 6, 1, 1)))
    assert.equal("(1,1,1,1)", nonzeros(idinit(2, 2, 1, 1, { gain = 10 }), 10))
  end)

  it("of a size alone are those of the gain 1", function()
    for _, size in ipairs { { 1 }, { 3 }, { 0 }, { 1, 1 }, { 3, 5 }, { 5, 3 }, { 0, 3 }, { 3, 0 },
      { 3, 2, 2 }, { 4, 3, 5 }, { 0, 2, 2 }, { 2, 5, 2, 3 }, { 3, 0, 2, 2 }, { 1, 2, 3, 4, 5 },
      { 40, 30 }, { 6, 20, 30 } } do
      assert.is_true(idinit(unpack(size)) == idinit { gain = 1 } (size))
      assert.is_true(idinit(unpack(size)) == idinit(size))
    end
  end)

  it("are those that Flux's tests ask for", function()
    assert.same({ { 3, 0, 0 }, { 0, 3, 0 }, { 0, 0, 3 } }, idinit(3, 3, { gain = 3 }):totable())
    assert.same({ { 1, 0, 0 }, { 0, 1, 0 } }, idinit(2, 3):totable())
    assert.same({ 0, 0 }, idinit(3, 2, { shift = 1 })[1]:totable())
    assert.equal("(1,1,1,1) (1,1,2,2) (1,1,3,3)", nonzeros(idinit(1, 1, 3, 4)))
    assert.equal("(1,1,1,1) (1,1,2,2) (1,1,3,3)", nonzeros(idinit(2, 1, 3, 3)))
    assert.equal("(1,1,1,1) (1,1,2,2) (1,1,3,3)", nonzeros(idinit(1, 2, 3, 3)))
  end)

  it("are numbers of float32, the gain rounded once, of two the even one", function()
    for gain, value in pairs {
      [0.1] = 13421773 * 2 ^ -27, [1 / 3] = 11184811 * 2 ^ -25, [-2.5] = -2.5,
      [2 ^ 24 + 1] = 2 ^ 24, [2 ^ 24 + 3] = 2 ^ 24 + 4, [2 ^ -149] = 2 ^ -149,
      [1 + 2 ^ -24] = 1, [1 + 3 * 2 ^ -24] = 1 + 2 ^ -22,
      [1 + 2 ^ -24 + 2 ^ -52] = 1 + 2 ^ -23, [3 * 2 ^ -150] = 2 ^ -148,
      [1e300] = inf, [2 ^ 128 - 2 ^ 103] = inf, [2 ^ 128 - 2 ^ 104] = 2 ^ 128 - 2 ^ 104,
    } do
      assert.equal(value, idinit(2, 2, { gain = gain })(2, 2))
      assert.equal(value, idinit(3, 1, 1, { gain = gain })(2, 1, 1))
      assert.equal(value, model.float32(gain)) -- on which other specs rest
    end
  end)

  for name, gain in pairs { ["NaN"] = nan, ["infinite"] = inf, ["negative infinite"] = -inf,
    ["negative"] = -3 } do
    it("of a gain that is " .. name .. " are +0 but at the taps", function()
      for _, size in ipairs { { 3, 4 }, { 3, 2, 2 }, { 3, 3, 2, 3 }, { 20, 30 } } do
        local t = idinit(size)
        local u = idinit(unpack(size)) -- the size in a table is left alone
        assert.is_true(t == u)
        u = idinit.identity_init { gain = gain } (unpack(size))
        for p in model.positions(size) do
          local x = u:get(unpack(p))
          if t:get(unpack(p)) == 0 then
            assert.is_true(x == 0 and 1 / x > 0)
          else
            assert.is_true(x == gain or x ~= x and gain ~= gain)
          end
        end
      end
    end)
  end

  for name, gain in pairs { ["0"] = 0, ["-0"] = 0 / -1, ["too small for a float"] = -1e-60 } do
    it("of a gain that is " .. name .. " are all +0", function()
      assert.equal("", nonzeros(idinit(3, 3, { gain = gain })))
      assert.equal("", nonzeros(idinit(3, 2, 2, { gain = gain })))
      assert.equal("", nonzeros(idinit(4, 2, { gain = gain, fit = "hadamard" })))
      assert.equal("", nonzeros(idinit(4, 3, { gain = gain, fit = "mean" })))
    end)
  end
end)

describe("shift", function()
  it("moves taps as Julia's circshift does", function()
    assert.equal("(2,1) (3,2)", nonzeros(idinit(3, 2, { shift = 1 })))
    assert.equal("(1,3) (2,1) (3,2)", nonzeros(idinit(3, 3, { shift = 1 })))
    assert.equal("(1,3) (2,1) (3,2)", nonzeros(idinit(3, 3, { shift = 4 })))
    assert.equal("(1,2) (2,3) (3,1)", nonzeros(idinit(3, 3, { shift = -1 })))
    assert.equal("(1,2) (2,3) (3,1)", nonzeros(idinit(3, 3, { shift = { 0, 1 } })))
    assert.equal("(1,3) (2,2)", nonzeros(idinit(2, 3, { shift = { 1, 1 }, gain = 2 }), 2))
    assert.equal("(3,1,1) (3,2,2)", nonzeros(idinit(3, 2, 2, { shift = 1 })))
    assert.equal("(2,3,3,1) (2,3,4,2) (2,3,5,3)",
      nonzeros(idinit(3, 5, 7, 3, { shift = { 0, 0, 2, 0 } })))
    assert.equal("(3,4,6,1) (3,4,7,2)", nonzeros(idinit(5, 7, 7, 2, { shift = { 0, 0, 5, 0 } })))
  end)

  it("leaves dimensions alone that it does not name", function()
    assert.equal("(1,3) (2,1) (3,2)", nonzeros(idinit(3, 3, { shift = { 1 } })))
    assert.equal("(1,1) (2,2) (3,3)", nonzeros(idinit(3, 3, { shift = {} })))
    assert.equal("(1,1,1) (1,2,2)", nonzeros(idinit(3, 2, 2, { shift = { -1, 0 } })))
  end)

  it("of any sign and any size wraps", function()
    for _, shift in ipairs { 1, -2, 1 + 3e9, -2 - 3e9, 2 ^ 52, -2 ^ 53, 2 ^ 60, 2 ^ 62, 2 ^ 100 } do
      assert.equal("(1,3) (2,1) (3,2)", nonzeros(idinit(3, 3, { shift = shift })))
      assert.equal("(1,3) (2,1) (3,2)", nonzeros(idinit(3, 3, { shift = { 0, -shift } })))
    end
    -- 10^300 is no double; the nearest is 1 more than a multiple of 3.
    local s = math.fmod(1e300, 3)
    assert.is_true(idinit(3, 3, { shift = 1e300 }) == idinit(3, 3, { shift = s }))
    assert.is_true(idinit(3, 3, { shift = -1e300 }) == idinit(3, 3, { shift = -s }))
  end)

  it("takes integral floats", function()
    assert.equal("(1,2) (2,1)", nonzeros(idinit(2, 2, { shift = 1.0 })))
    assert.equal("(1,2) (2,1)", nonzeros(idinit(2, 2, { shift = { 0.0, 3.0 } })))
  end)

  it("has no effect on an extent of 0 or 1", function()
    assert.same({ 0, 3 }, sizeof(idinit(0, 3, { shift = { 5, 1 } })))
    assert.same({ 3, 0 }, sizeof(idinit(3, 0, { shift = 7 })))
    assert.equal("(1,1)", nonzeros(idinit(1, 1, { shift = { 3, -8 } })))
    assert.equal("(2,1,1)", nonzeros(idinit(3, 1, 1, { shift = { 0, 1, 5 } })))
  end)

  it("longer than the rank is an error", function()
    fails(function() idinit(3, 3, { shift = { 1, 2, 3 } }) end,
      "shift: no more than 2 integers expected, got 3")
    fails(function() idinit(3, { shift = { 0, 0 } }) end,
      "shift: no more than 1 integers expected, got 2")
  end)
end)

describe("Keywords", function()
  it("stand in a trailing table or beside the sizes in one", function()
    local t = idinit.tensor { { 4, 0 }, { 0, 4 } }
    assert.is_true(t == idinit(2, 2, { gain = 4 }))
    assert.is_true(t == idinit { 2, 2, gain = 4 })
    assert.is_true(t == idinit { gain = 4, [1] = 2, [2] = 2 })
  end)

  it("may be none", function()
    local t = idinit(2, 3)
    assert.is_true(t == idinit(2, 3, {}))
    assert.is_true(t == idinit { 2, 3 })
    assert.is_true(t == idinit(2, 3, { gain = nil, shift = nil }))
  end)

  it("that do not exist are errors that suggest those that do", function()
    fails(function() idinit(3, 3, { gian = 2 }) end, '"gian"', '"gain"')
    fails(function() idinit(3, 3, { shfit = 2 }) end, '"shfit"', '"shift"')
    fails(function() idinit { 3, 3, group = 1 } end, '"group"', '"groups"')
    fails(function() idinit { Gain = 2 } end, '"Gain"', '"gain"')
    fails(function() idinit { centre = "lo" } end, '"centre"', '"center"')
    fails(function() idinit(2, { lay_out = "oi" }) end, '"lay_out"', '"layout"')
    fails(function() idinit(2, { fits = "pad" }) end, '"fits"', '"fit"')
    for given, nearest in pairs { ift = "fit", fti = "fit", grop = "groups", grups = "groups",
      GIAN = "gain", widnow = "window", ohift = "shift", paift = "shift",
      ["layout\0"] = "layout" } do
      fails(function() idinit { [given] = 1 } end, ('did you mean "%s"?'):format(nearest))
    end
    fails(function() idinit(2, { ordr = "row" }) end, '"ordr"', '"order"')
    fails(function() idinit(2, { widow = {} }) end, '"widow"', '"window"')
    fails(function() idinit { gain = 2 } { 3, 3, gian = 2 } end, '"gian"', '"gain"')
    fails(function() idinit(3, { [true] = 2 }) end, "keyword", "boolean")
    fails(function() idinit(3, { [print] = 2 }) end, "keyword", "function")
  end)

  it("that do not exist are told with those that do where none is near", function()
    local all = "one of gain, shift, transposed, layout, groups, center, fit, order, window"
    for _, given in ipairs { "dtype", "noise", "act", "out", "in", "w", "name", "padding" } do
      assert.equal(('unknown keyword "%s": %s expected'):format(given, all),
        fails(function() idinit { [given] = 1 } end))
    end
    fails(function() idinit(3, { [""] = 2 }) end, 'unknown keyword "": one of')
    fails(function() idinit(3, { ["a\0b\n"] = 2 }) end, [["a\0b\10"]])
    fails(function() idinit(3, { [("x"):rep(1e5)] = 2 }) end,
      ('unknown keyword "%s...": one of'):format(("x"):rep(40)))
  end)

  it("with a metatable are an error", function()
    local kw = setmetatable({ gain = 2 }, {})
    fails(function() idinit(3, 3, kw) end, "plain table", "metatable")
    local hidden = setmetatable({ gain = 2 }, { __metatable = false })
    fails(function() idinit(3, 3, hidden) end, "plain table", "metatable")
    fails(function() idinit { gain = 2 } (3, 3, kw) end, "plain table", "metatable")
  end)

  it("beside sizes both before and in the table are an error", function()
    fails(function() idinit(3, 3, { 2, 2 }) end, "sizes", "both")
    fails(function() idinit(3, { 2, gain = 1 }) end, "sizes", "both")
    fails(function() idinit { gain = 1 } (3, { 2 }) end, "sizes", "both")
  end)

  it("are read when they are passed", function()
    local kw = { gain = 2, shift = { 1 }, window = { { 1, 2 }, {} }, layout = "oi" }
    local f, g = idinit(kw), idinit(print, kw)
    kw.gain, kw.layout, kw.groups, kw.nonsense = 7, "io", 2, true
    kw.shift[1], kw.shift[2] = 0, 1
    kw.window[1][2], kw.window[2] = 1, { 1, 1 }
    kw[1] = 9
    local t = idinit(3, 3, { gain = 2, shift = 1, window = { { 1, 2 }, {} } })
    assert.is_true(f(3, 3) == t)
    assert.is_true(g(3, 3) == t)
  end)

  it("are left as they were", function()
    local range = { 1, 2 }
    local kw = { 3, 3, gain = 2, shift = { 4 }, window = { range, {} } }
    idinit(kw)
    assert.same({ 3, 3, gain = 2, shift = { 4 }, window = { { 1, 2 }, {} } }, kw)
    assert.equal(range, kw.window[1])
  end)
end)

describe("An rng", function()
  local rngs = { ["a function"] = math.random, ["a userdata"] = io.stdout,
    ["a table with a metatable"] = setmetatable({}, {}),
    ["a table with a hidden metatable"] = setmetatable({ 3, x = 1 }, { __metatable = false }),
    ["idinit itself"] = idinit, ["a partial"] = idinit {} }
  local has_ffi, ffi = pcall(require, "ffi")
  if has_ffi then
    rngs["a cdata"] = ffi.new "int[3]"
    rngs["a null pointer"] = ffi.cast("void *", 0)
    rngs["a ctype"] = ffi.typeof "int"
  end

  for name, rng in pairs(rngs) do
    it("may be " .. name .. " and is ignored", function()
      local t = idinit(3, 5, { gain = 3 })
      assert.is_true(idinit(rng, 3, 5) == idinit(3, 5))
      assert.is_true(idinit(rng, 3, 5, { gain = 3 }) == t)
      assert.is_true(idinit(rng, { 3, 5, gain = 3 }) == t)
      assert.is_true(idinit(rng, { gain = 3 })(3, 5) == t)
      assert.is_true(idinit(rng, { gain = 3 })(rng, 3, 5) == t)
      assert.is_true(idinit { gain = 3 } (rng, 3, 5) == t)
      assert.is_true(idinit(rng)(3, 5, { gain = 3 }) == t)
      assert.is_true(idinit.identity_init(rng, 3, 5, { gain = 3 }) == t)
    end)
  end

  it("is not called", function()
    idinit(function() error "called" end, 3, 3)
    idinit(setmetatable({}, { __call = error, __index = error, __len = error }), 3, 3)
  end)

  it("is no tensor, string, boolean, thread or plain table", function()
    fails(function() idinit(idinit(2), 3, 3) end, "size 1")
    fails(function() idinit("rng", 3, 3) end, "size 1")
    fails(function() idinit(true, 3, 3) end, "size 1")
    fails(function() idinit(coroutine.create(function() end), 3, 3) end, "size 1")
    fails(function() idinit({}, 3, 3) end, "size 1")
    fails(function() idinit(nil, 3, 3) end, "size 1")
  end)
end)

describe("A partial", function()
  it("is a plain function that waits for a size", function()
    for _, f in ipairs { idinit(), idinit {}, idinit { gain = 1 }, idinit(print) } do
      assert.equal("function", type(f))
      assert.is_true(f(3, 5) == idinit(3, 5))
    end
  end)

  it("holds keywords that those of the call replace", function()
    local f = idinit { gain = 3, shift = 1 }
    assert.is_true(f(3, 3) == idinit(3, 3, { gain = 3, shift = 1 }))
    assert.is_true(f(3, 3, { gain = 2 }) == idinit(3, 3, { gain = 2, shift = 1 }))
    assert.is_true(f(3, 3, { shift = 0 }) == idinit(3, 3, { gain = 3 }))
    assert.is_true(f { 3, 3, gain = 2, shift = {} } == idinit(3, 3, { gain = 2 }))
    assert.is_true(f(3, 3) == idinit(3, 3, { gain = 3, shift = 1 }))
  end)

  it("called without a size is a partial again", function()
    local f = idinit { gain = 3 }
    local g = f { shift = 1 }
    assert.equal("function", type(g))
    assert.is_true(g(3, 3) == idinit(3, 3, { gain = 3, shift = 1 }))
    assert.is_true(f(3, 3) == idinit(3, 3, { gain = 3 }))
    assert.is_true(f()(3, 3) == f(3, 3))
    assert.is_true(f(print)(3, 3) == f(3, 3))
    assert.is_true(g { gain = 5 } (3, 3) == idinit(3, 3, { gain = 5, shift = 1 }))
  end)

  it("makes a new tensor at each call", function()
    local f = idinit { gain = 3 }
    local t = f(2, 2)
    t:fill(9)
    assert.equal(3, f(2, 2)(1, 1))
  end)

  it("fails early where a keyword is wrong for every size", function()
    fails(function() idinit { gain = "2" } end, "gain: number expected")
    fails(function() idinit { gain = 2 } { shift = 1.5 } end, "shift")
    fails(function() idinit(print, { gain = "2" }) end, "gain: number expected")
  end)
end)
