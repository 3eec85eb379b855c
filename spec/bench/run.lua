--- What `make bench` prints: medians of functions that take turns, against what
--- the machine allows, and what others take for the same. A row that is over its
--- bar says so; machines are noisy, so run it again before believing it.
---
--- What a loop is compiled to hangs on what has run before it, so each row of access
--- and creation has a process of its own:
---   spec/tools/lua luajit spec/bench/run.lua [MODULE ROW]

local measure = require "spec.bench.measure"
local peers = require "spec.bench.peers"

local function significant(x, unit)
  local digits = x < 9.995 and 2 or x < 99.95 and 1 or 0
  return ("%." .. digits .. "f %s"):format(x, unit)
end

local function duration(s)
  if not s then return "" end
  if s < 1e-6 then return significant(s * 1e9, "ns") end
  if s < 1e-3 then return significant(s * 1e6, "us") end
  if s < 1 then return significant(s * 1e3, "ms") end
  return significant(s, "s")
end

local function print_(...)
  print((("%-44s %9s %9s %7s %7s %-5s" .. (" %9s"):rep(#peers.names)):format(...):gsub(" +$", "")))
end

local function heading(text, limit)
  print()
  print_(text, "idinit", limit or "limit", "ratio", "bar", "", unpack(peers.names))
end

--- Prints a row, and returns it: `ours` and `limit` in seconds, or `memory` in
--- MiB; `bar` for the ratio, `most` for the difference or the memory, or none.
local function report(row)
  local bar, ok, theirs = "", nil, {}
  if row.memory then
    bar, ok = ("%.0f"):format(row.most), row.memory <= row.most
  elseif row.bar and row.ratio then
    bar, ok = ("%gx"):format(row.bar), row.ratio <= row.bar
  elseif row.most then
    bar, ok = "+" .. duration(row.most):gsub("%.00", ""), row.ours - row.limit <= row.most
  end
  for k, name in ipairs(peers.names) do theirs[k] = duration((row.peers or {})[name]) end
  print_(row.what, row.memory and ("%.0f MiB"):format(row.memory) or duration(row.ours),
    duration(row.limit), row.ratio and ("%.2f"):format(row.ratio) or "", bar,
    ok == nil and "" or ok and "ok" or "over", unpack(theirs))
  return row
end

local function garbage(case, what, rounds, bar, most, peer)
  local ours, limit, ratio, memory = {}, {}, {}, 0
  for round = 1, rounds do
    local line = measure.lines("spec/tools/lua luajit spec/bench/garbage.lua '" .. case .. "'")[1]
    ours[round], limit[round] = tonumber(line[1]), tonumber(line[2])
    ratio[round] = ours[round] / limit[round]
    memory = math.max(memory, tonumber(line[3]))
  end
  report {
    what = what, ours = measure.median(ours), limit = measure.median(limit),
    ratio = measure.median(ratio), bar = bar, peers = peer and peers.time(peer),
  }
  report { what = "  peak of memory", memory = memory, most = most }
end

local function plain(kind, bars)
  heading(kind, "C function")
  for _, line in ipairs(measure.lines("spec/tools/lua " .. kind .. " spec/bench/plain.lua")) do
    if line[1] == "accessor" then
      print("elements are accessed by functions of " .. line[2])
    else
      report {
        what = line[1], ours = tonumber(line[2]), limit = tonumber(line[3]),
        ratio = tonumber(line[4]), bar = bars and tonumber(line[5]),
      }
    end
  end
end

io.stdout:setvbuf "line"
peers.start()
local module, only = arg[1], arg[2]
if module then
  measure.only = only
  require(module)(function(row)
    if row.ours then report(row) end
    if row.detail then
      report { what = row.name, ratio = row.ratio, bar = row.limit }
      print("  " .. row.detail)
    end
    return row
  end)
  return
end

--- Measures each row of a module in a process of its own.
local function apart(name)
  measure.only = ""
  require(name)(function(row)
    local quoted = "'" .. row.what:gsub("'", "'\\''") .. "'"
    io.stdout:flush()
    os.execute("spec/tools/lua luajit spec/bench/run.lua " .. name .. " " .. quoted)
    return row
  end)
  measure.only = nil
end

print(("%s, %s %s"):format(jit.version, jit.os, jit.arch))
for _, name in ipairs(peers.missing) do print(name .. " is not installed: skipped") end

heading("An element of 1000 x 1000, compiled", "pointer")
apart "spec.bench.access"
heading "Identities"
apart "spec.bench.creation"
heading("Files", "fread")
require "spec.bench.files" (report)
heading("Garbage", "calloc")
garbage("alone", "100,000 x (256 x 256)", 3, 2.5, 100, "garbage")
garbage("written", "the same, one element written", 3, nil, 100)
garbage("beside", "the same beside 1,000,000 small tables", 3, 13, 512)
garbage("written beside", "the same, one element written", 1, nil, 512)
garbage("large", "2,000 x (4096 x 4096)", 1, nil, 1024)
garbage("huge", "1 x (28,000 x 28,000)", 3, nil, 400)
plain("lua5.4", true)
plain "luajit-joff"
plain "luajit-noffi"
heading("Layers", "")
io.stdout:flush()
os.execute "spec/tools/lua luajit spec/bench/run.lua spec.bench.layers"
