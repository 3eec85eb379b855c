-- How much memory is taken, what gives it back, and what happens where there is
-- none.

local idinit = require "idinit"
local child = require "spec.tools.child"
local fails = require "spec.support.fails"

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close() ~= nil
end

describe("A view", function()
  -- What is still there of the values of a table after collections.
  local function collected(weak)
    for _ = 1, 4 do collectgarbage() end
    return next(weak) == nil
  end

  it("keeps the buffer of a large tensor alive, and nothing else of it", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function make()
      weak[1] = idinit(200, 200, { gain = 3 })
      weak[2] = weak[1][7]
      return weak[2][7] == 3 and weak[1]:reshape(40000)
    end
    local flat = make()
    assert.is_true(collected(weak))
    assert.equal(3, flat[1])
    assert.equal(3, flat[40000])
  end)

  it("is not kept by its tensor", function()
    for _, n in ipairs { 3, 200 } do
      local weak = setmetatable({}, { __mode = "v" })
      local function make()
        local t = idinit(n, n)
        weak[1], weak[2], weak[3] = t[2], t[3], t:reshape(n * n)
        return weak[1][2] == 1 and t
      end
      local t = make()
      assert.is_true(collected(weak))
      assert.equal(1, t[2][2])
    end
  end)

  it("of a view keeps neither", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function make()
      weak[1] = idinit(30, 30, 30)
      weak[2] = weak[1][15]
      return weak[2][30]
    end
    local row = make()
    assert.is_true(collected(weak))
    assert.equal(1, row[30])
  end)

  it("costs memory only as long as it is used", function()
    local t = idinit(2000, 3)
    local function sweep()
      for i = 1, 2000 do assert(t[i][1]) end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    for _ = 1, 3 do sweep() end
    local before = sweep()
    for _ = 1, 10 do sweep() end
    assert.is_true(sweep() < before + 100)
  end)
end)

describe("A tensor made in a finalizer", function()
  it("does not stop the count of what is held", function()
    local alive = tonumber(child.must(child.lua() .. " -e " .. child.quote [[
      local idinit = require "idinit"
      local function finalize() for _ = 1, 300 do idinit.zeros(512, 512) end end
      require "spec.support.dying" (finalize)
      collectgarbage()
      local weak, alive = setmetatable({}, { __mode = "v" }), 0
      for k = 1, 400 do weak[k] = idinit.zeros(512, 512) end
      for _ in pairs(weak) do alive = alive + 1 end
      io.write(alive)
    ]]))
    assert.is_true(alive < 50, alive .. " MiB are held")
  end)
end)

describe("A collector that is stopped", function()
  it("is left alone by a tensor that there is no memory for", function()
    if _VERSION == "Lua 5.1" and not jit then return pending "Lua 5.1 cannot tell" end
    local weak = setmetatable({ {} }, { __mode = "v" })
    local keep = idinit.zeros(100, 100)
    collectgarbage()
    weak[1] = {}
    collectgarbage "stop"
    local ok = pcall(idinit.zeros, 2 ^ 45)
    local there, running = weak[1] ~= nil, collectgarbage "isrunning"
    collectgarbage "restart"
    assert.is_false(ok)
    assert.is_true(there)
    assert.is_false(running)
    assert.equal(0, keep(1, 1))
  end)
end)

describe("Memory #once #native", function()
  if not exists "/proc/self/status" then
    pending "is measured by /proc, which this system does not have"
    return
  end

  -- What is in front of the code that a process runs: the most memory that it
  -- ever had, or has now, in MiB.
  local START = [[
    local idinit = require "idinit"
    local function mib(field)
      for line in io.lines "/proc/self/status" do
        local kib = line:match("^" .. field .. ":%s*(%d+) kB")
        if kib then return kib / 1024 end
      end
    end
  ]]

  -- Runs code in another Lua of this kind, with at most `limit` MiB of address
  -- space, and returns what it printed. There large blocks have pages of their own,
  -- as glibc begins with: else what fits depends on the gaps between them.
  local function run(code, limit)
    local command = child.lua() .. " -e " .. child.quote(START .. code)
    if limit then
      command = ("ulimit -v %d && MALLOC_MMAP_THRESHOLD_=1000000 %s"):format(limit * 1024, command)
    end
    return child.must(command)
  end

  local function peak(code)
    return tonumber(run(code .. ' io.write(mib "VmHWM")'))
  end

  it("peaks under 100 MiB while 100,000 tensors of 256 x 256 come and go", function()
    local most = peak "for _ = 1, 100000 do idinit(256, 256) end"
    assert.is_true(most < 100, most .. " MiB")
  end)

  it("peaks under 512 MiB while they do so beside a million small tables", function()
    local most = peak [[
      local live = {}
      for k = 1, 1000000 do live[k] = { k } end
      for _ = 1, 100000 do idinit(256, 256) end
      assert(#live == 1000000)
    ]]
    assert.is_true(most < 512, most .. " MiB")
  end)

  it("peaks under 1 GiB while 2,000 tensors of 4096 x 4096 come and go", function()
    local most = peak "for _ = 1, 2000 do idinit(4096, 4096) end"
    assert.is_true(most < 1024, most .. " MiB")
  end)

  it("peaks under 100 MiB while tensors of many sizes and their views come and go", function()
    local most = peak [[
      for k = 1, 5000 do
        local t = idinit(k % 300 + 1, 256)
        local row = t[1]
        if k % 3 == 0 then t:fill(k) end
        if k % 5 == 0 then idinit.cat({ t, t:clone() }, 1):circshift(1) end
        row[1] = 5
      end
    ]]
    assert.is_true(most < 100, most .. " MiB")
  end)

  it("of 16,000 x 16,000 is taken for the taps alone", function()
    for _, shift in ipairs { "nil", "{ 5, -7 }" } do
      local most = peak(([[
        local t = idinit(16000, 16000, { shift = %s })
        assert(t(1, 1) + t(6, 15994) == 1 and t(2, 1) == 0)
      ]]):format(shift))
      assert.is_true(most < 120, most .. " MiB")
    end
  end)

  it("is not taken by taps", function()
    local most = peak [[
      local count = 0
      for _ in idinit.taps(2^31, 2^31) do
        count = count + 1
        if count == 1000000 then break end
      end
    ]]
    assert.is_true(most < 30, most .. " MiB")
  end)

  it("that is not there is an error, and the next tensor is made", function()
    assert.equal("done", run([[
      for _ = 1, 100 do
        for _, f in ipairs { idinit, idinit.zeros, function(...)
          return idinit.cat({ idinit.zeros(1, 2000), idinit.zeros(...) }, 1)
        end } do
          local ok, message = pcall(f, 40000, 40000)
          assert(not ok and message:find "not enough memory", message)
          assert(message:find("40000×40000", 1, true), message)
        end
        assert(idinit(2000, 2000)(2000, 2000) == 1)
      end
      local t = idinit(9000, 9000)
      for _ = 1, 100 do
        for _, name in ipairs { "clone", "circshift" } do
          local ok, message = pcall(t[name], t, 1)
          assert(not ok and message:find "not enough memory", message)
        end
      end
      t = nil
      assert(idinit(9000, 9000)(9000, 9000) == 1)
      local layers = require "idinit.layers"
      local layer = layers.Dense(1, 2^26, { bias = false })
      collectgarbage() collectgarbage()
      local taken = idinit.zeros(2^25 + 2^24)
      local ok, message = pcall(function() layer.bias = true end)
      local place = message:match "^(.-) Dense 1 => 67108864: bias: not enough memory"
      assert(not ok and place and place:find "^%(command line%)", message)
      assert(taken(1) == 0)
      io.write "done"
    ]], 600))
  end)

  -- spec/alloc_spec.lua counts blocks; here those are so large that no C library
  -- keeps them.
  it("that tensors left behind is given back", function()
    local rest = tonumber(run [[
      local function make()
        local kept = {}
        for k = 1, 4 do kept[k] = idinit.zeros(4000, 4000):fill(1) end
      end
      make()
      collectgarbage() collectgarbage()
      for _ = 1, 10 do idinit(30, 30) end
      io.write(mib "VmRSS")
    ]])
    assert.is_true(rest < 64, rest .. " MiB")
  end)

  it("that others need is given back when a tensor would fail", function()
    local counts = run([[
      local counts = {}
      for round = 1, 5 do
        local kept, ok, t = {}
        repeat
          ok, t = pcall(idinit.zeros, 1000, 1000)
          kept[#kept + 1] = ok and t or nil
        until not ok
        assert(t:find "not enough memory", t)
        counts[round] = #kept
      end
      print(table.concat(counts, " "))
    ]], 600)
    local first = tonumber(counts:match "%d+")
    assert.is_true(first > 20, counts)
    for n in counts:gmatch "%d+" do
      assert.is_true(math.abs(n - first) <= 3, counts)
    end
  end)

  it("is enough for garbage that is larger than it", function()
    assert.equal("done", run([[
      for _ = 1, 200 do idinit(6000, 6000) end
      io.write "done"
    ]], 600))
  end)

  it("does not leak where functions fail", function()
    local growth = tonumber(run [[
      local t, u = idinit(200, 200), idinit(200, 3)
      local function round()
        for _ = 1, 50 do
          pcall(idinit, 200, 200, { fit = "x" })
          pcall(idinit.into, t, 3)
          pcall(idinit.cat, { t, u }, 1)
          pcall(idinit.cat, { t:clone(), 5 }, 1)
          pcall(t.copy, t, u)
          pcall(t.copy, t:clone(), { {} })
          pcall(t.reshape, t, 7)
          pcall(t.circshift, t, "x")
          pcall(idinit.taps, 3, "x")
          pcall(idinit.tensor, { t:clone() })
          pcall(t.save, t, "/no/such/folder/x")
          pcall(idinit.load, "/no/such/file")
          pcall(t.spy, t, "x")
          pcall(t[3].fill, t[3], "x")
          pcall(idinit.taps(3, 3), 1)
        end
        collectgarbage()
        collectgarbage()
        return mib "VmRSS"
      end
      for _ = 1, 3 do round() end
      local before = round()
      for _ = 1, 10 do round() end
      io.write(round() - before)
    ]])
    assert.is_true(growth < 8, growth .. " MiB")
  end)
end)

describe("Memory that was used before", function()
  it("holds what a new tensor should", function()
    local kept = {} -- luacheck: ignore 241
    for k = 1, 600 do
      local n = 100 * (k % 3 + 1) -- not each is of the size before
      local t = k % 2 == 0 and idinit(n, n) or idinit.zeros(n, n)
      local sum = 0
      for i = 1, n, 7 do sum = sum + t(i, i) + t(i, i % n + 1) + t(n + 1 - i, 1) end
      local taps = k % 2 == 0 and math.ceil(n / 7) + (n % 7 == 1 and 1 or 0) or 0
      assert.equal(taps, sum)
      kept[k % 4] = t:fill(k)
    end
  end)
end)

describe("A size past all memory", function()
  it("is an error of the script", function()
    fails(function() idinit(2 ^ 40, 2 ^ 40) end, "not enough memory")
    fails(function() idinit.zeros(2 ^ 53, 2 ^ 53, 2 ^ 53) end, "not enough memory")
  end)
end)
