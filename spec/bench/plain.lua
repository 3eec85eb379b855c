--- Where no compiler helps, against C functions that only do the thing:
---   spec/tools/lua KIND spec/bench/plain.lua
--- Prints for each row its name, our seconds, the limit's, their ratio and the
--- bar that it has under PUC Lua.

local idinit = require "idinit"
local limits = require "limits"
local measure = require "spec.bench.measure"

local COUNT = 20000

local t, u, kept = idinit(3, 5), limits.make(), nil
local make, write, init = limits.make, limits.write, idinit { gain = 2 }

local function row(what, ours, limit, bar)
  local r = measure.row { ours = ours, limit = limit, count = COUNT, rounds = 25 }
  print(table.concat({
    what, ("%.12f"):format(r.ours), ("%.12f"):format(r.limit), ("%.4f"):format(r.ratio), bar,
  }, "\t"))
end

local function makes() for _ = 1, COUNT do kept = make() end end
local function reads() for k = 1, COUNT do kept = u(2, k % 5 + 1) end end
local function writes() for k = 1, COUNT do write(u, 2, k % 5 + 1, k) end end

row("idinit(3, 5)", function() for _ = 1, COUNT do kept = idinit(3, 5) end end, makes, 2.2)
row("idinit(3, 5, {gain = 2})", function()
  for _ = 1, COUNT do kept = idinit(3, 5, { gain = 2 }) end
end, makes, 9.5)
row("idinit {3, 5, gain = 2}", function()
  for _ = 1, COUNT do kept = idinit { 3, 5, gain = 2 } end
end, makes, 10.5)
row("init(3, 5), init = idinit {gain = 2}", function()
  for _ = 1, COUNT do kept = init(3, 5) end
end, makes, 7)
row("read t(i, j)", function() for k = 1, COUNT do kept = t(2, k % 5 + 1) end end, reads, 1.4)
row("read t:get(i, j)", function() for k = 1, COUNT do kept = t:get(2, k % 5 + 1) end end, reads, 2)
row("read t[{i, j}]", function() for k = 1, COUNT do kept = t[{ 2, k % 5 + 1 }] end end, reads, 3.5)
row("read row[j]", function()
  local second = t[2]
  for k = 1, COUNT do kept = second[k % 5 + 1] end
end, reads)
row("read t[i][j]", function() for k = 1, COUNT do kept = t[2][k % 5 + 1] end end, reads)
row("write t:set(i, j, v)", function()
  for k = 1, COUNT do t:set(2, k % 5 + 1, k) end
end, writes)
row("write row[j]", function()
  local second = t[2]
  for k = 1, COUNT do second[k % 5 + 1] = k end
end, writes)

assert(kept)
print("accessor", debug.getinfo(debug.getmetatable(t).__call, "S").what)
