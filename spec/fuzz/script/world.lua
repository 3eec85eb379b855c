-- What operations work with: tensors with their mirrors, ways to call functions of
-- idinit and to look at what comes of it, and values to call them with.

local idinit = require "idinit"
local mirror = require "spec.support.mirror"
local model = require "spec.support.model"
local random = require "spec.support.random"

local unpack = table.unpack or unpack
local has_ffi, ffi = pcall(require, "ffi")

-- The module once more, as a host has it that loads it anew.
local function reload()
  local before = {}
  for name, part in pairs(package.loaded) do
    if name:find "^idinit" then before[name] = part end
  end
  for name in pairs(before) do package.loaded[name] = nil end
  local again = require "idinit"
  for name in pairs(package.loaded) do
    if name:find "^idinit" then package.loaded[name] = before[name] end
  end
  return again
end
local again = reload()

local draw = random.new(random.seed)

local PATH = os.tmpname()
local HOOK, FINALIZER, JUNK = "raised by a hook", "raised by a finalizer", "raised by junk"
local POOL = 24

local pool = {} -- { t = tensor, m = its mirror, dead = whether it was finalized }
local wild = {} -- values that junk made
local log = {} -- names of the last operations

local world = {
  calls = 0, -- so far
  chaos = 0, -- what finalizers did so far
  operations = {}, -- { name =, weight =, run = }
}

-- The model is not what is to be compiled.
if jit then
  for _, part in ipairs { mirror, model, random } do
    for _, f in pairs(part) do
      if type(f) == "function" then jit.off(f, true) end
    end
  end
end

local function fault(text, ...)
  text = text:format(...)
  error(("seed %d, call %d: %s\nthe last operations, the latest last: %s"):format(
    random.seed, world.calls, text, table.concat(log, " ")), 0)
end

local function chance(n)
  return draw(n) == 1
end

local function pick(list)
  return list[draw(#list)]
end

-- ---- Calls

-- All calls of idinit stand in functions that are not left by a tail call, so
-- that an error has a place to blame.
local function pack(...)
  return { n = select("#", ...), ... }
end

local function invoke(f, ...)
  local results = pack(f(...))
  return unpack(results, 1, results.n)
end

local function method(t, name, ...)
  local f = t[name]
  local results = pack(f(t, ...))
  return unpack(results, 1, results.n)
end

local function index(t, k)
  local value = t[k]
  return value
end

local function newindex(t, k, v)
  t[k] = v
end

local function length(t)
  local n = #t
  return n
end

local function equal(t, u)
  local same = t == u
  return same
end

local function text(t)
  local s = tostring(t)
  return s
end

-- Errors that no caller of idinit is to blame for.
local function isforeign(message)
  if type(message) ~= "string" then return message == JUNK end
  return message:find(HOOK, 1, true) or message:find(FINALIZER, 1, true)
    or message:find(JUNK, 1, true) or message:find("yield across", 1, true)
    or message:find("outside a coroutine", 1, true)
    -- By a finalizer, amidst the call.
    or message:find("has been finalized", 1, true)
    -- What the finalizer of tensors says of others that have been given it.
    or message:find("tensor expected, got userdata", 1, true) or message:find("in __gc", 1, true)
end

-- An error blames one of these files, and has a text of idinit's.
local function checkerror(message)
  if isforeign(message) then return end
  local place = type(message) == "string"
    and message:match "^[^:]*fuzz/script[%a/]*%.lua:%d+: .*$"
  if not place then fault("an error without a place: %s", tostring(message)) end
  if message:find("attempt to", 1, true) then fault("an error of Lua's: %s", message) end
end

-- Ways to call a function; what it returns is what pcall does.
local ways = {}

function ways.coroutine(f, ...)
  local thread = coroutine.create(function(...) return f(...) end)
  return coroutine.resume(thread, ...)
end

local function isonstack(f)
  for level = 3, 200 do
    local info = debug.getinfo(level, "f")
    if not info then return false end
    if info.func == f then return true end
  end
end

-- A finalizer that raises can keep the hook from being removed when the call has
-- ended. It does nothing any more then.
local function underhook(f, act, count, ...)
  local body
  local function hook()
    if isonstack(body) then act() end
  end
  function body(...)
    debug.sethook(hook, "", count)
    local results = pack(f(...))
    debug.sethook()
    return unpack(results, 1, results.n)
  end
  local results = pack(pcall(body, ...))
  debug.sethook()
  return unpack(results, 1, results.n)
end

function ways.hook(f, ...)
  return underhook(f, function()
    debug.sethook()
    error(HOOK, 0)
  end, draw(60), ...)
end

function ways.collect(f, ...)
  local what = chance(20) and "collect" or "step"
  return underhook(f, function() collectgarbage(what) end, draw(20), ...)
end

local wayslist = { ways.coroutine, ways.hook, ways.collect }

local function protected(f, ...)
  world.calls = world.calls + 1
  if chance(12) then return pick(wayslist)(f, ...) end
  return pcall(f, ...)
end

-- ---- Entries and their mirrors

local function same(a, b)
  return a == b or a ~= a and b ~= b
end

local function flatten(nested, depth, list)
  if depth == 0 then
    list[#list + 1] = nested
  else
    for _, part in ipairs(nested) do flatten(part, depth - 1, list) end
  end
  return list
end

-- Reads all elements in row-major order, each reader in its own way.
local readers = {}

function readers.totable(t, m)
  return flatten(t:totable(), #m.size, {})
end

local function eachindex(m, read)
  local values = {}
  if #m.size == 0 then return { read {} } end
  if m.numel == 0 then return values end
  for p in model.positions(m.size) do values[#values + 1] = read(p) end
  return values
end

function readers.get(t, m)
  return eachindex(m, function(p) return t:get(unpack(p)) end)
end

function readers.call(t, m)
  return eachindex(m, function(p) return t(unpack(p)) end)
end

function readers.listed(t, m)
  return eachindex(m, function(p) return t[p] end)
end

function readers.rows(t, m)
  local values = {}
  local function walk(row, depth)
    for i = 1, m.numel > 0 and m.size[depth] or 0 do
      if depth == #m.size then
        values[#values + 1] = row[i]
      else
        walk(row[i], depth + 1)
      end
    end
  end
  if #m.size == 0 then return { t() } end
  walk(t, 1)
  return values
end

function readers.reshaped(t, m)
  local flat, values = t:reshape(m.numel), {}
  for i = 1, #flat do values[i] = flat[i] end
  return values
end

-- Calls f with t:data(). Meanwhile nothing may run a finalizer, which would free
-- what that points to.
local function withdata(t, f)
  collectgarbage "stop"
  local ok, wrong = pcall(function() f(t:data()) end)
  collectgarbage "restart"
  if not ok then error(wrong, 0) end
end

local readernames = { "totable", "totable", "get", "call", "listed", "rows", "reshaped" }
if has_ffi then
  local band = require "bit".band

  function readers.data(t, m)
    local places, values = mirror.places(m), {}
    withdata(t, function(data)
      local bits = ffi.cast("int32_t *", data)
      for k = 1, m.numel do
        local at = places[k] - m.base -- of a NaN the FFI can make anything
        values[k] = band(bits[at], 0x7fffffff) > 0x7f800000 and 0 / 0 or data[at]
      end
    end)
    return values
  end
  readernames[#readernames + 1] = "data"
end

local function verify(e)
  local m, name = e.m, pick(readernames)
  world.calls = world.calls + 1
  local ok, read = pcall(readers[name], e.t, m)
  if e.dead then return end
  if not ok then
    if isforeign(read) then return end
    fault("%s: %s", name, tostring(read))
  end
  if #read ~= m.numel then fault("%s reads %d of %d elements", name, #read, m.numel) end
  for k, at in ipairs(mirror.places(m)) do
    if not same(read[k], m.data[at]) then
      fault("%s reads %s, not %s, at element %d of %s", name, tostring(read[k]),
        tostring(m.data[at]), k, table.concat(m.size, "x"))
    end
  end
end

-- After a call that was cut short the mirrors of a buffer learn what is in it.
local function resync(used)
  for _, e in ipairs(pool) do
    if not idinit.is_tensor(e.t) then e.dead = true end
    if not e.dead and e.m.data == used.m.data then
      local values = flatten(e.t:totable(), #e.m.size, {})
      if not e.dead then mirror.assign(e.m, values) end
    end
  end
end

-- Calls f. Returns true and its results if they are what the mirrors of the
-- entries `used` foretell; else the error was a right one.
local function try(used, f, ...)
  local dead, before = false, world.chaos
  for _, e in ipairs(used) do dead = dead or e.dead end
  local results = pack(protected(f, ...))
  if results[1] then
    if dead then fault "a finalized tensor works" end
    if world.chaos == before then return true, unpack(results, 2, results.n) end
  else
    checkerror(results[2])
    if not dead and world.chaos == before and not isforeign(results[2]) then
      fault("an error: %s", tostring(results[2]))
    end
  end
  for _, e in ipairs(used) do resync(e) end
  return false
end

local function add(t, m)
  if not idinit.is_tensor(t) then fault("no tensor: %s", tostring(t)) end
  local e = { t = t, m = m, dead = false }
  pool[#pool < POOL and #pool + 1 or draw(POOL)] = e
  verify(e)
end

-- The dead ones are few, and soon replaced by others.
local function entry()
  if chance(10) then
    for _, e in ipairs(pool) do
      if e.dead then return e end
    end
  end
  return pick(pool)
end

-- Runs a tensor's finalizer by hand. Views share a userdata where idinit keeps
-- them, so more than one entry can die.
local function finalize(t)
  debug.getmetatable(idinit.zeros(100, 100)).__gc(t)
  for _, e in ipairs(pool) do
    if rawequal(e.t, t) then e.dead = true end
  end
end

-- ---- Values

local function value()
  local kind = draw(12)
  if kind == 1 then return 0 / 0 end
  if kind == 2 then return chance(2) and 1 / 0 or -1 / 0 end
  return (draw(4001) - 2001) / 8
end

local function extents()
  local size, kind = {}, draw(40)
  if kind == 1 then return { 500 + draw(200) } end
  if kind == 2 then return { 20 + draw(10), 20 + draw(20) } end
  if kind == 3 then
    for d = 1, 4 + draw(28) do size[d] = d < 4 and draw(3) or 1 end
    return size
  end
  for d = 1, draw(4) do size[d] = chance(40) and 0 or draw(4) end
  return size
end

local function positions(size)
  local p = {}
  for d = 1, #size do p[d] = draw(size[d]) end
  return p
end

local function shifts(size)
  local shift = {}
  for d = 1, draw(#size + 1) - 1 do shift[d] = draw(21) - 11 end
  return shift
end

local function layout(rank)
  local letters = {}
  local axes = { { "o", "I" }, { "G", "o" }, { "i", "g" }, { "g", "O", "i" } }
  for _, letter in ipairs(axes[draw(rank > 2 and 4 or 3)]) do
    local d
    repeat d = draw(rank) until not letters[d]
    letters[d] = letter
  end
  for d = 1, rank do letters[d] = letters[d] or pick { "h", "W", "d", "k" } end
  return table.concat(letters)
end

local function window(size)
  local w = {}
  for d = 1, #size do
    local first = draw(math.max(1, size[d]))
    local last = first + draw(math.max(1, size[d] - first + 1)) - 1
    w[d] = (size[d] == 0 or chance(3)) and {} or { first, last }
  end
  return w
end

-- Keywords that fit a size. Without a size, those that fit any.
local function keywords(size)
  local kw = {}
  if chance(2) then kw.gain = pick { 100, -1, 0.1, 0, 3, 0 / 0, 1 / 0, -1 / 0, 1e-3 } end
  if chance(3) then kw.fit = pick { "pad", "tile", "mean", "split", "hadamard" } end
  if chance(3) then kw.order = pick { "row", "col" } end
  if chance(4) then kw.center = pick { "lo", "hi" } end
  if not size then return kw end
  local rank = #size
  if rank > 1 and chance(3) then kw.layout = layout(rank) end
  if chance(3) then kw.shift = chance(3) and draw(9) - 5 or shifts(size) end
  if chance(4) then kw.window = window(size) end
  if rank < 2 then return kw end
  if chance(4) then kw.transposed = chance(2) end
  local axes = model.axes(rank, kw.layout, kw.transposed)
  local extent = size[axes.g or kw.transposed and axes.i or axes.o]
  local groups = axes.g and math.max(1, extent) or draw(3)
  if extent % groups == 0 and chance(2) then kw.groups = groups end
  if chance(4) then
    kw.center = {}
    for n, d in ipairs(axes.kernel) do kw.center[n] = draw(math.max(1, size[d])) end
  end
  return kw
end

-- What idinit(size, kw) is.
local function expected(size, kw)
  local array, cut = model.make(size, kw)
  local m = mirror.new(cut, kw.order or "row")
  if m.numel > 0 then
    local values = {}
    for p in model.positions(cut) do values[#values + 1] = array(p) end
    mirror.assign(m, values)
  end
  return m
end

-- A size and keywords that idinit accepts. A size of no extents is none.
local function identity()
  local size = extents()
  return size, keywords(size)
end

local function merged(size, kw)
  local all = {}
  for d, n in ipairs(size) do all[d] = n end
  for k, v in pairs(kw) do all[k] = v end
  return all
end

local function plus(list, ...)
  local all = { unpack(list) }
  for k = 1, select("#", ...) do all[#list + k] = (select(k, ...)) end
  return unpack(all, 1, #list + select("#", ...))
end

-- Adds an operation that is chosen `weight` times as often as one of weight 1.
local function operation(name, weight, run)
  world.operations[#world.operations + 1] = { name = name, weight = weight, run = run }
end

for name, part in pairs {
  operation = operation, again = again, HOOK = HOOK, FINALIZER = FINALIZER, JUNK = JUNK,
  PATH = PATH, pool = pool, wild = wild, log = log, draw = draw, fault = fault, chance = chance,
  pick = pick, pack = pack, invoke = invoke, method = method, index = index,
  newindex = newindex, length = length, equal = equal, text = text, isforeign = isforeign,
  checkerror = checkerror, protected = protected, same = same, withdata = withdata,
  verify = verify, resync = resync, try = try, add = add, entry = entry, finalize = finalize,
  value = value, extents = extents, positions = positions, shifts = shifts, keywords = keywords,
  expected = expected, identity = identity, merged = merged, plus = plus,
} do
  world[name] = part
end

return world
