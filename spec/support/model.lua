-- What an identity is, one definition after the other, element by element. An
-- array is a function from a list of positions to a value.

local model = {}

-- The nearest float32, of two the even one.
function model.float32(x)
  if x ~= x or x == 0 or x == 1 / 0 or x == -1 / 0 then return x end
  local magnitude, unit = math.abs(x), 2 ^ -149
  while magnitude / unit >= 2 ^ 24 do unit = unit * 2 end
  local steps = magnitude / unit
  local whole = math.floor(steps)
  local rest = steps - whole
  if rest > 0.5 or rest == 0.5 and whole % 2 == 1 then whole = whole + 1 end
  local rounded = whole * unit
  if rounded >= 2 ^ 128 then rounded = 1 / 0 end
  return x < 0 and -rounded or rounded
end

-- The axes of outputs, inputs and groups in a layout, each nil where there is
-- none, and the list of kernel axes.
function model.axes(rank, layout, transposed)
  layout = layout and layout:lower() or rank == 2 and "oi"
    or ("w"):rep(rank - 2) .. (transposed and "oi" or "io")
  local kernel = {}
  for d = 1, rank do
    if not layout:sub(d, d):find "[oig]" then kernel[#kernel + 1] = d end
  end
  return { o = layout:find "o", i = layout:find "i", g = layout:find "g", kernel = kernel }
end

local function middle(extent, center, n)
  if type(center) == "table" then return center[n] end
  if center == "hi" then return math.floor(extent / 2) + 1 end
  return math.ceil(extent / 2)
end

-- What the gain is multiplied with at (o, i), counted from 0, of a block of
-- `outs` x `ins`; and divided by.
local fits = {}

function fits.pad(o, i)
  return o == i and 1 or 0
end

function fits.tile(o, i, outs, ins)
  return (o - i) % math.min(outs, ins) == 0 and 1 or 0
end

-- How many of the first `ins` inputs output o takes.
local function inputs(o, ins, outs, all)
  local number = 0
  for k = 0, ins - 1 do number = number + fits.tile(o, k, outs, all) end
  return number
end

function fits.mean(o, i, outs, ins)
  return fits.tile(o, i, outs, ins), inputs(o, ins, outs, ins)
end

function fits.split(o, i, outs, ins)
  local r, c = inputs(o, i + 1, outs, ins), inputs(o, ins, outs, ins)
  return fits.tile(o, i, outs, ins) * 2 * r / (c * (c + 1))
end

function fits.hadamard(o, i, outs, ins)
  if outs <= ins then return fits.pad(o, i) end
  local K = 0
  while 2 ^ K < outs do K = K + 1 end
  local sign = 1
  while o > 0 and i > 0 do
    if o % 2 == 1 and i % 2 == 1 then sign = -sign end
    o, i = math.floor(o / 2), math.floor(i / 2)
  end
  return sign * 2 ^ (-K / 2)
end

-- The identity before shift and window: of blocks, one for each group. Groups
-- have an axis of their own, or lie one behind the other along "o" or, in a
-- transposed weight, "i".
function model.identity(size, keywords)
  if #size == 1 then return function() return 0 end end
  local axes = model.axes(#size, keywords.layout, keywords.transposed)
  local along = not axes.g and (keywords.transposed and "i" or "o")
  local fit, gain = fits[keywords.fit or "pad"], keywords.gain or 1
  local function extent(axis)
    return (size[axes[axis]] or 1) / (axis == along and keywords.groups or 1)
  end
  local outs, ins = extent "o", extent "i"
  return function(p)
    for n, d in ipairs(axes.kernel) do
      if p[d] ~= middle(size[d], keywords.center, n) then return 0 end
    end
    local o, i = p[axes.o] or 1, p[axes.i] or 1
    local factor, divisor = fit((o - 1) % outs, (i - 1) % ins, outs, ins)
    return factor == 0 and 0 or model.float32(gain * factor / (divisor or 1))
  end
end

-- Element p of the result is element p - s of the argument, wrapped.
function model.circshift(array, size, shift)
  if type(shift) == "number" then shift = { shift } end
  return function(p)
    local q = {}
    for d = 1, #p do q[d] = (p[d] - 1 - (shift[d] or 0)) % size[d] + 1 end
    return array(q)
  end
end

-- The part of an array that stands in a window, and its size.
function model.cut(array, size, window)
  local first, length = {}, {}
  for d = 1, #size do
    first[d] = window[d][1] or 1
    length[d] = (window[d][2] or size[d]) - first[d] + 1
  end
  return function(p)
    local q = {}
    for d = 1, #p do q[d] = p[d] + first[d] - 1 end
    return array(q)
  end, length
end

-- idinit(size, keywords) as an array, and its size. At rank 1 nothing but a
-- window matters.
function model.make(size, keywords)
  local array = model.identity(size, keywords)
  array = model.circshift(array, size, keywords.shift or {})
  if not keywords.window then return array, size end
  return model.cut(array, size, keywords.window)
end

-- Iterates over the lists of positions in a size, the last dimension fastest.
-- The list is the same one each time.
function model.positions(size)
  local p = {}
  return function()
    if not p[1] then
      for d = 1, #size do
        if size[d] == 0 then return nil end
        p[d] = 1
      end
      return p
    end
    for d = #size, 1, -1 do
      p[d] = p[d] + 1
      if p[d] <= size[d] then return p end
      p[d] = 1
    end
  end
end

return model
