-- Processes that specs start.

local child = {}

-- One word for the shell.
function child.quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

-- Runs a shell command and returns what it printed, also as errors, and its
-- status, which io.popen keeps to itself on some Luas.
function child.run(command)
  local pipe = assert(io.popen("(" .. command .. "\n) 2>&1; echo \" $?\""))
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*) (%d+)\n$"
  return output, tonumber(status)
end

-- Likewise for a command that has to succeed.
function child.must(command)
  local output, status = child.run(command)
  if status ~= 0 then
    error(("%s\nended with status %d and said\n%s"):format(command, status, output), 2)
  end
  return output
end

-- A new empty folder. Whoever asks for it removes it.
function child.folder()
  return (child.must "mktemp -d":gsub("\n", ""))
end

function child.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

function child.write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

-- The command that starts a Lua of the kind that runs this, in any folder, with
-- the same idinit to require.
function child.lua()
  local command = os.getenv "IDINIT_LUA"
  if command then return command end
  local here = child.must "pwd":gsub("\n", ""):gsub("%%", "%%%%")
  local function absolute(paths)
    return child.quote((";" .. paths):gsub(";%./", ";" .. here .. "/"):sub(2))
  end
  local interpreter = 0
  while arg[interpreter - 1] do interpreter = interpreter - 1 end
  return ("LUA_PATH=%s LUA_CPATH=%s %s"):format(
    absolute(package.path), absolute(package.cpath), child.quote(arg[interpreter]))
end

return child
