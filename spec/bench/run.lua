--- What `make bench` prints: medians of interleaved runs against what the
--- machine allows and what others take. A row that is over its bar says so;
--- machines are noisy, so run it again before believing it.

local measure = require "spec.bench.measure"

local peers = {} -- by thing: "NumPy 1.5 us, PyTorch 1.7 us"

local function duration(s)
  if s < 1e-6 then return ("%.2f ns"):format(s * 1e9) end
  if s < 1e-3 then return ("%.2f us"):format(s * 1e6) end
  if s < 1 then return ("%.2f ms"):format(s * 1e3) end
  return ("%.2f s"):format(s)
end

local function verdict(ok) return ok and "ok" or "over" end

--- Prints a row: `ours` and `limit` in seconds; `bar` for their ratio, or `most`
--- for their difference, or none.
local function report(row)
  local ratio = row.ratio or row.limit and row.ours / row.limit
  local bar, ok = "", ""
  if row.bar then
    bar, ok = ("%gx"):format(row.bar), verdict(ratio <= row.bar)
  elseif row.most then
    bar, ok = "+" .. duration(row.most), verdict(row.ours - row.limit <= row.most)
  end
  print(("%-52s %10s %10s %8s %9s %-4s %s"):format(row.what, row.ours and duration(row.ours) or "",
    row.limit and duration(row.limit) or "", ratio and ("%.2f"):format(ratio) or "", bar, ok,
    row.note or peers[row.peer] or ""))
end

local function heading(text)
  print(("\n%-52s %10s %10s %8s %9s"):format(text, "idinit", "limit", "ratio", "bar"))
end

local function readpeers()
  for _, line in ipairs(measure.lines "/usr/bin/python3 spec/bench/peers.py") do
    local peer, thing, seconds = line[1], line[2], tonumber(line[3])
    if thing == "skipped" then
      print(("%s is skipped: %s"):format(peer, line[3]))
    elseif seconds then
      local text = ("%s %s"):format(peer, duration(seconds))
      peers[thing] = peers[thing] and peers[thing] .. ", " .. text or text
    end
  end
  if not pcall(require, "torch") then print "Torch7 is skipped: it is not installed" end
end

local function garbage(case, what, bar, most)
  local line = measure.lines("spec/tools/lua luajit spec/bench/garbage.lua " .. case)[1]
  local peak = tonumber(line[3])
  report {
    what = what, ours = tonumber(line[1]), limit = tonumber(line[2]), bar = bar,
    note = ("peak %.0f MiB%s"):format(peak, most and (", bar %d MiB %s"):format(most,
      verdict(peak < most)) or ""),
  }
end

local function plain(kind)
  heading(kind .. " / a C function that only does it")
  for _, line in ipairs(measure.lines("spec/tools/lua " .. kind .. " spec/bench/plain.lua")) do
    report {
      what = line[1], ours = tonumber(line[2]), limit = tonumber(line[3]), bar = tonumber(line[4]),
    }
  end
end

io.stdout:setvbuf "line"
print(jit.version .. ", " .. jit.os .. " " .. jit.arch)
readpeers()
heading "LuaJIT, 1000 x 1000, an element / raw FFI pointer"
require "spec.bench.access" (report)
heading "LuaJIT / calloc + diagonal + free, or ffi.new"
require "spec.bench.creation" (report)
heading "LuaJIT, garbage / calloc + diagonal + free"
garbage("alone", "100,000 x (256 x 256)", 2.5, 100)
garbage("written", "100,000 x (256 x 256), each written to", nil, 100)
garbage("beside", "100,000 x (256 x 256) beside 1,000,000 tables", 16, 512)
garbage("large", "2,000 x (4096 x 4096)", nil, 1024)
plain "lua5.4"
plain "luajit-joff"
heading "Layers"
require "spec.bench.layers" (function(row)
  report { what = row.name:sub(1, 52), ratio = row.ratio, bar = row.ratio and row.limit, note = row.detail }
end)
