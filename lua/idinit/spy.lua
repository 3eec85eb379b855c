--- t:spy(): where the non-zeros of a tensor are, drawn in Braille.

local core = require "idinit.core"
local labels = require "idinit.labels"

local error, ipairs, tonumber, type = error, ipairs, tonumber, type
local concat, insert, unpack = table.concat, table.insert, table.unpack or unpack
local ceil, floor, huge, max, min = math.ceil, math.floor, math.huge, math.max, math.min
local format, gmatch, match = string.format, string.gmatch, string.match
local rep, sub = string.rep, string.sub
local getenv = os and os.getenv -- a sandbox may have none

local WIDTH = { name = "width", variable = "COLUMNS", default = 80, least = 10 }
local HEIGHT = { name = "height", variable = "LINES", default = 24, least = 5 }
local integer, MOST = core.integer, core.mostcharacters
local GAP = "  " -- between slices side by side

-- The argument if there is one, else what the terminal says, else the default.
local function extent(n, limit)
  local asked = n
  if n == nil then
    local text = getenv and getenv(limit.variable)
    asked = type(text) == "string" and match(text, "^%d+$") and tonumber(text)
  end
  local given = integer(asked)
  if given and given >= limit.least and given <= MOST then return given end
  if n == nil then return limit.default end
  error(format("%s: integer in range [%d, %d] expected, got %s",
    limit.name, limit.least, MOST, core.gottext(n)), 3)
end

-- A picture's lines, all of them as wide, inside a frame.
local function framed(picture)
  local edge = rep("─", labels.width(picture[1] or ""))
  local lines = { "┌" .. edge .. "┐" }
  for k, line in ipairs(picture) do lines[k + 1] = "│" .. line .. "│" end
  lines[#lines + 1] = "└" .. edge .. "┘"
  return lines
end

local function counted(n, noun)
  return core.numbertext(n) .. " " .. noun .. (n == 1 and "" or "s")
end

-- The lines below the picture: at most `most`, broken between words.
local function caption(size, nonzeros, left, width, most)
  local text = labels.size(size, width - 1) .. ", "
    .. counted(nonzeros, "non-zero")
  if left > 0 then text = text .. ", " .. counted(left, "slice") .. " left out" end
  local lines = {}
  for word in gmatch(text, "%S+") do
    local joined = #lines > 0 and lines[#lines] .. " " .. word or word
    if #lines > 0 and labels.width(joined) <= width then
      lines[#lines] = joined
    elseif #lines < most then
      local isshort = labels.width(word) <= width
      lines[#lines + 1] = isshort and word or sub(word, 1, width - 1) .. "…"
    else
      break
    end
  end
  return lines
end

-- The columns of the longest label among the first `count` slices.
local function labelwidth(size, count)
  local indices, rest = {}, count
  for d = 3, #size do
    indices[d - 2] = min(size[d], rest)
    rest = ceil(rest / size[d])
  end
  return labels.width(labels.slice(indices, huge))
end

-- How slices are laid out: how many across and down, the columns of each, and
-- the rows and columns of characters in a picture. One dot an element, unless
-- that is too large for two by two of them to be seen.
local function plan(size, width, height)
  local count = labels.slices(size)
  local most = floor((width + #GAP) / (9 + #GAP)) * floor(height / 4)
  local label = min(width, labelwidth(size, min(count, most)))
  local across = (count == 1 or 2 * label + #GAP > width) and 1 or 2
  local down = min(2, ceil(count / across), floor(height / 4))
  local columns = floor((width + #GAP) / across) - #GAP - 2
  local rows = floor(height / down) - 3
  columns = min(columns, ceil(size[2] / 2))
  rows = min(rows, ceil(size[1] / 4))
  local tile = max(label, columns + 2)
  return {
    across = floor((width + #GAP) / (tile + #GAP)),
    down = floor(height / (rows + 3)),
    tile = tile, rows = rows, columns = columns,
  }
end

-- The k-th slice below its label.
local function sliceof(t, size, k, grid)
  local indices = labels.indices(size, k)
  local slice = t[{ {}, {}, unpack(indices) }]
  local lines = framed((core.spy(slice, grid.rows, grid.columns)))
  insert(lines, 1, labels.slice(indices, grid.tile))
  return lines
end

-- Adds slices, as many as find room, and returns how many.
local function addslices(lines, t, size, width, height)
  local grid = plan(size, width, height)
  local shown = min(labels.slices(size), grid.across * grid.down)
  for first = 1, shown, grid.across do
    local row = {}
    for k = first, min(shown, first + grid.across - 1) do
      for l, line in ipairs(sliceof(t, size, k, grid)) do
        row[l] = row[l] or {}
        insert(row[l], line)
      end
    end
    for _, parts in ipairs(row) do
      for k = 1, #parts - 1 do
        parts[k] = parts[k] .. rep(" ", grid.tile - labels.width(parts[k]))
      end
      lines[#lines + 1] = concat(parts, GAP)
    end
  end
  return shown
end

--- Where the non-zeros are: a picture in Braille, framed, with a caption of size
--- and number of non-zeros. A dot is one element or, where the tensor is larger
--- than the picture, a cell of elements that holds a non-zero; NaN is one.
--- A vector is a column. Of a tensor of rank 3 and more the slices are drawn, as
--- many as find room.
---
--- `width`, of 10 columns and more, and `height`, of 5 lines and more, are those
--- of the whole string. They default to what the variables COLUMNS and LINES
--- say of the terminal, else to 80 x 24.
---@param t idinit.Tensor
---@param width? integer
---@param height? integer
---@return string
return function(t, width, height)
  core.checkself(t)
  width, height = extent(width, WIDTH), extent(height, HEIGHT)
  local size, numel = { t:size() }, t:numel()
  local slices = #size > 2 and numel > 0 and labels.slices(size) or 0
  local most = height - (slices > 0 and 4 or 3)
  local room = height - #caption(size, numel, slices, width, most)
  local lines, nonzeros, shown
  if slices > 0 then
    lines, nonzeros = {}, core.nonzeros(t)
    shown = addslices(lines, t, size, width, room)
  elseif numel == 0 then
    lines, nonzeros, shown = framed {}, 0, 0
  else
    lines, nonzeros = core.spy(t, room - 2, width - 2)
    lines, shown = framed(lines), 0
  end
  for _, line in ipairs(caption(size, nonzeros, slices - shown, width, most)) do
    lines[#lines + 1] = line
  end
  return concat(lines, "\n")
end
