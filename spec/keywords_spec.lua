-- The keywords beyond gain and shift: what they mean, by vectors and named cases.

local core = require "idinit.core"
local idinit = require "idinit"
local fails = require "spec.support.fails"
local nonzeros = require "spec.support.nonzeros"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack

local sizeof = lists.sizeof

describe("layout", function()
  it("is by default that of Flux", function()
    for layout, size in pairs { oi = { 3, 4 }, wio = { 3, 2, 4 }, whio = { 3, 5, 4, 3 },
      whdio = { 3, 2, 4, 3, 2 }, whdnio = { 1, 2, 3, 2, 2, 3 } } do
      size.layout = layout
      local t = idinit(size)
      size.layout = nil
      assert.is_true(t == idinit(size))
    end
  end)

  it("says which axes are outputs, inputs and kernel", function()
    assert.equal("(1,1,2,3) (2,2,2,3)", nonzeros(idinit(2, 3, 3, 5, { layout = "oihw" })))
    assert.equal("(2,3,1,1) (2,3,2,2)", nonzeros(idinit(3, 5, 3, 2, { layout = "hwio" })))
    assert.equal("(1,2,3,1) (2,2,3,2)", nonzeros(idinit(2, 3, 5, 3, { layout = "ohwi" })))
    assert.equal("(1,2,1) (2,2,2)", nonzeros(idinit(2, 4, 3, { layout = "owi" })))
    assert.equal("(1,1) (2,2)", nonzeros(idinit(2, 3, { layout = "io" })))
    assert.equal("(1,2,2,1,2) (2,2,2,2,2)", nonzeros(idinit(2, 3, 3, 2, 3, { layout = "odhiw" })))
  end)

  it("matters at rank 2 where groups or fits tell outputs from inputs", function()
    assert.equal("(1,1) (2,1)", nonzeros(idinit(2, 2, { groups = 2 })))
    assert.equal("(1,1) (1,2)", nonzeros(idinit(2, 2, { groups = 2, layout = "io" })))
    assert.equal("(1,1) (1,3) (2,2)", nonzeros(idinit(2, 3, { fit = "tile" })))
    assert.same({ { 0.5, 0 }, { 0, 1 }, { 0.5, 0 } },
      idinit(3, 2, { fit = "mean", layout = "io" }):totable())
  end)

  it("is of any case, and of any letters", function()
    for _, layout in ipairs { "OIHW", "Oihw", "oIzZ", "oiww", "oiab" } do
      assert.is_true(idinit(3, 2, 3, 3, { layout = layout })
        == idinit(3, 2, 3, 3, { layout = "oihw" }))
    end
  end)

  it("at rank 1 need not fit the size", function()
    assert.same({ 0, 0, 0 }, idinit(3, { layout = "oihw" }):totable())
  end)
end)

describe("groups", function()
  it("repeat the diagonal in blocks of outputs", function()
    assert.equal("(1,1) (2,2) (3,1) (4,2)", nonzeros(idinit(4, 2, { groups = 2 })))
    assert.equal("(1,1) (2,2) (4,1) (5,2)", nonzeros(idinit(6, 2, { groups = 2 })))
    assert.equal("(1,1) (2,2) (3,1) (4,2)", nonzeros(idinit(4, 3, { groups = 2 })))
    assert.equal("(1,1,1) (1,1,2) (1,1,3)", nonzeros(idinit(1, 1, 3, { groups = 3 })))
    assert.equal("(1,1,1) (1,1,3) (1,2,2) (1,2,4)", nonzeros(idinit(1, 2, 4, { groups = 2 })))
  end)

  it("equal to the outputs give each output the first input", function()
    assert.equal("(1,1) (2,1) (3,1)", nonzeros(idinit(3, 2, { groups = 3 })))
    assert.equal("(1,1) (2,1) (3,1)", nonzeros(idinit(3, 1, { groups = 3 })))
    assert.equal("(2,1,1) (2,1,2)", nonzeros(idinit(3, 2, 2, { groups = 2 })))
  end)

  it("make a depthwise identity: every output lives", function()
    local t = idinit(3, 3, 1, 64, { groups = 64 })
    local count = 0
    for k = 1, 64 do
      assert.equal(1, t(2, 2, 1, k))
    end
    for _ in idinit.taps(3, 3, 1, 64, { groups = 64 }) do count = count + 1 end
    assert.equal(64, count)
    assert.equal(count, select(2, nonzeros(t):gsub("%(", "")))
  end)

  it("split the axis that the layout names", function()
    assert.equal("(1,1,2) (2,2,2) (3,1,2) (4,2,2)",
      nonzeros(idinit(4, 2, 3, { layout = "oiw", groups = 2 })))
  end)

  -- Its inputs are the outputs of the convolution that it is the adjoint of.
  it("of a transposed layer split its inputs", function()
    assert.equal("(2,1,1) (2,1,3) (2,2,2) (2,2,4)", nonzeros(idinit(3, 2, 4, { groups = 2 })))
  end)

  it("of 1 are none", function()
    assert.is_true(idinit(3, 4, 5, { groups = 1 }) == idinit(3, 4, 5))
    assert.is_true(idinit(3, 4, 5, { groups = 1.0 }) == idinit(3, 4, 5))
  end)

  it("may be many where there is no output", function()
    assert.same({ 3, 2, 0 }, sizeof(idinit(3, 2, 0, { groups = 7 })))
    assert.same({ 0, 2 }, sizeof(idinit(0, 2, { groups = 7 })))
  end)

  it("leave no input where there is none", function()
    assert.same({ 4, 0 }, sizeof(idinit(4, 0, { groups = 2 })))
    assert.same({ 3, 0, 4 }, sizeof(idinit(3, 0, 4, { groups = 4, fit = "mean" })))
  end)

  it("at rank 1 need not divide the size", function()
    assert.same({ 0, 0, 0 }, idinit(3, { groups = 2 }):totable())
  end)
end)

describe("center", function()
  it("is the lower or the higher middle of an even kernel", function()
    assert.equal("(2,1,1)", nonzeros(idinit(4, 1, 1, { center = "lo" })))
    assert.equal("(3,1,1)", nonzeros(idinit(4, 1, 1, { center = "hi" })))
    assert.equal("(2,1,1)", nonzeros(idinit(2, 1, 1, { center = "hi" })))
    assert.equal("(1,4,1,1)", nonzeros(idinit(1, 6, 1, 1, { center = "hi" })))
  end)

  it("is the middle of an odd kernel either way", function()
    for k = 1, 9, 2 do
      assert.is_true(idinit(k, 2, 2, { center = "lo" }) == idinit(k, 2, 2, { center = "hi" }))
      assert.equal(1, idinit(k, 2, 2)((k + 1) / 2, 2, 2))
    end
  end)

  it("is where it is told, for each kernel axis in turn", function()
    assert.equal("(1,1,1) (1,2,2)", nonzeros(idinit(3, 2, 2, { center = { 1 } })))
    assert.equal("(3,1,1,1)", nonzeros(idinit(3, 2, 1, 1, { center = { 3, 1 } })))
    assert.equal("(1,1,3,5)", nonzeros(idinit(1, 1, 3, 5, { layout = "oihw", center = { 3, 5 } })))
    assert.equal("(2,1,3,1)", nonzeros(idinit(2, 1, 3, 1, { layout = "wihO", center = { 2, 3 } })))
    assert.equal("(1,1)", nonzeros(idinit(1, 1, { center = {} })))
  end)

  it("may be anywhere in a kernel of extent 0", function()
    assert.same({ 0, 2, 2 }, sizeof(idinit(0, 2, 2, { center = { 5 } })))
    assert.same({ 0, 2, 2 }, sizeof(idinit(0, 2, 2, { center = "hi" })))
    assert.same({ 0, 3, 2, 2 }, sizeof(idinit(0, 3, 2, 2, { center = { 1, 3 } })))
  end)

  it("at rank 1 need not fit the size", function()
    assert.same({ 0, 0, 0 }, idinit(3, { center = { 1, 9 } }):totable())
  end)
end)

describe("PyTorch's dirac_", function()
  -- w[G * (o / g) + d][d][k1 / 2]... = 1, d < min(o / g, i), counted from 0.
  local function dirac(t, groups)
    local size = { t:size() }
    for g = 0, groups - 1 do
      for d = 0, math.min(size[1] / groups, size[2]) - 1 do
        local at = { g * size[1] / groups + d + 1, d + 1 }
        for axis = 3, #size do at[axis] = math.floor(size[axis] / 2) + 1 end
        t[at] = 1
      end
    end
    return t
  end

  it("is an identity of its layout and center", function()
    assert.equal("(1,1,2) (2,2,2) (3,3,2)",
      nonzeros(idinit(3, 4, 3, { layout = "oiw", center = "hi" })))
    assert.equal("(1,1,2,3) (2,2,2,3)",
      nonzeros(idinit(3, 2, 2, 4, { layout = "oihw", center = "hi" })))
    assert.equal("(1,1,1,2,2) (2,2,1,2,2)",
      nonzeros(idinit(2, 3, 1, 2, 3, { layout = "oidhw", center = "hi" })))
  end)

  it("is an identity of groups", function()
    assert.equal("(1,1,2) (2,2,2) (3,1,2) (4,2,2)",
      nonzeros(idinit(4, 2, 2, { layout = "oiw", center = "hi", groups = 2 })))
    assert.equal("(1,1,2,2) (3,1,2,2)",
      nonzeros(idinit(4, 1, 3, 3, { layout = "oihw", center = "hi", groups = 2 })))
    assert.equal("(1,1,2,2) (2,1,2,2) (3,1,2,2)",
      nonzeros(idinit(3, 2, 3, 2, { layout = "oihw", center = "hi", groups = 3 })))
  end)

  for _, case in ipairs {
    { { 4, 4, 3 }, 1 }, { { 6, 2, 4 }, 3 }, { { 6, 4, 5 }, 3 },
    { { 2, 3, 4, 5 }, 1 }, { { 6, 3, 2, 2 }, 2 }, { { 8, 1, 3, 3 }, 8 },
    { { 4, 3, 2, 3, 4 }, 2 }, { { 4, 1, 1, 1, 1 }, 4 },
  } do
    local size, groups = case[1], case[2]
    it("on " .. table.concat(size, " x ") .. " in " .. groups .. " groups is ours", function()
      local layouts = { [3] = "oiw", [4] = "oihw", [5] = "oidhw" }
      local expected = dirac(idinit.zeros(unpack(size)), groups)
      size.layout, size.center, size.groups = layouts[#size], "hi", groups
      assert.is_true(idinit(size) == expected)
    end)
  end
end)

describe("fit", function()
  it('"pad" leaves zeros', function()
    assert.is_true(idinit(5, 2, { fit = "pad" }) == idinit(5, 2))
    assert.is_true(idinit(3, 2, 4, { fit = "pad" }) == idinit(3, 2, 4))
  end)

  it('"tile" repeats the diagonal', function()
    assert.equal("(1,1) (2,2) (3,1) (4,2) (5,1)", nonzeros(idinit(5, 2, { fit = "tile" })))
    assert.equal("(1,1) (1,3) (1,5) (2,2) (2,4)", nonzeros(idinit(2, 5, { fit = "tile" })))
    assert.equal("(2,1,1) (2,1,3) (2,2,2)", nonzeros(idinit(3, 2, 3, { fit = "tile" })))
    assert.equal("(2,1,1) (2,2,2) (2,3,1)", nonzeros(idinit(3, 3, 2, { fit = "tile" })))
    assert.equal("(1,1) (1,2) (1,3)", nonzeros(idinit(1, 3, { fit = "tile" })))
  end)

  it('"mean" divides what each output sums by its number', function()
    assert.same({ { 0.5, 0, 0.5, 0 }, { 0, 0.5, 0, 0.5 } },
      idinit(2, 4, { fit = "mean" }):totable())
    local third = idinit.tensor { 1 / 3 }[1]
    assert.same({ { third, 0, third, 0, third }, { 0, 0.5, 0, 0.5, 0 } },
      idinit(2, 5, { fit = "mean" }):totable())
    assert.is_true(idinit(5, 2, { fit = "mean" }) == idinit(5, 2, { fit = "tile" }))
    assert.same({ { 2, 0, 2 }, { 0, 4, 0 } }, idinit(2, 3, { fit = "mean", gain = 4 }):totable())
  end)

  it('"mean" divides before it rounds', function()
    local gain = 2 ^ 24 + 1 -- no float: half way to the next
    assert.equal(2 ^ 24, idinit(1, 1, { gain = gain })(1, 1))
    assert.equal(3355443.5, idinit(1, 5, { fit = "mean", gain = gain })(1, 1))
    assert.equal(2 ^ -149, idinit(1, 3, { fit = "mean", gain = 3 * 2 ^ -149 })(1, 2))
    assert.equal(2 ^ 127, idinit(1, 2, { fit = "mean", gain = 2 ^ 128 })(1, 2))
  end)

  it('"hadamard" fills blocks of more outputs than inputs', function()
    local h = 0.5
    assert.same({ { h, h }, { h, -h }, { h, h }, { h, -h } },
      idinit(4, 2, { fit = "hadamard" }):totable())
    assert.same({ { h, h, h }, { h, -h, h }, { h, h, -h }, { h, -h, -h } },
      idinit(4, 3, { fit = "hadamard" }):totable())
    assert.same({ { 2, 2 }, { 2, -2 }, { 2, 2 } },
      idinit(3, 2, { fit = "hadamard", gain = 4 }):totable())
    local r = idinit.tensor { 2 ^ -0.5 }[1]
    assert.same({ { r }, { r } }, idinit(2, 1, { fit = "hadamard" }):totable())
    assert.same({ { r / 2 }, { r / 2 }, { r / 2 }, { r / 2 }, { r / 2 } },
      idinit(5, 1, { fit = "hadamard" }):totable())
  end)

  it('"hadamard" pads where there are no more outputs than inputs', function()
    assert.is_true(idinit(3, 5, { fit = "hadamard" }) == idinit(3, 5))
    assert.is_true(idinit(4, 4, { fit = "hadamard" }) == idinit(4, 4))
    assert.is_true(idinit(1, 1, { fit = "hadamard" }) == idinit(1, 1))
    assert.is_true(idinit(3, 5, 2, { fit = "hadamard" }) == idinit(3, 5, 2))
  end)

  it('"hadamard" has rows that are orthogonal where they are a whole matrix', function()
    local t = idinit(64, 63, { fit = "hadamard", gain = 8 })
    for a = 1, 64, 7 do
      for b = 1, 63 do
        local column = 0
        for k = 1, 64 do column = column + t(k, b) * t(k, math.min(a, 63)) end
        assert.equal(b == math.min(a, 63) and 64 or 0, column)
      end
    end
  end)

  it("works within each group", function()
    assert.equal("(1,1) (2,1) (3,1) (4,1)", nonzeros(idinit(4, 1, { fit = "tile", groups = 2 })))
    assert.equal("(1,1) (1,3) (2,2) (3,1) (3,3) (4,2)",
      nonzeros(idinit(4, 3, { fit = "tile", groups = 2 })))
    assert.same({ { 0.5, 0.5 }, { 0.5, 0.5 } },
      idinit(2, 2, { fit = "mean", groups = 2 }):totable())
    local r = idinit.tensor { 2 ^ -0.5 }[1]
    assert.same({ { r }, { r }, { r }, { r } },
      idinit(4, 1, { fit = "hadamard", groups = 2 }):totable())
  end)

  it("fills only the middle of a kernel", function()
    local t = idinit(3, 2, 4, { fit = "hadamard", layout = "wio" })
    assert.is_true(t[2] == idinit(2, 4, { fit = "hadamard", layout = "io" }))
    assert.is_true(t[1] == idinit.zeros(2, 4))
    assert.is_true(t[3] == idinit.zeros(2, 4))
  end)
end)

describe("order", function()
  it("is that of the buffer, and changes no element", function()
    for _, size in ipairs { { 2, 3 }, { 3, 2, 4 }, { 2, 3, 2, 3 } } do
      local row = idinit(size)
      size.order = "col"
      local col = idinit(size)
      assert.is_true(row == col)
      assert.is_true(col == row)
      assert.same(row:totable(), col:totable())
    end
  end)

  it("shows in the strides", function()
    assert.same({ 20, 5, 1 }, { idinit(3, 4, 5):stride() })
    assert.same({ 20, 5, 1 }, { idinit(3, 4, 5, { order = "row" }):stride() })
    assert.same({ 1, 3, 12 }, { idinit(3, 4, 5, { order = "col" }):stride() })
  end)

  -- The bytes of the buffer, which a file has behind its header.
  local function buffer(t)
    local name = os.tmpname()
    t:save(name)
    local file = assert(io.open(name, "rb"))
    local bytes = file:read "*a"
    file:close()
    os.remove(name)
    return bytes:sub(-4 * t:numel())
  end

  local zero, one, ten = "\0\0\0\0", "\0\0\128\63", "\0\0\32\65"

  it('"col" has byte for byte the array that Julia holds', function()
    -- [1 0 0; 0 1 0]: its columns one after the other.
    assert.equal(one .. zero .. zero .. one .. zero .. zero,
      buffer(idinit(2, 3, { order = "col" })))
    -- identity_init(3, 2; gain = 10, shift = 1)
    assert.equal(zero .. ten .. zero .. zero .. zero .. ten,
      buffer(idinit(3, 2, { gain = 10, shift = 1, order = "col" })))
    -- identity_init(2, 2, 1, 2): kernel, inputs, outputs, the first fastest.
    assert.equal(one .. zero:rep(7), buffer(idinit(2, 2, 1, 2, { order = "col" })))
    -- identity_init(3, 2, 2)
    assert.equal(zero .. one .. zero .. zero:rep(3) .. zero:rep(3) .. zero .. one .. zero,
      buffer(idinit(3, 2, 2, { order = "col" })))
  end)

  it('"row" has the array that C and NumPy hold', function()
    assert.equal(one .. zero .. zero .. zero .. one .. zero, buffer(idinit(2, 3)))
    assert.equal(zero:rep(4) .. one .. zero .. zero .. one .. zero:rep(4), buffer(idinit(3, 2, 2)))
  end)
end)

describe("window", function()
  it("makes a part of the whole", function()
    local t = idinit(4, 4, { window = { { 2, 3 }, { 2, 4 } } })
    assert.same({ { 1, 0, 0 }, { 0, 1, 0 } }, t:totable())
    assert.same({ { 0, 0 }, { 0, 0 } }, idinit(4, 4, { window = { { 1, 2 }, { 3, 4 } } }):totable())
    assert.same({ 3, 1, 2 }, sizeof(idinit(3, 4, 5, { window = { {}, { 4, 4 }, { 2, 3 } } })))
  end)

  it("of {} takes all of a dimension", function()
    assert.is_true(idinit(3, 5, { window = { {}, {} } }) == idinit(3, 5))
    assert.is_true(idinit(3, 5, { window = { {}, { 1, 5 } } }) == idinit(3, 5))
  end)

  it("may hold one element", function()
    assert.same({ { 1 } }, idinit(4, 4, { window = { { 3, 3 }, { 3, 3 } } }):totable())
    assert.same({ { 0 } }, idinit(4, 4, { window = { { 3, 3 }, { 4, 4 } } }):totable())
    assert.same({ { { 7 } } },
      idinit(3, 9, 9, { gain = 7, window = { { 2, 2 }, { 9, 9 }, { 9, 9 } } }):totable())
    assert.same({ { -0.5 } },
      idinit(4, 2, { fit = "hadamard", window = { { 4, 4 }, { 2, 2 } } }):totable())
  end)

  it("cuts after the shift", function()
    assert.equal("(1,1) (2,2)", nonzeros(idinit(3, 3, { shift = 1, window = { { 2, 3 }, {} } })))
    assert.equal("(1,3)", nonzeros(idinit(3, 3, { shift = 1, window = { { 1, 1 }, {} } })))
    assert.equal("(1,1)", nonzeros(idinit(3, 3, { shift = 1, window = { { 1, 1 }, { 3, 3 } } })))
  end)

  it("of an extent of 0 is {} or {1, 0}", function()
    assert.same({ 0, 2 }, sizeof(idinit(0, 3, { window = { {}, { 2, 3 } } })))
    assert.same({ 0, 2 }, sizeof(idinit(0, 3, { window = { { 1, 0 }, { 2, 3 } } })))
    assert.same({ 0, 2 }, sizeof(idinit { window = { { 1, 0 }, { 2, 3 } } } (0, 3)))
    fails(function() idinit(3, 3, { window = { { 1, 0 }, {} } }) end,
      "window: first <= last in range [1, 3] expected, got {1, 0} in dimension 1")
    fails(function() idinit { window = { { 1, 0 }, {} } } (3, 3) end,
      "window: first <= last in range [1, 3] expected, got {1, 0} in dimension 1")
  end)

  it("cuts zeros at rank 1", function()
    assert.same({ 0, 0 }, idinit(5, { window = { { 2, 3 } }, shift = 1 }):totable())
  end)

  it("costs what is in it, not what the whole would", function()
    local big = 2 ^ 20
    local t = idinit(big, big, { window = { { big - 1, big }, { big - 2, big } } })
    assert.same({ { 0, 1, 0 }, { 0, 0, 1 } }, t:totable())
    t = idinit(3, 3, big, big, { window = { {}, {}, { 7, 8 }, { 8, 9 } }, gain = 5 })
    assert.equal("(2,2,2,1)", nonzeros(t, 5))
    t = idinit(3, 3, big, big, {
      groups = 2 ^ 10, window = { {}, {}, { 1, 2 }, { big / 2 + 1, big / 2 + 2 } },
    })
    assert.equal("(2,2,1,1) (2,2,2,2)", nonzeros(t))
    t = idinit(2 ^ 53, 2 ^ 53, { shift = { -1 }, window = { { 2 ^ 53, 2 ^ 53 }, { 1, 2 } } })
    assert.same({ { 1, 0 } }, t:totable())
  end)

  it("costs no more where other fits have more taps", function()
    local far = { 2 ^ 40 + 1, 2 ^ 40 + 2 }
    local high, wide = { far, { 1, 2 } }, { { 1, 2 }, far }
    for fit, value in pairs { tile = 1, mean = 2 ^ -20 } do
      assert.equal("(1,1) (2,2)", nonzeros(idinit(2 ^ 50, 2 ^ 30, { fit = fit, window = high })))
      assert.equal("(1,1) (2,2)",
        nonzeros(idinit(2 ^ 30, 2 ^ 50, { fit = fit, window = wide }), value))
    end
    local c = 2 ^ -25
    assert.same({ { c, c }, { c, -c } },
      idinit(2 ^ 50, 2 ^ 30, { fit = "hadamard", window = high }):totable())
    assert.same({ { 0, 0 }, { 0, 0 } },
      idinit(2 ^ 30, 2 ^ 50, { fit = "hadamard", window = wide }):totable())
  end)

  it("is a list of ranges, with none besides it and none missing", function()
    for _, window in ipairs { { {}, [3] = {} }, { [0] = {}, {}, {} }, { [0] = {}, [2] = {} },
                              { [-1] = {}, [2] = {} }, { {}, {}, n = 2 } } do
      fails(function() idinit(3, 3, { window = window }) end,
        "window: table of ranges expected, got a table that is no list")
    end
  end)

  it("that is wrong is told as it was given, up to 40 characters", function()
    local long = ("x"):rep(41)
    fails(function() idinit(3, 3, { window = { { long, 2 }, {} } }) end,
      'got {string "' .. long:sub(2) .. '...", 2} in dimension 1')
  end)

  it("is no larger than memory", function()
    fails(function() idinit(2 ^ 53, 2 ^ 53, { window = { {}, { 1, 2 ^ 20 } } }) end,
      "not enough memory")
  end)

  it("joined with its neighbours is the whole", function()
    for _, fit in ipairs { "pad", "tile", "mean", "hadamard" } do
      for _, size in ipairs { { 9, 5 }, { 5, 9 }, { 6, 6 } } do
        local kw = { size[1], size[2], fit = fit, shift = { 2, -1 }, gain = 3 }
        local whole = idinit(kw)
        local parts = {}
        for k = 1, size[1] do
          kw.window = { { k, k }, {} }
          parts[k] = idinit(kw)
        end
        assert.is_true(idinit.cat(parts, 1) == whole)
        parts = {}
        for k = 1, size[2] do
          kw.window = { {}, { k, k } }
          parts[k] = idinit(kw)
        end
        assert.is_true(idinit.cat(parts, 2) == whole)
      end
    end
  end)
end)

describe("The core", function()
  it("knows 32 names that a key may be meant to have, and no more", function()
    local names = {}
    for k = 1, 40 do names[k] = ("name%d"):format(k) end
    local text = core.unknown("zzzzzzzzzzzz", unpack(names))
    assert.truthy(text:find("name31, name32 expected", 1, true), text)
  end)
end)
