--- Making identities, against the same done with the FFI.

local ffi = require "ffi"
local idinit = require "idinit"
local measure = require "spec.bench.measure"

ffi.cdef "void *calloc(size_t, size_t); void free(void *);"
local C = ffi.C

local function small(report)
  local COUNT = 100000
  local array, kept = ffi.typeof "float[15]", nil
  local init = idinit { gain = 2 }
  local times = measure.medians({
    limit = function()
      for _ = 1, COUNT do
        kept = array()
        kept[0], kept[6], kept[12] = 1, 1, 1
      end
    end,
    sizes = function() for _ = 1, COUNT do kept = idinit(3, 5) end end,
    keywords = function() for _ = 1, COUNT do kept = idinit(3, 5, { gain = 2 }) end end,
    partial = function() for _ = 1, COUNT do kept = init(3, 5) end end,
  }, 9)
  local limit = times.limit / COUNT
  report { what = "idinit(3, 5)", ours = times.sizes / COUNT, limit = limit, bar = 5, peer = "3x5" }
  report { what = "idinit(3, 5, {gain = 2})", ours = times.keywords / COUNT, limit = limit }
  report { what = "idinit{gain = 2}, called with (3, 5)", ours = times.partial / COUNT, limit = limit }
end

--- What is the least that can be done: the diagonal of zeros.
local function bare(n)
  local p = ffi.cast("float *", C.calloc(n * n, 4))
  for k = 0, n * n - 1, n + 1 do p[k] = 1 end
  return p
end

local function square(report, n, bar, count, rounds)
  local kept = {}
  local times = measure.medians({
    limit = function() for _ = 1, count do C.free(bare(n)) end end,
    ours = function() for _ = 1, count do idinit(n, n) end end,
    shifted = function() for _ = 1, count do idinit(n, n, { shift = { 0, 7 } }) end end,
  }, rounds)
  local what = ("idinit(%d, %d)"):format(n, n)
  report { what = what, ours = times.ours / count, limit = times.limit / count, bar = bar, peer = n .. "x" .. n }
  report { what = what .. " with a shift / without", ours = times.shifted / count, limit = times.ours / count, bar = 1.05 }
  collectgarbage()
  local first, least = {}, {}
  for round = 1, rounds do
    first[round] = measure.time(function() for k = 1, count do kept[k] = idinit(n, n) end end)
    kept = {}
    collectgarbage()
    collectgarbage()
    least[round] = measure.time(function() for k = 1, count do kept[k] = bare(n) end end)
    for k = 1, count do C.free(kept[k]) end
    kept = {}
  end
  report {
    what = what .. ", all kept", ours = measure.median(first) / count,
    limit = measure.median(least) / count,
  }
end

local function kernel(report)
  local size = { 3, 3, 1024, 1024 }
  local times = measure.medians({
    ours = function() idinit(3, 3, 1024, 1024, { shift = { 0, 0, 5 } }) end,
    limit = function() C.free(ffi.cast("float *", C.calloc(9 * 1024 * 1024, 4))) end,
  }, 9)
  report {
    what = ("(%s) with a shift of the channels / calloc"):format(table.concat(size, ", ")),
    ours = times.ours, limit = times.limit, peer = "kernel",
  }
end

local function into(report)
  local n = 1024
  local p = ffi.new("float[?]", n * n)
  local times = measure.medians({
    limit = function()
      for _ = 1, 20 do
        ffi.fill(p, n * n * 4)
        for k = 0, n * n - 1, n + 1 do p[k] = 1 end
      end
    end,
    ours = function() for _ = 1, 20 do idinit.into(p, n, n) end end,
  }, 15)
  report { what = "idinit.into(float[n], 1024, 1024)", ours = times.ours / 20, limit = times.limit / 20, bar = 1.15 }
end

local function taps(report)
  local n = 100000
  local times = measure.medians({
    ours = function() for _ in idinit.taps(n, n) do end end,
    limit = function() for _ in pairs { 1 } do end end,
  }, 9)
  report { what = "a tap of idinit.taps", ours = times.ours / n, limit = nil }
end

return function(report)
  small(report)
  square(report, 1024, 1.25, 50, 7)
  square(report, 4096, 1.15, 5, 7)
  square(report, 16384, 1.1, 1, 5)
  kernel(report)
  into(report)
  taps(report)
end
