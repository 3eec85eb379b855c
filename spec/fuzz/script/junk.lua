-- Operations that pass anything to anything, and changes that fall between and into
-- calls. All that is asked is an error of idinit's.

local core = require "idinit.core"
local dying = require "spec.support.dying"
local idinit = require "idinit"
local layers = require "idinit.layers"
local mirror = require "spec.support.mirror"
local pace = require "spec.support.pace"
local world = require "spec.fuzz.script.world"

local unpack = table.unpack or unpack
local has_ffi, ffi = pcall(require, "ffi")
local newproxy = rawget(_G, "newproxy") -- where tables have no finalizers

local operation, again, FINALIZER = world.operation, world.again, world.FINALIZER
local JUNK, PATH, pool, wild, draw = world.JUNK, world.PATH, world.pool, world.wild, world.draw
local chance, pick, pack, invoke = world.chance, world.pick, world.pack, world.invoke
local index, newindex, length, text = world.index, world.newindex, world.length, world.text
local checkerror, protected, finalize = world.checkerror, world.protected, world.finalize
local extents, keywords, identity = world.extents, world.keywords, world.identity
local merged = world.merged

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
  unpack((require "spec.support.keywords")), -- not where it was found, too
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

operation("junk", 20, function()
  local args = arguments()
  local results = pack(protected(invoke, pick(functions), unpack(args, 1, args.n)))
  if results[1] then keep(unpack(results, 2, results.n)) end
end)

operation("misuse", 20, function()
  local args = arguments()
  local results = pack(protected(invoke, pick(public), unpack(args, 1, args.n)))
  if results[1] then
    keep(unpack(results, 2, results.n))
  else
    checkerror(results[2])
  end
end)

operation("misindex", 10, function()
  local t = wild[draw(#wild)]
  if not idinit.is_tensor(t) then return end
  local f = pick { index, newindex, invoke, length, text }
  local results = pack(protected(f, t, anything(), anything()))
  if not results[1] then checkerror(results[2]) end
end)

-- ---- Chaos

-- Garbage whose finalizer does what it likes, some time, if only when the state
-- is closed. It does not raise under LuaJIT, which crashes by itself when it does
-- so in compiled code.
local function mine()
  local kind = draw(jit and 3 or 4)
  local function explode()
    world.chaos = world.chaos + 1
    if kind == 1 and #pool > 0 then finalize(pick(pool).t) end
    if kind == 2 then wild[draw(#wild)] = idinit(draw(30), draw(30)) end
    if kind == 3 then
      for k in pairs(cycle) do cycle[k] = nil end
      cycle[1] = cycle
    end
    if kind == 4 then error(FINALIZER, 0) end
  end
  dying(explode)
end

operation("mine", 4, function()
  if chance(3) then mine() end
end)

-- Collects on purpose, where errors of finalizers have somewhere to go.
operation("collect", 8, function()
  local what = draw(200)
  if what == 1 then pcall(collectgarbage, "collect") end
  if what < 5 then pcall(collectgarbage, "step", draw(100)) end
  if what == 6 then pace("pause", pick { 10, 100, 200 }) end
  if what == 7 then collectgarbage "stop" end
  if what == 8 then collectgarbage "restart" end
  if jit and what == 9 then jit.flush() end
  if jit and what == 10 then pick { jit.on, jit.on, jit.off }() end
end)

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
operation("metatable", 4, function()
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
end)

-- A call after which the thread it ran in is never resumed, or once more.
operation("thread", 3, function()
  local f, args = pick(functions), arguments()
  local thread = coroutine.create(function(...) return f(...) end)
  coroutine.resume(thread, unpack(args, 1, args.n))
  coroutine.resume(thread)
end)
