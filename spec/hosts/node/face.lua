-- Grows a face detector of npm: an identity convolution behind each block, and 64
-- channels more in one of them.
--   luajit face.lua FOLDER MANIFEST BLOB
local idinit = require "idinit"
local folder, manifest, blob = arg[1], arg[2], arg[3]

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- The blob holds one weight behind the other, each number as a byte.
local function load(bytes, description)
  local net, at = {}, 1
  for name, extents, scale, min in description:gmatch(
    '"name":"([^"]+)","shape":%[([%d,]+)%].-"scale":([^,}]+),"min":([^,}]+)') do
    local size, count = {}, 1
    for n in extents:gmatch "%d+" do
      size[#size + 1] = tonumber(n)
      count = count * tonumber(n)
    end
    local weight = idinit.frombytes(bytes:sub(at, at + count - 1), "u8", unpack(size))
    local flat = weight:reshape(-1)
    for k = 1, count do flat[k] = flat[k] * scale + min end
    net[name], at = weight, at + count
  end
  return net
end

local net = load(read(blob), read(manifest))
idinit.save(folder .. "/small.safetensors", net)

-- Deeper: behind block n, which has as many channels as its bias.
for n = 0, 5 do
  local channels = #net[("conv%d/bias"):format(n)]
  net[("identity%d/filters"):format(n)] = idinit(3, 3, channels, channels)
end
idinit.save(folder .. "/deep.safetensors", net)

-- Wider: the channels of block 3, by which the next one, depthwise, goes on.
net["conv3/pointwise_filter"] = net["conv3/pointwise_filter"]:widen(4, 192)
net["conv3/bias"] = net["conv3/bias"]:widen(1, 192)
net["identity3/filters"] = idinit(3, 3, 192, 192)
net["conv4/depthwise_filter"] = net["conv4/depthwise_filter"]:widen(3, 192)
net["conv4/pointwise_filter"] = net["conv4/pointwise_filter"]:widen(3, 192, "split")
idinit.save(folder .. "/wide.safetensors", net)
