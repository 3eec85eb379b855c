-- Calls everything that the module has with random arguments:
--   garbage.lua SEED COUNT
-- Says in the end how many calls it survived.

local idinit = require "idinit"
local core = require "idinit.core"
local random = require "spec.support.random"

local unpack = table.unpack or unpack
local seed, count = tonumber(arg[1]), tonumber(arg[2])
local draw = random.new(seed)
local metatable = debug.getmetatable(idinit(2))

local functions = {}
local function add(place)
  for name, f in pairs(place) do -- but for what would write anywhere
    if type(f) == "function" and name ~= "save" then functions[#functions + 1] = f end
  end
end
add(idinit)
add(core)
add(core.methods)
add(metatable)
table.sort(functions, function(f, g) return tostring(f) < tostring(g) end)

local words = { "size", "gain", "oi", "io", "pad", "mean", "hadamard", "col", "", "x.npy", "\0",
  ("x"):rep(99) }
local numbers = { 0, 1, 1, 2, 2, 3, 4, 7, 9, -1, 0.5, 2 ^ 53, 2 ^ 63, -2 ^ 63, 1e300, 0 / -1,
  1 / 0, -1 / 0, 0 / 0, 255, 256 }
local names = require "spec.support.keywords"
local kept = {} -- results of earlier calls

local value

local function tablevalue(depth)
  local t = {}
  for k = 1, draw(4) - 1 do t[k] = value(depth + 1) end
  for _ = 1, draw(3) - 1 do t[names[draw(#names)]] = value(depth + 1) end
  return t
end

local makers = {
  function() return nil end,
  function() return draw(2) == 1 end,
  function() return numbers[draw(#numbers)] end,
  function() return numbers[draw(#numbers)] end,
  function() return numbers[draw(8)] end,
  function() return words[draw(#words)] end,
  function() return functions[draw(#functions)] end,
  function() return coroutine.create(function() end) end,
  function() return io.stdout end,
  function() return kept[draw(30)] end,
  function() return kept[draw(30)] end,
  function() return idinit(draw(4), draw(4), { order = draw(2) == 1 and "col" or "row" }) end,
  function() return idinit(draw(4), draw(4), draw(40))[1] end,
  function(depth) return depth < 4 and tablevalue(depth) or nil end,
  function(depth) return depth < 4 and tablevalue(depth) or nil end,
}

function value(depth)
  return makers[draw(#makers)](depth)
end

local function keep(_, ...)
  for k = 1, math.min(select("#", ...), 3) do
    local result = select(k, ...)
    if type(result) ~= "function" or draw(4) == 1 then kept[draw(30)] = result end
  end
end

for _ = 1, count do
  local args = {}
  local n = draw(6) - 1
  for k = 1, n do args[k] = value(0) end
  keep(pcall(functions[draw(#functions)], unpack(args, 1, n)))
  if draw(500) == 1 then collectgarbage() end
end

kept = nil
collectgarbage()
collectgarbage()
io.stdout:write(("IDINIT_SEED=%d: %d calls survived\n"):format(seed, count))
