-- What every fit makes of inputs and outputs, in words, and what layers of every
-- kind compute with it.

local idinit = require "idinit"
local layers = require "idinit.layers"

local MOST = 12 -- channels

-- What output o of `outs` is, of a list of inputs.
local says = {}

-- The input of the same number, or nothing.
function says.pad(o, inputs)
  return inputs[o] or 0
end

-- Inputs come again until every output has one; or each output takes its own
-- input and those that lie `outs` and twice `outs` behind it, and so on.
local function taken(o, inputs, outs)
  if outs >= #inputs then return { inputs[(o - 1) % #inputs + 1] } end
  local list = {}
  for i = o, #inputs, outs do list[#list + 1] = inputs[i] end
  return list
end

function says.tile(o, inputs, outs)
  local sum = 0
  for _, x in ipairs(taken(o, inputs, outs)) do sum = sum + x end
  return sum
end

function says.mean(o, inputs, outs)
  return says.tile(o, inputs, outs) / #taken(o, inputs, outs)
end

-- One part of the first, two of the second, three of the third.
function says.split(o, inputs, outs)
  local sum, parts = 0, 0
  for r, x in ipairs(taken(o, inputs, outs)) do sum, parts = sum + r * x, parts + r end
  return sum / parts
end

-- Sylvester's matrices: each is four times the one before, the last time negative.
local function sylvester(order)
  local h = { { 1 } }
  while #h < order do
    local n = #h
    for r = 1, n do
      h[n + r] = {}
      for c = 1, n do
        h[r][n + c], h[n + r][c], h[n + r][n + c] = h[r][c], h[r][c], -h[r][c]
      end
    end
  end
  return h
end

function says.hadamard(o, inputs, outs)
  if outs <= #inputs then return says.pad(o, inputs) end
  local h, sum = sylvester(outs), 0
  for i, x in ipairs(inputs) do sum = sum + h[o][i] * x end
  return sum / math.sqrt(#h)
end

-- The outputs of a layer of groups for the inputs 1, 2, 3 and so on.
local function expected(fit, nin, nout, groups)
  local outputs = {}
  for g = 0, groups - 1 do
    local inputs = {}
    for i = 1, nin / groups do inputs[i] = g * nin / groups + i end
    for o = 1, nout / groups do
      outputs[#outputs + 1] = says[fit](o, inputs, nout / groups)
    end
  end
  return outputs
end

local function check(got, wanted, kind, nin, nout, groups)
  assert.equal(#wanted, #got)
  for o, x in ipairs(wanted) do
    if math.abs(got[o] - x) > 1e-5 * math.max(1, math.abs(x)) then
      error(("%s %d => %d in %d groups: output %d is %.9g, not %.9g"):format(
        kind, nin, nout, groups, o, got[o], x), 0)
    end
  end
end

local function counting(n)
  local list = {}
  for k = 1, n do list[k] = k end
  return list
end

-- Runs f(inputs, outputs, groups) for all that there are.
local function eachsize(f)
  for nin = 1, MOST do
    for nout = 1, MOST do
      for groups = 1, math.min(nin, nout) do
        if nin % groups == 0 and nout % groups == 0 then f(nin, nout, groups) end
      end
    end
  end
end

local fits = {}
for fit in pairs(says) do fits[#fits + 1] = fit end
table.sort(fits)

for _, fit in ipairs(fits) do
  describe('fit = "' .. fit .. '"', function()
    for _, kind in ipairs { "Conv", "CrossCor", "ConvTranspose" } do
      it("is what it says in every " .. kind, function()
        eachsize(function(nin, nout, groups)
          local layer = layers[kind]({ 3 }, nin, nout,
            { init = idinit { fit = fit }, groups = groups, pad = "same", bias = false })
          local x = idinit.tensor { counting(nin), counting(nin) }
          local y = layer(x:reshape(2, nin, 1))
          local wanted = expected(fit, nin, nout, groups)
          check(y[1]:reshape(nout):totable(), wanted, kind, nin, nout, groups)
          check(y[2]:reshape(nout):totable(), wanted, kind, nin, nout, groups)
        end)
      end)
    end

    it("is what it says in every Dense and Embedding", function()
      for nin = 1, MOST do
        for nout = 1, MOST do
          local kw = { init = idinit { fit = fit } }
          local wanted = expected(fit, nin, nout, 1)
          local y = layers.Dense(nin, nout, kw)(counting(nin))
          check(y:totable(), wanted, "Dense", nin, nout, 1)
          local sums = {}
          for i = 1, nin do
            local row = layers.Embedding(nin, nout, kw)(i)
            for o = 1, nout do sums[o] = (sums[o] or 0) + i * row[o] end
          end
          check(sums, wanted, "Embedding", nin, nout, 1)
        end
      end
    end)

    it("is what it says in a depthwise weight of a multiplier", function()
      for channels = 1, MOST do
        for multiplier = 1, MOST do
          local t = idinit(1, 1, channels, multiplier, { layout = "hwgo", fit = fit })
          local layer = layers.CrossCor({ 1, 1 }, channels, channels * multiplier,
            { groups = channels, bias = false,
              init = function() return t:reshape(1, 1, 1, channels * multiplier) end })
          local y = layer(idinit.tensor { { counting(channels) } }:reshape(1, 1, channels, 1))
          check(y:reshape(channels * multiplier):totable(),
            expected(fit, channels, channels * multiplier, channels), "depthwise", channels,
            channels * multiplier, channels)
        end
      end
    end)
  end)
end

describe("A layer between 1 .. 8 and 4", function()
  local mean = idinit { fit = "mean" }

  local function run(kind, nin, nout, kw)
    local x = idinit.tensor { counting(nin) }:reshape(1, nin, 1)
    return layers[kind]({ 1 }, nin, nout, kw)(x):reshape(nout):totable()
  end

  for _, kind in ipairs { "Conv", "CrossCor", "ConvTranspose" } do
    it("takes means in a " .. kind, function()
      assert.same({ 3, 4, 5, 6 }, run(kind, 8, 4, { init = mean }))
      assert.same({ 1, 2, 3, 4, 1, 2, 3, 4 }, run(kind, 4, 8, { init = mean }))
      assert.same({ 2, 3, 6, 7 }, run(kind, 8, 4, { groups = 2, init = mean }))
    end)
  end
end)

describe("The shares of a split", function()
  local function shares(count, window)
    return idinit(1, count, { fit = "split", window = window })[1]
  end

  it("are the parts that their inputs have of all, in order", function()
    local s = shares(4)
    for r = 1, 4 do assert.equal(idinit.tensor { r / 10 }[1], s[r]) end
    assert.same({ 0.5, 1, 1.5, 2 }, idinit(1, 4, { fit = "split", gain = 5 })[1]:totable())
  end)

  it("sum to 1 within 2^-23", function()
    for _, count in ipairs { 1, 2, 3, 7, 64, 1000, 4096, 2 ^ 14 } do
      local sum, flat = 0, shares(count) -- in doubles, which hold it exactly
      for r = 1, count do sum = sum + flat[r] end
      assert.is_true(math.abs(sum - 1) <= 2 ^ -23)
    end
  end)

  it("are positive and no two alike", function()
    for _, count in ipairs { 1000, 2 ^ 20 + 1, 2 ^ 23 - 1, 2 ^ 23 } do
      for _, first in ipairs { 1, math.floor(count / 3), count / 2 - count % 2 / 2, count - 998 } do
        local last = math.min(count, first + 998)
        local part = shares(count, { {}, { first, last } })
        local before = 0
        for r = 1, #part do
          assert.is_true(part[r] > before)
          before = part[r]
        end
      end
    end
  end)
end)
