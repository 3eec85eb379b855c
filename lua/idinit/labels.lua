--- Lists, sizes and slices as text that fits a line.

local core = require "idinit.core"

local ipairs = ipairs
local concat, gsub, ceil = table.concat, string.gsub, math.ceil

local labels = {}

--- The columns that UTF-8 text takes on a terminal, for characters of one column.
---@param text string
---@return integer
function labels.width(text)
  local _, columns = gsub(text, "[^\128-\191]", "")
  return columns
end

--- Numbers joined by the separator; where that takes more columns than there is
--- room, an ellipsis stands for those in the middle.
---@param numbers number[]
---@param separator string
---@param room? integer
---@return string
function labels.join(numbers, separator, room)
  local parts = {}
  for k, n in ipairs(numbers) do parts[k] = core.numbertext(n) end
  local text = concat(parts, separator)
  for keep = #parts - 1, 0, -1 do
    if not room or labels.width(text) <= room then break end
    local head = ceil(keep / 2)
    local shown = {}
    for k = 1, head do shown[k] = parts[k] end
    shown[head + 1] = "…"
    for k = #parts - keep + head + 1, #parts do shown[#shown + 1] = parts[k] end
    text = concat(shown, separator)
  end
  return text
end

--- A size in at most `room` columns: "3×5", "4-element", "0-dimensional".
---@param size integer[]
---@param room integer
---@return string
function labels.size(size, room)
  if #size == 0 then return "0-dimensional" end
  if #size == 1 then return core.numbertext(size[1]) .. "-element" end
  return labels.join(size, "×", room)
end

--- The number of matrices in a tensor of rank 2 or more.
---@param size integer[]
---@return integer
function labels.slices(size)
  local count = 1
  for d = 3, #size do count = count * size[d] end
  return count
end

--- The indices, from the third on, of the k-th slice; the third runs fastest.
---@param size integer[]
---@param k integer
---@return integer[]
function labels.indices(size, k)
  local indices, rest = {}, k - 1
  for d = 3, #size do
    local i = rest % size[d]
    indices[d - 2] = i + 1
    rest = (rest - i) / size[d]
  end
  return indices
end

--- A slice by its indices from the third on, in at most `room` columns, of
--- which it needs 9: "[:, :, 1, 2]".
---@param indices integer[]
---@param room integer
---@return string
function labels.slice(indices, room)
  return "[:, :, " .. labels.join(indices, ", ", room - 8) .. "]"
end

return labels
