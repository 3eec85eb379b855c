-- Grows the two networks of grow.py: four times as many hidden units and channels.
local idinit = require "idinit"
local folder, how = arg[1], arg[2]

-- Two dense layers. Units are copied, and the next layer shares them out.
local net = idinit.load(folder .. "/dense.safetensors")
for _, name in ipairs { "0.weight", "0.bias" } do
  net[name] = net[name]:widen(1, 4 * #net[name])
end
net["2.weight"] = net["2.weight"]:widen(2, 4 * net["2.weight"]:size(2), how)
idinit.save(folder .. "/dense-" .. how .. ".safetensors", net)

-- Two convolutions, the second in two groups, each with a batch norm, and a dense
-- layer behind a flatten. Each group takes its own channels, so these are copied
-- within each of two blocks. The batches that a norm has tracked are one number.
net = idinit.load(folder .. "/conv.safetensors")
local channels = #net["0.weight"]
for _, layer in ipairs { "0", "1", "3", "4" } do
  for _, name in ipairs { "weight", "bias", "running_mean", "running_var" } do
    local key = layer .. "." .. name
    if net[key] then net[key] = net[key]:widen(1, 4 * channels, "tile", 2) end
  end
end
net["3.weight"] = net["3.weight"]:widen(2, 4 * net["3.weight"]:size(2), how)
local dense = net["7.weight"]
local out, inputs = dense:size()
net["7.weight"] = dense:reshape(out, channels, inputs / channels)
  :widen(2, 4 * channels, how, 2):reshape(out, -1)
idinit.save(folder .. "/conv-" .. how .. ".safetensors", net)
