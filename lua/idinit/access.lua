--- Element access that LuaJIT compiles. A C metamethod ends a trace and costs
--- some 40 ns; here it is Lua that checks everything the C one checks and then
--- reads through the FFI. What it cannot serve it hands to the C one, which
--- also raises all errors.
---
--- For each tensor that is indexed there is a record of plain numbers, kept in
--- a table with weak keys: being in it is the proof that a userdata is a live
--- tensor, which no script can forge by swapping metatables. The core drops
--- the record when the finalizer runs. Inside a loop all of the record is
--- invariant, so what remains of an access is two comparisons and a load.
---
--- Three ways were measured (1000 x 1000, ns an element, compiled | interpreted;
--- a raw pointer loop: 0.71 | 28; the C metamethod: - | 44):
---   an FFI struct over the userdata, int64 extents   0.69 | 800
---   a record of numbers, compared as doubles         0.93 | 103
---   a record of numbers, compared as ints by tobit   0.71 | 118
--- The last is as fast as the first where it is compiled, and where it is not
--- it is not a trap.

local ffi = require "ffi"
local header = require "idinit.foreign".header

local LIMIT = 2 ^ 31 -- positions and extents below it are exact as ints

-- A record: r[DATA] points to elements; the position of (i1, ..., ik) is
-- r[BASE] plus the indices times the strides. Extents follow r[FIXED], then
-- strides.
local DATA, BASE, ACCESS, VIEWS, BLOCK, FIXED = 1, 2, 3, 4, 5, 5

--- Accessors for one rank, unrolled: a loop over the dimensions would end the
--- traces of the loops around it. All return nil where the C metamethod is to
--- judge. The last dimension mostly has stride 1, and is spared its
--- multiplication.
local template = [[
local type, tobit, rawget, select = ...
local function at(r, $args)
  if not ($numbers) then return end
  local $ints = $tobits
  if $checks then
    if r[$laststride] == 1 then return r[2] + $unitsum end
    return r[2] + $sum
  end
end
return {
  rank = $rank,
  get = function(r, $args, ...)
    if select("#", ...) == 0 then return at(r, $args) end
  end,
  set = function(r, $args, value, ...)
    if select("#", ...) == 0 and type(value) == "number" then
      return at(r, $args), value
    end
  end,
  listed = function(r, key)
    if rawget(key, $rank + 1) == nil then return at(r, $keys) end
  end,
}
]]

local function compile(rank)
  local parts = { args = {}, numbers = {}, ints = {}, tobits = {}, checks = {},
                  keys = {}, sum = {} }
  for d = 1, rank do
    local i, n = "i" .. d, "n" .. d
    parts.args[d] = i
    parts.keys[d] = ("rawget(key, %d)"):format(d)
    parts.numbers[d] = ('type(%s) == "number"'):format(i)
    parts.ints[d] = n
    parts.tobits[d] = ("tobit(%s)"):format(i)
    parts.checks[d] = ("%s == %s and %s >= 1 and %s <= tobit(r[%d])"):format(
      n, i, n, n, FIXED + d)
    parts.sum[d] = ("%s * r[%d]"):format(n, FIXED + rank + d)
  end
  local words = { rank = rank, laststride = FIXED + 2 * rank }
  words.sum = table.concat(parts.sum, " + ")
  parts.sum[rank] = parts.ints[rank]
  words.unitsum = table.concat(parts.sum, " + ")
  for _, name in ipairs { "args", "ints", "tobits", "keys" } do
    words[name] = table.concat(parts[name], ", ")
  end
  for _, name in ipairs { "numbers", "checks" } do
    words[name] = table.concat(parts[name], " and ")
  end
  local source = template:gsub("%$(%a+)", words)
  return assert(loadstring(source, "=idinit.access"))(
    type, require "bit".tobit, rawget, select)
end

local accessors = setmetatable({}, {
  __index = function(t, rank)
    t[rank] = compile(rank)
    return t[rank]
  end,
})

--- The record of what is no tensor, or no tensor for the fast path: of rank 0,
--- or with positions that an int cannot hold.
local function decline() end
local unfit = {
  false, 0, { rank = 0, get = decline, set = decline, listed = decline }, false,
}

local function describe(t)
  local h = ffi.cast(header, t)
  local rank, span, base = h.rank, 0, 0
  if rank == 0 then return unfit end
  local r = { h.data, 0, accessors[rank], false, 1 }
  for d = 1, rank do
    local extent, stride = tonumber(h.dim[d - 1]), tonumber(h.dim[rank + d - 1])
    r[FIXED + d], r[FIXED + rank + d] = extent, stride
    span, base = span + extent * stride, base - stride
    if extent >= LIMIT or span >= LIMIT then return unfit end
  end
  r[BASE] = base
  return r
end

--- The record of row i of the tensor that `r` describes.
local function describerow(r, i)
  local rank = r[ACCESS].rank
  local row = {
    r[DATA], r[BASE] + i * r[FIXED + rank + 1], accessors[rank - 1], false, 1,
  }
  for d = 2, rank do
    row[FIXED + d - 1], row[FIXED + rank + d - 2] =
      r[FIXED + d], r[FIXED + rank + d]
  end
  return row
end

--- Replaces element access in a metatable of tensors, and the methods `get` and
--- `set`.
---@param core table      the C module
---@param metatable table
local function install(core, metatable)
  local records, methods, lend = core.records, core.methods, core.lend
  local index, newindex = metatable.__index, metatable.__newindex
  local get, set = methods.get, methods.set
  local weak = { __mode = "v" }

  local function register(t)
    if not lend(t) then return unfit end
    local r = describe(t)
    if not lend(t) then return unfit end -- a finalizer has run meanwhile
    records[t] = r
    return r
  end

  --- Views are userdata, which a trace cannot make. So t[i] keeps those it
  --- made, weakly: they hold the buffer, never the other way round. A sweep
  --- over rows makes them in blocks that double, so that it leaves its compiled
  --- loop a few times only. (FFI structs in their place would be optimised away
  --- but keep nothing alive; tables would escape.)
  local function makeviews(t, r, i)
    if not (i >= 1 and i <= r[FIXED + 1] and i % 1 == 0) then
      return index(t, i)
    end
    local views = r[VIEWS] or setmetatable({}, weak)
    local wanted = index(t, i) -- held here, or the block could lose it again
    views[i], records[wanted] = wanted, describerow(r, i)
    for k = i + 1, math.min(i + r[BLOCK] - 1, r[FIXED + 1]) do
      if not records[views[k]] then
        local view = index(t, k)
        views[k], records[view] = view, describerow(r, k)
      end
    end
    r[VIEWS], r[BLOCK] = views, math.min(2 * r[BLOCK], 1024)
    return wanted
  end
  jit.off(makeviews)

  function metatable.__index(t, key)
    local kind = type(key)
    if kind == "string" then
      if records[t] then return methods[key] end
      return index(t, key) -- a method may need no record
    end
    local r = records[t] or register(t)
    if kind == "table" then
      local p = r[ACCESS].listed(r, key)
      if p then return r[DATA][p] end
    elseif kind == "number" then
      local rank = r[ACCESS].rank
      if rank == 1 then
        local p = r[ACCESS].get(r, key)
        if p then return r[DATA][p] end
      elseif rank > 1 then
        local view = r[VIEWS] and r[VIEWS][key]
        if view and records[view] then return view end
        return makeviews(t, r, key)
      end
    end
    return index(t, key)
  end

  function metatable.__newindex(t, key, value)
    local r = records[t] or register(t)
    if type(key) == "table" then
      local p = r[ACCESS].listed(r, key)
      if p and type(value) == "number" then
        r[DATA][p] = value
        return
      end
    elseif r[ACCESS].rank == 1 then
      local p = r[ACCESS].set(r, key, value)
      if p then
        r[DATA][p] = value
        return
      end
    end
    return newindex(t, key, value)
  end

  local function fastget(t, ...)
    local r = records[t] or register(t)
    local p = r[ACCESS].get(r, ...)
    if p then return r[DATA][p] end
    return get(t, ...)
  end
  metatable.__call, methods.get = fastget, fastget

  function methods.set(t, ...)
    local r = records[t] or register(t)
    local p, value = r[ACCESS].set(r, ...)
    if not p then return set(t, ...) end
    r[DATA][p] = value
  end
end

return install
