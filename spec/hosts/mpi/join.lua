-- Joins the shards that an index names, and compares them with the whole.
local folder = arg[1]
local size = { tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]) }
local idinit = require "idinit"

local file = assert(io.open(folder .. "/model.safetensors.index.json"))
local index = file:read "*a"
file:close()
local shards = {}
for weight, name in index:gmatch '"(weight%.%d+)": "([^"]+)"' do
  local tensors = idinit.load(folder .. "/" .. name)
  shards[tonumber(weight:match "%d+")] = tensors[weight]
end
assert(#shards == tonumber(arg[6]), "shards are missing")
assert(idinit.cat(shards, 4) == idinit(size[1], size[2], size[3], size[4], { gain = 2 }),
       "joined they differ from the whole")
