--- Times of functions that take turns, so that what disturbs one disturbs all.

local peers = require "spec.bench.peers"

local measure = {}

--- Rounds in which peers, some of which are slow, take part.
local PEERROUNDS = 5

--- Seconds of processor time for a call of f.
function measure.time(f, ...)
  local start = os.clock()
  f(...)
  return os.clock() - start
end
if jit then jit.off(measure.time) end -- else it and what it calls are one trace

function measure.median(list)
  local sorted = {}
  for k, v in ipairs(list) do sorted[k] = v end
  table.sort(sorted)
  return sorted[math.floor((#sorted + 1) / 2)]
end

--- Measures a row of the table that run.lua prints:
---   what    what is done
---   ours    a function that does it `count` times, 1 if there is none
---   limit   one that does the least that the machine can, or nil
---   peer    the name by which the peers know it, or nil
---   before  is called before each of them, and not measured
---   rounds  how many there are, after one that does not count; 15
--- Where measure.only names another row, or none, nothing is measured.
--- The functions become the medians of the seconds that they take for one, and
--- `peers` those of the peers. `ratio` is the median of what a round's ours is
--- to its limit. What else is in the row stays.
function measure.row(row)
  if measure.only and measure.only ~= row.what then
    row.peers, row.ours, row.limit = {}, nil, nil
    return row
  end
  local count, times, theirs = row.count or 1, { ours = {}, limit = {}, ratio = {} }, {}
  local function time(f)
    if row.before then row.before() end
    return measure.time(f) / count
  end
  for round = 0, row.rounds or 15 do
    local ours, limit = time(row.ours), row.limit and time(row.limit)
    if round > 0 then
      times.ours[round], times.limit[round] = ours, limit
      times.ratio[round] = limit and ours / limit
    end
    if row.peer and round < PEERROUNDS then
      for name, seconds in pairs(peers.time(row.peer)) do
        theirs[name] = theirs[name] or {}
        table.insert(theirs[name], seconds)
      end
    end
  end
  for name, list in pairs(times) do row[name] = measure.median(list) end
  for name, list in pairs(theirs) do theirs[name] = measure.median(list) end
  row.peers = theirs
  return row
end

--- The lines that a command prints, each split at tabs.
function measure.lines(command)
  local lines = {}
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do
    local fields = {}
    for field in line:gmatch "[^\t]+" do fields[#fields + 1] = field end
    lines[#lines + 1] = fields
  end
  pipe:close()
  return lines
end

return measure
