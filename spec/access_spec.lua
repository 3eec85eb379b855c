-- Elements in loops that LuaJIT compiles: as fast as its compiler can be shown
-- to make them, and to a script the same as everywhere else.

local idinit = require "idinit"
local child = require "spec.tools.child"
local npyfile = require "spec.support.npyfile"
local random = require "spec.support.random"

local is_compiling = jit and jit.status() and pcall(require, "ffi")

-- What spec/support/loops.lua prints under the Lua that a command starts.
local function run(command, what)
  return child.must(("IDINIT_SEED=%d %s spec/support/loops.lua %s"):format(
    random.seed, command, what))
end

-- The Lua that runs this, and the same without a compiler.
local function both()
  local lua = child.lua()
  return lua .. " -jon", lua .. " -joff"
end

-- Fails where two texts differ, with the first line that does.
local function same(expected, got)
  local lines = got:gmatch "[^\n]+"
  for line in expected:gmatch "[^\n]+" do
    local other = lines()
    if line ~= other then
      error(("IDINIT_SEED=%d\nwithout a compiler: %s\nwith one:           %s"):format(
        random.seed, line, tostring(other)), 2)
    end
  end
  assert.is_nil(lines())
end

describe("Element access", function()
  if not is_compiling then
    pending "is compiled by LuaJIT with its FFI only"
    return
  end

  -- What a loop meets first decides how it is compiled, so this one has a process
  -- of its own. The best of three counts: other programs run too.
  it("of rows is fast in the first loop of a process #native", function()
    local code = [[
      local t, n = require "idinit"(1000, 1000), 1000
      local function ours()
        local s = 0
        for i = 1, n do for j = 1, n do s = s + t[i][j] end end
        return s
      end
      local p = t:data() - n - 1
      local function raw()
        local s = 0
        for i = 1, n do for j = 1, n do s = s + p[i * n + j] end end
        return s
      end
      local ratios = {}
      for round = 1, 15 do
        local start = os.clock()
        assert(ours() == n)
        local between = os.clock()
        assert(raw() == n)
        ratios[round] = (between - start) / (os.clock() - between)
      end
      table.sort(ratios)
      print(ratios[8])
    ]]
    local best = math.huge
    for _ = 1, 3 do
      best = math.min(best, tonumber((child.must(child.lua() .. " -e " .. child.quote(code)))))
    end
    assert.is_true(best < 3, best .. " times as long as by a pointer")
  end)

  -- #native: where lines are counted, nothing is compiled.
  it("is compiled in every form, and leaves no loop #native", function()
    local has_jv = pcall(require, "jit.v")
    if not has_jv then return pending "LuaJIT's module jit.v is not here" end
    local output, names = run(child.lua() .. " -jv", "compiled"), {}
    for name in output:gmatch "\nloop ([^\n]+)" do names[#names + 1] = name end
    assert.is_true(#names > 100)
    for _, name in ipairs(names) do
      local quoted = name:gsub("%p", "%%%0")
      assert(output:find("%[TRACE +%d+ " .. quoted .. ":%d+ loop%]"), name)
    end
    for line in output:gmatch "%[TRACE[^\n]+" do
      -- The compiler starts at another place then.
      local is_start = line:find("inner loop in root trace", 1, true)
        or line:find("leaving loop in root trace", 1, true)
      if not is_start and (line:find "%-%-%-" or line:find "stitch") then
        for _, name in ipairs(names) do assert(not line:find(name .. ":", 1, true), line) end
      end
    end
  end)

  it("finds and leaves the same elements as without a compiler", function()
    local on, off = both()
    same(run(off, "values"), run(on, "values"))
  end)

  -- #native: a tensor that loses its metatable keeps its block, which is a leak.
  it("raises the same errors at the same lines as without a compiler #native", function()
    local on, off = both()
    local compiled, plain = run(on, "errors"), run(off, "errors")
    local summary = "(%d+) of (%d+) loops were compiled\n$"
    local some, all = compiled:match(summary)
    assert.is_true(tonumber(all) > 1000)
    assert.is_true(some / all > 0.98, some) -- some are interrupted, and tried again
    same(plain:gsub(summary, ""), (compiled:gsub(summary, "")))
  end)
end)

-- How often a loop asks: enough to be compiled.
local MANY = 300

local function collect()
  for _ = 1, 4 do collectgarbage() end
end

describe("A NaN of any bits", function()
  -- A tensor of size (n, 1) of float32 with these bits.
  local function load(bits)
    local name, data = os.tmpname(), {}
    for k, n in ipairs(bits) do data[k] = npyfile.little(n, 4) end
    local text = npyfile.header("<f4", "False", ("(%d, 1)"):format(#bits))
    local file = assert(io.open(name, "wb"))
    file:write(npyfile.npy(text, table.concat(data)))
    file:close()
    local t = idinit.load(name)
    os.remove(name)
    return t
  end

  it("is a number that is none, however it is read", function()
    local draw, bits = random.new(random.seed), {}
    for high = 0, 255 do
      bits[#bits + 1] = (high < 128 and 0x7f80 or 0xff00) * 65536 + high * 65536 + 1
      bits[#bits + 1] = (draw(2) * 0x8000 - 1) * 65536 + draw(65536) - 1
    end
    local t = load(bits)
    local flat = t:reshape(#bits)
    for _, read in ipairs {
      function(k) return t(k, 1) end, function(k) return t:get(k, 1) end,
      function(k) return t[{ k, 1 }] end, function(k) return t[k][1] end,
      function(k) return flat[k] end,
    } do
      local strange = 0
      for _ = 1, 3 do
        for k = 1, #bits do
          local x = read(k)
          if type(x) ~= "number" or x == x then strange = strange + 1 end
        end
      end
      assert.equal(0, strange)
    end
  end)

  it("is seen after it has been written over, and before", function()
    local t = load { 0xffd00001, 0xffffffff }
    local nans = 0
    for k = 1, 2 * MANY do
      local x = t(1, 1)
      if x ~= x then nans = nans + 1 end
      t:set(1, 1, k % 2 == 1 and 5 or 0 / 0)
      if t(1, 1) == 5 then nans = nans + 1000 end
    end
    assert.equal(MANY + 1000 * MANY, nans)
  end)
end)

describe("Views in loops", function()
  it("keep the elements when the tensor is garbage", function()
    local function rowsof(t)
      local rows = {}
      for i = 1, #t do rows[i] = t[i] end
      return rows
    end
    for _, n in ipairs { 3, 300 } do
      local rows = rowsof(idinit(n, n, { gain = 7 }))
      collect()
      for _ = 1, 20 do idinit(n, n, { gain = 5 })[1][1] = 9 end
      local s = 0
      for _ = 1, MANY do
        for i = 1, n do s = s + rows[i][i] end
      end
      assert.equal(7 * n * MANY, s)
    end
  end)

  it("are found again after collections", function()
    local t, s = idinit(50, 50), 0
    for k = 1, 20 * MANY do
      s = s + t[k % 50 + 1][k % 50 + 1]
      if k % MANY == 0 then collect() end
    end
    assert.equal(20 * MANY, s)
  end)

  it("are the same as long as they are used", function()
    local t = idinit(MANY, 2)
    local rows = {}
    for i = 1, MANY do
      rows[i] = t[i]
      rows[i][1] = i
    end
    collect()
    for i = MANY, 1, -1 do assert.equal(i, t[i][1] + rows[i][2] - t[i][2]) end
  end)

  it("of many rows leave no memory behind", function()
    local t = idinit(100000, 3)
    local function sweep()
      local s = 0
      for i = 1, 100000 do s = s + t[i][1] + t[i][3] end
      assert.equal(2, s)
      return collectgarbage "count"
    end
    collect()
    local before, most = collectgarbage "count", 0
    for _ = 1, 5 do most = math.max(most, sweep()) end
    collect()
    -- Kept, the views of five sweeps would be some 150 MB.
    assert.is_true(most < before + 100000, most .. " KiB at the most")
    local after = collectgarbage "count"
    assert.is_true(after < before + 10000, after - before .. " KiB more") -- for room in tables
  end)

  it("of many tensors leave no memory behind", function()
    local function used()
      for _ = 1, 300 do
        local t, s = idinit(200, 200), 0
        for i = 1, 200 do s = s + t[i][i] end
        assert.equal(200, s)
      end
      collect()
      return collectgarbage "count"
    end
    used() -- a table has got room for those of one collection
    local before = used()
    local after = math.min(used(), used(), used())
    assert.is_true(after < before + 1000, after - before .. " KiB more")
  end)

  it("are of any tensor, in any order", function()
    local draw = random.new(random.seed)
    local tensors = {}
    for k = 1, 20 do
      tensors[k] = idinit(draw(9), draw(9), draw(9), { order = k % 2 == 0 and "col" or "row" })
      tensors[k]:fill(k)
    end
    for step = 1, 20000 do
      local k = draw(20)
      local t = tensors[k]
      local a, b, c = t:size()
      local value = t[draw(a)][draw(b)][draw(c)]
      if value ~= k then error("IDINIT_SEED=" .. random.seed) end
      if step % 5000 == 0 then collect() end
    end
  end)
end)

describe("A tensor of more than 2^31 elements #once #native", function()
  local function large(...)
    local ok, t = pcall(idinit.zeros, ...)
    if ok then return t end
    pending "does not fit into this machine's memory"
  end

  it("is read and written at both ends", function()
    local n = 2 ^ 31 + 100
    local t = large(n)
    if not t then return end
    for k = 1, MANY do
      local far, near = n - k, k
      t[far], t[near] = k, -k
      t:set(far - MANY, 2 * k)
      assert(t[far] == k and t(far) == k and t:get(far) == k and t[{ far }] == k)
      assert(t[near] == -k and t(near) == -k and t(far - MANY) == 2 * k)
    end
    for _, wrong in ipairs { n + 1, 2 ^ 32 + 1, 2 ^ 53 } do
      for _, f in ipairs { function() return t[wrong] end, function() return t(wrong) end } do
        local ok, message = pcall(f)
        assert.is_false(ok)
        local facts = "index %d+ out of range %[1, 2147483748%] in dimension 1"
        assert.truthy(message:find(facts), message)
      end
    end
  end)

  it("has rows that are read and written like any", function()
    local n = 2 ^ 30
    local t = large(3, n)
    if not t then return end
    for k = 1, MANY do
      local i = k % 3 + 1
      t[i][n - k] = k
      assert(t[i][n - k] == k and t(i, n - k) == k and t[{ i, n - k }] == k)
      t:set(i, k, k + 1)
      assert(t[i][k] == k + 1 and t:get(i, k) == k + 1)
    end
    local row, s = t[3], 0
    for k = 2, MANY, 3 do s = s + row[n - k] - k end
    assert.equal(0, s)
  end)
end)
