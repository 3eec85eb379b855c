-- What counts as a number, and how it becomes float32.

local idinit = require "idinit"
local layers = require "idinit.layers"
local child = require "spec.tools.child"
local fails = require "spec.support.fails"
local nonzeros = require "spec.support.nonzeros"

local load = loadstring or load

describe("An integer of 64 bits", function()
  if _VERSION < "Lua 5.3" then return end

  -- Just above half way between two floats, where a double is half way.
  local above = 9007199791611905
  local float = 9007200328482816

  it("is rounded once as a gain", function()
    assert.equal(float, idinit(1, 1, { gain = above })(1, 1))
    assert.equal(-float, idinit { 1, 1, gain = -above } (1, 1))
    assert.equal(float, idinit { gain = above } (3, 1, 1)(2, 1, 1))
    assert.equal(2 ^ 53, idinit(1, 1, { gain = above - 1 })(1, 1))
    assert.equal(2 ^ 63, idinit(1, 1, { gain = 9223372036854775807 })(1, 1))
    assert.equal(-2 ^ 63, idinit(1, 1, { gain = -9223372036854775807 - 1 })(1, 1))
    assert.equal(float, (idinit.taps(1, 1, { gain = above })()))
  end)

  it("is shared out before it is rounded", function()
    assert.equal(float, idinit(1, 2, { gain = 2 * above, fit = "mean" })(1, 2))
  end)

  it("is rounded once by everything that writes elements", function()
    local t = idinit.zeros(2)
    t[1] = above
    t[{ 2 }] = above
    assert.same({ float, float }, t:totable())
    assert.same({ float, float }, t:fill(0):copy({ above, above }):totable())
    assert.same({ float, float }, t:fill(0):fill(above):totable())
    t:fill(0):set(2, above)
    assert.equal(float, t[2])
    assert.same({ float, -float }, idinit.tensor({ above, -above }):totable())
    assert.equal(float, idinit.tensor(above):get())
    local u = idinit.zeros(2, 2)
    u[1] = above
    u[2] = { above, 3 }
    assert.same({ { float, float }, { float, 3 } }, u:totable())
  end)

  it("is rounded once by layers", function()
    local dense = layers.Dense(1, 1, { bias = { above } })
    assert.same({ float }, dense({ 0 }):totable())
    dense = layers.Dense(1, 1)
    assert.same({ float }, dense({ above }):totable())
    dense = layers.Dense(1, 1, { activation = function() return above end })
    assert.same({ float }, dense({ 1 }):totable())
  end)
end)

describe("A number of the FFI", function()
  local has_ffi, ffi = pcall(require, "ffi")
  if not (has_ffi and rawget(_G, "jit")) then return end
  local n3, n2 = load "return 3LL"(), load "return 2ULL"()
  local size_t, double = ffi.typeof "size_t", ffi.typeof "double"

  it("counts as a size", function()
    assert.is_true(idinit(3, 2) == idinit(n3, n2))
    assert.is_true(idinit(3, 2) == idinit { n3, n2 })
    assert.is_true(idinit(3, 2) == idinit(size_t(3), ffi.new("uint8_t", 2)))
    assert.is_true(idinit(3, 2) == idinit(double(3), ffi.new("char", 2)))
    assert.is_true(idinit(3, 2) == idinit(3, n2))
    assert.is_true(idinit(3, 2) == idinit(print, n3, n2))
    assert.is_true(idinit(3, 2, { gain = 2 }) == idinit { gain = 2 } (n3, n2))
    assert.is_true(idinit(3, 2) == idinit.into(idinit.zeros(n3, n2), n3, n2))
    assert.is_true(idinit.zeros(2, 3) == idinit.zeros(2, 3):reshape(n2, n3))
    assert.equal(2, select("#", idinit.taps(n3)) + 1)
    assert.same({ 1, 1, 1 }, { idinit.taps(n3, 2)() })
  end)

  it("counts as an index, a dimension and a shift", function()
    local t = idinit(3, 3)
    assert.equal(1, t(n3, 3))
    assert.equal(1, t:get(n2, n2))
    assert.equal(1, t[{ n3, n3 }])
    assert.equal(1, t[n3][n3])
    t[n3][n2], t[{ n2, 1 }] = 5, 6
    t:set(n2, n3, 7)
    assert.same({ { 1, 0, 0 }, { 6, 1, 7 }, { 0, 5, 1 } }, t:totable())
    assert.equal(3, t:size(n2))
    assert.equal(6, idinit.cat({ t, t }, n2):size(2))
    assert.equal("(1,3) (2,1) (3,2)", nonzeros(idinit(3, 3, { shift = load "return -2LL"() })))
    assert.is_true(t:circshift(-1) == t:circshift { n2 })
    assert.equal(t:spy(20, 10), t:spy(load "return 20LL"(), size_t(10)))
    assert.is_true(layers.Dense(n3, n2)({ 1, 2, 3 }) == idinit.tensor { 1, 2 })
    assert.is_true(layers.Embedding(3, 3)(n2) == idinit.tensor { 0, 1, 0 })
    assert.same({ 3 }, layers.Conv({ n3 }, n2, n2, { groups = n2, pad = "same" }).kernel)
  end)

  it("counts as a number of groups, a position and a bound of a window", function()
    local kw = { groups = n2, center = { n3 }, window = { { n2, n3 }, {}, {} } }
    assert.is_true(idinit(3, 1, 2, kw) == idinit(3, 1, 2,
      { groups = 2, center = { 3 }, window = { { 2, 3 }, {}, {} } }))
    kw.groups = load "return -2LL"()
    fails(function() idinit(3, 1, 2, kw) end, "groups: positive integer expected, got -2")
  end)

  it("may be a shift that no double holds", function()
    local s = load "return 9007199254740993LL"()
    assert.is_true(idinit(5, 5, { shift = 2 ^ 53 }):circshift(1) == idinit(5, 5, { shift = s }))
    assert.is_true(idinit(5, 5, { shift = -2 ^ 53 }):circshift(-1) == idinit(5, 5, { shift = -s }))
    assert.is_true(idinit { shift = s } (5, 5) == idinit(5, 5, { shift = s }))
    local most = load "return 18446744073709551615ULL"() -- 5 divides it
    assert.is_true(idinit(5, 5) == idinit(5, 5, { shift = most }))
  end)

  it("that is no size is named", function()
    fails(function() idinit(3, load "return -1LL"()) end, "size 2", "got -1")
    fails(function() idinit(double(2.5), 3) end, "size 1", "got 2.5")
    fails(function() idinit(double(0 / 0), 3) end, "size 1", "got nan")
    fails(function() idinit(load "return 9007199254740993LL"(), 0) end, "size 1",
      "got 9.007199254741e+15")
    fails(function() idinit(load "return 18446744073709551615ULL"(), 0) end, "size 1",
      "got 1.844674407371e+19")
    fails(function() return (idinit(3)(load "return 4LL"())) end,
      "index 4 out of range [1, 3] in dimension 1")
  end)

  it("is no other cdata: pointers, arrays, structures, booleans and types", function()
    for _, other in ipairs { ffi.new "int[1]", ffi.cast("int *", 3), ffi.new "struct { int x; }",
      ffi.new("bool", true), ffi.typeof "int", ffi.typeof "int64_t" } do
      assert.is_true(idinit(3, 2) == idinit(other, 3, 2)) -- an rng
      fails(function() idinit(3, other) end, "size 2", "got cdata")
      fails(function() return (idinit(3)[other]) end, "got cdata")
    end
  end)
end)

describe("A number in an error or a text #native", function()
  -- A decimal comma, and a decimal point of two bytes; made here, where they can be.
  for _, name in ipairs { "de_DE", "ps_AF" } do
    it("has a point in the locale " .. name, function()
      local folder = child.folder()
      finally(function() child.must("rm -r " .. folder) end)
      local locale = name .. ".UTF-8"
      child.run(("localedef -i %s -f UTF-8 %s/%s"):format(name, folder, locale))
      local code = ([[
        os.setlocale("%s", "numeric")
        local idinit = require "idinit"
        for _, x in ipairs { 1.5, -2.25, 1e300, 1.5e-300, 1 / 0, -1 / 0, 0 / 0 } do
          io.write(select(2, pcall(idinit, x)):match "got (.*)", " ")
        end
        io.write(tostring(idinit.tensor { { 1.5, 1 / 3, -2 ^ -103, 2 ^ 40 } }))]]):format(locale)
      assert.equal("1.5 -2.25 1e+300 1.5e-300 inf -inf nan 1×4 float tensor:\n"
        .. " 1.5  0.33333334  -9.8607613e-32  1.0995116e12", child.must(
        ("LOCPATH=%s %s -e %s"):format(folder, child.lua(), child.quote(code))))
    end)
  end
end)
