-- One rank of several: makes its part of a weight and saves it, as checkpoints in
-- several files are. The first rank also writes their index.
--   mpirun -n RANKS luajit shard.lua FOLDER N1 N2 N3 N4
-- Prints by how many KiB the most memory of the process has grown.
local rank = tonumber(os.getenv "OMPI_COMM_WORLD_RANK")
local ranks = tonumber(os.getenv "OMPI_COMM_WORLD_SIZE")
local folder = arg[1]
local size = { tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]) }

local function peak()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmHWM:%s*(%d+)"
    if kib then return tonumber(kib) end
  end
end

local idinit = require "idinit"
local before = peak()

-- Outputs are shared out among the ranks: of a convolution's (k, k, in, out).
local function range(r)
  return { math.floor(size[4] * r / ranks) + 1, math.floor(size[4] * (r + 1) / ranks) }
end
local most = tonumber(arg[6]) or math.huge -- of a rank's outputs and inputs
local outputs = range(rank)
outputs[2] = math.min(outputs[2], outputs[1] + most - 1)
local inputs = most < size[3] and outputs or {}
local shard = idinit(size[1], size[2], size[3], size[4], {
  gain = 2, window = { {}, {}, inputs, outputs },
})

local function name(r) return ("model-%05d-of-%05d.safetensors"):format(r + 1, ranks) end
idinit.save(folder .. "/" .. name(rank), { ["weight." .. rank + 1] = shard })

if rank == 0 then
  local entries = {}
  for r = 0, ranks - 1 do
    entries[r + 1] = ('"weight.%d": "%s"'):format(r + 1, name(r))
  end
  local file = assert(io.open(folder .. "/model.safetensors.index.json", "w"))
  file:write(('{"metadata": {}, "weight_map": {%s}}\n'):format(table.concat(entries, ", ")))
  file:close()
end
io.write(("%d %d\n"):format(peak() - before, shard:numel() * 4 / 1024))
