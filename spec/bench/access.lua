--- Reading and writing elements in compiled code, against a raw FFI pointer.

local idinit = require "idinit"
local measure = require "spec.bench.measure"

local N = 1000

--- A function that runs `body` for each element of a tensor `t` of N x N, the
--- last index fastest or, in an order of columns, the first. `p[i * N + j]` is
--- the element where it lies by rows, `row` is t[i].
local function loop(body, t, order)
  local source = [[
    local t, N = ...
    local p = t:data() - N - 1
    return function()
      local s = 0
      for i = 1, N do
        for j = 1, N do
          body
        end
      end
      return s
    end
  ]]
  if body:find "row" then source = source:gsub("do\n", "do local row = t[i]\n", 1) end
  if order == "columns" then
    source = source:gsub("for i", "for k"):gsub("for j", "for i"):gsub("for k", "for j")
  end
  return assert(loadstring((source:gsub("body", (body:gsub("%%", "%%%%"))))))(t, N)
end

local reads = {
  { "t(i, j)", 1.5 },
  { "t:get(i, j)", 1.5 },
  { "t[{i, j}]", 2, "read listed" },
  { "row[j]", 1.5, "read row" },
  { "t[i][j]", 1.5, "read twice" },
}

local writes = { -- in ns more than raw
  { "t:set(i, j, j)", 2 },
  { "t[{i, j}] = j", 2, "write listed" },
  { "row[j] = j", 2, "write row" },
  { "t[i][j] = j", 3, "write twice" },
}

local function rows(report, t)
  local raw = loop("s = s + p[i * N + j]", t)
  for _, read in ipairs(reads) do
    report(measure.row {
      what = "read " .. read[1], bar = read[2], peer = read[3], count = N ^ 2,
      ours = loop("s = s + " .. read[1], t), limit = raw,
    })
  end
  raw = loop("p[i * N + j] = j", t)
  for _, write in ipairs(writes) do
    report(measure.row {
      what = "write " .. write[1], most = write[2] * 1e-9, peer = write[3], count = N ^ 2,
      ours = loop(write[1], t), limit = raw,
    })
  end
end

local function columns(report, t)
  local raw = loop("s = s + p[i * N + j]", t, "columns")
  for _, read in ipairs { { "t(i, j)", 2 }, { "t[i][j]", 12 } } do
    report(measure.row {
      what = "read " .. read[1] .. " column by column", count = N ^ 2, rounds = 7,
      ours = loop("s = s + " .. read[1], t, "columns"), limit = raw, bar = read[2],
    })
  end
  local u = idinit(N, N, { order = "col" })
  report(measure.row {
    what = 'the same where order is "col"', count = N ^ 2,
    ours = loop("s = s + t(i, j)", u, "columns"),
    limit = loop("s = s + p[j * N + i]", u, "columns"),
  })
end

local function ranks(report)
  local t, n = idinit(30, 30, 30, 30), 30
  local p = t:data()
  report(measure.row {
    what = "read t(i, j, k, l)", count = n ^ 4,
    ours = function()
      local s = 0
      for i = 1, n do
        for j = 1, n do
          for k = 1, n do for l = 1, n do s = s + t(i, j, k, l) end end
        end
      end
      return s
    end,
    limit = function()
      local s = 0
      for i = 0, n - 1 do
        for j = 0, n - 1 do
          for k = 0, n - 1 do for l = 0, n - 1 do s = s + p[((i * n + j) * n + k) * n + l] end end
        end
      end
      return s
    end,
  })
end

--- Where nothing can be kept from one access to the next.
local function fresh(report)
  local count, extent = 100000, 100000
  report(measure.row {
    what = "idinit(3, 5)(1, 1)", count = count, rounds = 7,
    ours = function() for _ = 1, count do local _ = idinit(3, 5)(1, 1) end end,
    limit = function() for _ = 1, count do idinit(3, 5) end end,
  })
  local t = idinit(extent, 4)
  report(measure.row {
    what = "row[1] of 100,000 rows, once each", count = extent, rounds = 7,
    ours = function()
      local s = 0
      for i = 1, extent do s = s + t[i][1] end
      return s
    end,
  })
end

return function(report)
  local t = idinit(N, N)
  rows(report, t)
  columns(report, t)
  ranks(report)
  fresh(report)
end
