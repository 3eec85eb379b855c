-- Every bad value of every keyword is an error that names the keyword, what it
-- takes and what it got.

local idinit = require "idinit"
local fails = require "spec.support.fails"
local keywords = require "spec.support.keywords"
local lists = require "spec.support.lists"

local unpack = table.unpack or unpack
local nan, inf = 0 / 0, 1 / 0
local thread = coroutine.create(function() end)

local times = lists.times

-- Wrong for every size: keyword, value, what it takes, what it got.
local always = {
  { "gain", "2", "number", 'string "2"' },
  { "gain", true, "number", "boolean" },
  { "gain", false, "number", "boolean" },
  { "gain", {}, "number", "table" },
  { "gain", print, "number", "function" },
  { "gain", idinit(2), "number", "userdata" },

  { "shift", "1", "integer", 'string "1"' },
  { "shift", 1.5, "integer", "1.5" },
  { "shift", nan, "integer", "nan" },
  { "shift", inf, "integer", "inf" },
  { "shift", -inf, "integer", "-inf" },
  { "shift", false, "integer", "boolean" },
  { "shift", thread, "integer", "thread" },
  { "shift", idinit(2), "integer", "userdata" },
  { "shift", { 1, "2" }, "integers", 'string "2"' },
  { "shift", { 0.5 }, "integers", "0.5" },
  { "shift", { 1, nan }, "integers", "nan" },
  { "shift", { { 1 } }, "integers", "table" },
  { "shift", { true }, "integers", "boolean" },
  { "shift", { x = 1 }, "integers", "no list" },
  { "shift", { 1, x = 1 }, "integers", "no list" },
  { "shift", { [2] = 1 }, "integers", "no list" },
  { "shift", { 1, nil, 1 }, "integers", "no list" },
  { "shift", { [0] = 1 }, "integers", "no list" },
  { "shift", { [1.5] = 1 }, "integers", "no list" },
  { "shift", times(33, 0), "no more than", "33" },

  { "transposed", 1, "true or false", "1" },
  { "transposed", 0, "true or false", "0" },
  { "transposed", "true", "true or false", 'string "true"' },
  { "transposed", {}, "true or false", "table" },
  { "transposed", print, "true or false", "function" },

  { "layout", 5, 'one "o", one "i"', "5" },
  { "layout", true, 'one "o", one "i"', "boolean" },
  { "layout", {}, 'one "o", one "i"', "table" },
  { "layout", "", 'one "o", one "i"', 'string ""' },
  { "layout", "o", 'one "o", one "i"', 'string "o"' },
  { "layout", "wi", 'one "o", one "i" (beside one "g" for groups', 'string "wi"' },
  { "layout", "gw", 'one "o", one "i" (beside one "g" for groups', 'string "gw"' },
  { "layout", "ggoi", 'one "o", one "i" (beside one "g" for groups', 'string "ggoi"' },
  { "layout", "goio", 'one "o", one "i" (beside one "g" for groups', 'string "goio"' },
  { "layout", "oo", 'one "o", one "i"', 'string "oo"' },
  { "layout", "oOi", 'one "o", one "i"', 'string "oOi"' },
  { "layout", "iohwi", 'one "o", one "i"', 'string "iohwi"' },
  { "layout", "hw", 'one "o", one "i"', 'string "hw"' },
  { "layout", "oi1", 'one "o", one "i"', 'string "oi1"' },
  { "layout", "o i", 'one "o", one "i"', 'string "o i"' },
  { "layout", "oi\0", 'one "o", one "i"', 'string "oi' },
  { "layout", "oi\195\164", 'one "o", one "i"', 'string "oi' },
  { "layout", "o" .. ("w"):rep(31) .. "i", 'one "o", one "i"', 'string "owww' },

  { "groups", 0, "positive integer", "0" },
  { "groups", -1, "positive integer", "-1" },
  { "groups", 1.5, "positive integer", "1.5" },
  { "groups", nan, "positive integer", "nan" },
  { "groups", inf, "positive integer", "inf" },
  { "groups", "2", "positive integer", 'string "2"' },
  { "groups", {}, "positive integer", "table" },
  { "groups", false, "positive integer", "boolean" },

  { "center", "mid", '"lo", "hi"', 'string "mid"' },
  { "center", "Lo", '"lo", "hi"', 'string "Lo"' },
  { "center", "lo\0", '"lo", "hi"', 'string "lo' },
  { "center", 1, '"lo", "hi"', "1" },
  { "center", false, '"lo", "hi"', "boolean" },
  { "center", { 0 }, "positive integers", "0" },
  { "center", { -2 }, "positive integers", "-2" },
  { "center", { 1.5 }, "positive integers", "1.5" },
  { "center", { nan }, "positive integers", "nan" },
  { "center", { "1" }, "positive integers", 'string "1"' },
  { "center", { {} }, "positive integers", "table" },
  { "center", { x = 1 }, "positions", "no list" },
  { "center", { [2] = 1 }, "positions", "no list" },
  { "center", times(33, 1), "kernel axes", "33" },

  { "fit", "Pad", '"pad", "tile", "mean", "split" or "hadamard"', 'string "Pad"' },
  { "fit", "zero", '"pad", "tile", "mean", "split" or "hadamard"', 'string "zero"' },
  { "fit", "", '"pad", "tile", "mean", "split" or "hadamard"', 'string ""' },
  { "fit", "tile\0", '"pad", "tile", "mean", "split" or "hadamard"', 'string "tile' },
  { "fit", 1, '"pad", "tile", "mean", "split" or "hadamard"', "1" },
  { "fit", false, '"pad", "tile", "mean", "split" or "hadamard"', "boolean" },
  { "fit", {}, '"pad", "tile", "mean", "split" or "hadamard"', "table" },
  { "fit", ("x"):rep(1000), '"pad"', 'string "' .. ("x"):rep(40) .. '..."' },

  { "order", "rows", '"row" or "col"', 'string "rows"' },
  { "order", "F", '"row" or "col"', 'string "F"' },
  { "order", 1, '"row" or "col"', "1" },
  { "order", true, '"row" or "col"', "boolean" },

  { "window", 1, "ranges", "1" },
  { "window", "all", "ranges", 'string "all"' },
  { "window", true, "ranges", "boolean" },
  { "window", {}, "dimensions", "0" },
  { "window", { 1, 2 }, "{first, last} or {}", "1" },
  { "window", { {}, 2 }, "{first, last} or {}", "2" },
  { "window", { {}, "x" }, "{first, last} or {}", 'string "x"' },
  { "window", { { 1 }, {} }, "{first, last} or {}", "table of 1 in dimension 1" },
  { "window", { {}, { 1, 2, 3 } }, "{first, last} or {}", "table of 3 in dimension 2" },
  { "window", { {}, { 1.5, 2 } }, "{first, last} or {}", "{1.5, 2} in dimension 2" },
  { "window", { { 1, "2" }, {} }, "{first, last} or {}", '{1, string "2"} in dimension 1' },
  { "window", { { 1, nan }, {} }, "{first, last} or {}", "{1, nan}" },
  { "window", { { 1, inf }, {} }, "{first, last} or {}", "{1, inf}" },
  { "window", { { first = 1, last = 2 }, {} }, "{first, last} or {}", "no list" },
  { "window", { { 1, 2, step = 2 }, {} }, "{first, last} or {}", "no list" },
  { "window", { { 2, 1 }, {} }, "first <= last", "{2, 1} in dimension 1" },
  { "window", { { 0, 1 }, {} }, "in range [1, ", "{0, 1} in dimension 1" },
  { "window", { {}, { -1, 1 } }, "in range [1, ", "{-1, 1} in dimension 2" },
  { "window", { {}, x = {} }, "ranges", "no list" },
  { "window", { [2] = {} }, "ranges", "no list" },
  { "window", { {}, nil, {} }, "ranges", "no list" },
  { "window", times(33, {}), "dimensions", "33" },
}

-- Wrong for a size: the size, keyword, value, and facts.
local sized = {
  { { 3, 3 }, "shift", { 0, 0, 0 }, "no more than 2 integers", "3" },
  { { 3 }, "shift", { 0, 0 }, "no more than 1 integers", "2" },
  { { 4, 4 }, "layout", "oiw", '"oiw" names 3 axes', "2" },
  { { 4, 4, 4 }, "layout", "oi", '"oi" names 2 axes', "3" },
  { { 4, 4, 4, 4 }, "layout", "Oiw", '"Oiw" names 3 axes', "4" },
  { { 4, 3 }, "groups", 3, "divisor of 4", "dimension 1", "got 3" },
  { { 3, 6, 4 }, "groups", 3, "divisor of 4", "dimension 3", "got 3" },
  { { 4, 3 }, "groups", 8, "divisor of 4", "got 8" },
  { { 3, 2, 2 }, "center", { 2 ^ 53 }, "9007199254740992 out of range [1, 3] in dimension 1" },
  { { 3, 2, 2 }, "center", { 4 }, "4 out of range [1, 3] in dimension 1" },
  { { 3, 4, 2, 2 }, "center", { 1, 5 }, "5 out of range [1, 4] in dimension 2" },
  { { 3, 2, 2 }, "center", { 1, 1 }, "1 kernel axes", "got 2" },
  { { 3, 2, 2, 2 }, "center", { 1 }, "2 kernel axes", "got 1" },
  { { 3, 2, 2 }, "center", {}, "1 kernel axes", "got 0" },
  { { 3, 2 }, "center", { 1 }, "0 kernel axes", "got 1" },
  { { 3, 3 }, "window", { {} }, "2 dimensions", "got 1" },
  { { 3, 3 }, "window", { {}, {}, {} }, "2 dimensions", "got 3" },
  { { 3 }, "window", { {}, {} }, "1 dimensions", "got 2" },
  { { 3, 3 }, "window", { { 1, 4 }, {} }, "in range [1, 3]", "got {1, 4} in dimension 1" },
  { { 3, 3 }, "window", { {}, { 4, 4 } }, "in range [1, 3]", "got {4, 4} in dimension 2" },
  { { 0, 3 }, "window", { { 1, 1 }, {} }, "in range [1, 0]", "got {1, 1} in dimension 1" },
  { { 3 }, "window", { { 1, 4 } }, "in range [1, 3]", "got {1, 4} in dimension 1" },
}

-- Ways to pass a size and one keyword, as functions that make the call.
local calls = {}

local function arguments(size, kw)
  local list = { unpack(size) }
  list[#list + 1] = kw
  return list
end

calls["at the call"] = function(size, kw)
  local list = arguments(size, kw)
  return function() idinit(unpack(list)) end
end

calls["in a table with the size"] = function(size, kw)
  local list = { unpack(size) }
  for name, value in pairs(kw) do list[name] = value end
  return function() idinit(list) end
end

calls["behind a partial"] = function(size, kw)
  local f, list = idinit { gain = 2 }, arguments(size, kw)
  return function() f(unpack(list)) end
end

calls["to into"] = function(size, kw)
  local t = idinit.zeros(unpack(size))
  return function() idinit.into(t, kw) end
end

calls["to taps"] = function(size, kw)
  local list = arguments(size, kw)
  return function() idinit.taps(unpack(list)) end
end

describe("A keyword of a bad value", function()
  it("is any that there is", function()
    local names, tried = {}, {}
    for _, name in ipairs(keywords) do names[name] = true end
    for _, case in ipairs(always) do tried[case[1]] = true end
    assert.same(names, tried)
  end)

  for place, call in pairs(calls) do
    it("is an error " .. place, function()
      for _, case in ipairs(always) do
        local name, value = case[1], case[2]
        local size = name == "window" and { 2, 2 } or { 2, 2, 2 }
        fails(call(size, { [name] = value }), name .. ": ", case[3], "got", case[4])
        fails(call({ 2 }, { [name] = value }), name .. ": ")
      end
      for _, case in ipairs(sized) do
        fails(call(case[1], { [case[2]] = case[3] }), case[2] .. ": ", unpack(case, 4))
      end
    end)
  end

  it("is an error at a partial if no size makes it right", function()
    for _, case in ipairs(always) do
      local kw = { [case[1]] = case[2] }
      fails(function() idinit(kw) end, case[1] .. ": ", case[3], "got", case[4])
      fails(function() idinit {} (kw) end, case[1] .. ": ", case[3], "got", case[4])
      fails(function() idinit(print, kw) end, case[1] .. ": ", case[3], "got", case[4])
    end
  end)

  it("is an error at the partial's call if the size makes it wrong", function()
    for _, case in ipairs(sized) do
      local f = idinit { [case[2]] = case[3] }
      fails(function() f(case[1]) end, case[2] .. ": ", unpack(case, 4))
    end
  end)
end)
