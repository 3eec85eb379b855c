-- idinit.into: identities over memory that is there.

local idinit = require "idinit"
local fails = require "spec.support.fails"
local nonzeros = require "spec.support.nonzeros"

local has_ffi, ffi = pcall(require, "ffi")

describe("idinit.into", function()
  it("writes over every element of a tensor and returns it", function()
    local t = idinit.zeros(3, 4):fill(0 / 0)
    assert.is_true(rawequal(t, idinit.into(t, 3, 4)))
    assert.equal("(1,1) (2,2) (3,3)", nonzeros(t))
    local u = idinit.zeros(3, 2, 2):fill(5)
    assert.is_true(rawequal(u, idinit.into(u, 3, 2, 2, { gain = 2, shift = { -1 } })))
    assert.equal("(1,1,1) (1,2,2)", nonzeros(u, 2))
  end)

  it("takes sizes and keywords as the initialiser does", function()
    local t, u = idinit.zeros(3, 4), idinit(3, 4, { gain = 2 })
    assert.is_true(idinit.into(t:fill(9), 3, 4, { gain = 2 }) == u)
    assert.is_true(idinit.into(t:fill(9), { 3, 4, gain = 2 }) == u)
    assert.is_true(idinit.into(t:fill(9), { gain = 2 }) == u)
    assert.is_true(idinit.into(t:fill(9)) == idinit(3, 4))
    assert.is_true(idinit.into(t:fill(9), {}) == idinit(3, 4))
  end)

  it("makes zeros at rank 1", function()
    assert.same({ 0, 0, 0 }, idinit.into(idinit.zeros(3):fill(9), { gain = 5 }):totable())
  end)

  it("leaves a tensor of extent 0 as it is", function()
    local t = idinit.zeros(0, 3)
    assert.is_true(rawequal(t, idinit.into(t)))
    assert.is_true(rawequal(t, idinit.into(t, 0, 3, { gain = 2 })))
  end)

  it("keeps the order of the tensor", function()
    local t = idinit(2, 3, { order = "col" })
    for _, order in ipairs { "row", "col" } do
      idinit.into(t:fill(9), { order = order, shift = 1 })
      assert.equal("(1,2) (2,1)", nonzeros(t))
      assert.same({ 1, 2 }, { t:stride() })
    end
    local u = idinit.into(idinit.zeros(2, 3), { order = "col" })
    assert.same({ 3, 1 }, { u:stride() })
    assert.is_true(u == idinit(2, 3))
  end)

  it("writes over a view and nothing else", function()
    local t = idinit.zeros(3, 2, 2):fill(7)
    idinit.into(t[2])
    assert.same({ { { 7, 7 }, { 7, 7 } }, { { 1, 0 }, { 0, 1 } }, { { 7, 7 }, { 7, 7 } } },
      t:totable())
    local u = idinit(3, 2, 2, { order = "col" }):fill(7)
    idinit.into(u[2], { gain = 3 })
    assert.same({ { { 7, 7 }, { 7, 7 } }, { { 3, 0 }, { 0, 3 } }, { { 7, 7 }, { 7, 7 } } },
      u:totable())
  end)

  it("writes the part in a window over a tensor of its size", function()
    local t = idinit.zeros(2, 2):fill(9)
    idinit.into(t, 4, 4, { window = { { 2, 3 }, { 3, 4 } } })
    assert.equal("(2,1)", nonzeros(t))
    local big = 2 ^ 40
    idinit.into(t:fill(9), big, big, { window = { { big - 1, big }, { big - 1, big } } })
    assert.equal("(1,1) (2,2)", nonzeros(t))
  end)

  it("refuses sizes that are not the tensor's", function()
    local t = idinit.zeros(3, 4):fill(7)
    fails(function() idinit.into(t, 4, 3) end, "destination", "size 4×3", "got size 3×4")
    fails(function() idinit.into(t, 3) end, "destination", "size 3", "got size 3×4")
    fails(function() idinit.into(t, 12) end, "destination", "size 12", "got size 3×4")
    fails(function() idinit.into(t, 3, 4, 1) end, "destination", "size 3×4×1", "got size 3×4")
    fails(function() idinit.into(t, { window = { {}, { 1, 2 } } }) end,
      "destination", "size 3×2", "got size 3×4")
    fails(function() idinit.into(t, 2 ^ 53, 2 ^ 53) end, "destination", "got size 3×4")
    fails(function() idinit.into(idinit.zeros()) end, "rank 0")
    assert.is_true(t == idinit.zeros(3, 4):fill(7))
  end)

  it("writes nothing where an argument is wrong", function()
    local t = idinit.zeros(3, 4):fill(7)
    fails(function() idinit.into(t, 3, -4) end, "size 2", "got -4")
    fails(function() idinit.into(t, nil) end, "size 1", "got nil")
    fails(function() idinit.into(t, 3, 4, nil) end, "size 3", "got nil")
    fails(function() idinit.into(t, { gian = 2 }) end, '"gian"', '"gain"')
    fails(function() idinit.into(t, 3, 4, { gain = "2" }) end, "gain: number expected")
    fails(function() idinit.into(t, { groups = 2 }) end, "groups: divisor of 3")
    fails(function() idinit.into(t, 3, { 4 }) end, "both")
    assert.is_true(t == idinit.zeros(3, 4):fill(7))
  end)

  it("refuses what is no tensor", function()
    fails(function() idinit.into() end, "destination: ", "tensor", "got nothing")
    fails(function() idinit.into(nil, 3, 3) end, "destination: ", "tensor", "got nil")
    fails(function() idinit.into({}, 3, 3) end, "destination: ", "tensor", "got table")
    fails(function() idinit.into(3, 3) end, "destination: ", "tensor", "got 3")
    fails(function() idinit.into("t", 3, 3) end, "destination: ", "tensor", 'got string "t"')
    fails(function() idinit.into(io.stdout, 3, 3) end, "destination: ", "tensor", "got userdata")
    fails(function() idinit.into({ 3, 3 }) end, "destination: ", "tensor", "got table")
  end)
end)

if not has_ffi then return end

describe("idinit.into an FFI buffer", function()
  -- A buffer of n floats that hold 7, and one behind them.
  local function buffer(kind, n)
    local b = kind == "float[?]" and ffi.new("float[?]", n) or ffi.new(("float[%d]"):format(n))
    for k = 0, n - 1 do b[k] = 7 end
    return b
  end

  local function floats(b, n)
    local list = {}
    for k = 0, n - 1 do list[k + 1] = b[k] end
    return table.concat(list, " ")
  end

  for _, kind in ipairs { "float[?]", "float[n]" } do
    it("writes over a " .. kind .. " and returns it", function()
      local b = buffer(kind, 6)
      assert.is_true(rawequal(b, idinit.into(b, 2, 3)))
      assert.equal("1 0 0 0 1 0", floats(b, 6))
      idinit.into(b, 2, 3, { order = "col", gain = 3 })
      assert.equal("3 0 0 3 0 0", floats(b, 6))
      idinit.into(b, { 3, 2, shift = 1 })
      assert.equal("0 0 1 0 0 1", floats(b, 6))
    end)

    it("leaves what a " .. kind .. " holds behind the identity", function()
      local b = buffer(kind, 6)
      idinit.into(b, 2, 2)
      assert.equal("1 0 0 1 7 7", floats(b, 6))
      idinit.into(b, 0, 5)
      assert.equal("1 0 0 1 7 7", floats(b, 6))
    end)

    it("refuses a " .. kind .. " that is too short", function()
      local b = buffer(kind, 6)
      fails(function() idinit.into(b, 7) end, "destination", "7 floats", "6")
      fails(function() idinit.into(b, 3, 3) end, "destination", "9 floats", "6")
      fails(function() idinit.into(b, 2 ^ 14, 2 ^ 14) end, "268435456 floats", "6")
      fails(function() idinit.into(b, 2 ^ 53, 2 ^ 53) end, "not enough memory")
      assert.equal("7 7 7 7 7 7", floats(b, 6))
    end)
  end

  it("writes from where a pointer points", function()
    local b = buffer("float[?]", 8)
    local p = ffi.cast("float *", b) + 2
    assert.is_true(rawequal(p, idinit.into(p, 2, 2, { gain = -1 })))
    assert.equal("7 7 -1 0 0 -1 7 7", floats(b, 8))
    idinit.into(p + 1, 3, { gain = 2 })
    assert.equal("7 7 -1 0 0 0 7 7", floats(b, 8))
  end)

  it("writes over an array that is part of something else", function()
    local s = ffi.new "struct { float before, weight[4], after; }"
    s.before, s.after = 7, 7
    idinit.into(s.weight, 2, 2)
    assert.equal("1 0 0 1", floats(s.weight, 4))
    assert.equal(7, s.before)
    assert.equal(7, s.after)
    fails(function() idinit.into(s.weight, 5) end, "5 floats", "4")
    local rows = ffi.new "float[3][4]"
    idinit.into(rows[1], 2, 2)
    assert.equal("0 0 0 0 1 0 0 1 0 0 0 0", floats(ffi.cast("float *", rows), 12))
    fails(function() idinit.into(rows[1], 5) end, "5 floats", "4")
  end)

  it("writes the part in a window", function()
    local b, big = buffer("float[?]", 5), 2 ^ 40
    idinit.into(b, big, big, { window = { { big - 1, big }, { big - 1, big } } })
    assert.equal("1 0 0 1 7", floats(b, 5))
  end)

  it("writes one element", function()
    local b = buffer("float[?]", 2)
    idinit.into(b, 1, 1, { gain = 3 })
    assert.equal("3 7", floats(b, 2))
    idinit.into(b, 1)
    assert.equal("0 7", floats(b, 2))
  end)

  it("writes no more than it must where nothing is to be written", function()
    assert.has_no.errors(function() idinit.into(ffi.new "float[1]", 0, 9) end)
    assert.has_no.errors(function() idinit.into(ffi.new("float[?]", 0), 9, 0) end)
  end)

  it("does the same for every call, compiled or not", function()
    local b = buffer("float[?]", 9)
    for k = 1, 300 do
      idinit.into(b, 3, 3, { gain = k, shift = k })
      for i = 0, 2 do assert(b[(i + k) % 3 * 3 + i] == k) end
    end
  end)

  it("refuses everything else before it writes", function()
    local double, float = ffi.new("double[9]", 7), ffi.new("float[9]", 7)
    fails(function() idinit.into(double, 3, 3) end, "destination: ", "float", "double [9]")
    fails(function() idinit.into(ffi.cast("double *", double), 3) end, "float", "double *")
    fails(function() idinit.into(ffi.new "int[9]", 3, 3) end, "float", "int [9]")
    fails(function() idinit.into(ffi.new "char[9]", 3) end, "float", "char [9]")
    fails(function() idinit.into(ffi.cast("void *", float), 3, 3) end, "float", "void *")
    fails(function() idinit.into(ffi.cast("float *", 0), 3, 3) end, "null")
    fails(function() idinit.into(ffi.cast("const float *", float), 3) end, "float", "const")
    fails(function() idinit.into(ffi.new("const float[9]", 7), 3) end, "float", "const")
    fails(function() idinit.into(ffi.new "float", 1) end, "destination: ", "float", "got float")
    fails(function() idinit.into(ffi.new "float[3][3]", 3, 3) end, "float", "float [3][3]")
    fails(function() idinit.into(ffi.new "float *[9]", 3) end, "float", "float *[9]")
    fails(function() idinit.into(ffi.new "struct { float x[9]; }", 3) end, "float", "struct")
    fails(function() idinit.into(ffi.new "complex float[4]", 3) end, "float", "complex")
    fails(function() idinit.into(ffi.typeof "float[9]", 3, 3) end, "destination: ", "float")
    fails(function() idinit.into(ffi.new "int64_t", 3, 3) end, "destination: ", "float", "int64_t")
    fails(function() idinit.into(ffi.new "void *[1]", 1) end, "destination: ", "float")
    for k = 0, 8 do assert(double[k] == 7 and float[k] == 7) end
  end)

  it("needs the sizes", function()
    local b = ffi.new "float[9]"
    fails(function() idinit.into(b) end, "size expected, got nothing")
    fails(function() idinit.into(b, { gain = 2 }) end, "size expected, got nothing")
    fails(function() idinit.into(b, 3, -3) end, "size 2", "got -3")
    fails(function() idinit.into(b, 3, 3, { gian = 3 }) end, '"gian"', '"gain"')
    fails(function() idinit.into(b, 3, 3, { fit = 3 }) end, "fit: ", "got 3")
  end)
end)
