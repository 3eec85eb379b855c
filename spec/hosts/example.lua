-- Every public name at work. All hosts run this, and get the text that
-- example.txt holds; editors that read annotations find nothing wrong with it.

local idinit = require "idinit"
local layers = require "idinit.layers"

-- Identities of every rank, with every keyword.
local function identities()
  assert(idinit._VERSION:find "^idinit %d+%.%d+%.%d+$")
  local t = idinit(3, 3, 2, { gain = 100 })
  assert(t == idinit.identity_init { 3, 3, 2, gain = 100 })
  assert(t == idinit { gain = 100 } (3, 3, 2))
  assert(t == idinit(math.random, 3, 3, 2, { gain = 100 }))
  assert(idinit(5) == idinit.zeros(5))

  assert(idinit(3, 2, { shift = 1 })(2, 1) == 1)
  local torch = idinit { 4, 2, 2, 2, layout = "oihw", groups = 2, center = "hi", order = "col" }
  assert(torch(3, 1, 2, 2) == 1 and torch:stride(1) == 1)
  local grouped = { 4, 2, 1, layout = "iow", groups = 2, transposed = true }
  assert(idinit(grouped) == idinit { 2, 2, 2, layout = "goi" }:reshape(4, 2, 1))
  local zero = idinit(4, 2, { fit = "hadamard", window = { { 2, 4 }, {} } })
  assert(zero == idinit.tensor { { 0.5, -0.5 }, { 0.5, 0.5 }, { 0.5, -0.5 } })

  local sum, n = 0, 1000000000
  for value, i, j in idinit.taps(n, n, { gain = 2, window = { { 7, 9 }, { 7, 9 } } }) do
    sum = sum + value * i * j
  end
  assert(sum == 2 * (1 + 4 + 9))
  return t
end

-- What a tensor does, but for files.
local function tensors(t)
  assert(idinit.is_tensor(t) and not idinit.is_tensor {})
  assert(t:dim() == 3 and t:numel() == 18 and #t == 3)
  assert(t:size(3) == 2 and select("#", t:size()) == 3 and t:stride(1) == 6)

  local u = t:clone():fill(1)
  u[1][2] = { 5, 6 }
  u[{ 1, 1, 1 }] = u(1, 2, 2)
  u:set(3, 3, 2, u:get(1, 2, 1))
  assert(u[1][1][1] == 6 and u[{ 3, 3, 2 }] == 5)
  assert(u:copy(t) == t)

  local turned = t:permute(3, 1, 2)
  assert(turned(2, 1, 3) == t(1, 3, 2) and t:transpose(2, 3):transpose(2, 3) == t)
  assert(turned[{ 1, { 2, 3 } }] == t:select(3, 1):narrow(1, 2, 2))
  local flat = t:reshape(-1)
  assert(flat:contiguous() == flat and #flat:totable() == 18)
  assert(flat:circshift(-1)[8] == flat[9])
  local sum = 0
  for i, row in t:flip(3):rows() do sum = sum + i * row:numel() end
  assert(sum == 36 and u:maxdiff(t) == 0)
  assert(t:widen(3, 4, "mean")(2, 1, 3) == t(2, 1, 1) / 2)
  local joined = idinit.cat({ t, u }, 3)
  assert(joined:size(3) == 4 and idinit.into(joined, { gain = 3 })(2, 2, 2) == 3)
  assert(select(2, pcall(t.get, t, 7, 1, 1)):find "index 7 out of range %[1, 3%] in dimension 1")
end

-- Files and bytes, written and read again.
local function files(t, folder)
  local path = folder .. "/idinit.npy"
  assert(idinit.load(t:save(path) and path) == t)
  os.remove(path)
  path = folder .. "/idinit.safetensors"
  idinit.save(path, { w = t, b = idinit(2) }, { dtype = "bf16", metadata = { by = "idinit" } })
  local net, metadata = idinit.load(path)
  assert(net.w == t and net.b == idinit(2) and metadata.by == "idinit")
  assert(not idinit.load(path, { "b" }).w)
  os.remove(path)
  assert(idinit.frombytes(t:tobytes "f16", "f16", 3, 3, 2) == t)
end

-- Memory that C reads and writes.
local function memory(t)
  local has_ffi, ffi = pcall(require, "ffi")
  if not has_ffi then
    assert(not pcall(t.data, t))
    return
  end
  assert(t:data()[8] == t(2, 2, 1))
  local buffer = ffi.new("float[?]", 4)
  assert(idinit.into(buffer, 2, 2, { gain = 7 }) == buffer and buffer[3] == 7)
end

-- Layers that return their input, and one that tells why it does not.
local function networks()
  local options = { bias = false, activation = layers.identity }
  local x = { { 1 }, { -2 }, { 3 } }
  local image = idinit(4, 4, 3, 1)
  for _, layer in ipairs {
    layers.Conv({ 3, 3 }, 3, 3, { pad = "same", groups = 3 }),
    layers.CrossCor({ 1, 5 }, 3, 3, { pad = "same", dilation = 2 }),
    layers.ConvTranspose({ 3, 1 }, 3, 3, { pad = "same", outpad = 0 }),
  } do
    assert(layer(image) == image and layer:explain())
  end
  assert(layers.Dense(3, 3, options)(x) == idinit.tensor(x))
  assert(layers.Embedding(3, 2, { init = idinit { gain = 22 } })(2)[2] == 22)

  local layer = layers.Dense(3, 2, { activation = layers.relu })
  assert(layer.weight:size(1) == layer.nout)
  local proven, reasons = layer:explain()
  assert(not proven)
  return reasons[1]
end

---@param folder string where a file can be written
---@return string text that is the same everywhere
return function(folder)
  local t = identities()
  tensors(t)
  files(t, folder)
  memory(t)
  return table.concat({ tostring(t), t:spy(80, 24), networks() }, "\n") .. "\n"
end
