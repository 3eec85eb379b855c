-- The calls of README.md's table of frameworks, so that what a reader is told is
-- what specs check and frameworks are fed with. A row names layers and makes
-- their weight of letters for extents:
--   | PyTorch `Conv2d`; ONNX `Conv2d` | (C, I/g, h, w) | `idinit(C, I/g, h, w, {...})` |

local idinit = require "idinit"

local calls = {}

local function read(path)
  local found = {}
  for line in assert(io.lines(path)) do
    local layers, call = line:match "^| ([^|]+) |[^|]*| `(idinit%b())` |$"
    for framework, names in (layers or ""):gmatch "([%w ]+) (`[^;]*)" do
      for name in names:gmatch "`(%w+)`" do
        found[framework:match "^%s*(.*)" .. " " .. name] = call
      end
    end
  end
  return found
end

-- The code of each row's call by the layers' names: known["PyTorch Conv2d"].
calls.known = read((debug.getinfo(1, "S").source:match "^@(.*)spec/tools/" or "./")
                   .. "README.md")

-- The weight of a layer, where the letters in its row are those of a table, and
-- there are more keywords.
function calls.weight(layer, letters, keywords)
  local code = assert(calls.known[layer], "README.md has no row for " .. layer)
  local scope = setmetatable({}, { __index = letters })
  function scope.idinit(...)
    local all, count = {}, select("#", ...)
    local last = select(count, ...)
    if type(last) == "table" then
      count = count - 1
      for name, value in pairs(last) do all[name] = value end
    end
    for name, value in pairs(keywords or {}) do all[name] = value end
    for k = 1, count do all[k] = select(k, ...) end
    return idinit(all)
  end
  local chunk
  if setfenv then
    chunk = setfenv(assert(loadstring("return " .. code, "=README.md")), scope)
  else
    chunk = assert(load("return " .. code, "=README.md", "t", scope))
  end
  return chunk()
end

return calls
