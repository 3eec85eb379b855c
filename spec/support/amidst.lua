-- Finalizers that run amidst a use of a tensor:
--   amidst.lua USE
-- So many wait that some of them fall into it. This takes a heap of its own: in a
-- large one they would wait for memory that is never asked for, or run all at
-- once. Prints the errors of these uses, each once.

local idinit = require "idinit"
local layers = require "idinit.layers"

local newproxy = rawget(_G, "newproxy") -- where tables have no finalizers
local metatable = debug.getmetatable(idinit(2, 2))
local WAITING = 5000

-- Calls use(t) with tensors again and again, and act(t) amidst some of these
-- calls. Returns the errors of those.
local function amidst(use, act)
  local t, fired, n, errors = nil, 0, 0, {}
  local function finalize()
    fired = fired + 1
    if t then act(t) end
  end
  if jit then jit.off() end -- which would make the window smaller
  collectgarbage()
  collectgarbage("setstepmul", 1)
  for _ = 1, WAITING do getmetatable(newproxy(true)).__gc = finalize end
  local pad = {} -- luacheck: ignore 241
  while fired < WAITING do
    n = n + 1
    t = idinit(30, 30)
    for k = 1, n % 53 do pad[k] = {} end
    local before = fired
    local ok, message = pcall(use, t)
    if fired > before and not ok then errors[message] = true end
  end
  collectgarbage("setstepmul", 200)
  return errors
end

-- Finalizes t, and afterwards it has to be dead.
local function death(use)
  return amidst(function(t)
    local ok, message = pcall(use, t)
    if not idinit.is_tensor(t) and pcall(use, t) then error "a finalized tensor works" end
    if not ok then error(message, 0) end
  end, metatable.__gc)
end

local uses = {}

function uses.access()
  return death(function(t) return t(1, 1), 1 end)
end

function uses.sweep()
  return death(function(t)
    for i = 1, 30 do assert(t[i]) end
  end)
end

function uses.layer()
  local layer = layers.Dense(30, 30)
  return death(function(t) return layer(t), 1 end)
end

-- Finalizes the view that is being made, where it can be found.
local function killview()
  for level = 2, 12 do
    if not debug.getinfo(level, "f") then return end
    for k = 1, 20 do
      local name, value = debug.getlocal(level, k)
      if not name then break end
      if (name == "view" or name == "wanted") and idinit.is_tensor(value) then
        metatable.__gc(value)
      end
    end
  end
end

function uses.view()
  return amidst(function(t)
    for _ = 1, 3 do
      local row = t[7]
      if not idinit.is_tensor(row) then
        if pcall(function() return row[7] end) then error "a finalized view works" end
        error "a view was finalized"
      end
    end
  end, killview)
end

for message in pairs(uses[arg[1]]()) do print(message) end
