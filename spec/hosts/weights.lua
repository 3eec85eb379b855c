-- Makes the weights that a framework's check asks for in FOLDER/cases.lua, by the
-- README's calls: each as a .npy file, and all in one .safetensors file.
--   luajit weights.lua FOLDER
local folder = arg[1]
local calls = require "spec.tools.calls"
local idinit = require "idinit"

local all = {}
for k, case in ipairs(dofile(folder .. "/cases.lua")) do
  local weight = calls.weight(case.layer, case.letters, case.keywords)
  weight:save(("%s/%d.npy"):format(folder, k))
  all[tostring(k)] = weight
end
idinit.save(folder .. "/weights.safetensors", all)
