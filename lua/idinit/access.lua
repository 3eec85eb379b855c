--- Element access that LuaJIT compiles. A C metamethod ends a trace and costs
--- some 40 ns; here it is Lua that checks everything the C one checks and then
--- reads through the FFI. What it cannot serve it hands to the C one, which
--- also raises all errors.
---
--- For a tensor that is indexed there is a record of plain numbers, kept in a
--- table with weak keys: being in it is the proof that a userdata is a live
--- tensor, which no script can forge by swapping metatables. The core drops
--- the record when the finalizer runs; only a hook of `debug` could run it
--- between the look-up and the access. Inside a loop all of the record is
--- invariant, so what remains of an access is two comparisons and a load.
---
--- Three ways were measured, before a NaN was looked for (1000 x 1000, ns an
--- element, compiled | interpreted; a raw pointer loop: 0.71 | 28; the C
--- metamethod: - | 44):
---   an FFI struct over the userdata, int64 extents   0.69 | 800
---   a record of numbers, compared as doubles         0.93 | 103
---   a record of numbers, compared as ints by tobit   0.71 | 118
--- The last is as fast as the first where it is compiled, and where it is not
--- it is not a trap. With the look for a NaN it is 0.85 | 206, beside 0.82 | 30
--- of a raw pointer loop.

local bit = require "bit"
local ffi = require "ffi"
local header = require "idinit.foreign".header

-- A record: r[DATA] points to elements, r[BITS] to the same as integers; the
-- position of (i1, ..., ik) is r[BASE] plus the indices times the strides.
-- r[VIEWS] are its views, once it has any. Extents follow r[FIXED], then
-- strides.
local DATA, BITS, BASE, ACCESS, VIEWS, FIXED = 1, 2, 3, 4, 5, 5

--- Accessors for one rank, unrolled: a loop over the dimensions would end the
--- traces of the loops around it. All but `row`, which makes the record of row
--- i, return nil where the C metamethod is to judge; else `get` and `listed` an
--- element, `set` and `place` a position. The last dimension mostly has stride
--- 1, and is spared its multiplication.
---
--- Of a NaN the FFI makes a Lua value of any type, with a pointer of the NaN's
--- making, so a NaN is left to the C metamethod. Its bits have to tell: the FFI's
--- value is past telling. (What the compiler believes of the bits may be older
--- than a write through r[DATA]. If they were a NaN, the C metamethod still reads
--- what is there now; and no number of Lua's is written as such a NaN.) The
--- position is not kept in a variable: it would be computed once more, as a
--- double, for the compiled code to leave with.
local template = [[
local type, tobit, band, rawget, select, accessors = ...
local function at(r, $args)
  if not ($numbers) then return end
  local $ints = $tobits
  if $checks then
    if r[$laststride] == 1 then return r[$base] + $unitsum end
    return r[$base] + $sum
  end
end
local function read(r, $args)
  if not ($numbers) then return end
  local $ints = $tobits
  if not ($checks) then return end
  if r[$laststride] == 1 then
    if band(r[$bits][r[$base] + $unitsum], 0x7fffffff) <= 0x7f800000 then
      return r[$data][r[$base] + $unitsum]
    end
  elseif band(r[$bits][r[$base] + $sum], 0x7fffffff) <= 0x7f800000 then
    return r[$data][r[$base] + $sum]
  end
end
return {
  rank = $rank,
  get = function(r, $args, ...)
    if select("#", ...) == 0 then return read(r, $args) end
  end,
  listed = function(r, key)
    if rawget(key, $rank + 1) == nil then return read(r, $keys) end
  end,
  set = function(r, $args, value, ...)
    if select("#", ...) == 0 and type(value) == "number" then
      return at(r, $args), value
    end
  end,
  place = function(r, key)
    if rawget(key, $rank + 1) == nil then return at(r, $keys) end
  end,
  row = function(r, i)
    return { r[$data], r[$bits], r[$base] + i * r[$firststride],
             accessors[$rank - 1], false, $rest }
  end,
}
]]

--- The words of the template that are lists over the dimensions.
local function lists(rank)
  local parts = { args = {}, numbers = {}, ints = {}, tobits = {}, checks = {},
                  keys = {}, sum = {}, rest = {} }
  for d = 1, rank do
    local i, n = "i" .. d, "n" .. d
    local extent = ("r[%d]"):format(FIXED + d)
    local stride = ("r[%d]"):format(FIXED + rank + d)
    parts.args[d] = i
    parts.keys[d] = ("rawget(key, %d)"):format(d)
    parts.numbers[d] = ('type(%s) == "number"'):format(i)
    parts.ints[d] = n
    parts.tobits[d] = ("tobit(%s)"):format(i)
    parts.checks[d] = ("%s == %s and %s >= 1 and %s <= tobit(%s)"):format(
      n, i, n, n, extent)
    parts.sum[d] = n .. " * " .. stride
    if d > 1 then
      parts.rest[d - 1], parts.rest[rank + d - 2] = extent, stride
    end
  end
  return parts
end

local accessors = {}

local function compile(rank)
  local parts = lists(rank)
  local words = { rank = rank, data = DATA, bits = BITS, base = BASE,
                  firststride = FIXED + rank + 1,
                  laststride = FIXED + 2 * rank }
  words.sum = table.concat(parts.sum, " + ")
  parts.sum[rank] = parts.ints[rank]
  words.unitsum = table.concat(parts.sum, " + ")
  for _, name in ipairs { "args", "ints", "tobits", "keys", "rest" } do
    words[name] = table.concat(parts[name], ", ")
  end
  for _, name in ipairs { "numbers", "checks" } do
    words[name] = table.concat(parts[name], " and ")
  end
  local source = template:gsub("%$(%a+)", words)
  return assert(loadstring(source, "=idinit.access"))(
    type, bit.tobit, bit.band, rawget, select, accessors)
end

setmetatable(accessors, {
  __index = function(t, rank)
    t[rank] = compile(rank)
    return t[rank]
  end,
})

--- The record of what is no tensor, or none for the fast path.
local function decline() end
local unfit = {
  false, false, 0,
  { rank = 0, get = decline, listed = decline, set = decline, place = decline },
  false,
}

-- A sweep over rows makes views in blocks that grow, so that it leaves its
-- compiled loop a few times only. Many are held, but of too many only the last.
local GROWTH, MOST, MANY, TOOMANY = 4, 1024, 64, 2 ^ 14

--- Returns a function(t, r, i) for t[i] where it has rank > 1 and the record r,
--- which has no view of that row. Views are userdata, which a trace cannot make,
--- and so are kept in r[VIEWS]. (FFI structs in their place would be optimised
--- away but keep nothing alive; tables would escape.)
local function viewmaker(index, records, is_tensor)
  local weak = { __mode = "v" }
  local held = {}
  local token = ffi.typeof "struct { char unused; }"

  local function release()
    for k = #held, 1, -1 do
      setmetatable(held[k], weak)
      held[k] = nil
    end
  end

  --- Views are kept weakly. But where the Lua heap is small, making a thousand
  --- is enough for the collector to take all of them away, and the next sweep
  --- would make them anew. So they are held until one collection has seen, and
  --- counted, them.
  local function hold(views)
    if #held == 0 then ffi.gc(token(), release) end
    held[#held + 1] = setmetatable(views, nil)
  end

  --- Adds row i. A finalizer, which runs where anything is made, may finalize
  --- the view, and then it is not added, or t, and then there is none.
  local function addrow(t, r, views, i)
    local made, view = pcall(index, t, i)
    if not made then return end
    local record = r[ACCESS].row(r, i)
    if is_tensor(view) then views[i], records[view] = view, record end
    return view
  end

  --- Adds rows i to `last` where they are missing.
  local function add(t, r, views, i, last)
    local wanted = addrow(t, r, views, i) -- held, or the next could collect it
    for k = i + 1, last do
      if not records[views[k]] then addrow(t, r, views, k) end
    end
    return wanted
  end

  local function make(t, r, i)
    local extent, views = r[FIXED + 1], r[VIEWS]
    if not (i >= 1 and i <= extent and i % 1 == 0) then return index(t, i) end
    local ahead = views and i - views.next or 0
    local is_sweep = views and ahead >= 0 and ahead <= views.block
    local block = is_sweep and math.min(GROWTH * views.block, MOST) or 1
    if not views or extent > TOOMANY and views.made >= MOST then
      -- A table of all would take long to look through in every collection.
      views = setmetatable({ made = 0 }, weak)
    end
    views.block, views.next = block, math.min(i + block, extent + 1)
    views.made = views.made + block
    if (ahead < 0 or block >= MANY) and getmetatable(views) then hold(views) end
    r[VIEWS] = views
    local view = add(t, r, views, i, views.next - 1)
    if view then return view end
    return index(t, i) -- blames the script
  end

  for _, f in ipairs { release, hold, addrow, add, make } do jit.off(f) end
  return make
end

--- Replaces element access in a metatable of tensors, and the methods `get` and
--- `set`.
---@param core table      the C module
---@param metatable table
local function install(core, metatable)
  local records, methods = core.records, core.methods
  local is_tensor, outline = core.is_tensor, core.outline
  local index, newindex = metatable.__index, metatable.__newindex
  local get, set = methods.get, methods.set
  local integers = ffi.typeof "int32_t *"
  local makeview = viewmaker(index, records, is_tensor)

  local function enter(t, rank, base, ...)
    if not rank then return unfit end
    local data = ffi.cast(header, t).data
    local r = { data, ffi.cast(integers, data), base, accessors[rank], false,
                ... }
    if not is_tensor(t) then return unfit end -- a finalizer has run meanwhile
    records[t] = r
    return r
  end

  --- A record costs as much as ten reads in C, so a tensor is not given one at
  --- first sight, but after a few. Who is counted does not matter: the number
  --- changes, so that no pattern of others keeps one that is read again and
  --- again from its turn.
  local misses, enough = 0, 1
  local function register(t)
    misses = misses + 1
    if misses < enough then return unfit end
    misses, enough = 0, enough % 16 + 1
    return enter(t, outline(t))
  end

  function metatable.__index(t, key)
    local kind = type(key)
    if kind == "string" then
      if records[t] then return methods[key] end
      return index(t, key) -- a method may need no record
    end
    local r = records[t] or register(t)
    if kind == "table" then
      local element = r[ACCESS].listed(r, key)
      if element then return element end
    elseif kind == "number" then
      local rank = r[ACCESS].rank
      if rank == 1 then
        local element = r[ACCESS].get(r, key)
        if element then return element end
      elseif rank > 1 then
        local view = r[VIEWS] and r[VIEWS][key]
        if view and records[view] then return view end
        return makeview(t, r, key)
      end
    end
    return index(t, key)
  end

  function metatable.__newindex(t, key, value)
    local r = records[t] or register(t)
    if type(key) == "table" then
      local p = r[ACCESS].place(r, key)
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
    local element = r[ACCESS].get(r, ...)
    if element then return element end
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
