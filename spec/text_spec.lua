local idinit = require "idinit"
local core = require "idinit.core"
local child = require "spec.tools.child"
local random = require "spec.support.random"
local show = require "idinit.text"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack

local lines = lists.lines

local function width(text)
  local _, columns = text:gsub("[^\128-\191]", "")
  return columns
end

-- A tensor in the other order with the same elements.
local function column(t)
  return idinit(t:size(1), t:size(2), { order = "col" }):copy(t)
end

describe("A number's text", function()
  local function float(x)
    local t = idinit.zeros(1)
    t[1] = x
    return t[1]
  end

  it("has a point, and few digits", function()
    for text, x in pairs {
      ["0.0"] = 0, ["1.0"] = 1, ["-1.0"] = -1, ["100.0"] = 100, ["0.1"] = 0.1,
      ["0.33333334"] = 1 / 3, ["3.1415927"] = math.pi, ["-2.25"] = -2.25,
      ["1.6777216e7"] = 2 ^ 24, ["3.4028235e38"] = 3.4028234663852886e38,
      ["1.1754944e-38"] = 2 ^ -126, ["1.0e-45"] = 2 ^ -149,
      ["9.8607613e-32"] = 2 ^ -103, ["8.589974e9"] = 8589973504,
      ["3.355445e7"] = 33554448, ["9.0e9"] = 9e9,
      ["305404.12"] = 305404.125, ["8099.0312"] = 8099.03125,
    } do
      assert.equal(text, core.shortest(x))
    end
  end)

  it("has an exponent below 0.0001 and from a million on", function()
    assert.equal("0.0001", core.shortest(1e-4))
    assert.equal("9.9999e-5", core.shortest(9.9999e-5))
    assert.equal("1.0e-5", core.shortest(1e-5))
    assert.equal("999999.0", core.shortest(999999))
    assert.equal("999999.94", core.shortest(999999.9375))
    assert.equal("1.0e6", core.shortest(1e6))
    assert.equal("-1.0e10", core.shortest(-1e10))
  end)

  it("tells infinities, NaN and -0", function()
    assert.equal("Inf", core.shortest(1 / 0))
    assert.equal("-Inf", core.shortest(-1 / 0))
    assert.equal("Inf", core.shortest(1e39))
    assert.equal("NaN", core.shortest(0 / 0))
    assert.equal("-0.0", core.shortest(-1 / (1 / 0)))
  end)

  it("reads back as the same float32, and one digit less does not", function()
    local draw = random.new(random.seed)
    for _ = 1, 3000 do
      local x = float((draw(2 ^ 24) + draw(2 ^ 24) / 2 ^ 24)
        * 2 ^ (draw(250) - 150) * (draw(2) * 2 - 3))
      local text = core.shortest(x)
      local about = "seed " .. random.seed .. ": " .. text
      assert.equal(x, float(tonumber(text)), about)
      assert.truthy(text:find "^%-?%d+%.%d+$" or text:find "^%-?%d%.%d+e%-?%d+$", about)
      local digits = text:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", ""):gsub("0+$", "")
      if #digits > 1 then
        local shorter = ("%%.%de"):format(#digits - 2):format(x)
        assert.not_equal(x, float(tonumber(shorter)), about)
      end
    end
  end)

  it("is had of numbers only", function()
    assert.has_error(function() core.shortest() end)
    assert.has_error(function() core.shortest "1" end)
    assert.has_error(function() core.shortest {} end)
  end)
end)

describe("A tensor's text", function()
  it("is a header and aligned columns", function()
    assert.equal([[
3×5 float tensor:
 1.0  0.0  0.0  0.0  0.0
 0.0  1.0  0.0  0.0  0.0
 0.0  0.0  1.0  0.0  0.0]], tostring(idinit(3, 5)))
  end)

  it("has slices below their indices", function()
    assert.equal([[
3×3×2 float tensor:
[:, :, 1] =
   0.0  0.0  0.0
 100.0  0.0  0.0
   0.0  0.0  0.0

[:, :, 2] =
 0.0    0.0  0.0
 0.0  100.0  0.0
 0.0    0.0  0.0]], tostring(idinit(3, 3, 2, { gain = 100 })))
    assert.equal([[
1×1×2×2 float tensor:
[:, :, 1, 1] =
 1.0

[:, :, 2, 1] =
 2.0

[:, :, 1, 2] =
 3.0

[:, :, 2, 2] =
 4.0]], tostring(idinit.tensor { { { { 1, 3 }, { 2, 4 } } } }))
  end)

  it("of a vector is a column", function()
    assert.equal([[
4-element float tensor:
  0.5
 -1.0
 20.0
  1.0e7]], tostring(idinit.tensor { 0.5, -1, 20, 1e7 }))
  end)

  it("of rank 0 is its number", function()
    assert.equal("0-dimensional float tensor:\n5.0", tostring(idinit.tensor(5)))
  end)

  it("of an empty tensor is the header", function()
    assert.equal("0×3 float tensor", tostring(idinit.zeros(0, 3)))
    assert.equal("0-element float tensor", tostring(idinit.zeros(0)))
    assert.equal("2×0×5 float tensor", tostring(idinit.zeros(2, 0, 5)))
  end)

  it("aligns on the point, infinities and NaN as Julia does", function()
    assert.equal([[
2×2 float tensor:
 Inf    0.0
  0.0  Inf]], tostring(idinit(2, 2, { gain = 1 / 0 })))
    assert.equal([[
2×2 float tensor:
 NaN      0.0
   0.0  NaN]], tostring(idinit(2, 2, { gain = 0 / 0 })))
    assert.equal([[
3×3 float tensor:
    0.1       -0.0   -Inf
 -100.0        1.25    3.0
    1.0e-20  NaN      10.0]],
      tostring(idinit.tensor {
        { 0.1, -1 / (1 / 0), -1 / 0 }, { -100, 1.25, 3 }, { 1e-20, 0 / 0, 10 },
      }))
  end)

  it("is the same for views and for both orders", function()
    local t = idinit.tensor { { 1, 2.5, 3 }, { -4, 5, 6e10 } }
    assert.equal(tostring(t), tostring(column(t)))
    assert.equal("3-element float tensor:\n -4.0\n  5.0\n  6.0e10", tostring(t[2]))
    assert.equal(tostring(t[2]), tostring(column(t)[2]))
  end)

  it("of 20 rows is whole, of more has dots before the last nine", function()
    local whole = lines(tostring(idinit.zeros(20)))
    assert.equal(21, #whole)
    local t = idinit.zeros(21, 6)
    for i = 1, 21 do
      for j = 1, 6 do t[{ i, j }] = i + j / 10 end
    end
    local text = lines(tostring(t))
    assert.equal(21, #text)
    assert.equal(" 10.1  10.2  10.3  10.4  10.5  10.6", text[11])
    assert.equal("  ⋮                             ⋮  ", text[12])
    assert.equal(" 13.1  13.2  13.3  13.4  13.5  13.6", text[13])
  end)

  it("of 78 characters and less is whole, of more has dots in the middle", function()
    local row = idinit.zeros(1, 15)
    row[{ 1, 2 }] = 1000
    assert.equal(" 0.0  1000.0" .. ("  0.0"):rep(13),
      lines(tostring(row))[2])
    row[{ 1, 2 }] = 10000
    assert.truthy(tostring(row):find("…", 1, true))
    local t = idinit.zeros(6, 16)
    for j = 1, 16 do t[{ 1, j }] = j / 10 end
    local text = lines(tostring(t))
    local zeros = " 0.0  0.0  0.0  0.0  0.0  0.0  0.0  0.0     0.0  0.0  0.0  0.0  0.0  0.0  0.0"
    assert.equal(
      " 0.1  0.2  0.3  0.4  0.5  0.6  0.7  0.8  …  1.0  1.1  1.2  1.3  1.4  1.5  1.6", text[2])
    for i = 3, 6 do assert.equal(zeros, text[i]) end
    assert.equal((zeros:gsub("0     0", "0  …  0")), text[7])
  end)

  it("of a large matrix shows its corners, and reads nothing else", function()
    local get, reads = core.methods.get, 0
    finally(function() core.methods.get = get end)
    core.methods.get = function(...)
      reads = reads + 1
      return get(...)
    end
    local text = lines(tostring(idinit(2000, 2001)))
    assert.equal(21, #text)
    assert.is_true(reads >= 19 * 15 and reads <= 19 * 25)
    assert.equal("2000×2001 float tensor:", text[1])
    assert.equal(
      " 1.0  0.0  0.0  0.0  0.0  0.0  0.0  0.0  …  0.0  0.0  0.0  0.0  0.0  0.0  0.0", text[2])
    assert.equal(
      " ⋮                        ⋮              ⋱       ⋮                        ⋮  ", text[12])
    assert.equal(
      " 0.0  0.0  0.0  0.0  0.0  0.0  0.0  0.0     0.0  0.0  0.0  0.0  0.0  1.0  0.0", text[21])
  end)

  it("of up to three slices shows all of them", function()
    local text = tostring(idinit(28, 28, 3))
    assert.equal(24, #lines(text))
    for i = 1, 3 do assert.truthy(text:find("[:, :, " .. i .. "] =", 1, true)) end
  end)

  it("of many slices shows the first ones and the last", function()
    local t = idinit.zeros(1, 2, 3, 4)
    for i = 1, 3 do
      for j = 1, 4 do t[1][1][i][j] = i * 10 + j end
    end
    assert.equal([[
1×2×3×4 float tensor:
[:, :, 1, 1] =
 11.0  0.0

[:, :, 2, 1] =
 21.0  0.0

[:, :, 3, 1] =
 31.0  0.0

[:, :, 1, 2] =
 12.0  0.0

[:, :, 2, 2] =
 22.0  0.0

[:, :, 3, 2] =
 32.0  0.0

 ⋮

[:, :, 3, 4] =
 34.0  0.0]], tostring(t))
  end)

  it("of many large slices shows some rows of two", function()
    local text = tostring(idinit(28, 28, 10))
    assert.equal(24, #lines(text))
    assert.truthy(text:find "\n%[:, :, 1%] =\n")
    assert.truthy(text:find "\n\n ⋮\n\n%[:, :, 10%] =\n")
  end)

  it("keeps to 24 lines of 80 columns", function()
    local draw = random.new(random.seed)
    for _ = 1, 150 do
      local size, numel = {}, 1
      for d = 1, draw(6) do
        size[d] = draw(math.min(60, math.floor(20000 / numel)))
        numel = numel * size[d]
      end
      local t = idinit.zeros(numel)
      for _ = 1, 200 do
        t[draw(numel)] = (draw(2001) - 1001) * 10 ^ (draw(60) - 30)
      end
      local text = tostring(t:reshape(unpack(size)))
      local about = ("seed %d: %s"):format(random.seed, text)
      assert.is_true(#lines(text) <= 24, about)
      for _, line in ipairs(lines(text)) do assert.is_true(width(line) <= 80, about) end
    end
  end)

  it("of rank 32 fits a line and names the slices", function()
    local size = {}
    for d = 1, 32 do size[d] = d < 3 and 3 or d > 29 and 2 or 1 end
    local text = tostring(idinit.zeros(unpack(size)))
    assert.truthy(text:find("\n[:, :" .. (", 1"):rep(12) .. ", …" .. (", 1"):rep(11)
      .. "] =\n", 1, true))
    assert.truthy(text:find(", 1, 2, 2, 2] =\n", 1, true))
    for d = 1, 32 do size[d] = 2 ^ 20 + d end
    size[16] = 0
    text = tostring(idinit.zeros(unpack(size)))
    assert.is_true(width(text) <= 80)
    assert.equal("1048577×1048578×1048579×1048580×…×1048605×1048606×1048607×1048608"
      .. " float tensor", text)
  end)

  it("is had of tensors only", function()
    for _, wrong in ipairs { 1, "x", {}, true, io.stdout } do
      local ok, message = pcall(show, wrong)
      assert.is_false(ok)
      assert.truthy(message:find "tensor expected, got ")
    end
  end)
end)

describe("Texts and pictures", function()
  it("are the same where a host has removed and replaced what Lua brings", function()
    local size = { 40, 60, 5 }
    local t = idinit(size)
    local expected = tostring(t) .. "\n" .. t:spy(60, 20)
    assert.equal(expected, (child.must(child.lua() .. " -e " .. child.quote(([[
      local t = require "idinit" { %s }
      local write, tostring, next, all = io.write, tostring, next, _G
      for _, name in next, { "string", "table", "os" } do
        for key in next, all[name] do all[name][key] = error end
      end
      for _, name in next, { "error", "ipairs", "tonumber", "unpack" } do all[name] = nil end
      write(tostring(t), "\n", t:spy(60, 20))
    ]]):format(table.concat(size, ", "))))))
  end)
end)
