-- Runs layers.py's layers in ours: PyTorch's weights and data, with their
-- dimensions from last to first. A transposed convolution there is the adjoint of
-- one that flips no kernel, and ours of one that does.
local folder = arg[1]
local idinit = require "idinit"
local layers = require "idinit.layers"

local outputs = {}
for k, case in ipairs(dofile(folder .. "/cases.lua")) do
  local file = folder .. "/" .. k
  local weight = case.file == "npy" and idinit.load(file .. ".npy")
    or idinit.load(folder .. "/weights.safetensors", { tostring(k) })[tostring(k)]
  local x = idinit.load(file .. ".x.npy"):transpose()
  local settings = {
    bias = idinit.load(file .. ".b.npy"), stride = case.stride, dilation = case.dilation,
    pad = case.pad, outpad = case.outpad, groups = case.groups,
  }
  if case.kind == "Linear" then
    settings = { bias = settings.bias, init = weight }
    outputs[tostring(k)] = layers.Dense(case.I, case.C, settings)(x):transpose()
  else
    weight = weight:transpose()
    local kind = "CrossCor"
    if case.kind == "ConvTranspose" then
      local axes = {}
      for d = 1, #case.kernel do axes[d] = d end
      kind, weight = case.kind, weight:flip((table.unpack or unpack)(axes)) -- luacheck: ignore
    end
    settings.init = weight
    outputs[tostring(k)] = layers[kind](case.kernel, case.I, case.C, settings)(x):transpose()
  end
end
idinit.save(folder .. "/outputs.safetensors", outputs)
