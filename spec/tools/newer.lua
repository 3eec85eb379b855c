-- Lets a Lua that Debian does not know, newer or from elsewhere, run Debian's busted:
-- finds its Lua files, and stands in for what it has in C.

local load = loadstring or load
local PLACES = { "/usr/share/lua/5.1/%s.lua", "/usr/share/lua/5.1/%s/init.lua" }

-- In Lua 5.5 the variables of a loop are constants. Code that assigns to them gets
-- variables of its own, in the same line.
local function withvariables(code)
  return (code:gsub("(for%s+([%w_ ,]+)%sin%s[^\n]-%sdo)%f[%s]", "%1 local %2 = %2"))
end

local function compile(path, code)
  local chunk, message = load(code, "@" .. path)
  if not chunk and message:find "assign to const variable" then
    chunk = load(withvariables(code), "@" .. path)
  end
  return chunk or error(message, 0)
end

local function find(name)
  for _, place in ipairs(PLACES) do
    local path = place:format((name:gsub("%.", "/")))
    local file = io.open(path, "rb")
    if file then
      local code = file:read "*a"
      file:close()
      return compile(path, code), path
    end
  end
  return "\n\tnot among Debian's modules for Lua 5.1 either"
end

-- What a shell command prints, in lines.
local function lines(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function quote(text) return "'" .. text:gsub("'", [['\'']]) .. "'" end

-- LuaFileSystem, as far as Penlight needs it to find specs.
local lfs = {}

function lfs.currentdir() return lines "pwd"[1] end

function lfs.chdir(path) return path == "." end

function lfs.attributes(path, name)
  path = quote(path)
  local mode = lines(("if test -d %s; then echo directory; elif test -e %s; then echo file; fi")
    :format(path, path))[1]
  if name then return mode end
  return mode and { mode = mode }
end
lfs.symlinkattributes = lfs.attributes

function lfs.dir(path)
  local list, k = lines("ls -A " .. quote(path)), 0
  return function()
    k = k + 1
    return list[k]
  end
end

return function()
  table.insert(package.searchers or package.loaders, find)
  package.preload["lfs"] = function() return lfs end
  package.preload["system"] = function()
    return { gettime = os.time, monotime = os.clock, sleep = function() end }
  end
  package.preload["term"] = function()
    return { isatty = function() return false end }
  end
end
