local idinit = require "idinit"
local core = require "idinit.core"
local random = require "spec.support.random"
local child = require "spec.tools.child"
local fails = require "spec.support.fails"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack
local NAN = 0 / 0

local function characters(text)
  local list = {}
  for character in text:gmatch "[^\128-\191][\128-\191]*" do
    list[#list + 1] = character
  end
  return list
end

local lines = lists.lines

-- The dots of a framed picture, as keys "row,column".
local function dotsof(text)
  local dots, rows = {}, 0
  for _, line in ipairs(lines(text)) do
    local inside = line:match "^│(.*)│$"
    for k, character in ipairs(inside and characters(inside) or {}) do
      local _, high, low = character:byte(1, 3)
      local mask = (high - 0xa0) * 64 + low - 0x80
      for bit, at in ipairs { "0,0", "1,0", "2,0", "0,1", "1,1", "2,1", "3,0", "3,1" } do
        local r, c = at:match "(%d),(%d)"
        if mask % 2 ^ bit >= 2 ^ (bit - 1) then
          dots[("%d,%d"):format(rows + r, 2 * (k - 1) + c)] = true
        end
      end
    end
    if inside then rows = rows + 4 end
  end
  return dots
end

-- What a picture of `rows` by `columns` dots must show of a matrix: its dots,
-- and the number of non-zeros.
local function model(t, rows, columns)
  local dots, count = {}, 0
  local m, n = t:size(1), t:size(2)
  rows, columns = math.min(m, rows), math.min(n, columns)
  for i = 0, m - 1 do
    for j = 0, n - 1 do
      if t(i + 1, j + 1) ~= 0 then
        count = count + 1
        dots[("%d,%d"):format(math.floor(i * rows / m), math.floor(j * columns / n))] = true
      end
    end
  end
  return dots, count
end

describe("A picture", function()
  it("has a dot for each non-zero, a frame and a caption", function()
    assert.equal([[
┌────┐
│⠑⢄⠀⠀│
│⠀⠀⠑⢄│
└────┘
8×8, 8 non-zeros]], idinit(8, 8):spy())
    assert.equal([[
┌──┐
│⠑⠄│
└──┘
3×3, 3 non-zeros]], idinit(3, 3):spy())
  end)

  it("counts NaN, infinities and the least float, but not -0", function()
    local t = idinit.tensor { { NAN, -1 / (1 / 0), 2 ^ -149, 1 / 0, 0, -2 ^ -149 } }
    assert.equal("┌───┐\n│⠁⠉⠈│\n└───┘\n1×6, 4 non-zeros", t:spy())
    t = idinit.zeros(100):fill(-1 / (1 / 0))
    assert.equal(0, core.nonzeros(t))
    t[40] = 2 ^ -149
    assert.equal(1, core.nonzeros(t))
    t:fill(NAN)
    assert.equal(100, core.nonzeros(t))
  end)

  it("of a vector is a column", function()
    assert.equal("┌─┐\n│⠅│\n│⠁│\n└─┘\n5-element, 3 non-zeros",
      idinit.tensor({ 1, 0, 1, 0, 1 }):spy())
  end)

  it("of rank 0 is one dot", function()
    assert.equal("┌─┐\n│⠁│\n└─┘\n0-dimensional, 1 non-zero", idinit.tensor(7):spy())
    assert.equal("┌─┐\n│⠀│\n└─┘\n0-dimensional, 0 non-zeros", idinit.tensor(0):spy())
  end)

  it("of an empty tensor is an empty frame", function()
    assert.equal("┌┐\n└┘\n0×3, 0 non-zeros", idinit.zeros(0, 3):spy())
    assert.equal("┌┐\n└┘\n3×0×2, 0 non-zeros", idinit.zeros(3, 0, 2):spy())
    assert.equal("┌┐\n└┘\n2×2×0, 0 non-zeros", idinit.zeros(2, 2, 0):spy())
    assert.equal(0, core.nonzeros(idinit.zeros(2 ^ 50, 2 ^ 50, 0)))
  end)

  it("counts a row of a reshaped tensor in column order, whose elements have gaps", function()
    local t = idinit(4, 2, 1, { order = "col" })
    local row = t:reshape(2, 2, 2, 1)[1]
    t:fill(1)
    row:fill(0)
    row[1][2][1] = 3
    assert.equal(1, core.nonzeros(row))
    row = idinit(4, 6, 5, { order = "col" }):fill(1):reshape(2, 2, 6, 5)[2]
    row[1][3][4] = 0
    assert.equal(59, core.nonzeros(row))
  end)

  it("has slices side by side, each below its indices", function()
    assert.equal([[
[:, :, 1]  [:, :, 2]
┌──┐       ┌──┐
│⠂⠀│       │⠐⠀│
└──┘       └──┘
3×3×2, 2 non-zeros]], idinit(3, 3, 2):spy(80, 24))
    assert.equal([[
[:, :, 1, 1]  [:, :, 2, 1]
┌─┐           ┌─┐
│⠁│           │⠀│
└─┘           └─┘
[:, :, 1, 2]  [:, :, 2, 2]
┌─┐           ┌─┐
│⠀│           │⠁│
└─┘           └─┘
[:, :, 1, 3]  [:, :, 2, 3]
┌─┐           ┌─┐
│⠀│           │⠀│
└─┘           └─┘
1×1×2×3, 2 non-zeros]], idinit(1, 1, 2, 3):spy(30, 24))
  end)

  it("leaves out slices that find no room, but counts their non-zeros", function()
    assert.equal([[
[:, :, 1, 1]  [:, :, 2, 1]
┌─┐           ┌─┐
│⠁│           │⠀│
└─┘           └─┘
[:, :, 1, 2]  [:, :, 2, 2]
┌─┐           ┌─┐
│⠀│           │⠁│
└─┘           └─┘
1×1×2×20, 2 non-zeros, 36
slices left out]], idinit(1, 1, 2, 20):spy(30, 10))
  end)

  it("shows two large slices side by side, and four of more", function()
    local text = idinit(500, 500, 2):spy(80, 24)
    assert.truthy(text:find "^%[:, :, 1%] +%[:, :, 2%]\n")
    assert.equal(80, #characters(lines(text)[2]))
    assert.truthy(text:find "\n500×500×2, 2 non%-zeros$")
    text = idinit(500, 500, 7):spy(80, 24)
    assert.truthy(text:find("[:, :, 4]", 1, true))
    assert.truthy(text:find "\n500×500×7, 7 non%-zeros, 3 slices left out$")
  end)

  it("shows the cells that hold a non-zero where the tensor is larger", function()
    local draw = random.new(random.seed)
    for _ = 1, 60 do
      local m, n = draw(150), draw(200)
      local t = idinit(m, n, { gain = draw(2) - 1, order = draw(2) == 1 and "row" or "col" })
      for _ = 1, draw(300) do
        t[{ draw(m), draw(n) }] = draw(3) - 2
      end
      local width, height = 29 + draw(50), 4 + draw(40)
      local text = t:spy(width, height)
      local about = ("seed %d: %d x %d, %d, %d:\n%s"):format(random.seed, m, n, width, height, text)
      local expected, count = model(t, 4 * (height - 3), 2 * (width - 2))
      assert.same(expected, dotsof(text), about)
      assert.equal(("%d×%d, %d non-zero%s"):format(m, n, count, count == 1 and "" or "s"),
        text:match "[^\n]*$", about)
    end
  end)

  it("is the same for views and for both orders", function()
    local t = idinit.tensor { { { 1, 0, 2 }, { 0, 3, 0 } }, { { 0, 0, 1 }, { 1, 1, 1 } } }
    local u = idinit(2, 2, 3, { order = "col" }):copy(t)
    assert.equal(t:spy(), u:spy())
    assert.equal("┌──┐\n│⠒⠃│\n└──┘\n2×3, 4 non-zeros", t[2]:spy())
    assert.equal(t[2]:spy(), u[2]:spy())
    assert.equal(t[1][1]:spy(), u[1][1]:spy())
  end)

  it("counts the same however the elements lie", function()
    local draw = random.new(random.seed)
    for _ = 1, 60 do
      local size, numel = {}, 1
      for d = 1, 1 + draw(4) do
        size[d] = draw(9)
        numel = numel * size[d]
      end
      local t, count = idinit.zeros(numel), 0
      for i = 1, numel do
        t[i] = draw(2) - 1
        count = count + t[i]
      end
      t = t:reshape(unpack(size))
      local keywords = { order = "col" }
      for d, n in ipairs(size) do keywords[d] = n end
      local u = idinit(keywords):copy(t)
      local about = "seed " .. random.seed
      assert.equal(count, core.nonzeros(t), about)
      assert.equal(count, core.nonzeros(u), about)
      local rows = 0
      for i = 1, size[1] do
        assert.equal(core.nonzeros(t[i]), core.nonzeros(u[i]), about)
        rows = rows + core.nonzeros(u[i])
      end
      assert.equal(count, rows, about)
    end
  end)

  it("fits the width and height, whatever they are", function()
    local draw = random.new(random.seed)
    for _ = 1, 200 do
      local size = {}
      for d = 1, draw(6) do size[d] = draw(d < 3 and 120 or 3) end
      local width, height = 9 + draw(90), 4 + draw(40)
      local text = idinit(unpack(size)):spy(width, height)
      local about = ("seed %d: %s in %d x %d:\n%s"):format(random.seed,
        table.concat(size, " x "), width, height, text)
      assert.is_true(#lines(text) <= height, about)
      for _, line in ipairs(lines(text)) do
        assert.is_true(#characters(line) <= width, about)
      end
    end
  end)

  it("of the least width and height shows what it can", function()
    assert.equal("[:, :, 1]\n┌──┐\n│⠂⠀│\n└──┘\n3×3×2, 2", idinit(3, 3, 2):spy(10, 5))
    assert.equal("┌────────┐\n│⠉⠉⠒⠒⠤⠤⣀⣀│\n└────────┘\n40×40, 40\nnon-zeros",
      idinit(40, 40):spy(10, 5))
  end)

  it("of rank 32 fits too", function()
    local size = {}
    for d = 1, 32 do size[d] = d % 8 == 0 and 3 or 1 end
    local t = idinit(unpack(size))
    for _, width in ipairs { 10, 40, 80, 200 } do
      local text = t:spy(width, 24)
      assert.is_true(#lines(text) <= 24)
      for _, line in ipairs(lines(text)) do assert.is_true(#characters(line) <= width) end
    end
    assert.truthy(t:spy(200, 24):find "1×3, 1 non%-zero, 71 slices left out$")
    assert.truthy(t:spy(10, 10):find "^%[:, :, …%]\n")
    assert.truthy(t:spy(10, 10):find "\n1×1×…×1×3,\n1\nnon%-zero,\n80 slices\nleft out$")
  end)
end)

describe("The size of a picture", function()
  local function edge(text) return #characters(lines(text)[1]) end
  local t = idinit(7, 7)

  -- The columns and lines of a picture where the environment has these
  -- variables.
  local function extents(variables, arguments)
    local code = ('io.write(require "idinit" (700, 700):spy(%s))'):format(arguments)
    local text = child.must(("env -u COLUMNS -u LINES %s %s -e %s"):format(
      variables, child.lua(), child.quote(code)))
    return edge(text) .. " x " .. #lines(text)
  end

  it("is 80 x 24 where the terminal does not tell", function()
    assert.equal("80 x 24", extents("", ""))
  end)

  it("is the terminal's where COLUMNS and LINES tell", function()
    assert.equal("120 x 50", extents("COLUMNS=120 LINES=50", ""))
  end)

  it("is 80 x 24 where they tell nonsense", function()
    for _, nonsense in ipairs { "", "0", "-5", "9e9", "wide", "99999999", "12.5", "0x40" } do
      assert.equal("80 x 24", extents(("COLUMNS=%s LINES=%s"):format(nonsense, nonsense), ""))
    end
  end)

  it("is what the arguments say first of all", function()
    local variables = "COLUMNS=120 LINES=50"
    assert.equal("40 x 50", extents(variables, "40"))
    assert.equal("40 x 12", extents(variables, "40, 12"))
    assert.equal("120 x 12", extents(variables, "nil, 12"))
  end)

  it("is an integer in range, or else an error in the caller's line", function()
    for text, arguments in pairs {
      ["width: integer in range [10, 10000] expected, got 9"] = { 9 },
      ["width: integer in range [10, 10000] expected, got 40.5"] = { 40.5 },
      ["width: integer in range [10, 10000] expected, got nan"] = { NAN },
      ["width: integer in range [10, 10000] expected, got inf"] = { 1 / 0 },
      ["width: integer in range [10, 10000] expected, got string \"40\""] = { "40" },
      ["height: integer in range [5, 10000] expected, got 10001"] = { 40, 10001 },
      ["height: integer in range [5, 10000] expected, got table"] = { 40, {} },
    } do
      assert.equal(text, fails(function()
        t:spy(unpack(arguments))
      end))
    end
  end)

  it("is asked of tensors only", function()
    for _, wrong in ipairs { 1, "x", {}, true, io.stdout } do
      fails(function()
        t.spy(wrong)
      end, "tensor expected, got ")
    end
  end)
end)

describe("The core of a picture", function()
  it("checks whatever it is given", function()
    local t = idinit(3, 3)
    for _, arguments in ipairs {
      { n = 0 }, { 1 }, { "x", 1, 1 }, { t }, { t, 1 }, { t, 0, 1 }, { t, 1, 10001 },
      { t, 1.5, 1 }, { t, 1, NAN }, { t, "1", 1 }, { t, 1, -1 / 0 },
      { idinit(3, 3, 2), 1, 1 }, { idinit.zeros(0, 3), 1, 1 },
    } do
      assert.has_error(function() core.spy(unpack(arguments)) end)
    end
    assert.has_error(function() core.nonzeros() end)
    assert.has_error(function() core.nonzeros {} end)
  end)
end)
