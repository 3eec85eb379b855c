--- What Torch7 takes for the things that peers.py measures too: a table of
--- functions that return seconds. Raises an error where it is not installed.

local torch = require "torch"

torch.setnumthreads(1)

local function each(count, f)
  return function()
    local start = os.clock()
    for _ = 1, count do f() end
    return (os.clock() - start) / count
  end
end

local function eye(n, m) return torch.eye(n, m):float() end

local things = {
  ["3x5"] = each(10000, function() return eye(3, 5) end),
  ["3x5 gain"] = each(10000, function() return eye(3, 5):mul(2) end),
}

for _, n in ipairs { 1024, 4096, 16384 } do
  things[n .. "x" .. n] = each(1, function() return eye(n, n) end)
end

function things.garbage()
  local start = os.clock()
  for _ = 1, 100000 do eye(256, 256) end
  return os.clock() - start
end

things.kernel = each(1, function()
  local w, plane = torch.FloatTensor(3, 3, 1024, 1024):zero(), eye(1024, 1024)
  w[2][2]:narrow(2, 6, 1019):copy(plane:narrow(2, 1, 1019))
  w[2][2]:narrow(2, 1, 5):copy(plane:narrow(2, 1020, 5))
end)

local t, ROWS, COLUMNS = eye(1000, 1000), 20, 1000

local function element(f)
  return function()
    local start = os.clock()
    for i = 1, ROWS do
      local row = t[i]
      for j = 1, COLUMNS do f(i, j, row) end
    end
    return (os.clock() - start) / (ROWS * COLUMNS)
  end
end

things["read listed"] = element(function(i, j) return t[{ i, j }] end)
things["read row"] = element(function(_, j, row) return row[j] end)
things["read twice"] = element(function(i, j) return t[i][j] end)
things["write listed"] = element(function(i, j) t[{ i, j }] = j end)
things["write row"] = element(function(_, j, row) row[j] = j end)
things["write twice"] = element(function(i, j) t[i][j] = j end)

return things
