-- What neovim.sh has Neovim do: $IDINIT_HOST says which part.

local hosts = debug.getinfo(1, "S").source:match "^@(.*/)"
local top = hosts:gsub("spec/hosts/$", "")
local folder = vim.env.HOME

local cpath = top .. "build/" .. (jit and "luajit" or "lua5.1") .. "/?.so"
package.cpath = cpath .. ";" .. package.cpath

local parts = {}

function parts.main()
  return dofile(hosts .. "check.lua")(folder)
end

-- A thread has a Lua state of its own, which knows no runtime path.
function parts.thread()
  local path = top .. "lua/?.lua;" .. top .. "lua/?/init.lua"
  local function work(...)
    local check, into, paths, cpaths = ...
    package.path, package.cpath = paths, cpaths
    local ok, text = pcall(dofile(check .. "check.lua"), into)
    local file = io.open(into .. "/thread.txt", "w")
    file:write(ok and "" or "failed: ", text)
    file:close()
  end
  local threads = {}
  parts.main()
  for k = 1, 4 do
    local own = folder .. "/" .. k
    vim.fn.mkdir(own)
    threads[k] = vim.loop.new_thread(work, hosts, own, path, cpath)
  end
  local text
  for k = 1, 4 do
    threads[k]:join()
    local file = assert(io.open(folder .. "/" .. k .. "/thread.txt"))
    local own = file:read "*a"
    file:close()
    assert(not text or own == text)
    text = own
  end
  return text
end

function parts.buffer()
  vim.api.nvim_buf_set_lines(0, 0, -1, true, vim.split(parts.main(), "\n"))
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n")
end

local ok, text = xpcall(parts[vim.env.IDINIT_HOST], debug.traceback)
io.stdout:write(text)
if not ok then vim.cmd "cquit 1" end
