-- Annotations for editors, read as lua-language-server reads them.

local luacats = {}

-- Types that are known without an annotation.
local builtin = {}
for name in ([[any boolean false function integer nil number string table true
  userdata ffi.cdata*]]):gmatch "%S+" do
  builtin[name] = true
end

-- ---- Types

local skip, ahead, take, expect, parsetype

function skip(s)
  s.at = s.text:find("%S", s.at) or #s.text + 1
end

-- What the pattern finds next, without taking it.
function ahead(s, pattern)
  skip(s)
  return s.text:match("^" .. pattern, s.at)
end

function take(s, pattern)
  local found = ahead(s, pattern)
  if found then s.at = s.at + #found end
  return found
end

function expect(s, pattern, what)
  return take(s, pattern) or error(("%s expected at %q"):format(what, s.text:sub(s.at)), 0)
end

-- A comma list of what `parse` reads, up to what `closing` finds.
local function list(s, parse, closing)
  while not take(s, closing) do
    parse(s)
    if not ahead(s, closing) then expect(s, ",", "comma") end
  end
end

local NAME = "[%w_][%w_.]*%*?"

local function argument(s)
  if not take(s, "%.%.%.") then
    expect(s, "[%a_][%w_]*", "name of an argument")
    take(s, "%?")
  end
  if take(s, ":") then parsetype(s) end
end

local function field(s)
  if take(s, "%[") then
    parsetype(s)
    expect(s, "%]", "]")
  else
    expect(s, "[%a_][%w_]*", "name of a field")
  end
  take(s, "%?")
  expect(s, ":", "colon")
  parsetype(s)
end

local function unit(s)
  if take(s, "fun%f[^%w_]") then
    expect(s, "%(", "(")
    list(s, argument, "%)")
    if take(s, ":") then
      repeat
        if not take(s, "%.%.%.") then parsetype(s) end
      until not take(s, ",")
    end
  elseif take(s, "{") then
    list(s, field, "}")
  elseif take(s, "%(") then
    parsetype(s)
    expect(s, "%)", ")")
  elseif not take(s, '"[^"]*"') and not take(s, "%-?%d+%f[^%w_]") then
    s.names[expect(s, NAME, "type")] = true
    if take(s, "<") then list(s, parsetype, ">") end
  end
  while take(s, "%[%]") do end -- luacheck: ignore
end

function parsetype(s)
  repeat unit(s) until not take(s, "|")
  take(s, "%?")
end

-- ---- Tags: what each reads, and the name that it defines

local tags = {}

function tags.meta(s) take(s, NAME) end

function tags.class(s)
  local name = expect(s, NAME, "name of a class")
  if take(s, ":") then parsetype(s) end
  return name
end

function tags.alias(s)
  local name = expect(s, NAME, "name of an alias")
  parsetype(s)
  return name
end

function tags.field(s)
  local name = take(s, "[%a_][%w_]*")
  if not name then
    expect(s, "%[", "name of a field")
    parsetype(s)
    expect(s, "%]", "]")
  end
  take(s, "%?")
  parsetype(s)
  return name
end

function tags.param(s)
  local name = take(s, "%.%.%.") or expect(s, "[%a_][%w_]*", "name of a parameter")
  take(s, "%?")
  parsetype(s)
  return name
end

tags["return"] = function(s)
  repeat
    parsetype(s)
    local _ = take(s, "[%a_][%w_]*") or take(s, "%.%.%.")
  until not take(s, ",")
end

function tags.type(s) parsetype(s) end

function tags.overload(s)
  if not ahead(s, "fun%(") then error("fun(...) expected", 0) end
  parsetype(s)
end

function tags.operator(s)
  local name = expect(s, "%a+", "name of an operator")
  if take(s, "%(") then
    parsetype(s)
    expect(s, "%)", ")")
  end
  expect(s, ":", "colon")
  parsetype(s)
  return name
end

-- ---- Files

local function parsetag(doc, text, where)
  local kind, rest = text:match "^(%a+)%s*(.*)$"
  local parse = tags[kind] or error(where .. ": unknown tag @" .. tostring(kind), 0)
  local s = { text = rest, at = 1, names = {} }
  local ok, name = pcall(parse, s)
  if not ok then error(where .. ": " .. name, 0) end
  doc.tags[#doc.tags + 1] = { kind = kind, name = name, uses = s.names, where = where }
end

-- What a line of code defines: its owner, its name, and its parameters if it is
-- a function.
local function definition(line)
  local owner, name, parameters = line:match "^function ([%w_]+)[.:]([%w_]+)(%b())"
  if owner then
    local names = {}
    for parameter in parameters:gmatch "[%w_.]+" do names[#names + 1] = parameter end
    return owner, name, names
  end
  owner, name = line:match "^([%w_]+)%.([%w_]+) ="
  if owner then return owner, name end
  return nil, (line:match "^local ([%w_]+)")
end

-- The annotations of a file: a list of { where, text, tags, owner, name,
-- parameters } of which the last three are those of the line below. Raises an
-- error for one that cannot be read.
function luacats.read(path)
  local docs, doc, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    local where = path .. ":" .. number
    local comment = line:match "^%-%-%-(.*)$"
    if comment then
      if not doc then
        doc = { where = where, text = "", tags = {} }
        docs[#docs + 1] = doc
      end
      local tag = comment:match "^%s*@(.*)$"
      if tag then
        parsetag(doc, tag, where)
      else
        doc.text = doc.text .. comment .. "\n"
      end
    elseif doc then
      doc.owner, doc.name, doc.parameters = definition(line)
      doc = nil
    end
  end
  return docs
end

-- Names of types that annotations use, each with where, but that none of them
-- defines.
function luacats.undefined(docs)
  local defined, missing = {}, {}
  local function each(f)
    for _, doc in ipairs(docs) do
      for _, tag in ipairs(doc.tags) do f(tag) end
    end
  end
  each(function(tag)
    if tag.kind == "class" or tag.kind == "alias" then defined[tag.name] = true end
  end)
  each(function(tag)
    for name in pairs(tag.uses) do
      if not builtin[name] and not defined[name] then
        missing[#missing + 1] = tag.where .. ": " .. name
      end
    end
  end)
  table.sort(missing)
  return missing
end

return luacats
