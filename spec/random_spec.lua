-- Random sizes and keywords, whatever goes together, against their definitions.

local idinit = require "idinit"
local identities = require "spec.support.identities"
local model = require "spec.support.model"
local random = require "spec.support.random"

local unpack = table.unpack or unpack

-- Fails with what makes the same again.
local function wrong(seed, size, kw, format, ...)
  error(("IDINIT_SEED=%d: %s %s"):format(seed, identities.text(size, kw), format:format(...)), 0)
end

-- Runs f(draw, size, keywords) for `count` seeds from random.seed on; what it
-- returns is what is wrong.
local function each(count, f)
  for seed = random.seed, random.seed + count - 1 do
    local draw = random.new(seed)
    local size, kw = identities.draw(draw)
    local ok, message = pcall(f, draw, size, kw)
    if not ok or message then wrong(seed, size, kw, "%s", tostring(message)) end
  end
end

-- What differs from the array that is expected; NaN is NaN, and no zero is
-- negative.
local function differs(t, array, size)
  local got = { t:size() }
  if table.concat(got, " ") ~= table.concat(size, " ") then
    return "has size " .. table.concat(got, " ")
  end
  for p in model.positions(size) do
    local x, y = t:get(unpack(p)), array(p)
    local same = x == y and (x ~= 0 or 1 / x > 0) or x ~= x and y ~= y
    if not same then
      return ("(%s) holds %.9g, not %.9g"):format(table.concat(p, ", "), x, y)
    end
  end
end

local function arguments(size, kw)
  local args = { unpack(size) }
  args[#args + 1] = kw
  return unpack(args)
end

local function onetable(size, kw)
  local all = { unpack(size) }
  for name, value in pairs(kw) do all[name] = value end
  return all
end

-- The same call in one of its forms.
local forms = {
  function(size, kw) return idinit(arguments(size, kw)) end,
  function(size, kw) return idinit(onetable(size, kw)) end,
  function(size, kw) return idinit(kw)(unpack(size)) end,
  function(size, kw, draw)
    local early, late = { gain = 7 }, { gain = kw.gain or 1 }
    for name, value in pairs(kw) do
      if name ~= "gain" then (draw(2) == 1 and early or late)[name] = value end
    end
    return idinit(print, early)(print, arguments(size, late))
  end,
}

describe("A random identity", function()
  it("holds what its definitions give one after the other", function()
    each(2000, function(draw, size, kw)
      local t = forms[draw(#forms)](size, kw, draw)
      return differs(t, model.make(size, kw))
    end)
  end)

  it("has no gaps in its order of memory", function()
    each(300, function(_, size, kw)
      local t, step = idinit(arguments(size, kw)), 1
      for k = 1, t:numel() > 0 and #size or 0 do
        local d = kw.order == "col" and k or #size + 1 - k
        if t:stride(d) ~= step then return "steps by " .. t:stride(d) .. " in dimension " .. d end
        step = step * t:size(d)
      end
    end)
  end)

  it("is written alike over views with any gaps, and not between", function()
    each(1000, function(draw, size, kw)
      local array, length = model.make(size, kw)
      if #length == 32 then return end
      local three = { 3, unpack(length) }
      three.order = draw(2) == 1 and "col" or "row"
      local t = idinit(three):fill(7)
      local view = t[2]
      if not rawequal(idinit.into(view, arguments(size, kw)), view) then
        return "returns something else"
      end
      local function seven() return 7 end
      return differs(t[2], array, length)
        or differs(t[1], seven, length) or differs(t[3], seven, length)
    end)
  end)

  it("has the taps that are its non-zeros, each once", function()
    each(1000, function(_, size, kw)
      local array, length = model.make(size, kw)
      local found, count = {}, 0
      local taps = idinit.taps(arguments(size, kw))
      local function collect(value, ...)
        if value == nil then return end
        local key = table.concat({ ... }, " ")
        if found[key] then return "two taps at " .. key end
        found[key], count = value, count + 1
        return collect(taps())
      end
      local twice = collect(taps())
      if twice then return twice end
      for p in model.positions(length) do
        local x, y = array(p), found[table.concat(p, " ")]
        if x ~= 0 then count = count - 1 end
        if x == 0 and y or x ~= 0 and x ~= y and (x == x or y == y) then
          return ("has the tap %s at (%s), not %.9g"):format(
            tostring(y), table.concat(p, ", "), x)
        end
      end
      if count ~= 0 then return "has taps outside" end
    end)
  end)

  it("shifted by its keyword is shifted by its method", function()
    each(300, function(_, size, kw)
      if kw.gain ~= kw.gain then kw.gain = nil end
      local shift = kw.shift or 3
      kw.window, kw.shift = nil, nil
      local t = idinit(arguments(size, kw)):circshift(shift)
      kw.shift = shift
      if t ~= idinit(arguments(size, kw)) then return "differs" end
    end)
  end)
end)
