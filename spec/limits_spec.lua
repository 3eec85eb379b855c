-- The most of everything: ranks, extents, bytes, and arguments out of hand.

local idinit = require "idinit"
local child = require "spec.tools.child"
local fails = require "spec.support.fails"
local keywords = require "spec.support.keywords"
local nonzeros = require "spec.support.nonzeros"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack

local times = lists.times

describe("Rank 32", function()
  local ones = times(32, 1)

  it("is made in every way", function()
    local t = idinit(unpack(ones))
    local nested = 1
    for _ = 1, 32 do nested = { nested } end
    assert.equal(32, t:dim())
    assert.equal(t, idinit(ones))
    assert.equal(t, idinit {} (unpack(ones)))
    assert.equal(t, idinit.tensor(nested))
    assert.equal(t, idinit.zeros(unpack(ones)):fill(1))
    assert.equal(t, idinit.tensor { 1 }:reshape(unpack(ones)))
    assert.equal(t, idinit.cat({ t }, 32))
    assert.equal(t, t:clone():circshift(times(32, 5)))
    assert.equal(t, idinit.into(idinit.zeros(unpack(ones)), {}))
    assert.same(nested, t:totable())
  end)

  it("is indexed in every way", function()
    local t = idinit(unpack(ones))
    local row = t
    for _ = 1, 31 do row = row[1] end
    assert.equal(1, row[1])
    t[ones] = 2
    assert.equal(2, t[ones])
    local call = times(32, 1)
    call[33] = 3
    t:set(unpack(call))
    assert.equal(3, t(unpack(ones)))
    assert.equal(3, t:get(unpack(ones)))
    assert.equal(3, row[1])
    fails(function() return (t(unpack(call))) end, "32 indices expected, got 33")
    fails(function() return (t[call]) end, "no more than 32 indices expected, got 33")
  end)

  it("has every keyword", function()
    local size = { unpack(ones) }
    for d = 29, 32 do size[d] = 2 end
    size.layout, size.center, size.gain = ("k"):rep(30) .. "io", "hi", 5
    local at = ("1,"):rep(28) .. "2,2,"
    assert.equal(("(%s1,1) (%s2,2)"):format(at, at), nonzeros(idinit(size), 5))
    size.center = times(30, 1)
    size.shift = times(32, 1)
    assert.equal(("(%s1,1) (%s2,2)"):format(at, at), nonzeros(idinit(size), 5))
    size.window = times(32, {})
    local partial = idinit { center = times(30, 1), shift = times(32, 1), gain = 5,
      layout = size.layout, window = times(32, {}) }
    assert.equal(idinit(size), partial(unpack(size)))
    fails(function() idinit { layout = "o" .. ("i"):rep(32) } end, "layout")
    fails(function() idinit { center = times(31, 1) } end, "30 kernel axes expected, got 31")
    fails(function() idinit { shift = times(33, 1) } end, "32 integers expected, got 33")
    fails(function() idinit { window = times(33, {}) } end, "32 dimensions expected, got 33")
    fails(function() idinit { window = {} } end, "32 dimensions expected, got 0")
  end)

  it("is the last", function()
    local more, nested = times(33, 1), 1
    for _ = 1, 33 do nested = { nested } end
    fails(function() idinit(unpack(more)) end, "32", "33")
    fails(function() idinit {} (unpack(more)) end, "32", "33")
    fails(function() idinit.zeros(unpack(more)) end, "32", "33")
    fails(function() idinit.taps(unpack(more)) end, "32", "33")
    fails(function() idinit(1):reshape(unpack(more)) end, "32", "33")
    fails(function() idinit.tensor(nested) end, "32")
  end)
end)

describe("Extents of 2^31 and 2^53", function()
  it("are those of empty tensors, and of views and shapes of them", function()
    for _, n in ipairs { 2 ^ 31 - 1, 2 ^ 31, 2 ^ 53 } do
      local t = idinit(n, 0, 3)
      assert.equal(n, (t:size()))
      assert.equal(0, t:numel())
      assert.same({ 0, 3 }, { t[n]:size() })
      assert.equal(n, t:reshape(0, n):size(2))
      fails(function() return (t[n + 2]) end, "dimension 1")
      fails(function() return (t(n, 1, 1)) end, "dimension 2")
    end
  end)

  it("are not made tables of, nor are as many tables made", function()
    for _, n in ipairs { 2 ^ 20 + 1, 2 ^ 25, 2 ^ 31, 2 ^ 53 } do
      fails(function() return (idinit.zeros(n, 0):totable()) end,
        ("tables of size %.0f×0 are too large"):format(n))
    end
    fails(function() return (idinit.zeros(2, 2 ^ 10, 2 ^ 9 + 1, 0):totable()) end,
      "tables of size 2×1024×513×0 are too large")
    assert.equal(2 ^ 10, #idinit.zeros(2 ^ 10, 2 ^ 10, 0):totable()[2 ^ 10])
    assert.same({}, idinit.zeros(0, 2 ^ 53):totable())
    local nested, twos = {}, {}
    for d = 1, 31 do nested, twos[d] = { nested, nested }, 2 end -- 2^31 empty tables
    fails(function() idinit.tensor(nested) end, "tables of size 2×2", "×0 are too large")
    twos[32] = 0
    local t = idinit.zeros(unpack(twos))
    fails(function() t:copy(nested) end, "tables of size 2×2", "×0 are too large")
    for d = 1, 31 do twos[d] = 1 end
    assert.is_true(t:circshift(twos) == t)
  end)
end)

describe("A string of 1 MB", function()
  local long = ("x"):rep(1000000)

  it("is refused in few words, as a keyword and as a value", function()
    for _, name in ipairs { long, unpack(keywords) } do
      local text = fails(function() idinit(3, 3, { [name] = long }) end)
      assert.is_true(#text < 1000, #text .. " bytes for " .. name:sub(1, 20))
    end
    local t = idinit(3)
    assert.is_true(#fails(function() t[1] = long end) < 1000)
    assert.is_nil(t[long])
  end)
end)

describe("A table out of hand", function()
  local cycle = {}
  cycle[1] = cycle

  it("that holds itself is an error", function()
    fails(function() idinit.tensor(cycle) end)
    fails(function() idinit(cycle) end, "size 1")
    fails(function() idinit(3, { shift = cycle }) end, "shift: integers expected, got table")
    fails(function() idinit(3, { window = cycle }) end, "window: ")
    fails(function() idinit { shift = cycle } end, "shift: integers expected, got table")
    fails(function() idinit { window = cycle } end, "window: ")
    fails(function() idinit.zeros(1, 1):copy(cycle) end)
    fails(function() idinit.cat(cycle, 1) end)
    fails(function() return (idinit(3)[cycle]) end)
  end)

  it("that is nested 200,000 deep is an error", function()
    local deep = 1
    for _ = 1, 200000 do deep = { deep } end
    fails(function() idinit.tensor(deep) end)
    fails(function() idinit(3, { shift = deep }) end)
    fails(function() idinit.zeros(1, 1):copy(deep) end)
  end)

  it("is read raw: no __index of it is called", function()
    local called = 0
    local evil = setmetatable({}, { __index = function() called = called + 1 error "called" end,
      __len = function() called = called + 1 return 3 end })
    for _, f in ipairs {
      function() return idinit.tensor(evil) end,
      function() return idinit(3, 3, { shift = evil }) end,
      function() return idinit(3, 3, { window = evil }) end,
      function() return idinit.cat(evil, 1) end,
      function() return idinit(2, 2)[evil] end,
      function() return idinit(2, 2):copy(evil) end,
      function() return idinit(3, 3, evil) end,
    } do
      pcall(f)
    end
    assert.equal(0, called)
  end)
end)

describe("A coroutine", function()
  it("may yield between the taps and errors of another", function()
    local run = coroutine.wrap(function()
      for value, i, j in idinit.taps(3, 3, { gain = 2 }) do
        coroutine.yield(value, i, j, idinit(3, 3, { gain = i }))
        coroutine.yield(pcall(idinit, 3, "x"))
      end
    end)
    for k = 1, 3 do
      local value, i, j, t = run()
      assert.same({ 2, k, k, k }, { value, i, j, t(2, 2) })
      collectgarbage()
      assert.is_false((run()))
      assert.equal(k, t[3][3])
    end
  end)
end)

describe("Gibibytes #native", function()
  local available = 0
  local file = io.open "/proc/meminfo"
  if file then
    available = tonumber(file:read "*a":match "MemAvailable:%s*(%d+)" or 0) / 2 ^ 20
    file:close()
  end

  for _, gib in ipairs { 2, 5 } do
    if available < 8 or not pcall(idinit.zeros, gib * 2 ^ 28) then
      pending(gib .. " GiB need 8 that are available, and addresses for them")
    else
      it(gib .. " are written and read at the far end in every way", function()
        child.must(("%s -e %s"):format(child.lua(), child.quote(([[
          local idinit = require "idinit"
          local n, m = 2 ^ 16, %d * 2 ^ 12
          local t = idinit(n, m)
          assert(t:numel() == n * m and t(n, m) == (n == m and 1 or 0))
          t[n][m] = 2 assert(t(n, m) == 2)
          t[{ n, m }] = 3 assert(t[n][m] == 3)
          t:set(n, m, 4) assert(t[{ n, m }] == 4)
          local flat = t:reshape(n * m)
          assert(flat[n * m] == 4 and flat(n * m) == 4 and flat[{ n * m }] == 4)
          flat[n * m] = 5 assert(t:get(n, m) == 5)
          t[n]:fill(6) assert(flat[n * m - m + 1] == 6 and flat[n * m - m] == 0)
          assert(not pcall(function() return flat[n * m + 1] end))
        ]]):format(gib))))
      end)
    end
  end
end)
