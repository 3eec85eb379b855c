-- Says of each of none.py's layers whether it is an identity, in our own layers,
-- which have PyTorch's dimensions from last to first.
local folder = arg[1]
local calls = require "spec.tools.calls"
local idinit = require "idinit"
local layers = require "idinit.layers"

local all = {}
for k, case in ipairs(dofile(folder .. "/cases.lua")) do
  local weight = calls.weight(case.layer, case.letters, case.keywords)
  local layer = layers.CrossCor(case.reversed.kernel, 3, 3, {
    init = weight:transpose(), pad = case.reversed.pad, dilation = case.reversed.dilation,
  })
  all[tostring(k)] = weight
  print((layer:explain()))
end
idinit.save(folder .. "/weights.safetensors", all)
