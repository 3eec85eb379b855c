--- Times of functions that take turns, so that what disturbs one disturbs all.

local measure = {}

--- Seconds of processor time for one call of f.
function measure.time(f, ...)
  local start = os.clock()
  f(...)
  return os.clock() - start
end

function measure.median(list)
  local sorted = {}
  for k, v in ipairs(list) do sorted[k] = v end
  table.sort(sorted)
  return sorted[math.floor((#sorted + 1) / 2)]
end

--- The median time of each of `functions`, called in turn after a first round
--- that does not count.
---@param functions table<string, function>
---@param rounds integer
---@return table<string, number> seconds
function measure.medians(functions, rounds)
  local names, times = {}, {}
  for name in pairs(functions) do
    names[#names + 1], times[name] = name, {}
  end
  table.sort(names)
  for round = 0, rounds do
    for _, name in ipairs(names) do
      local seconds = measure.time(functions[name])
      if round > 0 then times[name][round] = seconds end
    end
  end
  for _, name in ipairs(names) do times[name] = measure.median(times[name]) end
  return times
end

--- The lines that a command prints, each split at tabs; nothing if it fails.
function measure.lines(command)
  local lines = {}
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  for line in pipe:lines() do
    local fields = {}
    for field in line:gmatch "[^\t]+" do fields[#fields + 1] = field end
    lines[#lines + 1] = fields
  end
  pipe:close()
  return lines
end

return measure
