-- idinit.frombytes and t:tobytes: tensors from and to strings.

local idinit = require "idinit"
local child = require "spec.tools.child"
local fails = require "spec.support.fails"

local one, two, three = "\0\0\128\63", "\0\0\0\64", "\0\0\64\64"

-- Every type, with bytes of two elements, and the values they are read as.
local TYPES = {
  bool = { "\0\2", 0, 1 },
  u8 = { "\7\255", 7, 255 },
  i8 = { "\7\255", 7, -1 },
  u16 = { "\7\0\254\255", 7, 65534 },
  i16 = { "\7\0\254\255", 7, -2 },
  u32 = { "\7\0\0\0\255\255\255\255", 7, 2 ^ 32 },
  i32 = { "\7\0\0\0\1\0\0\128", 7, -2 ^ 31 },
  u64 = { "\7\0\0\0\0\0\0\0" .. "\1\0\0\0\128\0\0\128", 7, 2 ^ 63 + 2 ^ 40 },
  i64 = { "\7\0\0\0\0\0\0\0" .. ("\0"):rep(7) .. "\128", 7, -2 ^ 63 },
  f16 = { "\0\62\1\128", 1.5, -2 ^ -24 },
  bf16 = { "\192\63\128\255", 1.5, -1 / 0 },
  f32 = { "\0\0\192\63\1\0\0\0", 1.5, 2 ^ -149 },
  f64 = { "\0\0\0\0\0\0\248\63" .. "\1\0\0\16\0\0\240\63", 1.5, 1 + 2 ^ -23 },
}

describe("idinit.frombytes", function()
  it("reads every type, lowest byte first", function()
    for name, case in pairs(TYPES) do
      assert.are.same({ case[2], case[3] }, idinit.frombytes(case[1], name, 2):totable(), name)
    end
  end)

  it("makes tensors of every rank, in row order", function()
    local t = idinit.frombytes("\1\2\3\4\5\6", "u8", 2, 3)
    assert.are.same({ { 1, 2, 3 }, { 4, 5, 6 } }, t:totable())
    assert.are.same({ 3, 1 }, { t:stride() })
    assert.are.equal(0, idinit.frombytes(one, "f32"):dim())
    assert.are.equal(1, idinit.frombytes(one, "f32")())
    assert.are.same({ 3, 0, 2 }, { idinit.frombytes("", "f64", 3, 0, 2):size() })
    local sizes = {}
    for d = 1, 32 do sizes[d] = 1 end
    t = idinit.frombytes(two, nil, (table.unpack or unpack)(sizes))
    assert.are.equal(32, t:dim())
    assert.are.equal(2, t:reshape(1)[1])
  end)

  it("reads long strings as it reads short ones", function()
    for name, case in pairs(TYPES) do
      local n = 1537
      local t = idinit.frombytes(case[1]:rep(n), name, n, 2)
      for _, i in ipairs { 1, 2, 8, 9, 511, 512, 513, 1024, 1025, n } do
        assert.are.equal(case[2], t(i, 1))
        assert.are.equal(case[3], t(i, 2))
      end
    end
  end)

  it("refuses strings that are longer or shorter", function()
    for _, bytes in ipairs { "", one, one .. "x", one .. two .. "x" } do
      fails(function() idinit.frombytes(bytes, "f32", 1, 2) end,
        "8 bytes expected", "1×2", ("got %d"):format(#bytes))
    end
    fails(function() idinit.frombytes("x", "u8", 0) end, "0 bytes expected", "got 1")
    fails(function() idinit.frombytes("", "u8") end, "1 bytes expected", "got 0")
  end)

  it("refuses what is no string, type or size", function()
    fails(function() idinit.frombytes(nil, "f32") end, "bytes: string expected, got nil")
    fails(function() idinit.frombytes(7, "u8") end, "bytes: string expected, got 7")
    fails(function() idinit.frombytes("x", "F32") end, "dtype: one of bool, u8, i8",
      'got string "F32"')
    fails(function() idinit.frombytes("x", 8) end, "dtype: one of", "got 8")
    fails(function() idinit.frombytes("x", "u8", -1) end, "size 1", "got -1")
    fails(function() idinit.frombytes("x", "u8", 1, 0.5) end, "size 2", "got 0.5")
    fails(function() idinit.frombytes("x", "u8", 1, nil) end, "size 2", "got nil")
    local sizes = {}
    for d = 1, 33 do sizes[d] = 1 end
    fails(function()
      local t = idinit.frombytes("x", "u8", (table.unpack or unpack)(sizes)) return t
    end, "32")
  end)

  it("refuses a size of 2 GiB and more, of whatever extents", function()
    fails(function() idinit.frombytes("", "u8", 2 ^ 31) end, "2 GiB")
    fails(function() idinit.frombytes("", "f64", 2 ^ 28) end, "2 GiB")
    fails(function() idinit.frombytes("", "u8", 2 ^ 53, 2 ^ 53, 2 ^ 53) end, "2 GiB")
    fails(function() idinit.frombytes("", "u8", 2 ^ 28) end, "268435456 bytes", "got 0")
  end)
end)

describe("t:tobytes", function()
  it("writes f32 where no type is given, in row order", function()
    local t = idinit { 2, 2, order = "col" }
    t[1][2], t[2][1], t[2][2] = 2, 3, 1
    assert.are.equal(one .. two .. three .. one, t:tobytes())
    assert.are.equal(three .. one, t[2]:tobytes())
    assert.are.equal(two, idinit.tensor(2):tobytes())
    assert.are.equal("", idinit.zeros(3, 0):tobytes "f64")
  end)

  it("gives back what was read, bit for bit", function()
    for _, name in ipairs { "f16", "bf16", "f32" } do
      local bytes = TYPES[name][1]
      assert.are.equal(bytes, idinit.frombytes(bytes, name, 2):tobytes(name))
    end
    local nan = "\1\0\128\127\1\0\128\255\1\2\192\127"
    assert.are.equal(nan, idinit.frombytes(nan, "f32", 3):tobytes())
  end)

  it("rounds to nearest even", function()
    local t = idinit.tensor { 1 + 2 ^ -11, 1 + 3 * 2 ^ -11, 65520, 2 ^ -25 }
    assert.are.equal("\0\60\2\60\0\124\0\0", t:tobytes "f16")
    t = idinit.tensor { 1 + 2 ^ -8, 1 + 3 * 2 ^ -8, (2 - 2 ^ -9) * 2 ^ 127, 2 ^ -134 }
    assert.are.equal("\128\63\130\63\128\127\0\0", t:tobytes "bf16")
    assert.are.equal("\0\0\0\32\0\0\240\63", idinit.tensor { 1 + 2 ^ -23 }:tobytes "f64")
  end)

  it("writes views of any strides", function()
    local t = idinit.zeros(7, 300, 3)
    for i = 1, 7 do
      for j = 1, 300 do
        for k = 1, 3 do t[{ i, j, k }] = i * 1000 + j + k / 4 end
      end
    end
    for _, order in ipairs { "row", "col" } do
      local u = idinit { 7, 300, 3, order = order }
      u:copy(t)
      for _, view in ipairs { u, u[3], u[7][300], u:transpose(1, 3), u:narrow(2, 17, 200) } do
        local size = { view:size() }
        local again = idinit.frombytes(view:tobytes "f64", "f64", (table.unpack or unpack)(size))
        assert.is_true(view == again)
      end
    end
  end)

  it("refuses types that are only read, and others", function()
    local t = idinit(2)
    for _, name in ipairs { "u8", "bool", "i64", "F32", "" } do
      fails(function() local bytes = t:tobytes(name) return bytes end,
        "dtype: one of bf16, f16, f32, f64 expected", ('got string "%s"'):format(name))
    end
    fails(function() t.tobytes(nil) end, "tensor expected, got nil")
    fails(function() t.tobytes({}) end, "tensor expected, got table")
  end)

  it("refuses 2 GiB and more, before it asks for memory #native", function()
    local start = "ulimit -v 3000000 && " .. child.lua() .. " -e "
    local output, status = child.run(start .. child.quote [[
      local idinit = require "idinit"
      local t = idinit.zeros(2 ^ 29)
      print(pcall(t.tobytes, t))
      print(pcall(t.tobytes, t, "f64"))]])
    if status ~= 0 then pending "the shell cannot limit memory" return end
    assert.are.equal("false\tf32 of size 536870912: less than 2 GiB expected\n" ..
      "false\tf64 of size 536870912: less than 2 GiB expected\n", output)
  end)
end)
