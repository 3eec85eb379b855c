-- Changes one operator, constant or condition of the sources at a time, and has
-- the specs find out:
--   luajit spec/tools/mutate.lua COMPILER SANITIZER FILE[:LINE]...
-- Both are commands with their flags, one to build for LuaJIT, one to build with
-- sanitizers for Lua 5.4, which tries again what was not noticed: there memory is
-- malloc's. Works in a copy, build/mutate. Prints each change that is not noticed
-- then either and that spec/tools/equivalents.txt does not explain, and fails if
-- there is one.

local child = require "spec.tools.child"

local COPY = "build/mutate"
local EQUIVALENTS = "spec/tools/equivalents.txt"
local SECONDS = 15 -- a spec that takes longer hangs

-- Quick ones first. None may save to a path that is not a file of its own, as
-- /dev/full is: who knows what a mutant does there.
local SPECS = {
  "taps", "identity", "keywords", "groups", "fits", "into", "values", "shards", "random",
  "misuse", "limits", "numbers", "views", "bytes", "layers", "safetensors",
}

local function run(command)
  local status = os.execute(command) -- a number in Lua 5.1, true later
  return status == 0 or status == true
end

local function must(command)
  if not run(command) then error("failed: " .. command, 0) end
end

local read, write = child.read, child.write

-- ---- Mutants

-- What an operator becomes, and where nothing is changed.
local languages = {
  c = {
    operators = {
      ["<"] = "<=", ["<="] = "<", [">"] = ">=", [">="] = ">",
      ["=="] = "!=", ["!="] = "==", ["&&"] = "||", ["||"] = "&&",
      ["+"] = "-", ["-"] = "+", ["*"] = "/", ["/"] = "*", ["%"] = "/",
      ["+="] = "-=", ["-="] = "+=", ["*="] = "/=", ["/="] = "*=", ["^="] = "|=",
      ["&"] = "|", ["|"] = "&", ["<<"] = ">>", [">>"] = "<<",
    },
    comment = "^/%*.-%*/()",
    include = "^#include[^\n]*()",
    condition = "^ ()%b()()",
    negated = "(!%s)",
  },
  lua = {
    operators = {
      ["<"] = "<=", ["<="] = "<", [">"] = ">=", [">="] = ">",
      ["=="] = "~=", ["~="] = "==", ["and"] = "or", ["or"] = "and",
      ["+"] = "-", ["-"] = "+", ["*"] = "/", ["/"] = "*", ["%"] = "/",
    },
    comment = "^%-%-[^\n]*()",
    include = "^%[%[.-%]%]()",
    condition = "^ ().-() then",
    negated = "not (%s)",
  },
}

-- The position behind the string or character that starts at `at`, if one does.
local function stringend(text, at)
  local quote = text:match("^[\"']", at)
  if not quote then return nil end
  repeat
    at = at + 1
    local c = text:sub(at, at)
    if c == "\\" then at = at + 1 end
  until c == quote
  return at + 1
end

local function changednumber(number)
  if number == "1" then return "0" end
  return number == "0" and "1" or "(" .. number .. " + 1)"
end

-- Calls add(from, to, replacement) for every change of a source: conditions
-- negated, a `!` or `not` left out, constants, operators between spaces, which
-- leaves `*p` and `-1` alone.
local function eachchange(text, language, add)
  local at = 1
  local function change(pattern, f)
    local from, to = text:find(pattern, at)
    local new = from and f(text:sub(from, to))
    if new then add(from, to, new) end
    return to and to + 1
  end
  local function condition(from)
    local first, behind = text:match(language.condition, from)
    if first then
      add(first, behind - 1, language.negated:format(text:sub(first, behind - 1)))
    end
  end
  local function word(name)
    if name == "not" then return "" end
    local from = at + #name
    if name == "if" or name == "elseif" or name == "while" then condition(from) end
    return language.operators[name]
  end
  local function operator(name)
    local spaced = text:find("^ ", at - 1) and text:find("^%s", at + #name)
    if name == "!" then return "" end
    return spaced and language.operators[name]
  end
  while at <= #text do
    at = text:match(language.comment, at) or text:match(language.include, at)
      or stringend(text, at) or change("^[%a_][%w_]*", word)
      or change("^%d[%w.]*", changednumber) or change("^[<>=!+%-*/%%&|^~]+", operator)
      or at + 1
  end
end

local function lineof(text, at)
  local _, breaks = text:sub(1, at - 1):gsub("\n", "")
  return breaks + 1
end

-- The line at a position, without its indentation.
local function linetext(text, at)
  local from = at - #text:sub(1, at - 1):match "[^\n]*$"
  return text:match("^%s*([^\n]*)", from)
end

local function mutants(path, text, line)
  local list = {}
  eachchange(text, languages[path:match "%a+$"], function(from, to, new)
    local mutant = { path = path, line = lineof(text, from) }
    if line and mutant.line ~= line then return end
    mutant.text = text:sub(1, from - 1) .. new .. text:sub(to + 1)
    mutant.before, mutant.after = linetext(text, from), linetext(mutant.text, from)
    list[#list + 1] = mutant
  end)
  return list
end

-- ---- Equivalents

-- Paragraphs: the file, "- " and its line, "+ " and the line changed, a reason.
local function readequivalents()
  local known, list = {}, {}
  for paragraph in (read(EQUIVALENTS) .. "\n\n"):gmatch "(.-)\n\n+" do
    local path, before, after, reason =
      paragraph:match "^(%S+)\n%- (.-)\n%+ (.-)\n(.+)$"
    if path then
      assert(reason:find "%a")
      local key = path .. "\n" .. before .. "\n" .. after
      known[key] = { key = key, path = path }
      list[#list + 1] = known[key]
    end
  end
  return known, list
end

-- ---- Trials

local compiler, sanitizer = table.remove(arg, 1), table.remove(arg, 1)

local function compile(source, object)
  return run(("cd %s && %s -w -c -o %s %s 2> /dev/null"):format(
    COPY, compiler, object, source))
end

local function link()
  must(("cd %s && %s -shared -o build/luajit/idinit/core.so build/*.o -lm"):format(
    COPY, compiler))
end

local function prepare()
  must("rm -rf " .. COPY)
  must(("mkdir -p %s/build/luajit/idinit %s/build/asan/lua5.4/idinit"):format(COPY, COPY))
  must("cp -R README.md lua src spec " .. COPY)
  must(("cd %s/build && %s -w -c ../src/*.c"):format(COPY, compiler))
  link()
end

-- Whether a spec fails. A mutant that asks for ever more memory or disk ends.
local function fails(settings, lua, excluded)
  for _, spec in ipairs(SPECS) do
    local ok = run(("cd %s && %s timeout %d spec/tools/lua %s spec/tools/busted.lua"
      .. " --no-keep-going --exclude-tags=%s spec/%s_spec.lua > log 2>&1"):format(
      COPY, settings, SECONDS, lua, excluded, spec))
    if not ok then return true end
  end
  return false
end

local function isnoticed(path)
  local limits = "ulimit -v 16000000 && ulimit -f 20000 &&"
  if fails(limits, "luajit", "native") then return true end
  if path and not path:find "%.c$" then return false end
  must(("cd %s && %s -w -shared -o build/asan/lua5.4/idinit/core.so src/*.c -lm"):format(
    COPY, sanitizer))
  return fails("ulimit -f 20000 && IDINIT_BUILD=build/asan"
    .. [[ IDINIT_UNDER='"$top/spec/tools/asan"']], "lua5.4", "once,native")
end

-- "noticed", "same" if it compiles to what the original does, "missed", or nil
-- if it does not compile.
local function try(mutant)
  local object = mutant.path:gsub("^src/(.*)%.c$", "build/%1.o")
  write(COPY .. "/" .. mutant.path, mutant.text)
  if object ~= mutant.path then
    if not compile(mutant.path, "mutant.o") then return nil end
    if read(COPY .. "/mutant.o") == read(COPY .. "/" .. object) then return "same" end
    must(("cd %s && mv %s original.o && mv mutant.o %s"):format(COPY, object, object))
    link()
  end
  local noticed = isnoticed(mutant.path)
  if object ~= mutant.path then
    must(("cd %s && mv original.o %s"):format(COPY, object))
    link()
  end
  return noticed and "noticed" or "missed"
end

local known, equivalents = readequivalents()
local count = { noticed = 0, same = 0, explained = 0, missed = 0 }
local stale = 0

local function judge(mutant)
  local result = try(mutant)
  local entry = known[mutant.path .. "\n" .. mutant.before .. "\n" .. mutant.after]
  if result == "missed" and entry then result, entry.used = "explained", true end
  if result then count[result] = count[result] + 1 end
  if result == "missed" then
    print(("%s:%d\n- %s\n+ %s\n"):format(mutant.path, mutant.line, mutant.before, mutant.after))
  end
end

io.stdout:setvbuf "line"
prepare()
assert(not isnoticed(), "the specs fail without a mutant: see " .. COPY .. "/log")
for _, argument in ipairs(arg) do
  local path, line = argument:match "^([^:]+):?(%d*)$"
  local original = read(path)
  for _, mutant in ipairs(mutants(path, original, tonumber(line))) do judge(mutant) end
  write(COPY .. "/" .. path, original)
  for _, entry in ipairs(equivalents) do
    if line == "" and entry.path == path and not entry.used then
      stale = stale + 1
      print(EQUIVALENTS .. " explains what no longer survives:\n" .. entry.key .. "\n")
    end
  end
end

print(("%d mutants, %d killed, %d equivalent (%d compile to the same), %d survived"):format(
  count.noticed + count.same + count.explained + count.missed, count.noticed,
  count.same + count.explained, count.same, count.missed))
os.exit(count.missed + stale == 0 and 0 or 1)
