-- Makes random layers of ours, most of them near an identity, and says of each
-- what PyTorch needs to have the same one, and what explain says.
local folder, seed, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
local idinit = require "idinit"
local layers = require "idinit.layers"
local draw = require "spec.support.random".new(seed)

local function pick(list) return list[draw(#list)] end
local function chance(n) return draw(n) == 1 end
local function axes(n, f)
  local list = {}
  for d = 1, n do list[d] = f(d) end
  return list
end

local function literal(value)
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for k, v in ipairs(value) do parts[k] = literal(v) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

local function initialiser(rank)
  local keywords = {
    gain = pick { 1, 1, 1, 2, -0.5, 4 }, center = pick { "lo", "lo", "hi" },
    fit = pick { "pad", "pad", "tile", "mean", "split" },
  }
  if chance(8) then keywords.shift = axes(rank, function() return draw(3) - 2 end) end
  return idinit(keywords)
end

local function dense()
  local nin = draw(4)
  local nout = chance(3) and draw(4) or nin
  local layer = layers.Dense(nin, nout, { init = initialiser(2), bias = false })
  return layer, { kind = "Linear", I = nin, C = nout, kernel = {} }
end

local function convolution(kind)
  local n, groups = draw(2), pick { 1, 1, 2, 3 }
  local nin = groups * draw(2)
  local nout = chance(4) and groups * draw(2) or nin
  local kernel = axes(n, function() return draw(4) end)
  local dilation = axes(n, function() return chance(3) and draw(3) or 1 end)
  local stride = axes(n, function() return chance(10) and 2 or 1 end)
  local pad = {}
  for d = 1, n do -- mostly what keeps the extent, the halves either way round
    local total = dilation[d] * (kernel[d] - 1)
    local low = chance(2) and math.floor(total / 2) or math.ceil(total / 2)
    pad[2 * d - 1], pad[2 * d] = low, chance(12) and low or total - low
  end
  local layer = layers[kind](kernel, nin, nout, {
    init = initialiser(n + 2), groups = groups, dilation = dilation, stride = stride, pad = pad,
    bias = false,
  })
  return layer, { kind = kind, I = nin, C = nout, groups = groups, kernel = kernel,
                  dilation = dilation, stride = stride, pad = pad }
end

local weights = {}
for k = 1, count do
  local kind = pick { "Dense", "Conv", "CrossCor", "ConvTranspose" }
  local layer, case
  if kind == "Dense" then layer, case = dense() else layer, case = convolution(kind) end
  if chance(6) then -- a weight that no initialiser makes
    local weight = layer.weight
    local flat = weight:reshape(weight:numel())
    flat[draw(#flat)] = pick { 0, 1, 2 }
  end
  -- PyTorch flips no kernel, and its transposed layer is the adjoint of one that
  -- does not.
  local weight = layer.weight
  if kind == "Conv" or kind == "ConvTranspose" then
    weight = weight:flip((table.unpack or unpack)(axes(#case.kernel, function(d) return d end))) -- luacheck: ignore
  end
  weights[tostring(k)] = kind == "Dense" and weight or weight:transpose()
  local good, _, gain = layer:explain()
  local words = {}
  for name, value in pairs(case) do
    words[#words + 1] = ("%q: %s"):format(name, type(value) == "string" and ("%q"):format(value)
                                          or literal(value))
  end
  print(("{%s, \"good\": %s, \"gain\": %s}"):format(
    table.concat(words, ", "), tostring(good), good and tostring(gain) or "null"))
end
idinit.save(folder .. "/weights.safetensors", weights)
