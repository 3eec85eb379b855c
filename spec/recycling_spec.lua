-- New tensors hold what they should, whatever was done to the memory by those
-- that had it before.

local idinit = require "idinit"
local random = require "spec.support.random"

local has_ffi, ffi = pcall(require, "ffi")
local unpack = table.unpack or unpack
local N = 256

-- Identities of one number of elements and different taps.
local variants = {
  {}, { gain = 3 }, { shift = { 5, 100 } }, { order = "col" }, { groups = 16 }, { fit = "tile" },
  { order = "col", groups = 64, shift = -3, gain = -1 }, { shift = 255 },
}
for _, kw in ipairs(variants) do kw[1], kw[2] = N, N end
local sizes = { { 4 * N, N / 4 }, { N / 4, 4 * N }, { 16, N / 16, 16, N / 16 }, { N * N } }
for _, size in ipairs(sizes) do
  for _, fit in ipairs { "pad", "tile", "mean", "hadamard" } do
    local kw = { fit = fit }
    for d, n in ipairs(size) do kw[d] = n end
    variants[#variants + 1] = kw
  end
end

-- Ways to leave something else in the memory of a tensor. Some keep what they
-- return for a while.
local ways = {
  function(t, k) t:fill(k) end,
  function(t, k) t:reshape(N * N)[k] = 7 end,
  function(t, k) t:reshape(N, N)[k][N + 1 - k] = 7 end,
  function(t, k) t:reshape(N, N)[k] = 7 end,
  function(t, k) t:reshape(N, N):set(k, k % 7 + 1, 7) end,
  function(t, k) t:reshape(N, N)[{ k, k % 9 + 1 }] = 7 end,
  function(t) t:copy(t:clone():fill(7)) end,
  function(t, k) idinit.into(t, { gain = k, shift = k, fit = "tile" }) end,
  function(t, k)
    local u = t:reshape(N, N)
    idinit.into(u, { gain = k, shift = { k, k }, groups = 8 })
    idinit.into(t)
    u[k] = 7
  end,
  function(t, k)
    local u = t:reshape(N, N)
    local row = u[k]
    row[1] = 1
    idinit.into(t)
    for i = 1, N do row[i] = 7 end
    return row
  end,
  function(t, k)
    local u = t:reshape(N, N)
    for i = 1, N do u[i][k] = 7 end
    idinit.into(u)
    u[k][k] = 8
  end,
  function(t, k)
    local u = t:reshape(N, N)
    u[k][k] = 8
    return idinit.into(u, { fit = "mean" })
  end,
  function(t, k)
    t:reshape(N, N):circshift(k):fill(5)
    idinit.cat({ t, t }, 1):fill(6)
  end,
  function(t) return tostring(t), t == t:clone(), #t, t:size(1) end,
  function() end,
}
if has_ffi then
  ways[#ways + 1] = function(t, k)
    local p = t:data()
    idinit.into(t)
    p[k] = 7
  end
  ways[#ways + 1] = function(t, k)
    local p = t:data()
    idinit.into(p, N, N, { shift = k, gain = k })
    ffi.fill(p + k, 40, 255)
  end
end

-- The same identity, every element of it written.
local function written(kw)
  local flat, size = {}, {}
  local function put(next, value, ...)
    if value == nil then return end
    local at = 0
    for d, i in ipairs { ... } do at = at * size[d] + i - 1 end
    flat[at + 1] = value
    return put(next, next())
  end
  for k = 1, N * N do flat[k] = 0 end
  for d, n in ipairs(kw) do size[d] = n end
  local taps = idinit.taps(kw)
  put(taps, taps())
  return idinit(kw):copy(idinit.tensor(flat):reshape(unpack(size)))
end

describe("Memory that was used before", function()
  local expected = {}

  setup(function()
    for n, kw in ipairs(variants) do expected[n] = written(kw) end
  end)

  -- A random one, beside garbage that nobody has looked at since it was made.
  local function check(draw)
    for _ = 1, draw(16) - 8 do idinit(variants[draw(#variants)]) end
    for _ = 1, draw(16) - 12 do idinit(N, N) end
    local n = draw(#variants)
    local t = idinit(variants[n])
    if t ~= expected[n] then error("IDINIT_SEED=" .. random.seed, 2) end
    return t
  end

  for w, way in ipairs(ways) do
    it("holds what it should, written to in way " .. w, function()
      local draw, kept = random.new(random.seed), {}
      for _ = 1, 60 do kept[draw(3)] = { way(check(draw), draw(N)) } end
      assert(next(kept))
    end)
  end

  it("holds what it should, written to in any way", function()
    local draw, kept = random.new(random.seed), {}
    for _ = 1, 800 do kept[draw(5)] = { ways[draw(#ways)](check(draw), draw(N)) } end
    assert(next(kept))
  end)

  it("holds what it should where nobody writes to it", function()
    local draw = random.new(random.seed)
    for _ = 1, 400 do assert(check(draw)) end
  end)

  it("holds what it should in tensors of other sizes", function()
    local draw, zeros = random.new(random.seed), {}
    for n = 1, 6 do zeros[n] = idinit.zeros(100 * n, 100):fill(0) end
    for _ = 1, 1000 do
      local n = draw(6)
      local t = idinit.zeros(100 * n, 100)
      assert(t == zeros[n], "IDINIT_SEED=" .. random.seed)
      if draw(2) == 1 then t[draw(100)] = 3 end
      if draw(4) == 1 then t:fill(draw(9)) end
    end
  end)
end)
