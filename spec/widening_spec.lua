-- Nets that grow: wider by "tile" and "mean" or "split", deeper by identities,
-- their outputs unchanged.

local idinit = require "idinit"
local layers = require "idinit.layers"
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

local SIZES = { { 3, 3 }, { 3, 5 }, { 3, 6 }, { 1, 4 }, { 5, 8 }, { 4, 16 } }

-- Thirds and fifths are rounded, and so are their sums.
local function isnear(a, b)
  local x, y, largest = a:reshape(a:numel()), b:reshape(b:numel()), 1
  for k = 1, #y do largest = math.max(largest, math.abs(y[k])) end
  for k = 1, #x do
    if math.abs(x[k] - y[k]) > 1e-6 * largest then return false end
  end
  return #x == #y
end

for _, fit in ipairs { "mean", "split" } do
  describe(fit .. "(o, i) after tile(i, o)", function()
    for _, size in ipairs(SIZES) do
      local o, i = size[1], size[2]
      it("is the identity of " .. o .. " by way of " .. i, function()
        local product = multiply(idinit(o, i, { fit = fit }), idinit(i, o, { fit = "tile" }))
        assert.is_true(isnear(product, idinit(o, o)))
        if fit == "mean" and (i == o or i == 2 * o or i == 4 * o) then
          assert.is_true(product == idinit(o, o))
        end
      end)
    end

    local kinds = { "Conv", "CrossCor", "ConvTranspose" }
    for _, up in ipairs(kinds) do
      it("is an identity of layers: " .. up .. " and any other", function()
        local draw = random.new(random.seed)
        local function layer(kind, nin, nout, groups, how)
          return layers[kind]({ 3, 1 }, nin, nout,
            { init = idinit { fit = how }, groups = groups, pad = "same" })
        end
        for _, down in ipairs(kinds) do
          for _, size in ipairs(SIZES) do
            for groups = 1, 3 do
              local n, wide = groups * size[1], groups * size[2]
              local x = randommatrix(draw, 4, 3 * n):reshape(4, 3, n, 1)
              local y = layer(down, wide, n, groups, fit)(layer(up, n, wide, groups, "tile")(x))
              assert.is_true(isnear(y, x), "IDINIT_SEED=" .. random.seed)
            end
          end
        end
      end)
    end
  end)
end

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

  it("that is widened by a split has nearly the same outputs", function()
    for _, width in ipairs { 6, 7, 12, 30 } do
      local wider = {
        multiply(idinit(width, 6, { fit = "tile" }), net[1]),
        multiply(net[2], idinit(6, width, { fit = "split" })),
        net[3],
      }
      assert.is_true(isnear(run(wider, x), run(net, x)), "IDINIT_SEED=" .. random.seed)
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
