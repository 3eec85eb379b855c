-- A tensor in plain Lua: a table of numbers, and how the indices lie in it.
-- Views share the table, as a tensor's share its buffer.

local mirror = {}

-- Strides without gaps.
local function pack(size, order)
  local stride, step = {}, 1
  for k = 1, #size do
    local d = order == "col" and k or #size + 1 - k
    stride[d] = step
    step = step * size[d]
  end
  return stride
end

-- A new one of zeros. `order` is "row" or "col".
function mirror.new(size, order)
  local m = { size = size, base = 1, data = {} }
  m.stride = pack(size, order)
  m.numel = 1
  for d = 1, #size do m.numel = m.numel * size[d] end
  for k = 1, m.numel do m.data[k] = 0 end
  return m
end

local function view(m, base, size, stride)
  local v = { size = size, stride = stride, base = base, data = m.data }
  v.numel = 1
  for d = 1, #size do v.numel = v.numel * size[d] end
  return v
end

-- Places in the table, in row-major order of the indices.
function mirror.places(m)
  local places, at = {}, m.base
  local size, stride, rank = m.size, m.stride, #m.size
  local p = {}
  for d = 1, rank do p[d] = 1 end
  for k = 1, m.numel do
    places[k] = at
    local d = rank
    while d > 0 do
      at = at + stride[d]
      if p[d] < size[d] then
        p[d] = p[d] + 1
        break
      end
      at = at - size[d] * stride[d]
      p[d] = 1
      d = d - 1
    end
  end
  return places
end

function mirror.place(m, p)
  local at = m.base
  for d = 1, #p do at = at + (p[d] - 1) * m.stride[d] end
  return at
end

function mirror.row(m, i)
  local size, stride = {}, {}
  for d = 2, #m.size do
    size[d - 1], stride[d - 1] = m.size[d], m.stride[d]
  end
  return view(m, m.base + (i - 1) * m.stride[1], size, stride)
end

-- The values in row-major order of the indices.
function mirror.values(m)
  local values = {}
  for k, at in ipairs(mirror.places(m)) do values[k] = m.data[at] end
  return values
end

-- Puts in such values, or one number everywhere.
function mirror.assign(m, values)
  for k, at in ipairs(mirror.places(m)) do
    m.data[at] = type(values) == "number" and values or values[k]
  end
end

local function ispacked(m, order)
  local packed = pack(m.size, order)
  for d = 1, #m.size do
    if m.size[d] ~= 1 and m.stride[d] ~= packed[d] and m.numel > 0 then return false end
  end
  return true
end

function mirror.iscontiguous(m)
  return ispacked(m, "row") or ispacked(m, "col")
end

-- A new one of zeros, in column order where the first is packed so.
local function like(m)
  return mirror.new(m.size, not ispacked(m, "row") and ispacked(m, "col") and "col" or "row")
end

function mirror.clone(m, order)
  local c = order and mirror.new(m.size, order) or like(m)
  mirror.assign(c, mirror.values(m))
  return c
end

-- The view whose dimension k is dimension dims[k].
function mirror.permute(m, dims)
  local size, stride = {}, {}
  for k, d in ipairs(dims) do size[k], stride[k] = m.size[d], m.stride[d] end
  return view(m, m.base, size, stride)
end

-- The view of t[list]: an index drops a dimension, {first, last} keeps a part, {}
-- and what is not mentioned all of it.
function mirror.slice(m, list)
  local size, stride, base = {}, {}, m.base
  for d = 1, #m.size do
    local entry = list[d] or {}
    local first = type(entry) == "number" and entry or entry[1] or 1
    base = base + (first - 1) * m.stride[d]
    if type(entry) ~= "number" then
      size[#size + 1] = entry[2] and entry[2] - first + 1 or m.size[d]
      stride[#stride + 1] = m.stride[d]
    end
  end
  return view(m, base, size, stride)
end

-- The view of another size that has the same places, if its indices can step
-- evenly through them, else a copy. Of an empty one, and along an extent of 1,
-- no stride matters.
function mirror.reshape(m, size)
  local places = mirror.places(m)
  local packed = pack(size, "row")
  local v = view(m, m.base, size, packed)
  if v.numel == 0 then return v end
  local stride = {}
  for d = 1, #size do
    stride[d] = size[d] > 1 and places[1 + packed[d]] - places[1] or 1
  end
  v.stride = stride
  for k, at in ipairs(mirror.places(v)) do
    if at ~= places[k] then
      local copy = mirror.new(size, "row")
      mirror.assign(copy, mirror.values(m))
      return copy
    end
  end
  return v
end

-- Element p of the result is element p - s of the argument, wrapped.
function mirror.circshift(m, shift)
  local c = like(m)
  local values, to = mirror.values(m), mirror.places(c)
  local rank, p, q = #m.size, {}, {}
  for k = 1, m.numel do
    local rest = k - 1
    for d = rank, 1, -1 do
      p[d] = rest % m.size[d]
      rest = (rest - p[d]) / m.size[d]
      q[d] = (p[d] + (shift[d] or 0)) % m.size[d]
    end
    local at = 0
    for d = 1, rank do at = at * m.size[d] + q[d] end
    c.data[to[at + 1]] = values[k]
  end
  return c
end

-- Joined along dimension `dim`.
function mirror.cat(list, dim)
  local size = {}
  for d = 1, #list[1].size do size[d] = list[1].size[d] end
  size[dim] = 0
  for _, m in ipairs(list) do size[dim] = size[dim] + m.size[dim] end
  local c = mirror.new(size, "row")
  local before = 0
  for _, m in ipairs(list) do
    local part = view(c, c.base + before * c.stride[dim], m.size, c.stride)
    mirror.assign(part, mirror.values(m))
    before = before + m.size[dim]
  end
  return c
end

-- As nested tables, like t:totable().
function mirror.nested(m)
  local values, k = mirror.values(m), 0
  local function nest(d)
    if d > #m.size then
      k = k + 1
      return values[k]
    end
    local t = {}
    for i = 1, m.size[d] do t[i] = nest(d + 1) end
    return t
  end
  return nest(1)
end

return mirror
