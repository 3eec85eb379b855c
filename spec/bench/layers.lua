-- A convolution of 64 channels by a kernel of 3 x 3 on an image of 56 x 56: an
-- identity against a copy of its input and output, and a full weight against the
-- product in C, and PyTorch on one thread.
--
-- Returns run(report), which calls report with a row for each measurement:
--   name     what is measured
--   ratio    time of ours to that of the peer, medians of runs in turn
--   limit    what the ratio must not be above
--   detail   both times, or why the row is skipped and has no ratio
-- As a program it prints these rows:
--   spec/tools/lua luajit spec/bench/layers.lua

local idinit = require "idinit"
local layers = require "idinit.layers"
local limits = require "limits"

local K, C, H = 3, 64, 56
local ROUNDS = 15

local function median(list)
  table.sort(list)
  return list[math.floor((#list + 1) / 2)]
end

-- Processor seconds that a call of f takes, from as many as fill some
-- milliseconds.
local function time(f)
  local n = 1
  while true do
    local start = os.clock()
    for _ = 1, n do f() end
    local seconds = os.clock() - start
    if seconds > 0.004 then return seconds / n end
    n = n * 4
  end
end

-- Medians of several functions that run in turn.
local function interleave(functions)
  local seconds = {}
  for k in ipairs(functions) do seconds[k] = {} end
  for _ = 1, ROUNDS do
    for k, f in ipairs(functions) do
      local list = seconds[k]
      list[#list + 1] = time(f)
    end
  end
  for k, list in ipairs(seconds) do seconds[k] = median(list) end
  return seconds
end

local function scatter(t)
  local flat, state = t:reshape(t:numel()), 1
  for k = 1, #flat do
    state = state * 16807 % 2147483647
    flat[k] = state / 2147483647 - 0.5
  end
  return t
end

-- A function that copies one tensor over another of its size, at the speed of
-- memcpy.
local function copier(to, from)
  local ok, ffi = pcall(require, "ffi")
  if not ok then
    return function() to:copy(from) end
  end
  local dst, src, bytes = to:data(), from:data(), 4 * from:numel()
  return function() ffi.copy(dst, src, bytes) end
end

local function identity(report)
  local x = scatter(idinit.zeros(H, H, C, 1))
  local layer = layers.Conv({ K, K }, C, C, { pad = "same" })
  assert(layer:explain() and layer(x) == x)
  local copyin = copier(idinit.zeros(H, H, C, 1), x)
  local copyout = copier(idinit.zeros(H, H, C, 1), idinit.zeros(H, H, C, 1))
  local seconds = interleave {
    function() return layer(x) end,
    function()
      copyin()
      copyout()
    end,
  }
  report {
    name = "identity Conv (3,3), 64 => 64 on 56x56x64x1 / memcpy of its input and output",
    ratio = seconds[1] / seconds[2], limit = 3,
    detail = ("%.0f us / %.0f us"):format(seconds[1] * 1e6, seconds[2] * 1e6),
  }
end

local TORCH = [[
import time, torch
torch.set_num_threads(1)
x = torch.rand(1, %d, %d, %d)
f = torch.nn.Conv2d(%d, %d, %d, padding=1)
with torch.no_grad():
    f(x)
    times = []
    for _ in range(15):
        start = time.process_time()
        f(x)
        times.append(time.process_time() - start)
print(sorted(times)[7])
]]

-- Seconds that PyTorch takes, or nil where it is not installed.
local function torch()
  local program = TORCH:format(C, H, H, C, C, K)
  local pipe = io.popen(("/usr/bin/python3 -c '%s' 2>/dev/null"):format(program))
  local seconds = pipe and tonumber((pipe:read "*a"))
  if pipe then pipe:close() end
  return seconds
end

local function randomlayer()
  return layers.Conv({ K, K }, C, C, { pad = "same", init = function(...)
    return scatter(idinit.zeros(...))
  end })
end

local function product(report)
  local layer, x = randomlayer(), scatter(idinit.zeros(H, H, C, 1))
  local limit = limits.convolution()
  local seconds = interleave {
    function() return layer(x) end,
    function() limits.convolve(limit) end,
  }
  report {
    name = "random Conv (3,3), 64 => 64 on 56x56x64x1 / the same product in C",
    ratio = seconds[1] / seconds[2], limit = 1.25,
    detail = ("%.1f ms / %.1f ms"):format(seconds[1] * 1e3, seconds[2] * 1e3),
  }
end

local function dense(report)
  local name = "random Conv (3,3), 64 => 64 on 56x56x64x1 / PyTorch, one thread"
  local layer, x = randomlayer(), scatter(idinit.zeros(H, H, C, 1))
  local ours, theirs = {}, {}
  for round = 1, 5 do
    ours[round] = time(function() return layer(x) end)
    theirs[round] = torch()
    if not theirs[round] then
      report { name = name, limit = 10, detail = "skipped: no PyTorch (python3-torch)" }
      return
    end
  end
  local mine, peer = median(ours), median(theirs)
  report {
    name = name, ratio = mine / peer, limit = 10,
    detail = ("%.1f ms / %.1f ms"):format(mine * 1e3, peer * 1e3),
  }
end

local function run(report)
  identity(report)
  product(report)
  dense(report)
end

-- Run, not required.
if arg and arg[0] and arg[0]:find "bench[/\\]layers%.lua$" then
  run(function(row)
    print(row.name)
    print(("  %s (limit %g): %s"):format(row.ratio and ("%.2f"):format(row.ratio) or "-",
      row.limit, row.detail))
  end)
end

return run
