--- Where no compiler helps, against C functions that only do the thing. Runs
--- under any Lua, whose limits.so stands beside its core.so, and prints a name,
--- our seconds and the limit's.

local idinit = require "idinit"
local limits = require "limits"
local measure = require "spec.bench.measure"

local COUNT = 100000
local kept
local t, u = idinit(3, 5), limits.make()

local times = measure.medians({
  create = function() for _ = 1, COUNT do kept = idinit(3, 5) end end,
  make = function()
    local make = limits.make
    for _ = 1, COUNT do kept = make(3, 5) end
  end,
  read = function() for k = 1, COUNT do kept = t(2, k % 5 + 1) end end,
  bare = function() for k = 1, COUNT do kept = u(2, k % 5 + 1) end end,
}, 15)

print(("idinit(3, 5)\t%.12f\t%.12f\t2"):format(times.create / COUNT, times.make / COUNT))
print(("t(i, j)\t%.12f\t%.12f\t1.5"):format(times.read / COUNT, times.bare / COUNT))
assert(kept)
