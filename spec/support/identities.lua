-- Random identities: sizes with keywords that go together in every way.

local model = require "spec.support.model"

local identities = {}

local GAINS = { 1, 2, -1, 0.1, -1 / 3, 100, 2 ^ 24 + 1, 1e-45, -1e-60, 1e300, 0,
  1 / 0, -1 / 0, 0 / 0 }
local FITS = { "pad", "tile", "mean", "split", "hadamard" }
local LETTERS = { "w", "h", "D", "k", "Z" }
local MOST = 600 -- elements

local function drawsize(draw)
  local rank = draw(8) == 1 and draw(32) or draw(6)
  local size, count = {}, 1
  for d = 1, rank do
    local n = draw(40) == 1 and 0 or draw(draw(4) == 1 and 17 or 6)
    if rank > 6 and draw(4) > 1 then n = 1 end
    if count * n > MOST then n = 1 end
    size[d], count = n, count * math.max(n, 1)
  end
  return size
end

-- The axes at random places, of random letters and cases. With groups on an axis
-- of their own, one of the others may be missing.
local function drawlayout(draw, rank)
  local kinds = { { "o", "i" }, { "g", "o" }, { "g", "i" }, { "g", "o", "i" } }
  local axes = kinds[draw(rank > 2 and 4 or 3)]
  for d = #axes + 1, rank do axes[d] = LETTERS[draw(#LETTERS)] end
  for d = rank, 2, -1 do
    local k = draw(d)
    axes[d], axes[k] = axes[k], axes[d]
  end
  for d = 1, rank do
    if draw(2) == 1 then axes[d] = axes[d]:upper() end
  end
  return table.concat(axes)
end

-- Groups that split an extent evenly.
local function drawgroups(draw, extent)
  local divisors = {}
  for g = 1, math.max(extent, 3) do
    if extent % g == 0 then divisors[#divisors + 1] = g end
  end
  return divisors[draw(#divisors)]
end

local function drawcenter(draw, size, kernel)
  local center = {}
  for n, d in ipairs(kernel) do center[n] = draw(math.max(size[d], 1)) end
  return center
end

local function drawshift(draw, rank)
  if draw(3) == 1 then return draw(41) - 21 end
  local shift = {}
  for d = 1, draw(rank + 1) - 1 do shift[d] = draw(2) == 1 and 0 or draw(41) - 21 end
  return shift
end

local function drawwindow(draw, size)
  local window = {}
  for d, n in ipairs(size) do
    window[d] = {}
    if n > 0 and draw(3) > 1 then
      local a, b = draw(n), draw(n)
      window[d] = { math.min(a, b), math.max(a, b) }
    end
  end
  return window
end

-- A size, and keywords for it.
function identities.draw(draw)
  local size, kw = drawsize(draw), {}
  local function sometimes() return draw(2) == 1 end
  if sometimes() then kw.gain = GAINS[draw(#GAINS)] end
  if sometimes() then kw.fit = FITS[draw(#FITS)] end
  if sometimes() then kw.order = sometimes() and "row" or "col" end
  if sometimes() then kw.shift = drawshift(draw, #size) end
  if sometimes() then kw.window = drawwindow(draw, size) end
  if #size == 1 then return size, kw end
  if sometimes() then kw.layout = drawlayout(draw, #size) end
  if sometimes() then kw.transposed = draw(3) > 1 end
  local axes = model.axes(#size, kw.layout, kw.transposed)
  if sometimes() then
    local n = size[axes.g or kw.transposed and axes.i or axes.o]
    kw.groups = axes.g and math.max(n, 1) or drawgroups(draw, n)
  end
  if sometimes() then
    local names = { "lo", "hi", drawcenter(draw, size, axes.kernel) }
    kw.center = names[draw(#names)]
  end
  return size, kw
end

local function text(value)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local parts = {}
  for k, v in pairs(value) do
    parts[#parts + 1] = (type(k) == "string" and k .. " = " or "") .. text(v)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- "idinit(2, 3, {gain = 2})", for messages.
function identities.text(size, kw)
  return ("idinit(%s, %s)"):format(table.concat(size, ", "), text(kw))
end

return identities
