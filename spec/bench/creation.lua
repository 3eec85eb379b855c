--- Making identities, against the same done with the FFI.

local ffi = require "ffi"
local idinit = require "idinit"
local measure = require "spec.bench.measure"

ffi.cdef "void *calloc(size_t, size_t); void free(void *);"
local C = ffi.C

local function small(report)
  local array, kept = ffi.typeof "float[15]", nil -- luacheck: ignore 331
  local init = idinit { gain = 2 }
  local function row(what, f, peer, bar)
    local count = 100000
    return report(measure.row {
      what = what, bar = bar, peer = peer, count = count, rounds = 9,
      ours = function() f(count) end,
      limit = function()
        for _ = 1, count do
          kept = array()
          kept[0], kept[6], kept[12] = 1, 1, 1
        end
      end,
    })
  end
  local made = row("idinit(3, 5)", function(count)
    for _ = 1, count do kept = idinit(3, 5) end
  end, "3x5", 5)
  for name, seconds in pairs(made.peers) do
    report {
      what = "idinit(3, 5) / " .. name, ours = made.ours, limit = seconds,
      ratio = made.ours / seconds, bar = 1 / 5,
    }
  end
  row("idinit(3, 5, {gain = 2})", function(count)
    for _ = 1, count do kept = idinit(3, 5, { gain = 2 }) end
  end, "3x5 gain")
  row("init(3, 5), init = idinit {gain = 2}", function(count)
    for _ = 1, count do kept = init(3, 5) end
  end, "3x5 gain")
end

--- The least that can be done: a diagonal on zeros, and one element written.
local function bare(n)
  local p = ffi.cast("float *", C.calloc(n * n, 4))
  for k = 0, n * n - 1, n + 1 do p[k] = 1 end
  p[(n - 1) * n] = 5
  return p
end

--- A bar below 1e-3 is in seconds more than the least.
local function square(report, n, bar, count, rounds)
  local what = ("idinit(%d, %d)"):format(n, n)
  local kept = {} -- luacheck: ignore 241
  local function row(name, f, limit, more)
    more = more or {}
    more.what, more.ours, more.limit = what .. name, f, limit
    more.count, more.rounds = count, rounds
    report(measure.row(more))
  end
  local function plain() for _ = 1, count do idinit(n, n) end end
  local function least() for _ = 1, count do C.free(bare(n)) end end
  row(", one element written, dropped", function()
    for _ = 1, count do
      local t = idinit(n, n)
      t[n][1] = 5
    end
  end, least, { bar = bar >= 1 and bar, most = bar < 1 and bar, peer = n .. "x" .. n })
  if bar < 1 then return end
  row(", all kept", function() for k = 1, count do kept[k] = idinit(n, n) end end, function()
    for k = 1, count do kept[k] = ffi.gc(bare(n), C.free) end
  end, {
    before = function()
      kept = {}
      collectgarbage()
      collectgarbage()
    end,
  })
  kept = {}
  row(", shifted / unshifted", function()
    for _ = 1, count do idinit(n, n, { shift = { 0, 7 } }) end
  end, plain, { bar = 1.05 })
end

--- The weights of a ResNet-18 that are 3 x 3, one after the other.
local function network(report)
  local weights, kept = {}, {} -- luacheck: ignore 241
  for k, channels in ipairs { 64, 128, 256, 512 } do
    if k > 1 then weights[#weights + 1] = { channels / 2, channels } end
    for _ = k > 1 and 2 or 1, 4 do weights[#weights + 1] = { channels, channels } end
  end
  local function ours()
    for k, w in ipairs(weights) do
      local t = idinit(3, 3, w[1], w[2])
      t[3][3][w[1]][w[2]] = 5
      kept[k] = kept[k] ~= nil and t
    end
  end
  local function least()
    for k, w in ipairs(weights) do
      local n, inputs, outputs = 9 * w[1] * w[2], w[1], w[2]
      local p = ffi.cast("float *", C.calloc(n, 4))
      for i = 0, inputs - 1 do p[4 * inputs * outputs + i * (outputs + 1)] = 1 end
      p[n - 1] = 5
      if kept[k] ~= nil then kept[k] = ffi.gc(p, C.free) else C.free(p) end
    end
  end
  for _, what in ipairs { "dropped", "kept" } do
    report(measure.row {
      what = "the 16 weights of a ResNet-18, " .. what, bar = what == "kept" and 1.05 or 1.1,
      ours = ours, limit = least,
      before = function()
        kept = {}
        if what == "dropped" then return end
        for k in ipairs(weights) do kept[k] = false end
        collectgarbage()
        collectgarbage()
      end,
    })
  end
end

local function kernel(report)
  local count = 50
  local function plain() for _ = 1, count do idinit(3, 3, 1024, 1024) end end
  local function shifted()
    for _ = 1, count do idinit(3, 3, 1024, 1024, { shift = { 0, 0, 5 } }) end
  end
  report(measure.row {
    what = "(3, 3, 1024, 1024), channels shifted", ours = shifted, peer = "kernel", rounds = 9,
    count = count,
    limit = function()
      for _ = 1, count do
        local p = ffi.cast("float *", C.calloc(9 * 1024 * 1024, 4)) + 4 * 1024 * 1024
        for k = 0, 1023 do p[k * 1024 + (k + 1019) % 1024] = 1 end
        C.free(p - 4 * 1024 * 1024)
      end
    end,
  })
  report(measure.row {
    what = "(3, 3, 1024, 1024), shifted / unshifted", ours = shifted, limit = plain, bar = 1.05,
    count = count,
  })
end

local function into(report)
  local n, count = 1024, 20
  local t = idinit.zeros(n, n)
  local p = t:data()
  local function limit()
    for _ = 1, count do
      ffi.fill(p, n * n * 4)
      for k = 0, n * n - 1, n + 1 do p[k] = 1 end
    end
  end
  report(measure.row {
    what = "idinit.into(float *, 1024, 1024)", bar = 1.15, count = count, limit = limit,
    ours = function() for _ = 1, count do idinit.into(p, n, n) end end,
  })
  report(measure.row {
    what = "idinit.into(tensor of 1024 x 1024)", bar = 1.15, count = count, limit = limit,
    ours = function() for _ = 1, count do idinit.into(t) end end,
  })
end

local function taps(report)
  local n = 100000
  report(measure.row {
    what = "a tap of idinit.taps(100000, 100000)", count = n,
    ours = function() for _ in idinit.taps(n, n) do end end,
  })
end

return function(report)
  small(report)
  for _, n in ipairs { 12, 48, 96, 192 } do square(report, n, 0.8e-6, 2000, 9) end
  square(report, 256, 2, 200, 9)
  square(report, 1024, 1.25, 40, 9)
  square(report, 4096, 1.25, 5, 9)
  square(report, 16384, 1.25, 1, 5)
  network(report)
  kernel(report)
  into(report)
  taps(report)
end
