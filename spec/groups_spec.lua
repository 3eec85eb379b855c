-- Where the groups of a weight lie: behind one another along its outputs or, in
-- a transposed one, its inputs, or on an axis of their own.

local idinit = require "idinit"
local calls = require "spec.tools.calls"
local fails = require "spec.support.fails"
local nonzeros = require "spec.support.nonzeros"
local lists = require "spec.support.lists"

local sizeof = lists.sizeof

describe("transposed", function()
  it("splits the inputs into groups", function()
    assert.equal("(1,1,2,2) (2,2,2,2) (3,1,2,2) (4,2,2,2)",
      nonzeros(idinit(4, 2, 3, 3, { layout = "iohw", transposed = true, groups = 2 })))
    assert.equal("(1,1) (2,2) (3,1) (4,2)",
      nonzeros(idinit(4, 2, { layout = "io", transposed = true, groups = 2 })))
    assert.equal("(1,1) (1,3) (2,2) (2,4)",
      nonzeros(idinit(2, 4, { transposed = true, groups = 2 })))
  end)

  it("has outputs before inputs in its default layout", function()
    assert.equal("(2,1,1) (2,1,3) (2,2,2) (2,2,4)",
      nonzeros(idinit(3, 2, 4, { transposed = true, groups = 2 })))
    local mean = idinit { transposed = true, fit = "mean", gain = 4 }
    assert.same({ { 2, 0, 2, 0 }, { 0, 2, 0, 2 } }, mean(1, 2, 4)[1]:totable())
    assert.same({ { 4, 0 }, { 0, 4 }, { 4, 0 } }, mean(1, 3, 2)[1]:totable())
    assert.same({ { 2, 0, 2, 0 }, { 0, 2, 0, 2 } }, mean(2, 4):totable())
  end)

  it("makes the same values without groups and with zeros for padding", function()
    for _, size in ipairs { { 7 }, { 3, 5 }, { 4, 3, 5 }, { 2, 3, 5, 4 }, { 1, 2, 3, 2, 4 } } do
      size.gain, size.shift = 3, { 1 }
      local t = idinit(size)
      size.transposed = true
      assert.is_true(idinit(size) == t)
    end
  end)

  it("is cut by windows that begin and end anywhere in a group", function()
    local kw = { layout = "io", transposed = true, groups = 3, fit = "tile" }
    local whole = idinit(9, 2, kw)
    for first = 1, 9 do
      for last = first, 9 do
        kw.window = { { first, last }, {} }
        local part, left = idinit(9, 2, kw), last - first + 1
        for i = 1, left do
          assert.same({ whole(first + i - 1, 1), whole(first + i - 1, 2) }, part[i]:totable())
        end
        for value, i, o in idinit.taps(9, 2, kw) do
          assert.equal(part(i, o), value)
          left = left - 1
        end
        assert.equal(0, left)
      end
    end
  end)

  it("is false where it is not given", function()
    local plain = idinit(1, 2, 4, { fit = "mean" })
    assert.is_true(idinit(1, 2, 4, { fit = "mean", transposed = false }) == plain)
    local f = idinit { transposed = true, fit = "mean" }
    assert.is_false(f(1, 2, 4) == plain)
    assert.is_true(f(1, 2, 4, { transposed = false }) == plain)
  end)

  it("at rank 1 is checked and has no effect", function()
    assert.same({ 0, 0 }, idinit(2, { transposed = true, groups = 3, layout = "iohw" }):totable())
    fails(function() idinit(2, { transposed = "yes" }) end, "transposed: ", "true or false", "yes")
  end)
end)

describe('A layout with "g"', function()
  it("has a block in each position of that axis", function()
    assert.equal("(1,1,1) (1,2,2) (2,1,1) (2,2,2)", nonzeros(idinit(2, 2, 3, { layout = "goi" })))
    assert.equal("(1,1,1) (1,1,2) (2,2,1) (2,2,2)", nonzeros(idinit(3, 2, 2, { layout = "iog" })))
    assert.equal("(1,1,1,2) (1,2,2,2) (2,1,1,2) (2,2,2,2)",
      nonzeros(idinit(2, 2, 2, 3, { layout = "GOIW" })))
  end)

  it("may lack inputs or outputs, of which a group has one then", function()
    assert.equal("(2,2,1,1) (2,2,2,1)", nonzeros(idinit(3, 3, 2, 2, { layout = "hwgo" })))
    assert.equal("(2,2,1,1) (2,2,1,2) (2,2,2,1) (2,2,2,2)",
      nonzeros(idinit(3, 3, 2, 2, { layout = "hwgo", fit = "tile" })))
    assert.equal("(1,1) (1,2) (1,3)", nonzeros(idinit(2, 3, { layout = "ig" })))
    assert.equal("(1,1) (1,2) (2,1) (2,2)", nonzeros(idinit(2, 2, { layout = "ig", fit = "tile" })))
    assert.equal("(1,2) (2,2) (3,2)", nonzeros(idinit(3, 3, 1, { layout = "gwo" }):reshape(3, 3)))
  end)

  it("takes the mean of a group's inputs, of which a depthwise output has one", function()
    assert.equal("(1,1,1) (1,1,2) (1,2,1) (1,2,2)",
      nonzeros(idinit(1, 2, 2, { layout = "wgo", fit = "mean" })))
    assert.same({ { 0.5, 0.5 }, { 0.5, 0.5 } },
      idinit(2, 2, { layout = "gi", fit = "mean" }):totable())
    assert.same({ { { 1, 0, 2 }, { 0, 3, 0 } }, { { 1, 0, 2 }, { 0, 3, 0 } } },
      idinit(2, 2, 3, { layout = "goi", fit = "split", gain = 3 }):totable())
  end)

  it("has Hadamard blocks", function()
    local block = idinit(4, 3, { fit = "hadamard" })
    local t = idinit(2, 4, 3, { layout = "goi", fit = "hadamard" })
    assert.is_true(t[1] == block and t[2] == block)
  end)

  it("is shifted and cut along the groups as along any axis", function()
    local kw = { layout = "goi", fit = "tile", shift = { 1, -1 } }
    local whole = idinit(3, 2, 4, kw)
    assert.is_true(whole == idinit(3, 2, 4, { layout = "goi", fit = "tile" }):circshift { 1, -1 })
    kw.window = { { 2, 3 }, {}, { 2, 4 } }
    local part = idinit(3, 2, 4, kw)
    for g = 1, 2 do
      for o = 1, 2 do
        for i = 1, 3 do assert.equal(whole(g + 1, o, i + 1), part(g, o, i)) end
      end
    end
  end)

  it("costs what is in the window", function()
    local huge = 2 ^ 53
    local kw = { layout = "goi", shift = { 5, 0, 0 }, window = { { 1, 2 }, { 7, 8 }, { 8, 9 } } }
    assert.equal("(1,2,1) (2,2,1)", nonzeros(idinit(huge, huge, huge, kw)))
    -- No output meets an input here, in any of the groups.
    kw.window = { {}, { 7, 7 }, { 8, 8 } }
    assert.is_nil(idinit.taps(huge, huge, huge, kw)())
    kw.fit, kw.window[3] = "mean", { 3, 5 }
    assert.is_nil(idinit.taps(huge, 2 ^ 52, huge, kw)())
  end)

  it("has as many groups as that axis is long, also where they are given", function()
    assert.is_true(idinit(2, 2, 3, { layout = "goi", groups = 2 })
      == idinit(2, 2, 3, { layout = "goi" }))
    assert.same({ 0, 2, 3 }, sizeof(idinit(0, 2, 3, { layout = "goi", groups = 7 })))
  end)

  it("is the same in a transposed layer", function()
    for _, layout in ipairs { "goi", "oig", "gio" } do
      local t = idinit(2, 3, 4, { layout = layout, fit = "mean" })
      assert.is_true(t == idinit(2, 3, 4, { layout = layout, fit = "mean", transposed = true }))
    end
  end)

  it("has positions of a centre for its kernel axes alone", function()
    assert.equal("(3,1,1,1) (3,1,2,1)",
      nonzeros(idinit(3, 2, 2, 1, { layout = "hwgo", center = { 3, 1 } })))
    assert.equal("(1,1,2) (2,1,2)", nonzeros(idinit(2, 1, 2, { layout = "giw", center = { 2 } })))
    assert.equal("(1,1) (2,1)", nonzeros(idinit(2, 2, { layout = "go", center = {} })))
    fails(function() idinit(2, 2, 2, { layout = "gow", center = { 1, 1 } }) end,
      "center: ", "1 kernel axes expected, got 2")
  end)

  it("at rank 1 need not fit the size", function()
    assert.same({ 0, 0 }, idinit(2, { layout = "goihw", groups = 3 }):totable())
  end)
end)

describe("Groups in a window", function()
  it("come also behind one that has no tap there", function()
    assert.equal("(2,1) (3,2) (5,1) (6,2)",
      nonzeros(idinit(9, 2, { groups = 3, window = { { 3, 9 }, {} } })))
    assert.equal("(2,1) (3,2)",
      nonzeros(idinit(9, 2, { groups = 3, window = { { 3, 6 }, {} } })))
  end)
end)

describe("Groups that do not fit", function()
  it("are an error that names the axis that they split", function()
    fails(function() idinit(3, 2, 4, { groups = 3 }) end,
      "groups: divisor of 4", 'axis "o" in dimension 3', "got 3")
    fails(function() idinit(3, 3, 4, { groups = 3, transposed = true }) end,
      "groups: divisor of 4", 'axis "i" in dimension 3', "got 3")
    fails(function() idinit(4, 3, 1, 1, { groups = 3, layout = "iohw", transposed = true }) end,
      "groups: divisor of 4", 'axis "i" in dimension 1', "got 3")
  end)

  it("ask for a transposed weight where that would mend it", function()
    fails(function() idinit(6, 2, 3, 3, { layout = "iohw", groups = 3 }) end,
      "groups: divisor of 2", 'axis "o" in dimension 2', "transposed = true", "got 3")
    local ok, message = pcall(idinit, 5, 2, 3, 3, { layout = "iohw", groups = 3 })
    assert.is_false(ok or message:find "transposed" ~= nil)
    ok, message = pcall(idinit, 5, 6, 3, 3, { layout = "iohw", groups = 3, transposed = true })
    assert.is_false(ok or message:find "transposed" ~= nil)
  end)

  it("are an error where the groups have another number of positions", function()
    fails(function() idinit(2, 2, 3, { layout = "goi", groups = 1 }) end,
      'groups: 2, the extent of axis "g" in dimension 1, expected, got 1')
    fails(function() idinit(3, 3, 4, 2, { layout = "hwgo", groups = 2 }) end,
      'groups: 4, the extent of axis "g" in dimension 3, expected, got 2')
  end)
end)

describe("README's table of frameworks", function()
  local names = {}
  for name in pairs(calls.known) do names[#names + 1] = name end
  table.sort(names)

  it("has rows", function() assert.is_true(#names > 15) end)

  for _, name in ipairs(names) do
    it("has the means of " .. name .. ": the inputs of every output sum to 1", function()
      for _, channels in ipairs { { 8, 4 }, { 4, 8 }, { 8, 8 } } do
        local letters = { C = channels[1], I = channels[2], g = 2, m = 3, w = 3, h = 3, d = 3 }
        local t = calls.weight(name, letters, { fit = "mean" })
        local flat, sum, taps = t:reshape(t:numel()), 0, 0
        for k = 1, #flat do
          if flat[k] ~= 0 then sum, taps = sum + flat[k], taps + 1 end
        end
        local outs = name:find "Depthwise" and letters.I * letters.m or letters.C
        assert.same({ outs, math.max(outs, letters.I) }, { sum, taps })
      end
    end)
  end
end)
