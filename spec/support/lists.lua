-- Lists that specs make.

local lists = {}

-- The extents of a tensor.
function lists.sizeof(t) return { t:size() } end

-- A value, n times.
function lists.times(n, value)
  local list = {}
  for k = 1, n do list[k] = value end
  return list
end

-- The lines of a text, the empty ones too.
function lists.lines(text)
  local list = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do list[#list + 1] = line end
  return list
end

return lists
