--- Reading and writing elements in compiled code, against a raw FFI pointer.

local ffi = require "ffi"
local idinit = require "idinit"
local measure = require "spec.bench.measure"

local N = 1000

local raw = ffi.new("float[?]", N * N)

local function reads(t)
  return {
    raw = function()
      local s = 0
      for i = 0, N - 1 do for j = 0, N - 1 do s = s + raw[i * N + j] end end
      return s
    end,
    ["t(i, j)"] = function()
      local s = 0
      for i = 1, N do for j = 1, N do s = s + t(i, j) end end
      return s
    end,
    ["t:get(i, j)"] = function()
      local s = 0
      for i = 1, N do for j = 1, N do s = s + t:get(i, j) end end
      return s
    end,
    ["t[{i, j}]"] = function()
      local s = 0
      for i = 1, N do for j = 1, N do s = s + t[{ i, j }] end end
      return s
    end,
    ["row[j]"] = function()
      local s = 0
      for i = 1, N do
        local row = t[i]
        for j = 1, N do s = s + row[j] end
      end
      return s
    end,
    ["t[i][j]"] = function()
      local s = 0
      for i = 1, N do for j = 1, N do s = s + t[i][j] end end
      return s
    end,
  }
end

local function writes(t)
  return {
    raw = function()
      for i = 0, N - 1 do for j = 0, N - 1 do raw[i * N + j] = j end end
    end,
    ["t:set(i, j, v)"] = function()
      for i = 1, N do for j = 1, N do t:set(i, j, j) end end
    end,
    ["t[{i, j}] = v"] = function()
      for i = 1, N do for j = 1, N do t[{ i, j }] = j end end
    end,
    ["row[j] = v"] = function()
      for i = 1, N do
        local row = t[i]
        for j = 1, N do row[j] = j end
      end
    end,
    ["t[i][j] = v"] = function()
      for i = 1, N do for j = 1, N do t[i][j] = j end end
    end,
  }
end

local bars = {
  { "t(i, j)", 1.2 }, { "t:get(i, j)", 1.2 }, { "t[{i, j}]", 1.5 }, { "row[j]", 1.5 },
  { "t[i][j]", 3 },
}

local more = { -- in ns more than raw
  { "t:set(i, j, v)", 2 }, { "t[{i, j}] = v", 2 }, { "row[j] = v", 2 }, { "t[i][j] = v", 4 },
}

return function(report)
  local t = idinit(N, N)
  local read, write = measure.medians(reads(t), 15), measure.medians(writes(t), 15)
  for _, bar in ipairs(bars) do
    report {
      what = "read " .. bar[1], ours = read[bar[1]] / N ^ 2, limit = read.raw / N ^ 2,
      bar = bar[2],
    }
  end
  for _, bar in ipairs(more) do
    report {
      what = "write " .. bar[1], ours = write[bar[1]] / N ^ 2, limit = write.raw / N ^ 2,
      most = bar[2] * 1e-9,
    }
  end
end
