--- Takes an argument list apart: an rng, sizes, keywords. What the values of
--- keywords may be is judged by the core, once and in one place.

local core = require "idinit.core"
local foreign = require "idinit.foreign"

local MAXRANK = 32

local known = core.keywords
local isknown = {}
for _, name in ipairs(known) do isknown[name] = true end

--- Edits (insert, delete, replace, swap two neighbours) from one word to
--- another.
local function distance(a, b)
  local before, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local above = row
    row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(above[j] + 1, row[j - 1] + 1,
                        above[j - 1] + (same and 0 or 1))
      if a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before = above
  end
  return row[#b]
end

--- The text for a keyword that does not exist, naming the nearest that does.
---@param name any     the key as it was given
---@param names string[] the keys that exist
---@return string
local function unknown(name, names)
  if type(name) ~= "string" then
    return "keyword: string expected, got " .. core.gottext(name)
  end
  local best, least
  local word = name:sub(1, 40)
  for _, candidate in ipairs(names) do
    local d = distance(word:lower(), candidate)
    if not least or d < least then best, least = candidate, d end
  end
  return 'unknown keyword "' .. word .. '": did you mean "' .. best .. '"?'
end

--- A copy that later changes to the original do not reach. Windows nest two
--- deep; below that there is nothing a keyword could mean.
local function copy(value, depth)
  if type(value) ~= "table" or depth == 0 then return value end
  local t = {}
  for k, v in next, value do t[k] = copy(v, depth - 1) end
  return t
end

--- An rng is whatever cannot be a size, a tensor or keywords.
local function isrng(value)
  local kind = type(value)
  return kind == "function" or kind == "cdata" and not foreign.number(value, 0)
    or kind == "userdata" and not core.is_tensor(value)
    or kind == "table" and getmetatable(value) ~= nil
end

--- Adds a table's keywords to `spec` and its list of sizes to `size`.
local function readtable(spec, size, given)
  local listed = 0
  for name, value in next, given do
    if type(name) == "number" then
      listed = listed + 1
    elseif isknown[name] then
      spec[name] = copy(value, 2)
    else
      return unknown(name, known)
    end
  end
  if listed == 0 then return end
  if size.n > 0 then
    return "sizes given both as arguments and in the table of keywords"
  end
  if listed > MAXRANK then
    return ("no more than %d sizes expected, got %d"):format(MAXRANK, listed)
  end
  for d = 1, listed do
    size[d] = rawget(given, d)
    if size[d] == nil then
      return ("size %d: integer in range [0, 2^53] expected, got nil"):format(d)
    end
  end
  size.n = listed
end

--- Reads `([rng,] n1, ..., nk [, keywords])`.
---@param defaults table? keywords of a partial, which those of the call replace
---@return table? spec    the keywords, copied
---@return table|string size  the sizes with their number `n`; or what is wrong
local function parse(defaults, ...)
  local args, n = { ... }, select("#", ...)
  local spec, size = {}, { n = 0 }
  for name, value in next, defaults or spec do spec[name] = value end

  local first = isrng(args[1]) and 2 or 1
  local given
  while n >= first and args[n] == nil do n = n - 1 end
  if n >= first and type(args[n]) == "table" then
    given, n = args[n], n - 1
    if getmetatable(given) ~= nil then
      return nil, "keywords: plain table expected, got one with a metatable"
    end
  end

  if n - first + 1 > MAXRANK then
    return nil, ("no more than %d sizes expected, got %d"):format(MAXRANK,
                                                                  n - first + 1)
  end
  for k = first, n do
    size.n = size.n + 1
    size[size.n] = args[k]
  end
  local wrong = given and readtable(spec, size, given)
  if wrong then return nil, wrong end
  return spec, size
end

return { names = known, parse = parse, unknown = unknown }
