--- What tostring(t) shows: a header and, below it, what Julia shows of a matrix
--- on a terminal of 24 rows and 80 columns. Only elements that are shown are
--- read.

local core = require "idinit.core"
local labels = require "idinit.labels"

local ipairs = ipairs
local concat, unpack = table.concat, table.unpack or unpack
local floor, max, min = math.floor, math.max, math.min
local match, rep = string.match, string.rep

local ROWS, COLUMNS = 24, 80
local MATRIX_ROWS = ROWS - 4 -- the rest is for a header and a prompt
local MARGIN, GAP = " ", "  "
local ROOM = COLUMNS - #MARGIN
local ACROSS, DOWN, DIAGONAL = "  …  ", "⋮", "  ⋱  "
local BLANK = rep(" ", 5) -- as wide as ACROSS and DIAGONAL
local EVERY = 5 -- rows or columns from one ellipsis to the next

-- The matrix that a tensor has at the given indices from the third on; a
-- vector is a column.
local function matrixof(t, size, indices)
  local get, rank, seen = t.get, #size, {}
  local at = { 1, 1, unpack(indices) }
  local matrix = { rows = size[1], columns = size[2] or 1 }

  -- An element's text, and how many characters stand before its point.
  function matrix.cell(i, j)
    local row = seen[i] or {}
    seen[i] = row
    if not row[j] then
      at[1], at[2] = i, j
      local text = core.shortest(get(t, unpack(at, 1, rank)))
      row[j] = { text = text, left = #match(text, "^[^.eEfF]*") }
    end
    return row[j].text, row[j].left
  end
  return matrix
end

-- The width that columns need before and after the point, from column `from`
-- on by `step`, for as many as leave room. Returns the sum of widths too.
local function measure(matrix, rows, from, step, room)
  local widths, used = {}, 0
  for j = from, step > 0 and matrix.columns or 1, step do
    local left, right = 0, 0
    for _, i in ipairs(rows) do
      local text, before = matrix.cell(i, j)
      left = max(left, before)
      right = max(right, #text - before)
    end
    local count = #widths + 1
    if count > 1 and used + left + right + count * #GAP >= room then break end
    used = used + left + right
    widths[count] = { left = left, right = right }
  end
  return widths, used
end

local function rowtext(matrix, i, from, widths)
  local texts = {}
  for k, width in ipairs(widths) do
    local j = from + k - 1
    local text, left = matrix.cell(i, j)
    local after = j == matrix.columns and 0 or width.right - (#text - left)
    texts[k] = rep(" ", width.left - left) .. text .. rep(" ", after)
  end
  return concat(texts, GAP)
end

-- The line between the rows at the top and those at the bottom.
local function dottext(widths, phase)
  local texts = {}
  for k, width in ipairs(widths) do
    local whole = width.left + width.right
    if k % EVERY == phase then
      local before = max(0, width.left - 1)
      texts[k] = rep(" ", before) .. DOWN .. rep(" ", whole - before - 1)
    else
      texts[k] = rep(" ", whole)
    end
  end
  return concat(texts, GAP)
end

-- Two functions: the text of a row, and of the line of dots.
local function layout(matrix, rows)
  local widths = measure(matrix, rows, 1, 1, ROOM)
  local n = matrix.columns
  if #widths >= n then
    return function(i) return MARGIN .. rowtext(matrix, i, 1, widths) end,
      function() return MARGIN .. dottext(widths, 1) end
  end
  local half = floor((ROOM - #BLANK + 1) / 2) + 1
  local reversed, used = measure(matrix, rows, n, -1, half)
  local count, right = #reversed, {}
  for k = 1, count do right[k] = reversed[count + 1 - k] end
  local rest = ROOM - used - (count - 1) * #GAP - #BLANK
  local left = measure(matrix, rows, 1, 1, rest)
  return function(i)
    return MARGIN .. rowtext(matrix, i, 1, left)
      .. ((i - 1) % EVERY == 0 and ACROSS or BLANK)
      .. rowtext(matrix, i, n - count + 1, right)
  end, function()
    return MARGIN .. dottext(left, 1) .. DIAGONAL
      .. dottext(right, (count - n + 1) % EVERY)
  end
end

-- Adds a matrix to the lines, in at most `height` of them.
local function addmatrix(lines, matrix, height)
  local m, rows = matrix.rows, {}
  local top = m > height and floor(height / 2) or m
  local bottom = m > height and floor((height - 1) / 2) or 0
  for i = 1, top do rows[i] = i end
  for i = m - bottom + 1, m do rows[#rows + 1] = i end
  local row, dots = layout(matrix, rows)
  for k, i in ipairs(rows) do
    lines[#lines + 1] = row(i)
    if k == top and m > height then lines[#lines + 1] = dots() end
  end
end

-- How many slices to show at the start, besides the last, and how many rows of
-- each. A slice takes two lines more than its rows.
local function plan(count, rows)
  local each = floor(ROWS / count) - 2
  if each >= min(rows, 6) then
    return count - 1, min(each, MATRIX_ROWS)
  end
  each = min(rows, 9)
  return floor((ROWS - 2) / (each + 2)) - 1, each
end

local function addslices(lines, t, size)
  local count = labels.slices(size)
  local shown, height = plan(count, size[1])
  local function add(k)
    local indices = labels.indices(size, k)
    lines[#lines + 1] = labels.slice(indices, COLUMNS - 2) .. " ="
    addmatrix(lines, matrixof(t, size, indices), height)
  end
  for k = 1, shown do
    add(k)
    lines[#lines + 1] = ""
  end
  if shown < count - 1 then
    lines[#lines + 1] = MARGIN .. DOWN
    lines[#lines + 1] = ""
  end
  add(count)
end

--- The text of a tensor: at most 24 lines of at most 80 columns. Numbers are in
--- the shortest form that reads back as the same float32.
---@param t idinit.Tensor
---@return string
return function(t)
  core.checkself(t)
  local size = { t:size() }
  local kind = " float tensor"
  local lines = { labels.size(size, COLUMNS - #kind - 1) .. kind }
  if t:numel() == 0 then return lines[1] end
  lines[1] = lines[1] .. ":"
  if #size == 0 then
    lines[2] = core.shortest(t:get())
  elseif #size <= 2 then
    addmatrix(lines, matrixof(t, size, {}), MATRIX_ROWS)
  else
    addslices(lines, t, size)
  end
  return concat(lines, "\n")
end
