-- Operations that make sense, and a mirror can follow.

local idinit = require "idinit"
local layers = require "idinit.layers"
local mirror = require "spec.support.mirror"
local world = require "spec.fuzz.script.world"

local unpack = table.unpack or unpack
local has_ffi, ffi = pcall(require, "ffi")

local operation, again, PATH, pool = world.operation, world.again, world.PATH, world.pool
local draw, fault, chance, pick = world.draw, world.fault, world.chance, world.pick
local pack, invoke, method, index = world.pack, world.invoke, world.method, world.index
local newindex, length, equal, text = world.newindex, world.length, world.equal, world.text
local same, withdata, verify, try = world.same, world.withdata, world.verify, world.try
local add, entry, finalize, value = world.add, world.entry, world.finalize, world.value
local extents, positions, shifts = world.extents, world.positions, world.shifts
local keywords, expected, identity = world.keywords, world.expected, world.identity
local merged, plus = world.merged, world.plus

operation("create", 8, function()
  local size, kw = identity()
  local m = expected(size, kw)
  local how = draw(5)
  local ok, t
  if how == 1 then
    ok, t = try({}, invoke, pick { idinit, again }, plus(size, kw))
  elseif how == 2 then
    ok, t = try({}, invoke, idinit, merged(size, kw))
  elseif how == 3 then
    ok, t = try({}, invoke, idinit.identity_init, math.random, plus(size, kw))
  elseif how == 4 then
    local made, partial = try({}, invoke, idinit, kw)
    if not made then return end
    kw.gain = nil
    ok, t = try({}, invoke, partial, plus(size, { gain = kw.gain }))
  else
    m = expected(size, {})
    ok, t = try({}, invoke, idinit, plus(size))
  end
  if ok then add(t, m) end
end)

operation("zeros", 2, function()
  local size = chance(20) and {} or extents()
  local ok, t = try({}, invoke, idinit.zeros, unpack(size))
  if ok then add(t, mirror.new(size, "row")) end
end)

-- Nested tables cannot tell what extents follow one of 0.
local function nestable(m)
  for d = 1, #m.size do
    if m.size[d] == 0 then return d == #m.size end
  end
  return true
end

operation("tensor", 3, function()
  local m = mirror.new(extents(), "row")
  if not nestable(m) then return end
  for k = 1, m.numel do m.data[k] = value() end
  local ok, t = try({}, invoke, idinit.tensor, mirror.nested(m))
  if ok then add(t, m) end
end)

operation("view", 12, function()
  local e = entry()
  if e.m.numel == 0 or #e.m.size == 0 then return end
  local i = draw(e.m.size[1])
  local ok, v = try({ e }, index, e.t, i)
  if not ok then return end
  local row = mirror.row(e.m, i)
  if #row.size > 0 then return add(v, row) end
  if not same(v, row.data[row.base]) then fault("t[%d] is %s", i, tostring(v)) end
end)

operation("get", 12, function()
  local e = entry()
  if e.m.numel == 0 then return end
  local p = positions(e.m.size)
  local how = draw(3)
  local ok, v
  if how == 1 then
    ok, v = try({ e }, index, e.t, p)
  elseif how == 2 then
    ok, v = try({ e }, invoke, e.t, unpack(p))
  else
    ok, v = try({ e }, method, e.t, "get", unpack(p))
  end
  if ok and not same(v, e.m.data[mirror.place(e.m, p)]) then
    fault("an element is %s", tostring(v))
  end
end)

operation("set", 12, function()
  local e, v = entry(), value()
  if e.m.numel == 0 then return end
  local p = positions(e.m.size)
  local how = draw(3)
  local ok
  if how == 1 then
    ok = try({ e }, newindex, e.t, p, v)
  elseif how == 2 or #p ~= 1 then
    ok = try({ e }, method, e.t, "set", plus(p, v))
  else
    ok = try({ e }, newindex, e.t, p[1], v)
  end
  if not ok then return end
  e.m.data[mirror.place(e.m, p)] = v
  verify(e)
end)

-- A number, nested tables or a tensor of a size, and its values.
local function source(size, numbers)
  local m = mirror.new(size, pick { "row", "col" })
  local how = draw(numbers and 3 or 2)
  if how == 3 then
    local v = value()
    return v, v
  end
  for k = 1, m.numel do m.data[k] = value() end
  if how == 1 and #size > 0 and nestable(m) then
    return mirror.nested(m), mirror.values(m)
  end
  for _, e in ipairs(pool) do
    local fits = not e.dead and #e.m.size == #size
    for d = 1, #size do fits = fits and e.m.size[d] == size[d] end
    if fits and chance(2) then return e.t, mirror.values(e.m), e end
  end
  local t = idinit.zeros(unpack(size))
  if m.numel == 0 then return t, {} end
  return #size == 0 and t:fill(m.data[1]) or t:copy(mirror.nested(m)),
    mirror.values(m)
end

operation("assign", 8, function()
  local e = entry()
  if e.m.numel == 0 or #e.m.size < 2 then return end
  local i = draw(e.m.size[1])
  local row = mirror.row(e.m, i)
  local src, values, other = source(row.size, true)
  if try({ e, other }, newindex, e.t, i, src) then
    mirror.assign(row, values)
    verify(e)
  end
end)

operation("copy", 8, function()
  local e = entry()
  local src, values, other = source(e.m.size, false)
  local ok, t = try({ e, other }, method, e.t, "copy", src)
  if not ok then return end
  if not rawequal(t, e.t) then fault "copy returns another" end
  mirror.assign(e.m, values)
  verify(e)
end)

operation("fill", 3, function()
  local e, v = entry(), value()
  local ok, t = try({ e }, method, e.t, "fill", v)
  if not ok then return end
  if not rawequal(t, e.t) then fault "fill returns another" end
  mirror.assign(e.m, v)
  verify(e)
end)

operation("clone", 3, function()
  local e = entry()
  local ok, t = try({ e }, method, e.t, "clone")
  if ok then add(t, mirror.clone(e.m)) end
end)

operation("contiguous", 3, function()
  local e = entry()
  local ok, t = try({ e }, method, e.t, "contiguous")
  if not ok then return end
  local is_same = mirror.iscontiguous(e.m)
  if rawequal(t, e.t) ~= is_same then fault "contiguous" end
  add(t, is_same and e.m or mirror.clone(e.m))
end)

local function factors(numel)
  local size = {}
  if numel == 0 then return { draw(3), 0 } end
  while numel > 1 and #size < 6 do
    local n = pick { 1, 2, 3, 4, 5, numel }
    if numel % n == 0 then
      size[#size + 1] = n
      numel = numel / n
    end
  end
  if numel > 1 then size[#size + 1] = numel end
  return size
end

operation("reshape", 8, function()
  local e = entry()
  local size = factors(e.m.numel)
  local ok, t = try({ e }, method, e.t, "reshape", unpack(size))
  if ok then add(t, mirror.reshape(e.m, size)) end
end)

operation("circshift", 4, function()
  local e = entry()
  local shift = shifts(e.m.size)
  local ok, t = try({ e }, method, e.t, "circshift", shift)
  if ok then add(t, mirror.circshift(e.m, shift)) end
end)

operation("cat", 3, function()
  local e = entry()
  if #e.m.size == 0 then return end
  local list, mirrors = {}, {}
  for k = 1, draw(3) do list[k], mirrors[k] = e.t, e.m end
  local dim = draw(#e.m.size)
  local ok, t = try({ e }, invoke, idinit.cat, list, dim)
  if ok then add(t, mirror.cat(mirrors, dim)) end
end)

operation("describe", 3, function()
  local e = entry()
  local size = pack(try({ e }, method, e.t, "size"))
  if not size[1] then return end
  if size.n ~= #e.m.size + 1 then fault("size returns %d", size.n) end
  for d, n in ipairs(e.m.size) do
    if size[d + 1] ~= n then fault("extent %d is %s", d, tostring(size[d + 1])) end
    local ok, stride = try({ e }, method, e.t, "stride", d)
    if ok and e.m.numel > 0 and n > 1 and stride ~= e.m.stride[d] then
      fault("stride %d is %s", d, tostring(stride))
    end
  end
  local ok, n = try({ e }, method, e.t, "numel")
  if ok and n ~= e.m.numel then fault("numel is %s", tostring(n)) end
  if #e.m.size == 0 then return end
  ok, n = try({ e }, length, e.t)
  if ok and n ~= e.m.size[1] then fault("the length is %s", tostring(n)) end
end)

operation("equal", 3, function()
  local e, f = entry(), entry()
  if rawequal(e.t, f.t) then return end
  local is_equal = #e.m.size == #f.m.size
  for d = 1, #e.m.size do is_equal = is_equal and e.m.size[d] == f.m.size[d] end
  local a, b = mirror.values(e.m), mirror.values(f.m)
  for k = 1, #a do is_equal = is_equal and a[k] == b[k] end
  local ok, result = try({}, equal, e.t, f.t)
  if ok and not e.dead and not f.dead and result ~= is_equal then
    fault("equal is %s", tostring(result))
  end
end)

operation("show", 1, function()
  local e = entry()
  local ok, s
  if chance(2) then
    ok, s = try({ e }, text, e.t)
    if ok and not s:find("float tensor", 1, true) then fault("tostring: %s", s) end
  else
    ok, s = try({ e }, method, e.t, "spy", 9 + draw(90), 4 + draw(40))
    if ok and s:sub(1, 1) ~= "[" and s:sub(1, 3) ~= "┌" then fault("spy: %s", s) end
  end
end)

operation("saveandload", 1, function()
  local e = entry()
  if not chance(4) or not try({ e }, method, e.t, "save", PATH) then return end
  local ok, t = try({}, invoke, idinit.load, PATH)
  if ok then add(t, mirror.clone(e.m)) end
end)

-- A mirror of the same elements in row order.
local function inrows(m)
  local rows = mirror.new({ unpack(m.size) }, "row")
  if m.numel > 0 then mirror.assign(rows, mirror.values(m)) end
  return rows
end

operation("safetensors", 1, function()
  local e, f = entry(), entry()
  local kw = { dtype = pick { "f32", "f64" }, metadata = chance(2) and { ["\0"] = "é" } or nil }
  local saved = { a = e.t, ["\n"] = f.t }
  if not chance(4) or not try({ e, f }, invoke, idinit.save, PATH, saved, kw) then return end
  local names = chance(2) and { "a" } or nil
  local ok, net, metadata = try({}, invoke, idinit.load, PATH, names)
  if not ok then return end
  if metadata["\0"] ~= (kw.metadata and "é") then fault "other metadata" end
  if (net["\n"] == nil) ~= (names ~= nil) then fault "other names" end
  add(net.a, inrows(e.m))
end)

operation("bytes", 2, function()
  local e = entry()
  local dtype = pick { "f32", "f64" }
  local ok, bytes = try({ e }, method, e.t, "tobytes", dtype)
  if not ok then return end
  local m = inrows(e.m)
  local made, t = try({}, invoke, idinit.frombytes, bytes, dtype, unpack(m.size))
  if made then add(t, m) end
end)

operation("into", 4, function()
  local e = entry()
  if #e.m.size == 0 then return end
  local kw = keywords(e.m.size)
  kw.window, kw.order = nil, nil
  local ok, t = try({ e }, invoke, idinit.into, e.t, kw)
  if not ok then return end
  if not rawequal(t, e.t) then fault "into returns another" end
  mirror.assign(e.m, mirror.values(expected(e.m.size, kw)))
  verify(e)
end)

if has_ffi then
  -- A NaN of bits that no number of Lua's has.
  operation("payload", 3, function()
    local e = entry()
    if e.m.numel == 0 then return end
    local at = mirror.place(e.m, positions(e.m.size))
    local bits = pick { 0x7fc00000, 0x7f800001, 0xff800000, 0xffd00000, 0xffff0000 }
    if not pcall(withdata, e.t, function(data)
      ffi.cast("uint32_t *", data)[at - e.m.base] = bits + draw(0xffff)
    end) then return end
    e.m.data[at] = 0 / 0
    verify(e)
  end)

  operation("foreign", 2, function()
    local size, kw = identity()
    local m = expected(size, kw)
    local buffer = ffi.new("float[?]", m.numel + 1)
    buffer[m.numel] = 7
    local dst = chance(2) and buffer or ffi.cast("float *", buffer)
    local ok = try({}, invoke, idinit.into, dst, plus(size, kw))
    for k = 1, ok and m.numel or 0 do
      if not same(buffer[k - 1], m.data[k]) then fault("into writes %s", buffer[k - 1]) end
    end
    if buffer[m.numel] ~= 7 then fault "into writes past the end" end
  end)
end

operation("taps", 3, function()
  local size, kw = identity()
  kw.order = nil
  local m = expected(size, kw)
  local ok, iterator = try({}, invoke, idinit.taps, plus(size, kw))
  if not ok then return end
  local seen = mirror.new(m.size, "row")
  while true do
    local tap = pack(iterator())
    world.calls = world.calls + 1
    if tap[1] == nil then break end
    local p = { unpack(tap, 2, tap.n) }
    local at = mirror.place(seen, p)
    if not same(tap[1], m.data[at]) or #p ~= #m.size then fault("a tap of %s", tap[1]) end
    if seen.data[at] ~= 0 then fault "a tap comes twice" end
    seen.data[at] = 1
  end
  for k = 1, m.numel do
    if seen.data[k] == 0 and m.data[k] ~= 0 then fault "a tap is missing" end
  end
end)

operation("dense", 2, function()
  local e = entry()
  if e.m.numel == 0 or #e.m.size == 0 then return end
  local n = e.m.size[1]
  local ok, layer = try({}, invoke, layers.Dense, n, n, { init = idinit })
  if not ok then return end
  local done, y = try({ e }, invoke, layer, e.t)
  if done then add(y, mirror.clone(e.m, "row")) end
  done, y = try({}, method, layer, "explain")
  if done and y ~= true then fault "an identity is not proven" end
end)

operation("conv", 2, function()
  local kind = pick { "Conv", "CrossCor", "ConvTranspose" }
  local groups, n = draw(2), draw(2)
  local kernel, size = {}, {}
  for d = 1, draw(2) do
    kernel[d], size[d] = 2 * draw(2) - 1, draw(4)
  end
  size[#size + 1], size[#size + 2] = groups * n, draw(2)
  local ok, layer = try({}, invoke, layers[kind], kernel, groups * n, groups * n,
    { pad = "same", groups = groups, activation = chance(2) and layers.identity or nil })
  if not ok then return end
  local m = mirror.new(size, "row")
  for k = 1, m.numel do m.data[k] = draw(100) end
  local done, y = try({}, invoke, layer, mirror.nested(m))
  if done then add(y, m) end
end)

-- Tensors whose memory is used again.
local LARGE = 200
local ZEROS = idinit.zeros(LARGE, LARGE)

-- Writes to a large tensor in one way or another.
local writers = {
  function(t) t:set(draw(LARGE), draw(LARGE), 5) end,
  function(t) t[draw(LARGE)][draw(LARGE)] = 5 end,
  function(t) t[{ draw(LARGE), draw(LARGE) }] = 5 end,
  function(t) t[draw(LARGE)] = 5 end,
  function(t) t:fill(5) end,
  function(t) t:copy(t:circshift(1)) end,
  function(t) t:reshape(LARGE * LARGE)[draw(LARGE)] = 5 end,
  function(t) idinit.into(t, { gain = 5, shift = draw(LARGE) }) end,
  function(t) if has_ffi then t:data()[draw(LARGE * LARGE) - 1] = 5 end end,
  function() end,
}

operation("large", 3, function()
  local kw = keywords { LARGE, LARGE }
  kw.window, kw.gain = nil, 1 + draw(5)
  local ok, t = try({}, invoke, pick { idinit, again }, LARGE, LARGE, kw)
  local zeroed, wanted = try({}, invoke, pick { idinit, again }.zeros, LARGE, LARGE)
  if not ok or not zeroed then return end
  if not equal(wanted, ZEROS) then fault "zeros are none" end
  kw.order = nil
  for v, i, j in idinit.taps(LARGE, LARGE, kw) do wanted[{ i, j }] = v end
  if not equal(t, wanted) then fault "an identity is none" end
  for _, u in ipairs { t, wanted } do try({}, pick(writers), u) end
end)

operation("finalize", 3, function()
  if chance(2) then finalize(entry().t) end
end)

-- Sums in a loop, for the compiler: on tensors of all ranks, alive or not.
local function sum(t, rank, m, n)
  local s = 0
  for i = 1, m do
    if rank == 1 then
      s = s + t[i]
    else
      for j = 1, n do s = s + (rank == 2 and t[i][j] or rank == 3 and t[i][j][1] or t(i, j)) end
    end
  end
  return s
end

operation("sum", 8, function()
  local e = entry()
  local size, rank = e.m.size, #e.m.size
  if e.m.numel == 0 or rank < 1 or rank > 3 then return end
  local ok, s = try({ e }, sum, e.t, rank, size[1], size[2])
  if not ok then return end
  local wanted = 0
  for i = 1, size[1] do
    for j = 1, size[2] or 1 do
      local p = { i, size[2] and j, size[3] and 1 }
      wanted = wanted + e.m.data[mirror.place(e.m, p)]
    end
  end
  if not same(s, wanted) then fault("a sum is %s, not %s", tostring(s), tostring(wanted)) end
end)
