-- Runs every example with the first, the second, ... call of an allocator
-- failing until the last one has: that call alone, or all from it on. Each time
-- there is an error or the right result, and then all is as it was.
--
-- Runs in the program of alloc.c. Prints how many calls have failed.

-- luacheck: read_globals alloc
local idinit = require "idinit"
local layers = require "idinit.layers"
local readme = require "spec.tools.readme"

-- LuaJIT itself crashes where compiled code finds no memory, and 2.1.0-beta3
-- also at some places in long programs. So there the programs meet failing calls
-- of the module alone.
if jit then jit.off() end

local load = loadstring or load
local ALL = 1e9

-- Tensors of either kind that are there all the time, by whatever fails.
local small = idinit(3, 4, { gain = 7 })
local large = idinit(40, 30, { gain = 7 })
local destination = idinit.zeros(40, 30)
local rows = large[7]

local function check()
  assert(small(3, 3) == 7 and small(3, 4) == 0 and small[2][2] == 7)
  assert(large(30, 30) == 7 and large[{ 40, 30 }] == 0 and rows[7] == 7)
  assert(large:clone() == large and #small == 3 and large:size(2) == 30)
  local n, m = destination:size()
  assert(n == 40 and m == 30 and destination:stride() == 30)
  local filled = destination(1, 1)
  assert(destination == idinit(40, 30, { gain = filled }), "half of it is written")
  assert(idinit(30, 30)(30, 30) == 1)
end

local examples = {}
local function example(name, run, after)
  examples[#examples + 1] = { name = name, run = run, after = after or function() end }
end

example("sizes", function() return (idinit(3, 5)(3, 3)) end)
example("keywords", function() return (idinit(3, 3, 2, { gain = 100, shift = { 1 } })[1]) end)
example("partial", function() return (idinit { gain = 10, fit = "tile" }(30, 30)) end)
example("window", function()
  return (idinit(2 ^ 40, 2 ^ 40, { window = { { 1, 40 }, { 1, 40 } }, order = "col" }))
end)
example("into", function()
  return idinit.into(destination, { gain = destination(1, 1) + 1 }) and true
end)
example("into by rows", function() return idinit.into(large:clone()[3], {}) and true end)
example("taps", function()
  for _ in idinit.taps(3, 4, 5, { fit = "mean", groups = 1, center = { 2 } }) do end -- luacheck: ignore
end)
example("copy", function() return destination:copy(idinit(40, 30, { gain = 3 })) and true end)
example("copy of tables", function()
  destination:copy(idinit(40, 30, { gain = 5 }):totable())
end)
example("overlapping copy", function()
  local t = large:clone()
  t[1] = t[2]
  t:copy(t:reshape(30, 40):reshape(40, 30))
end)
example("views", function()
  for k = 1, 40 do assert(large[k][1] == (k == 1 and 7 or 0)) end
end)
example("slices", function()
  local v = large:transpose()[{ { 2, 30 }, { 3, 40 } }]:permute(2, 1):narrow(1, 1, 30)
  assert(v(5, 6) == 7 and v:select(2, 6)[5] == 7)
  assert(large[{ 7, 7 }] == 7 and v:reshape(-1, 2):numel() == v:numel())
end)
example("tables", function() return (idinit.tensor(large:totable()) == large) end)
example("shapes", function()
  local t = idinit.cat({ large, large:clone() }, 1):circshift { 1, 2 }
  return (t:reshape(30, 80):contiguous())
end)
example("text", function() return tostring(small) .. tostring(large) .. large:spy(20, 9) end)
example("errors", function()
  for _, mistake in ipairs {
    function() return (large(2, 70)) end,
    function() return (idinit(3, 2.5)) end,
    function() return (idinit { gian = 2 }) end,
    function() return (large:copy(small)) end,
  } do
    assert(not pcall(mistake))
  end
end)
example("dense", function()
  local layer = layers.Dense(30, 40, { activation = layers.relu })
  return layer(large:reshape(30, 40)) and layer:explain() and tostring(layer)
end)
example("convolutions", function()
  local image = idinit(9, 9, 4, 1)
  for _, name in ipairs { "Conv", "CrossCor", "ConvTranspose" } do
    local layer = layers[name]({ 3, 3 }, 4, 4, { pad = "same", init = idinit { gain = 2 } })
    assert(layer(image)(4, 4, 1, 1) == image(4, 4, 1, 1) * 2)
    assert(layer:explain())
    layers[name]({ 2, 2 }, 4, 6, { stride = 2, groups = 2 }):explain()
  end
  layers.Conv({ 3 }, 9, 9, { init = function(...)
    return idinit.zeros(...):fill(1)
  end })(idinit(9, 9, 5))
end)
example("embedding", function() return (layers.Embedding(30, 30) { 1, 2, 3 }) end)

-- Garbage of which some is collected meanwhile, as it has to be afterwards.
local function garbage()
  for _ = 1, 60 do idinit(200, 200) end
end
example("garbage", garbage, function()
  garbage()
  assert(alloc.blocks() < 60, "garbage is not collected any more")
end)

local folder = os.getenv "IDINIT_FOLDER"
example("files", function()
  local path = folder .. "/t.npy"
  return (idinit.load(large:save(path, { dtype = "f64" }) and path) == large)
end)
example("safetensors", function()
  local path = folder .. "/t.safetensors"
  idinit.save(path, { large = large, small = small[2], ["\1"] = idinit(0) },
    { metadata = { a = "b", [""] = "\n" }, dtype = "f64" })
  local net, metadata = idinit.load(path)
  assert(net.large == large and net.small == small[2] and metadata.a == "b")
  return (idinit.load(path, { "large" }).large == large)
end)
example("bytes", function()
  return (idinit.frombytes(large:tobytes "bf16", "bf16", 40, 30) == large)
end)

local programs = #examples + 1

-- All that hosts run, and all that the README shows.
local host = assert(loadfile "spec/hosts/example.lua")()
local text = io.open("spec/hosts/example.txt", "rb"):read "*a"
example("hosts/example", function() assert(host(folder) == text) end)
local printer = setmetatable({ print = function(...)
  for k = 1, select("#", ...) do tostring((select(k, ...))) end
end }, { __index = _G })
for _, shown in ipairs(readme.examples "README.md") do
  local writes = shown.code:find("idinit.save", 1, true) -- where no folder is meant for it
  if not writes and (not shown.luajit or pcall(require, "ffi")) then
    local run = assert(load(shown.code, "=example.lua"))
    if setfenv then
      setfenv(run, printer)
    else
      debug.setupvalue(run, 1, printer)
    end
    example("README.md:" .. shown.line, run)
  end
end

local function settle()
  for _ = 1, 3 do collectgarbage() end
end

-- Fails if memory is still held when calls of one kind have failed in `f`.
local function exhaust(this, kind, alone)
  local n, blocks, kib = 0, nil, nil
  repeat
    n = n + 1
    local failed, ok, message = alloc.try(this.run, kind, n, alone and n or ALL)
    local where = ("%s: %s call %d%s: "):format(this.name, kind, n, alone and " alone" or "")
    if not failed and not ok or not ok and type(message) ~= "string" then
      error(where .. tostring(message), 0)
    end
    if not ok and not message:find "memory" and not message:find "assertion failed" then
      error(where .. message, 0)
    end
    local fine, fault = pcall(check)
    if fine then fine, fault = pcall(this.after) end
    if not fine then error(where .. fault, 0) end
    if n % 100 == 2 or not failed then
      settle()
      blocks, kib = blocks or alloc.blocks(), kib or collectgarbage "count"
      if alloc.blocks() > blocks then
        error(("%sblocks in use: %d, then %d"):format(where, blocks, alloc.blocks()), 0)
      elseif collectgarbage "count" > kib + 64 then
        error(("%sKiB in use: %d, then %d"):format(where, kib, collectgarbage "count"), 0)
      end
    end
  until not failed
  return n - 1
end

-- Loads the module in new states, by every seventh call that can fail and all
-- of the first ones.
local function loads(alone)
  local n, count = 0, 0
  repeat
    n = n + (n < 300 and 1 or 7)
    local failed, ok, message, bytes, blocks = alloc.state([[
      require "idinit"
      require "idinit.layers"
    ]], [[
      for name in pairs(package.loaded) do
        if name:find "^idinit" then package.loaded[name] = nil end
      end
      local idinit = require "idinit"
      assert(idinit(30, 30)[7][7] == 1 and idinit(3, 3)[{ 2, 2 }] == 1)
      assert(require "idinit.layers".Dense(30, 30):explain())
      assert(tostring(idinit(2, 2)):find "float tensor")
    ]], "lua", n, alone and n or ALL)
    if not ok and not message:find "not enough memory" or bytes ~= 0 or blocks ~= 0 then
      error(("loading: call %d: %s: %d bytes and %d blocks are left"):format(
        n, message, bytes, blocks), 0)
    end
    count = count + 1
  until not failed
  return count
end

local total = { lua = 0, c = 0 }
for k, this in ipairs(examples) do
  for _, kind in ipairs { "c", "lua" } do
    if kind == "c" or not jit or k < programs then
      total[kind] = total[kind] + exhaust(this, kind, false) + exhaust(this, kind, true)
    end
  end
end
if not jit then total.lua = total.lua + loads(false) + loads(true) end
print(total.lua .. " calls of Lua and " .. total.c .. " of the module failed")
