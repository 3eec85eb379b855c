-- Random scripts against the public API. Half of the calls make sense, and a
-- mirror in plain Lua knows what comes of them; the rest pass anything to
-- anything, and all that is asked is an error that blames this file. Between and
-- during calls garbage is collected, finalizers are run by hand or by garbage,
-- hooks and finalizers raise, coroutines yield, metatables and upvalues change.
--
--   spec/tools/lua KIND spec/fuzz/script.lua [SECONDS]
--
-- Without SECONDS it runs until something is found. IDINIT_SEED chooses the
-- scripts, IDINIT_CALLS ends them after so many calls.

local core = require "idinit.core"
local idinit = require "idinit"
local layers = require "idinit.layers"

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
local mirror = require "spec.support.mirror"
local model = require "spec.support.model"
local random = require "spec.support.random"

local unpack = table.unpack or unpack
local has_ffi, ffi = pcall(require, "ffi")
local newproxy = rawget(_G, "newproxy") -- where tables have no finalizers

local seconds = tonumber((...)) or math.huge
local most = tonumber(os.getenv "IDINIT_CALLS") or math.huge
local draw = random.new(random.seed)

local THIS = debug.getinfo(1, "S").short_src
local PATH = os.tmpname()
local HOOK, FINALIZER, JUNK = "raised by a hook", "raised by a finalizer", "raised by junk"
local POOL = 24

local calls, chaos = 0, 0 -- calls so far; what finalizers did so far
local pool = {} -- { t = tensor, m = its mirror, dead = whether it was finalized }
local wild = {} -- values that junk made
local log = {} -- names of the last operations

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
    random.seed, calls, text, table.concat(log, " ")), 0)
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

-- An error blames this file, and has a text of idinit's.
local function checkerror(message)
  if isforeign(message) then return end
  local place = type(message) == "string" and message:sub(1, #THIS) == THIS
    and message:match("^:%d+: (.*)$", #THIS + 1)
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
  calls = calls + 1
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
  calls = calls + 1
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
  local dead, before = false, chaos
  for _, e in ipairs(used) do dead = dead or e.dead end
  local results = pack(protected(f, ...))
  if results[1] then
    if dead then fault "a finalized tensor works" end
    if chaos == before then return true, unpack(results, 2, results.n) end
  else
    checkerror(results[2])
    if not dead and chaos == before and not isforeign(results[2]) then
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

-- ---- Operations that a mirror can follow

local ops = {}

function ops.create()
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
end

function ops.zeros()
  local size = chance(20) and {} or extents()
  local ok, t = try({}, invoke, idinit.zeros, unpack(size))
  if ok then add(t, mirror.new(size, "row")) end
end

-- Nested tables cannot tell what extents follow one of 0.
local function nestable(m)
  for d = 1, #m.size do
    if m.size[d] == 0 then return d == #m.size end
  end
  return true
end

function ops.tensor()
  local m = mirror.new(extents(), "row")
  if not nestable(m) then return end
  for k = 1, m.numel do m.data[k] = value() end
  local ok, t = try({}, invoke, idinit.tensor, mirror.nested(m))
  if ok then add(t, m) end
end

function ops.view()
  local e = entry()
  if e.m.numel == 0 or #e.m.size == 0 then return end
  local i = draw(e.m.size[1])
  local ok, v = try({ e }, index, e.t, i)
  if not ok then return end
  local row = mirror.row(e.m, i)
  if #row.size > 0 then return add(v, row) end
  if not same(v, row.data[row.base]) then fault("t[%d] is %s", i, tostring(v)) end
end

function ops.get()
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
end

function ops.set()
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
end

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

function ops.assign()
  local e = entry()
  if e.m.numel == 0 or #e.m.size < 2 then return end
  local i = draw(e.m.size[1])
  local row = mirror.row(e.m, i)
  local src, values, other = source(row.size, true)
  if try({ e, other }, newindex, e.t, i, src) then
    mirror.assign(row, values)
    verify(e)
  end
end

function ops.copy()
  local e = entry()
  local src, values, other = source(e.m.size, false)
  local ok, t = try({ e, other }, method, e.t, "copy", src)
  if not ok then return end
  if not rawequal(t, e.t) then fault "copy returns another" end
  mirror.assign(e.m, values)
  verify(e)
end

function ops.fill()
  local e, v = entry(), value()
  local ok, t = try({ e }, method, e.t, "fill", v)
  if not ok then return end
  if not rawequal(t, e.t) then fault "fill returns another" end
  mirror.assign(e.m, v)
  verify(e)
end

function ops.clone()
  local e = entry()
  local ok, t = try({ e }, method, e.t, "clone")
  if ok then add(t, mirror.clone(e.m)) end
end

function ops.contiguous()
  local e = entry()
  local ok, t = try({ e }, method, e.t, "contiguous")
  if not ok then return end
  local is_same = mirror.iscontiguous(e.m)
  if rawequal(t, e.t) ~= is_same then fault "contiguous" end
  add(t, is_same and e.m or mirror.clone(e.m))
end

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

function ops.reshape()
  local e = entry()
  local size = factors(e.m.numel)
  local ok, t = try({ e }, method, e.t, "reshape", unpack(size))
  if ok then add(t, mirror.reshape(e.m, size)) end
end

function ops.circshift()
  local e = entry()
  local shift = shifts(e.m.size)
  local ok, t = try({ e }, method, e.t, "circshift", shift)
  if ok then add(t, mirror.circshift(e.m, shift)) end
end

function ops.cat()
  local e = entry()
  if #e.m.size == 0 then return end
  local list, mirrors = {}, {}
  for k = 1, draw(3) do list[k], mirrors[k] = e.t, e.m end
  local dim = draw(#e.m.size)
  local ok, t = try({ e }, invoke, idinit.cat, list, dim)
  if ok then add(t, mirror.cat(mirrors, dim)) end
end

function ops.describe()
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
end

function ops.equal()
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
end

function ops.show()
  local e = entry()
  local ok, s
  if chance(2) then
    ok, s = try({ e }, text, e.t)
    if ok and not s:find("float tensor", 1, true) then fault("tostring: %s", s) end
  else
    ok, s = try({ e }, method, e.t, "spy", 9 + draw(90), 4 + draw(40))
    if ok and s:sub(1, 1) ~= "[" and s:sub(1, 3) ~= "┌" then fault("spy: %s", s) end
  end
end

function ops.saveandload()
  local e = entry()
  if not chance(4) or not try({ e }, method, e.t, "save", PATH) then return end
  local ok, t = try({}, invoke, idinit.load, PATH)
  if ok then add(t, mirror.clone(e.m)) end
end

function ops.into()
  local e = entry()
  if #e.m.size == 0 then return end
  local kw = keywords(e.m.size)
  kw.window, kw.order = nil, nil
  local ok, t = try({ e }, invoke, idinit.into, e.t, kw)
  if not ok then return end
  if not rawequal(t, e.t) then fault "into returns another" end
  mirror.assign(e.m, mirror.values(expected(e.m.size, kw)))
  verify(e)
end

if has_ffi then
  -- A NaN of bits that no number of Lua's has.
  function ops.payload()
    local e = entry()
    if e.m.numel == 0 then return end
    local at = mirror.place(e.m, positions(e.m.size))
    local bits = pick { 0x7fc00000, 0x7f800001, 0xff800000, 0xffd00000, 0xffff0000 }
    if not pcall(withdata, e.t, function(data)
      ffi.cast("uint32_t *", data)[at - e.m.base] = bits + draw(0xffff)
    end) then return end
    e.m.data[at] = 0 / 0
    verify(e)
  end

  function ops.foreign()
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
  end
end

function ops.taps()
  local size, kw = identity()
  kw.order = nil
  local m = expected(size, kw)
  local ok, iterator = try({}, invoke, idinit.taps, plus(size, kw))
  if not ok then return end
  local seen = mirror.new(m.size, "row")
  while true do
    local tap = pack(iterator())
    calls = calls + 1
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
end

function ops.dense()
  local e = entry()
  if e.m.numel == 0 or #e.m.size == 0 then return end
  local n = e.m.size[1]
  local ok, layer = try({}, invoke, layers.Dense, n, n, { init = idinit })
  if not ok then return end
  local done, y = try({ e }, invoke, layer, e.t)
  if done then add(y, mirror.clone(e.m, "row")) end
  done, y = try({}, method, layer, "explain")
  if done and y ~= true then fault "an identity is not proven" end
end

function ops.conv()
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
end

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

function ops.large()
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
end

function ops.finalize()
  if chance(2) then finalize(entry().t) end
end

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

function ops.sum()
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
end

-- ---- Junk

local hostile = {}
for _, event in ipairs { "__index", "__newindex", "__call", "__len", "__eq", "__tostring",
                         "__lt", "__add", "__concat", "__unm", "__pairs" } do
  hostile[event] = function() error(JUNK, 0) end
end

local yielding = { __index = coroutine.yield, __len = coroutine.yield }
local long = ("x"):rep(100000)
local cycle = {}
cycle[1], cycle.gain, cycle.window = cycle, cycle, { cycle }

-- Numbers that are sizes of small tensors, or of none that there could be.
local numbers = {
  0, 1, 1, 2, 2, 3, 3, 4, -1, 0.5, 2 ^ 53, 2 ^ 52 + 1, 2 ^ 48, 2 ^ 62, 2 ^ 63, -2 ^ 63,
  2 ^ 64, 1e300, 0 / 0, 1 / 0, -1 / 0, 1e-320,
}

local names = {
  "gian", "stride", "dilation", "pad", "outpad", "init", "bias", "activation",
  unpack(core.keywords),
}
local strings = {
  "", "3", "lo", "hi", "pad", "tile", "mean", "split", "hadamard", "row", "col", "oi", "io", "wio",
  "OIHW", "goihw", "hwgo", "same", "\0", "pad\0", "×", long, "get", "size", "__gc",
}

local functions -- of idinit, which junk is passed to

local anything

local function junktable()
  local kind = draw(12)
  if kind == 1 then return setmetatable({ 2, 3 }, hostile) end
  if kind == 2 then return setmetatable({}, yielding) end
  if kind == 3 then return cycle end
  if kind == 4 then return keywords(extents()) end
  if kind == 5 then return merged(identity()) end
  if kind == 6 then return { [2 ^ 53] = 1, [1.5] = 2, [-1] = 3 } end
  if kind == 7 then return pick { string, idinit, layers, debug.getmetatable(idinit.zeros()) } end
  if kind == 8 then return mirror.nested(mirror.new(extents(), "row")) end
  local t = {}
  for _ = 1, draw(4) do
    if chance(2) then
      t[#t + 1] = anything()
    else
      t[pick(names)] = anything()
    end
  end
  return t
end

local function junkuserdata()
  local kind = draw(5)
  if kind == 1 then return io.stdout end
  if kind == 2 and newproxy then
    local p = newproxy(true)
    debug.setmetatable(p, debug.getmetatable(idinit.zeros()))
    return p
  end
  if kind == 3 and has_ffi then
    return pick { ffi.new "float[4]", ffi.new "int64_t", ffi.new "int[3]", ffi.new "double[2]",
      ffi.new("float *"), ffi.new "void *", ffi.typeof "float", ffi.new("float[?]", 3) }
  end
  if kind == 4 then
    local t = idinit(2, 2)
    debug.getmetatable(idinit.zeros(100, 100)).__gc(t)
    return t
  end
  return coroutine.create(function() end)
end

function anything()
  local kind = draw(16)
  if kind <= 4 then return pick(numbers) end
  if kind <= 6 then return pick(strings) end
  if kind <= 8 then return junktable() end
  if kind == 9 then return junkuserdata() end
  if kind == 10 then return pick(functions) end
  if kind == 11 then return chance(2) end
  if kind == 12 then return nil end
  if kind == 13 then return coroutine.yield end
  return wild[draw(#wild)]
end

-- Calls idinit's functions by any name, in an order that is the same each time.
-- Two are missing: save writes what its path names, and write what its pointer
-- does.
local function gather()
  local list, spared = {}, { save = true, write = true }
  local function addall(t, depth)
    local keys = {}
    for k in pairs(t) do
      if type(k) == "string" and not spared[k] then keys[#keys + 1] = k end
    end
    table.sort(keys)
    for _, k in ipairs(keys) do
      if type(t[k]) == "function" then list[#list + 1] = t[k] end
      if type(t[k]) == "table" and depth > 0 then addall(t[k], depth - 1) end
    end
  end
  addall(idinit, 0)
  addall(layers, 0)
  addall(core, 1)
  addall(again, 0)
  list[#list + 1] = function(t, path)
    return t:save(type(path) == "string" and PATH or path)
  end
  list[#list + 1] = function() error(JUNK, 0) end
  list[#list + 1] = function(...) return ... end
  return list
end
functions = gather()

-- The public ones, which blame whoever calls them with anything.
local public = { idinit, idinit.identity_init, idinit.tensor, idinit.zeros, idinit.cat,
  idinit.load, idinit.into, idinit.taps, layers.Dense, layers.Conv, layers.CrossCor,
  layers.ConvTranspose, layers.Embedding }
for _, name in ipairs { "get", "set", "size", "stride", "dim", "numel", "fill", "copy", "clone",
                        "contiguous", "reshape", "circshift", "totable", "data", "spy" } do
  public[#public + 1] = core.methods[name]
end

local function arguments()
  local args = { n = draw(6) - 1 }
  for k = 1, args.n do args[k] = anything() end
  if chance(2) then
    args[1], args.n = wild[draw(#wild)], math.max(1, args.n)
  end
  return args
end

-- Tensors of tensors of tensors grow, and so would the time each call takes.
local function islarge(v)
  if not idinit.is_tensor(v) then return false end
  local ok, n = pcall(core.methods.numel, v)
  return ok and n > 10000
end

-- Whoever passes a pointer is trusted with what it points to, so none is kept.
local function keep(...)
  for k = 1, math.min(4, (select("#", ...))) do
    local v = select(k, ...)
    local kind = type(v)
    if kind ~= "nil" and kind ~= "cdata" and (kind ~= "string" or #v < 100)
      and not islarge(v) then
      wild[draw(60)] = v
    end
  end
end

function ops.junk()
  local args = arguments()
  local results = pack(protected(invoke, pick(functions), unpack(args, 1, args.n)))
  if results[1] then keep(unpack(results, 2, results.n)) end
end

function ops.misuse()
  local args = arguments()
  local results = pack(protected(invoke, pick(public), unpack(args, 1, args.n)))
  if results[1] then
    keep(unpack(results, 2, results.n))
  else
    checkerror(results[2])
  end
end

function ops.misindex()
  local t = wild[draw(#wild)]
  if not idinit.is_tensor(t) then return end
  local f = pick { index, newindex, invoke, length, text }
  local results = pack(protected(f, t, anything(), anything()))
  if not results[1] then checkerror(results[2]) end
end

-- ---- Chaos

-- Garbage whose finalizer does what it likes, some time, if only when the state
-- is closed. It does not raise under LuaJIT, which crashes by itself when it does
-- so in compiled code.
local function mine()
  local kind = draw(jit and 3 or 4)
  local function explode()
    chaos = chaos + 1
    if kind == 1 and #pool > 0 then finalize(pick(pool).t) end
    if kind == 2 then wild[draw(#wild)] = idinit(draw(30), draw(30)) end
    if kind == 3 then
      for k in pairs(cycle) do cycle[k] = nil end
      cycle[1] = cycle
    end
    if kind == 4 then error(FINALIZER, 0) end
  end
  if newproxy then
    local p = newproxy(true)
    getmetatable(p).__gc = explode
  else
    setmetatable({}, { __gc = explode })
  end
end

function ops.mine()
  if chance(3) then mine() end
end

-- Collects on purpose, where errors of finalizers have somewhere to go.
function ops.collect()
  local what = draw(200)
  if what == 1 then pcall(collectgarbage, "collect") end
  if what < 5 then pcall(collectgarbage, "step", draw(100)) end
  if what == 6 then collectgarbage("setpause", pick { 10, 100, 200 }) end
  if what == 7 then collectgarbage "stop" end
  if what == 8 then collectgarbage "restart" end
  if jit and what == 9 then jit.flush() end
  if jit and what == 10 then pick { jit.on, jit.on, jit.off }() end
end

-- A call between a change and its undoing, which nothing prevents: all that
-- could collect garbage, and so run a finalizer, stands before or between.
local function meanwhile(change, undo, ...)
  local ok, message = pcall(function(...)
    change()
    protected(...)
  end, ...)
  undo()
  if not ok then error(message, 0) end
end

-- A call with other metatables: of a tensor, or of all values of a type.
function ops.metatable()
  local f, args = pick(functions), arguments()
  local v = pick { 1, "", print, true }
  if chance(2) then
    v = wild[draw(#wild)]
    if type(v) ~= "userdata" then return end
    args[1], args.n = v, math.max(1, args.n)
  end
  local new = pick { {}, hostile, debug.getmetatable(idinit.zeros()), false } or nil
  local old = debug.getmetatable(v)
  meanwhile(function() debug.setmetatable(v, new) end,
    function() debug.setmetatable(v, old) end, f, unpack(args, 1, args.n))
end

-- A call of a C function with one upvalue replaced.
function ops.upvalue()
  local f, args, k, new = pick(functions), arguments(), draw(3), anything()
  local name, old = debug.getupvalue(f, k)
  if debug.getinfo(f, "S").what ~= "C" or not name then return end
  meanwhile(function() debug.setupvalue(f, k, new) end,
    function() debug.setupvalue(f, k, old) end, f, unpack(args, 1, args.n))
end

-- A call after which the thread it ran in is never resumed, or once more.
function ops.thread()
  local f, args = pick(functions), arguments()
  local thread = coroutine.create(function(...) return f(...) end)
  coroutine.resume(thread, unpack(args, 1, args.n))
  coroutine.resume(thread)
end

-- ---- Run

local weights = {
  create = 8, zeros = 2, tensor = 3, view = 12, get = 12, set = 12, assign = 8, copy = 8,
  fill = 3, clone = 3, contiguous = 3, reshape = 8, circshift = 4, cat = 3, describe = 3,
  equal = 3, show = 1, saveandload = 1, into = 4, foreign = 2, taps = 3, large = 3, dense = 2,
  conv = 2, finalize = 3, sum = 8, junk = 20, misuse = 20, misindex = 10, mine = 4, collect = 8,
  metatable = 4, upvalue = 4, thread = 3, payload = 3,
}

local choices = {}
for name in pairs(weights) do
  if ops[name] then choices[#choices + 1] = name end
end
table.sort(choices)
for k = 1, #choices do
  for _ = 2, weights[choices[k]] do choices[#choices + 1] = choices[k] end
end

local function step()
  local name = pick(choices)
  log[#log + 1] = name
  if #log > 12 then table.remove(log, 1) end
  ops[name]()
  if chance(1000) then
    collectgarbage "restart"
    for _, e in ipairs(pool) do
      if not e.dead then verify(e) end
    end
  end
end

-- Asking for the time takes longer than a step.
local start = os.clock()
local function run()
  while calls < most and os.clock() - start < seconds do
    for _ = 1, 100 do step() end
  end
end

print(("IDINIT_SEED=%d"):format(random.seed))
io.stdout:flush()
for k = 1, 60 do wild[k] = idinit(3, k) end
add(idinit(2, 2), expected({ 2, 2 }, {}))

-- A finalizer may raise at any time, also while its error is looked at. What it
-- cut short may have changed a tensor, and not yet the mirror.
local function recover(message)
  if not isforeign(message) then return message end
  for _, e in ipairs(pool) do
    if not e.dead then resync(e) end
  end
end

local done, message = pcall(run)
while not done do
  local sure
  repeat sure, message = pcall(recover, message) until sure
  if message then break end
  done, message = pcall(run)
end
os.remove(PATH)
if not done then error(message, 0) end
print(("%d calls in %.0f s without a finding"):format(calls, os.clock() - start))
