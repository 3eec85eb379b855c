-- Dense nets that grow: wider by "tile" and "mean", deeper by identities, their
-- outputs unchanged.

local idinit = require "idinit"
local random = require "spec.support.random"

-- The product of two matrices.
local function multiply(a, b)
  local n, m, k = a:size(1), b:size(2), b:size(1)
  assert(a:size(2) == k)
  local c = idinit.zeros(n, m)
  for i = 1, n do
    for j = 1, m do
      local sum = 0
      for l = 1, k do sum = sum + a(i, l) * b(l, j) end
      c[i][j] = sum
    end
  end
  return c
end

local function relu(t)
  local u = t:clone()
  for i = 1, t:size(1) do
    for j = 1, t:size(2) do u[i][j] = math.max(u(i, j), 0) end
  end
  return u
end

-- Whole numbers, and halves where they are halved: sums of these are exact.
local function randommatrix(draw, n, m)
  local t = idinit.zeros(n, m)
  for i = 1, n do
    for j = 1, m do t[i][j] = draw(17) - 9 end
  end
  return t
end

local function run(net, x)
  for k, w in ipairs(net) do
    x = multiply(w, x)
    if k < #net then x = relu(x) end
  end
  return x
end

describe("mean(o, i) after tile(i, o)", function()
  for _, size in ipairs { { 3, 3 }, { 3, 5 }, { 3, 6 }, { 1, 4 }, { 5, 8 }, { 4, 16 } } do
    local o, i = size[1], size[2]
    it("is the identity of " .. o .. " by way of " .. i, function()
      local product = multiply(idinit(o, i, { fit = "mean" }), idinit(i, o, { fit = "tile" }))
      -- Thirds and fifths are rounded, and so are their sums.
      for a = 1, o do
        for b = 1, o do
          assert.is_true(math.abs(product(a, b) - (a == b and 1 or 0)) < 1e-6)
        end
      end
      if i == o or i == 2 * o or i == 4 * o then assert.is_true(product == idinit(o, o)) end
    end)
  end
end)

describe("A dense net", function()
  local draw = random.new(random.seed)
  local net, x

  before_each(function()
    net = { randommatrix(draw, 6, 4), randommatrix(draw, 5, 6), randommatrix(draw, 3, 5) }
    x = randommatrix(draw, 4, 7)
  end)

  it("that is widened has the same outputs", function()
    for _, width in ipairs { 6, 7, 9, 12 } do -- no channel is there more than twice
      local wider = {
        multiply(idinit(width, 6, { fit = "tile" }), net[1]),
        multiply(net[2], idinit(6, width, { fit = "mean" })),
        net[3],
      }
      assert.same({ width, 4 }, { wider[1]:size() })
      assert.is_true(run(wider, x) == run(net, x), "IDINIT_SEED=" .. random.seed)
    end
  end)

  it("that is deepened by identities has the same outputs", function()
    local deeper = { net[1], idinit(6, 6), net[2], idinit(5, 5), idinit(5, 5), net[3] }
    assert.is_true(run(deeper, x) == run(net, x), "IDINIT_SEED=" .. random.seed)
  end)

  it("that is deepened by a wider identity and back has the same outputs", function()
    local deeper = { net[1], idinit(12, 6, { fit = "tile" }), idinit(6, 12, { fit = "mean" }),
      net[2], net[3] }
    assert.is_true(run(deeper, x) == run(net, x), "IDINIT_SEED=" .. random.seed)
    deeper[2], deeper[3] = idinit(9, 6), idinit(6, 9)
    assert.is_true(run(deeper, x) == run(net, x), "IDINIT_SEED=" .. random.seed)
  end)
end)
