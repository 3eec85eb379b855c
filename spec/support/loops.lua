-- Loops over elements, long enough to be compiled, for processes of their own:
--   loops.lua values      reads and writes of every form on tensors of all
--                         shapes, and prints what they found
--   loops.lua errors      the same with one access that is wrong after hundreds
--                         that are right, and prints the errors
--   loops.lua compiled    nothing but good loops, one for each form, and their
--                         names, to see what the compiler makes of them

local idinit = require "idinit"
local random = require "spec.support.random"

local unpack = table.unpack or unpack
local COUNT = 400 -- accesses in a loop; LuaJIT compiles after some 60

-- A function from source, whose lines are those of a chunk with this name.
local function compile(name, source, ...)
  return assert(loadstring(source, "=" .. name))(...)
end

local function each(prefix, rank, separator)
  local list = {}
  for d = 1, rank do list[d] = prefix:gsub("%$", d) end
  return table.concat(list, separator or ", ")
end

-- The ways to read and write t at indices i1, ..., ik.
local function forms(rank)
  local indices, brackets = each("i$", rank), each("[i$]", rank, "")
  return {
    { "set", "t:set(" .. indices .. ", v)" },
    { "call", "local v = t(" .. indices .. ")" },
    { "get", "local v = t:get(" .. indices .. ")" },
    { "list =", "t[{" .. indices .. "}] = v" },
    { "list", "local v = t[{" .. indices .. "}]" },
    { "chain =", "t" .. brackets .. " = v" },
    { "chain", "local v = t" .. brackets },
  }
end

-- A float in a shape that has the same text everywhere.
local function text(x)
  if type(x) ~= "number" then return tostring(x) end
  return x ~= x and "nan" or ("%.9g"):format(x)
end

-- Name and tensor of each kind that the fast path tells apart.
local function tensors()
  local list = {}
  local function add(name, t) list[#list + 1] = { name, t } end
  local sizes = { { 9 }, { 7, 5 }, { 3, 4, 5 }, { 2, 3, 4, 3 }, { 2, 2, 3, 2, 3 },
    { 2, 1, 3, 2, 2, 3 }, { 40, 60 }, { 1, 1 } }
  sizes[#sizes + 1] = { 3, 2 }
  for d = 3, 32 do sizes[#sizes][d] = d == 17 and 3 or 1 end
  for _, size in ipairs(sizes) do
    for _, order in ipairs { "row", "col" } do
      local kw = { order = order, unpack(size) }
      local what = order .. " " .. table.concat(size, "x")
      add(what, idinit(kw))
      if #size > 1 then add("a row of " .. what, idinit(kw)[size[1]]) end
      add("reshaped " .. what, (idinit(kw):reshape(idinit(kw):numel())))
    end
  end
  add("view of a view", idinit(3, 4, 5, 6, { order = "col" })[2][3])
  add("strided vector", idinit(6, 50, { order = "col" })[3])
  return list
end

local function values()
  local draw = random.new(random.seed)
  local special = { 0 / 0, 1 / 0, -1 / 0, 1e300, 0 / -1, 2 ^ 24 + 1, 1e-46, 0.1 }
  for _, named in ipairs(tensors()) do
    local name, t = named[1], named[2]
    local rank, size = t:dim(), { t:size() }
    local lists, written = {}, {}
    for d = 1, rank do
      lists[d] = {}
      for k = 1, COUNT do lists[d][k] = draw(size[d]) end
    end
    for k = 1, COUNT do
      written[k] = draw(9) == 1 and special[draw(#special)] or draw(1000) - 500.5
    end
    for _, form in ipairs(forms(rank)) do
      local loop = compile(name, ([[
        local t, lists, values, COUNT = ...
        return function()
          local found = {}
          for k = 1, COUNT do
            local v = values[k]
            %s
            do
              %s
              found[k] = v
            end
          end
          return found
        end]]):format((each("local i$ = lists[$][k]\n", rank, "")), form[2]), t, lists, written,
        COUNT)
      local found = loop()
      for k = 1, COUNT do found[k] = text(found[k]) end
      print(name, form[1], table.concat(found, " "))
    end
    local all = {}
    for k = 1, t:numel() do all[k] = text(t:clone():reshape(t:numel())[k]) end
    print(name, "elements", table.concat(all, " "))
  end
end

-- How many loops there were, and of how many the compiler made a trace.
local loops, compiledloops = 0, 0
local is_root, is_compiled

local function watch()
  if not jit or not jit.status() then return end
  jit.attach(function(event, _, f, _, parent)
    if event == "start" then
      is_root = not parent and debug.getinfo(f, "S").source == "=loop"
    elseif event == "stop" and is_root then
      is_compiled = true
    end
  end, "trace")
end

-- Prints what a loop says of which access number `at` is not like the others.
-- `body` sees t, indices i and j, a value v and their number k. `wrong` has what
-- one of them is at `at`; `act` is called before that, `after` in the end.
local at = COUNT - 50
local NOTHING = {}

local function try(name, body, t, wrong, act, after)
  local rows, columns = t:size()
  local lists = { i = {}, j = {}, v = {}, t = {} }
  for k = 1, COUNT do
    lists.i[k], lists.j[k] = k % rows + 1, k % (columns or 1) + 1
    lists.v[k], lists.t[k] = k, t
  end
  for variable, value in pairs(wrong) do
    if value == NOTHING then value = nil end
    lists[variable][at] = value
  end
  local reached = 0
  local loop = compile("loop", ([[
    local lists, COUNT, at, reach, act, get, set = ...
    local is, js, vs, ts = lists.i, lists.j, lists.v, lists.t
    return function()
      local s = 0
      for k = 1, COUNT do
        local i, j, v, t = is[k], js[k], vs[k], ts[k]
        if k == at then act() end
        %s
        reach(k)
      end
      return s
    end]]):format(body), lists, COUNT, at, function(k) reached = k end, act or function() end,
    idinit(2).get, idinit(2).set)
  is_compiled = false
  local ok, message = pcall(loop)
  if after then after() end
  loops, compiledloops = loops + 1, compiledloops + (is_compiled and 1 or 0)
  message = ok and text(message) or tostring(message):gsub("0x%x+", "?"):gsub("struct %d+", "?")
  print(name, body, ok, message, reached)
end

local bodies = {
  "s = s + t(i, j)", "s = s + t:get(i, j)", "s = s + t[{i, j}]", "s = s + t[i][j]",
  "t:set(i, j, v)", "t[{i, j}] = v", "t[i][j] = v",
}

local junk = { NOTHING, 0, -1, 21, 1.5, 0 / 0, 1 / 0, -1 / 0, 2 ^ 31 + 1, 2 ^ 32 + 1, 1 - 2 ^ 32,
  2 ^ 53, 2 ^ 63, 1e300, "1", "x", true, {}, print, io.stdout, coroutine.create(print) }
local has_ffi, ffi = pcall(require, "ffi")
if has_ffi then
  junk[#junk + 1] = ffi.new("int64_t", 1)
  junk[#junk + 1] = ffi.new("float[64]")
  junk[#junk + 1] = ffi.new("struct { int x; }")
end

-- Something else in the place of an index, a value or the tensor.
local function wrongvalues(n)
  local function tensor() return idinit(20, n) end
  for _, body in ipairs(bodies) do
    for k, value in ipairs(junk) do
      try("i = " .. k, body, tensor(), { i = value })
      try("j = " .. k, body, tensor(), { j = value == 21 and n + 1 or value })
      if body:find "v" then try("v = " .. k, body, tensor(), { v = value }) end
      try("t = " .. k, body, tensor(), { t = value })
    end
    try("i is a tensor", body, tensor(), { i = tensor() })
    try("v is a tensor", body, tensor(), { v = tensor() })
    try("t is a vector", body, tensor(), { t = idinit(20) })
  end
  for k, value in ipairs(junk) do
    try("self = " .. k, "s = s + get(t, i, j)", tensor(), { t = value })
    try("self = " .. k, "set(t, i, j, v)", tensor(), { t = value })
  end
end

local function wrongcounts(n)
  for _, body in ipairs {
    "if k == 350 then s = s + t(i) else s = s + t(i, j) end",
    "if k == 350 then s = s + t(i, j, 1) else s = s + t(i, j) end",
    "if k == 350 then s = s + t(i, j, nil) else s = s + t(i, j) end",
    "if k == 350 then s = s + t() else s = s + t(i, j) end",
    "if k == 350 then s = s + t[{i}] else s = s + t[{i, j}] end",
    "if k == 350 then s = s + t[{i, j, 1}] else s = s + t[{i, j}] end",
    "if k == 350 then s = s + t[{}] else s = s + t[{i, j}] end",
    "if k == 350 then s = s + t[nil] else s = s + t[{i, j}] end",
    "if k == 350 then t:set(i, j) else t:set(i, j, v) end",
    "if k == 350 then t:set(i, j, v, v) else t:set(i, j, v) end",
    "if k == 350 then t:set() else t:set(i, j, v) end",
    "if k == 350 then t.x = 1 else t:set(i, j, v) end",
    "if k == 350 then t[i][j][1] = v else t[i][j] = v end",
    "if k == 350 then t[i] = {} else t[i][j] = v end",
    "if k == 350 then t[i] = v else t[i][j] = v end",
    "if k == 350 then s = s + (t.nothing or 1) else s = s + t:get(i, j) end",
  } do
    try("count", body, idinit(20, n), {})
  end
end

-- The tensor is finalized by hand, or another one is, or one behind a view.
local function finalized(n)
  local finalize = debug.getmetatable(idinit(100, 100)).__gc
  for _, body in ipairs(bodies) do
    local t = idinit(20, n)
    try("finalized", body, t, {}, function() finalize(t) end)
    local one = idinit(20, n)
    try("one of many is finalized", body, idinit(20, n), { t = one }, function() finalize(one) end)
    local cube = idinit(2, 20, n)
    local view = cube[2]
    try("finalized behind a view", body, view, {}, function() finalize(cube) end)
    try("view finalized", body, idinit(2, 20, n)[1], {}, function() finalize(view) end)
  end
  local t = idinit(20, n)
  try("rows finalized", "s = s + t[i][j]", t, {}, function()
    for i = 1, 20 do finalize(t[i]) end
  end)
end

-- Another's metatable on a tensor, and a tensor's on others.
local function metatables(n)
  local metatable = debug.getmetatable(idinit(2))
  local other = { __call = function() return 1000 end, __newindex = function() end }
  function other.__index(_, key)
    return type(key) == "number" and setmetatable({}, other) or other.__call
  end
  other.__add, other.__unm = other.__call, other.__call
  for _, body in ipairs(bodies) do
    for k, new in ipairs { other, {}, false } do
      local t = idinit(20, n)
      local own = debug.getmetatable(t)
      try("metatable " .. k, body, t, {}, function() debug.setmetatable(t, new or nil) end,
        function() debug.setmetatable(t, own) end)
      try("metatable back", body, t, {}, function()
        debug.setmetatable(t, new or nil)
        debug.setmetatable(t, own)
      end)
    end
    local strangers = { io.tmpfile(), {}, 5, "x", true, print }
    strangers[#strangers + 1] = newproxy and newproxy(true) -- luacheck: ignore
    for k, stranger in ipairs(strangers) do
      local before = debug.getmetatable(stranger)
      try("metatable on stranger " .. k, body, idinit(20, n), { t = stranger },
        function() debug.setmetatable(stranger, metatable) end,
        function() debug.setmetatable(stranger, before) end)
    end
  end
end

local function errors()
  watch()
  for _, n in ipairs { 20, 200 } do -- elements in the userdata, or in a block
    wrongvalues(n)
    wrongcounts(n)
    finalized(n)
    metatables(n)
  end
  print(("%d of %d loops were compiled"):format(compiledloops, loops))
end

local function compiled()
  local function run(name, body, t, setup)
    local loop = compile(name, ([[
      local t = ...
      %s
      return function()
        local s = 0
        for i = 1, %d do %s end
        return s
      end]]):format(setup or "", COUNT, body), t)
    -- Where views have to be made, a loop is left for it.
    jit.off(loop)
    for _ = 1, 3 do loop() end
    jit.on(loop)
    for _ = 1, 5 do loop() end
    print("loop " .. name)
  end
  jit.off(run)
  collectgarbage "stop" -- a finalizer interrupts the compiler, which tries again
  local function both(name, target, t, setup)
    run(name .. " read", ("s = s + %s"):format(target), t, setup)
    if target:find "get" then
      run(name .. " write", (target:gsub("get", "set"):gsub("%)$", ", i)")), t, setup)
    elseif not target:find "%(" then
      run(name .. " write", target .. " = i", t, setup)
    end
  end
  for rank = 1, 32 do
    local size = {}
    for d = 1, rank - 1 do size[d] = d < 4 and 2 or 1 end
    size[rank] = COUNT
    local before = ("1, "):rep(rank - 1)
    if rank <= 6 or rank == 32 then
      for _, order in ipairs { "row", "col" } do
        local t = idinit { order = order, unpack(size) }
        local name = ("%s %d"):format(order, rank)
        both(name .. " call", "t(" .. before .. "i)", t)
        both(name .. " get", "t:get(" .. before .. "i)", t)
        both(name .. " list", "t[{" .. before .. "i}]", t)
        if rank <= 6 then both(name .. " chain", "t" .. ("[1]"):rep(rank - 1) .. "[i]", t) end
        both(name .. " row", "row[i]", t, "local row = t" .. ("[1]"):rep(rank - 1))
      end
    end
  end
  both("sweep", "t[i][2]", idinit(COUNT, 3))
  both("deep sweep", "t[i][1][2]", idinit(COUNT, 2, 2))
end

local programs = { values = values, errors = errors, compiled = compiled }
programs[arg[1]]()
