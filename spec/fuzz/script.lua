-- Random scripts against the public API. Half of the calls make sense, and a
-- mirror in plain Lua knows what comes of them; the rest pass anything to
-- anything, and all that is asked is an error that blames these files. Between and
-- during calls garbage is collected, finalizers are run by hand or by garbage,
-- hooks and finalizers raise, coroutines yield, metatables change.
--
--   spec/tools/lua KIND spec/fuzz/script.lua [SECONDS]
--
-- Without SECONDS it runs until something is found. IDINIT_SEED chooses the
-- scripts, IDINIT_CALLS ends them after so many calls.
--
-- To add an operation, say a method t:negate(), put into script/mirrored.lua
--
--   operation("negate", 3, function()               -- 3 times as often as "show"
--     local e = entry()                             -- a tensor e.t, its mirror e.m
--     local ok, t = try({ e }, method, e.t, "negate")
--     if not ok then return end                     -- it raised, and had a right to
--     local m = mirror.clone(e.m, "row")
--     for k = 1, m.numel do m.data[k] = -m.data[k] end
--     add(t, m)                                     -- compares them, and keeps them
--   end)
--
-- Junk is passed to every function of idinit that has a name, also to new ones.
-- script/world.lua has what operations are made from.

local idinit = require "idinit"
local random = require "spec.support.random"
local world = require "spec.fuzz.script.world"

require "spec.fuzz.script.mirrored"
require "spec.fuzz.script.junk"

local seconds = tonumber((...)) or math.huge
local most = tonumber(os.getenv "IDINIT_CALLS") or math.huge
local pool, wild, log = world.pool, world.wild, world.log

local choices = {}
for _, operation in ipairs(world.operations) do
  for _ = 1, operation.weight do choices[#choices + 1] = operation end
end

local function step()
  local operation = world.pick(choices)
  log[#log + 1] = operation.name
  if #log > 12 then table.remove(log, 1) end
  operation.run()
  if world.chance(1000) then
    collectgarbage "restart"
    for _, e in ipairs(pool) do
      if not e.dead then world.verify(e) end
    end
  end
end

-- Asking for the time takes longer than a step.
local start = os.clock()
local function run()
  while world.calls < most and os.clock() - start < seconds do
    for _ = 1, 100 do step() end
  end
end

print(("IDINIT_SEED=%d"):format(random.seed))
io.stdout:flush()
for k = 1, 60 do wild[k] = idinit(3, k) end
world.add(idinit(2, 2), world.expected({ 2, 2 }, {}))

-- A finalizer may raise at any time, also while its error is looked at. What it
-- cut short may have changed a tensor, and not yet the mirror.
local function recover(message)
  if not world.isforeign(message) then return message end
  for _, e in ipairs(pool) do
    if not e.dead then world.resync(e) end
  end
end

local done, message = pcall(run)
while not done do
  local sure
  repeat sure, message = pcall(recover, message) until sure
  if message then break end
  done, message = pcall(run)
end
os.remove(world.PATH)
if not done then error(message, 0) end
print(("%d calls in %.0f s without a finding"):format(world.calls, os.clock() - start))
