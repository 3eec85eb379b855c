--- Tensors that come and go, each case in a process of its own to know its peak
--- of memory:
---   spec/tools/lua luajit spec/bench/garbage.lua CASE
--- prints the seconds of idinit, those of calloc + diagonal + free, and the peak
--- of the former in MiB.

local ffi = require "ffi"
local idinit = require "idinit"
local measure = require "spec.bench.measure"

ffi.cdef "void *calloc(size_t, size_t); void free(void *);"

local function peak()
  local status = io.open "/proc/self/status"
  if not status then return 0 / 0 end
  local kib = status:read("*a"):match "VmHWM:%s*(%d+)"
  status:close()
  return tonumber(kib) / 1024
end

local function identities(n, count) for _ = 1, count do idinit(n, n) end end

local function written(n, count)
  for _ = 1, count do
    local t = idinit(n, n)
    t[1][1] = 5
  end
end

local function limit(n, count)
  for _ = 1, count do
    local p = ffi.cast("float *", ffi.C.calloc(n * n, 4))
    for k = 0, n * n - 1, n + 1 do p[k] = 1 end
    ffi.C.free(p)
  end
end

-- A limit that is slow is measured for `few` tensors, as if for all.
local cases = {
  alone = { identities, 256, 100000 },
  written = { written, 256, 100000 },
  beside = { identities, 256, 100000, live = 1000000 },
  ["written beside"] = { written, 256, 100000, live = 1000000 },
  large = { identities, 4096, 2000, few = 50 },
  huge = { identities, 28000, 1 },
}

local case = cases[arg[1]]
local f, n, count = unpack(case)
local live = {} -- luacheck: ignore 241
for k = 1, case.live or 0 do live[k] = { k } end
collectgarbage()
local ours = measure.time(f, n, count)
local memory = peak()
local few = case.few or count
print(("%.6f\t%.6f\t%.1f"):format(ours, measure.time(limit, n, few) / few * count, memory))
