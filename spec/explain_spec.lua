local idinit = require "idinit"
local layers = require "idinit.layers"
local random = require "spec.support.random"
local model = require "spec.support.model"

local unpack = table.unpack or unpack
local NAN, INF = 0 / 0, 1 / 0

-- An init that makes a given weight, or edits that of idinit.
local function edited(edit, keywords)
  return function(...)
    local args = { ... }
    local given = type(args[#args]) == "table" and table.remove(args) or {}
    for name, value in pairs(keywords or {}) do given[name] = value end
    args[#args + 1] = given
    local weight = idinit(unpack(args))
    return edit and edit(weight) or weight
  end
end

local function reasons(layer)
  local ok, list, gain = layer:explain()
  assert.is_false(ok)
  assert.is_nil(gain)
  return list
end

local function proven(layer, gain, ...)
  assert.same({ true, { ... }, gain or 1 }, { layer:explain() })
end

describe("explain", function()
  it("returns true, no reasons, and the gain", function()
    proven(layers.Dense(3, 3))
    proven(layers.Conv({ 2, 2 }, 1, 1, { pad = "same", init = idinit { gain = 10 } }), 10)
    proven(layers.Conv({ 3, 5 }, 6, 6, { pad = "same", groups = 3, dilation = 2,
      init = idinit { gain = -0.5 } }), -0.5)
    proven(layers.Embedding(4, 4, { init = idinit { gain = 3 } }), 3)
    proven(layers.Dense(2, 2, { activation = layers.identity, bias = { 0, 0 / -1 } }))
    assert.equal(3, select("#", layers.Dense(3, 3):explain()))
  end)

  it("gives the gain as the float32 that it is", function()
    local _, _, gain = layers.Dense(3, 3, { init = idinit { gain = 0.1 } }):explain()
    assert.equal(idinit(1, 1, { gain = 0.1 })(1, 1), gain)
    proven(layers.Dense(1, 1, { init = idinit { gain = 2 ^ -149 } }), 2 ^ -149)
  end)

  it("speaks of inputs that are not negative where there is a relu", function()
    proven(layers.Dense(3, 3, { activation = layers.relu }), 1,
      "for inputs that are not negative, which relu keeps")
  end)

  it("is about the weight, not about what made it", function()
    local layer = layers.Conv({ 3 }, 2, 2, { pad = 1 })
    layer.weight:set(1, 1, 1, 0.5)
    assert.same({ "weight (1, 1, 1) is 0.5, the padding's zero offset is at (2)" }, reasons(layer))
    layer.weight:set(1, 1, 1, 0 / -1)
    proven(layer)
    layer.weight:set(2, 2, 2, 3)
    assert.same({ "gains differ: output 1 has 1, output 2 has 3" }, reasons(layer))
    layer.weight = idinit(3, 2, 2, { gain = 3 })
    proven(layer, 3)
    layer.bias[2] = 0.5
    assert.same({ "bias 2 is 0.5 (bias = false would mend it)" }, reasons(layer))
    layer.bias = false
    proven(layer, 3)
    layer.activation = math.abs
    assert.same({ "the activation makes 1 of -1" }, reasons(layer))
  end)
end)

describe("The reasons", function()
  it("name channels that are dropped or dead", function()
    assert.same({ "5 inputs become 3 outputs", "inputs 4 and 5 are dropped" },
      reasons(layers.Dense(5, 3)))
    assert.same({ "2 inputs become 4 outputs", "outputs 3 and 4 are always 0" },
      reasons(layers.Conv({ 3 }, 2, 4, { pad = 1 })))
    assert.same({ "1 input becomes 2 outputs", "output 2 is always 0" },
      reasons(layers.Dense(1, 2)))
    assert.same({ "26 inputs become 4 outputs", "inputs 5 to 26 are dropped" },
      reasons(layers.Embedding(26, 4)))
    assert.same({ "output 3 is always 0", "input 3 is dropped" }, reasons(layers.Dense(4, 4, {
      init = edited(function(w) w:set(3, 3, 0) end) })))
    assert.same({ "2 inputs become 4 outputs", "output 3 is always 0",
      "output 4 depends on no input", "bias 4 is 2 (bias = false would mend it)" },
      reasons(layers.Dense(2, 4, { bias = { 0, 0, 0, 2 } })))
    local some = edited(function(w)
      for _, i in ipairs { 2, 3, 5, 7, 9, 11, 13, 15, 16, 17, 19 } do w:set(i, i, 0) end
    end)
    assert.equal("inputs 2, 3, 5, 7, 9, 11, 13 and 4 more are dropped",
      reasons(layers.Dense(20, 20, { init = some }))[2])
    some = edited(function(w)
      for i = 2, 19 do w:set(i, i, i == 10 and 1 or 0) end
    end)
    assert.equal("inputs 2 to 9 and 11 to 19 are dropped",
      reasons(layers.Dense(20, 20, { init = some }))[2])
  end)

  it("tell that groups need an initialiser that knows them", function()
    assert.same({ "outputs 3 and 4 are always 0 (an init that heeds groups = 2 would mend it)",
                  "inputs 3 and 4 are dropped (an init that heeds groups = 2 would mend it)" },
      reasons(layers.CrossCor({ 3 }, 4, 4, { pad = 1, groups = 2,
        init = function(a, b, c) return idinit(a, b, c) end })))
  end)

  it("tell where the tap of an even kernel stands", function()
    local text = "kernel 2 is even: its tap stands at 1, the padding's zero offset is at 2"
    assert.same({ text .. ' (center = "hi" or pad = {0, 1} would mend it)' },
      reasons(layers.CrossCor({ 2 }, 1, 1, { pad = "same" })))
    assert.same({ text .. ' (in dimensions 1 and 3; center = "hi" or pad = {0, 1, 1, 1, 0, 1} '
      .. "would mend it)" }, reasons(layers.CrossCor({ 2, 3, 2 }, 1, 1, { pad = "same" })))
    assert.same({ "kernel 4 is even: its tap stands at 3, the padding's zero offset is at 2"
      .. ' (center = "lo" with shift = 0 or pad = {1, 2} would mend it)' },
      reasons(layers.Conv({ 4 }, 1, 1, { pad = "same", init = idinit { center = "hi" } })))
    assert.same({ "kernel 3: its tap stands at 2, the padding's zero offset is at 3"
      .. " (center = {3} or pad = 1 would mend it)" },
      reasons(layers.Conv({ 3 }, 1, 1, { pad = { 0, 2 } })))
    assert.same({ "kernel 2 is even: its tap stands at 1, the padding's zero offset is between "
      .. "1 and 2 (pad = {3, 0} would mend it)" },
      reasons(layers.Conv({ 2 }, 1, 1, { pad = "same", dilation = 3 })))
    assert.same({ "padding 5 + 0 makes each extent 3 larger: kernel 3 needs 2 in all "
      .. '(pad = "same" would mend it)', "kernel 3: its tap stands at 2, the padding's zero "
      .. "offset is at -2, outside of it (pad = 1 would mend it)" },
      reasons(layers.Conv({ 3 }, 1, 1, { pad = { 5, 0 } })))
  end)

  it("tell what stride and padding do to extents", function()
    assert.same({ "stride 2 skips inputs: an extent of 8 becomes 4 (in dimension 2; "
      .. "stride = 1 would mend it)" },
      reasons(layers.Conv({ 3, 3 }, 1, 1, { pad = "same", stride = { 1, 2 } })))
    assert.same({ "stride 3 spreads inputs apart: an extent of 8 becomes 24 "
      .. "(stride = 1 would mend it)" },
      reasons(layers.ConvTranspose({ 3 }, 1, 1, { pad = { 1, 0 }, stride = 3, outpad = 1 })))
    assert.same({ "padding 1 + 1 makes each extent 2 smaller: kernel 3 with dilation 2 needs 4 "
      .. 'in all (pad = "same" would mend it)', "kernel 3: its tap stands at 2, the padding's "
      .. "zero offset is between 2 and 3 (pad = 2 would mend it)" },
      reasons(layers.Conv({ 3 }, 1, 1, { pad = 1, dilation = 2 })))
    assert.same({ "padding 1 + 1 and outpad 2 make each extent 2 larger: kernel 3 needs 2 in all "
      .. 'and outpad 0 (pad = "same" with outpad = 0 would mend it)' },
      reasons(layers.ConvTranspose({ 3 }, 1, 1, { pad = 1, outpad = 2 })))
  end)

  it("find an extent that stride changes, and that fits", function()
    local function first(new, options)
      return reasons(new({ 3 }, 1, 1, options))[1]
    end
    local mend = " (stride = 1 would mend it)"
    assert.equal("stride 2 skips inputs: an extent of 10 becomes 9" .. mend,
      first(layers.Conv, { stride = 2, pad = 5 }))
    assert.equal("stride 2 skips inputs: an extent of 2001 becomes 1" .. mend,
      first(layers.Conv, { stride = 2, dilation = 1000 }))
    assert.equal("stride 2 spreads inputs apart: an extent of 100 becomes 1" .. mend,
      first(layers.ConvTranspose, { stride = 2, pad = 100 }))
  end)

  it("tell which input stands where another should", function()
    local function dense(weight)
      return reasons(layers.Dense(#weight, #weight, { init = function()
        return idinit.tensor(weight)
      end }))
    end
    assert.same({ "channels are shifted by 1: output 1 takes input 3 (shift = 0 would mend it)" },
      dense { { 0, 0, 1 }, { 1, 0, 0 }, { 0, 1, 0 } })
    assert.same({ "channels are shifted by -1: output 1 takes input 2 (shift = 0 would mend it)" },
      dense { { 0, 1, 0 }, { 0, 0, 1 }, { 1, 0, 0 } })
    assert.same({ "input 2 becomes output 1: weight (1, 2) is 1, and 1 more joins different "
      .. "channels" }, dense { { 0, 1, 0 }, { 1, 0, 0 }, { 0, 0, 1 } })
    assert.same({ "input 2 leaks into output 1: weight (1, 2) is 0.25" },
      dense { { 1, 0.25, 0 }, { 0, 1, 0 }, { 0, 0, 1 } })
    assert.same({ "input 1 is dropped", "input 2 leaks into output 1: weight (1, 2) is 4, and 3 "
      .. "more join different channels", "gains differ: output 2 has 1, output 3 has 7" },
      dense { { 0, 4, 1 }, { 0, 1, 1 }, { 0, 1, 7 } })
  end)

  it("find gains that differ or are no numbers", function()
    local layer = layers.Dense(4, 4)
    layer.weight:set(2, 2, 3)
    layer.weight:set(4, 4, 5)
    assert.same({ "gains differ: output 1 has 1, output 2 has 3, and 1 more differs from the "
      .. "first" }, reasons(layer))
    layer.weight = idinit(4, 4, { gain = NAN })
    assert.same({ "weight (1, 1) is nan, and 3 more are not finite" }, reasons(layer))
    layer.weight = idinit(4, 4)
    layer.weight:set(3, 3, -INF)
    assert.same({ "weight (3, 3) is -inf" }, reasons(layer))
    layer.weight = idinit(4, 4, { gain = 0 })
    assert.same({ "every weight is 0: no output depends on an input" }, reasons(layer))
    layer.weight = idinit(4, 4, { gain = -2 })
    proven(layer, -2)
    layer.activation = layers.relu
    assert.same({ "relu makes 0 of what inputs above 0 become with the gain -2" }, reasons(layer))
  end)

  it("find a bias", function()
    assert.same({ "bias 2 is 0.5 (bias = false would mend it)" },
      reasons(layers.Dense(3, 3, { bias = { 0, 0.5, 0 } })))
    assert.same({ "bias 1 is nan, and 2 more are not 0 (bias = false would mend it)" },
      reasons(layers.Dense(3, 3, { bias = { NAN, 0.5, -INF } })))
  end)

  it("of an unknown activation are what it does", function()
    local function dense(f) return reasons(layers.Dense(1, 1, { activation = f })) end
    assert.same({ "the activation makes 2 of 1" }, dense(function(x) return 2 * x end))
    assert.same({ "the activation makes 0 of -1" },
      dense(function(x) return math.max(x, 0) end))
    assert.same({ "the activation makes nil of 1" }, dense(function() end))
    assert.same({ "the activation raises an error for 1" }, dense(error))
    assert.same({ "the activation cannot be proven to be the identity: layers.identity and "
      .. "layers.relu can" }, dense(function(x) return x end))
  end)

  it("come most important first", function()
    local layer = layers.Conv({ 2, 3 }, 2, 3, { stride = { 1, 2 }, bias = { 0, 1, 0 },
      activation = math.sin, init = edited(function(w) w:set(1, 2, 2, 2, 4) end) })
    local starts = { "2 inputs become 3", "stride 2", "padding 0 + 0", "kernel 2", "kernel 3",
                     "output 3", "gains differ", "bias 2", "the activation" }
    local list = reasons(layer)
    for k, start in ipairs(starts) do assert.equal(start, list[k]:sub(1, #start)) end
    assert.equal(#starts, #list)
  end)

  it("take any weight that a layer takes", function()
    local col = idinit(2, 3, 3, { order = "col" })
    local layer = layers.CrossCor({ 2 }, 3, 3, { pad = { 0, 1 }, init = function() return col end })
    proven(layer)
    col:set(2, 3, 1, 0.5)
    assert.same({ "weight (2, 3, 1) is 0.5, the padding's zero offset is at (1)" }, reasons(layer))
  end)
end)

-- ---- Against brute force

-- All basis vectors of an input of some extents, as one batch.
local function basis(layer, extents, gain)
  local size, n = {}, layer.nin
  for d, x in ipairs(extents) do size[d], n = x, n * x end
  size[#size + 1], size[#size + 2] = layer.nin, n
  return idinit(n, n, { gain = gain }):reshape(unpack(size))
end

local function anything(layer, extents, draw)
  local size = { unpack(extents) }
  size[#size + 1], size[#size + 2] = layer.nin, 3
  local t = idinit.zeros(unpack(size))
  local flat = t:reshape(t:numel())
  for k = 1, #flat do flat[k] = draw(16) + 1 end
  return t
end

local function times(t, gain)
  local u = t:clone()
  local flat = u:reshape(u:numel())
  for k = 1, #flat do flat[k] = flat[k] * gain end
  return flat:reshape(u:size())
end

-- Whether a layer maps every basis vector, zero, and others to themselves times
-- one gain. The numbers are such that no product is rounded.
local function isidentity(layer, extents, draw, gain)
  local x = basis(layer, extents)
  local ok, y = pcall(layer, x)
  if not ok then return nil end -- extents that do not fit
  if table.concat({ y:size() }, " ") ~= table.concat({ x:size() }, " ") then return false end
  gain = gain or y:reshape(y:numel())[1]
  if gain - gain ~= 0 or gain == 0 or y ~= basis(layer, extents, gain) then return false end
  x = anything(layer, extents, draw)
  return layer(x) == times(x, gain) and layer(times(x, 0)) == times(x, 0), gain
end

-- Extents from the least that fit to those that all of the kernel can reach.
local function bruteforce(layer, draw)
  local result, gain = true, nil
  local steps = layer.kernel[1] and { 1, 2, 8 } or { 1 }
  for _, least in ipairs(steps) do
    local extents = {}
    for d, k in ipairs(layer.kernel) do
      local span = layer.dilation[d] * (k - 1) + 1
      if layer.kind == "ConvTranspose" then
        span = span + layer.pad[2 * d - 1] + layer.pad[2 * d]
      end
      extents[d] = least < 8 and least or span + 2
    end
    local ok
    ok, gain = isidentity(layer, extents, draw, gain)
    if ok == false then result = false end
  end
  return result, gain
end

local function pick(draw, list) return list[draw(#list)] end

-- What a layer is made from, as data: mostly an identity, mostly spoilt once.
local function anyplan(draw)
  local m = pick(draw, { 0, 0, 1, 1, 1, 2, 2, 2 })
  local plan = { kernel = {}, kind = m == 0 and "Dense"
    or pick(draw, { "Conv", "CrossCor", "ConvTranspose" }) }
  for d = 1, m do plan.kernel[d] = draw(m == 1 and 5 or 3) end
  local groups = m > 0 and pick(draw, { 1, 1, 2, 3 }) or 1
  plan.nin = groups * draw(m == 2 and 2 or 3)
  plan.nout = plan.nin
  plan.init = { gain = pick(draw, { 1, 1, 2, -3, 0.5 }) }
  plan.options = {}
  if m > 0 then
    plan.options = { groups = groups, dilation = pick(draw, { 1, 1, 2, 4 - m }), pad = "same" }
    if plan.kind == "CrossCor" then plan.init.center = "hi" end
  end
  if plan.init.gain > 0 and draw(4) == 1 then plan.options.activation = layers.relu end
  return plan
end

local spoil = {
  function(plan, draw)
    plan.nout = plan.options.groups and plan.options.groups * draw(4) or draw(6)
  end,
  function(plan, draw) plan.init.shift = draw(4) end,
  function(plan, draw)
    plan.init.shift = {}
    for d = 1, #plan.kernel + 2 do plan.init.shift[d] = draw(6) == 1 and draw(4) or 0 end
  end,
  function(plan, draw)
    plan.init.center = pick(draw, { "lo", "hi" })
    if draw(2) == 1 and plan.kernel[1] then
      plan.init.center = {}
      for d, k in ipairs(plan.kernel) do plan.init.center[d] = draw(k) end
    end
  end,
  function(plan, draw) plan.init.gain = pick(draw, { 0, NAN, INF, -1, -INF, 1 }) end,
  function(plan) plan.options.activation = math.sin end,
  function(plan) plan.options.activation = layers.relu end,
  function(plan) plan.options.activation = layers.identity end,
  function(plan) plan.deaf = true end,
  function(plan, draw)
    if not plan.kernel[1] then return end
    plan.options.stride = {}
    for d = 1, #plan.kernel do plan.options.stride[d] = draw(2) end
  end,
  function(plan, draw)
    if not plan.kernel[1] then return end
    plan.options.pad = {}
    for d = 1, #plan.kernel * draw(2) do plan.options.pad[d] = draw(4) - 1 end
  end,
  function(plan, draw)
    if plan.kind == "ConvTranspose" then plan.options.outpad = draw(3) - 1 end
  end,
  function(plan, draw)
    plan.options.bias = {}
    for o = 1, plan.nout do
      plan.options.bias[o] = draw(4) == 1 and pick(draw, { 0.5, -2, NAN, 4 }) or 0
    end
  end,
  function(plan, draw) plan.edits = draw(3) end,
  function(plan, draw) plan.edits = draw(3) end,
}

local function build(plan, draw)
  local init = next(plan.init) and edited(nil, plan.init) or idinit
  for o = 1, plan.options.bias and 20 or 0 do
    plan.options.bias[o] = o <= plan.nout and (plan.options.bias[o] or 0) or nil
  end
  plan.options.init = plan.deaf and function(...)
    local size = { ... }
    if type(size[#size]) == "table" then size[#size] = nil end
    return init(unpack(size))
  end or init
  if plan.kind == "Dense" then return layers.Dense(plan.nin, plan.nout, plan.options) end
  local layer = layers[plan.kind](plan.kernel, plan.nin, plan.nout, plan.options)
  for _ = 1, plan.edits or 0 do
    local flat = layer.weight:reshape(layer.weight:numel())
    local value = pick(draw, { 0, 0, 1, plan.init.gain, 7, NAN, 0 / -1 })
    if draw(2) == 1 then
      flat[draw(#flat)] = value
    else -- one of the taps, if there are any
      local at = draw(#flat)
      while at < #flat and flat[at] == 0 do at = at + 1 end
      flat[at] = value
    end
  end
  return layer
end

local function describeplan(layer)
  local _, list = layer:explain()
  return ("seed %d: %s: %s"):format(random.seed, tostring(layer), table.concat(list, "; "))
end

describe("explain, for 400 layers that are identities but for an edit or two,", function()
  -- explain says of a relu what holds where no input is negative, and so do
  -- these inputs.
  it("is true exactly where brute force is, with its gain", function()
    local draw = random.new(random.seed)
    local count = { [true] = 0, [false] = 0 }
    for _ = 1, 400 do
      local plan = anyplan(draw)
      for _ = 2, draw(3) do pick(draw, spoil)(plan, draw) end
      local layer = build(plan, draw)
      local ok, list, gain = layer:explain()
      local expected, expectedgain = bruteforce(layer, draw)
      if ok ~= expected or ok and gain ~= expectedgain or not ok and not list[1] then
        error(("%s: brute force says %s"):format(describeplan(layer), tostring(expected)))
      end
      count[ok] = count[ok] + 1
    end
    assert.is_true(count[true] > 60 and count[false] > 60)
  end)

  -- The reason without what would mend it, and its mends, as source.
  local function split(reason)
    local fact, notes = reason:match "^(.-) (%b())$"
    if not fact or not notes:find "would mend it" then return reason, {} end
    notes = notes:sub(2, -2):gsub("^in dimensions? [%d, toand]+; ", "")
    notes = notes:gsub(" would mend it$", "")
    local mends = {}
    for mend in (notes .. " or "):gmatch "(.-) or " do mends[#mends + 1] = mend end
    return fact, mends
  end

  local function apply(plan, mend)
    local copy = { options = {}, init = {} }
    for k, v in pairs(plan) do
      if k ~= "options" and k ~= "init" then copy[k] = v end
    end
    for k, v in pairs(plan.options) do copy.options[k] = v end
    for k, v in pairs(plan.init) do copy.init[k] = v end
    if mend:find "^an init" then
      copy.deaf = nil
      return copy
    end
    for name, value in (mend:gsub(" with ", "; ") .. ";"):gmatch "(%a+) = (.-);" do
      local is_init = name == "center" or name == "shift"
      local target = is_init and copy.init or copy.options
      target[name] = assert((loadstring or load)("return " .. value))()
    end
    return copy
  end

  local kinds = { "always 0", "depends? on no input", "dropped", "^stride", "^padding",
                  "its tap stands", "^channels are shifted", "^bias" }

  local function kindof(reason)
    for _, kind in ipairs(kinds) do
      if reason:find(kind) then return kind end
    end
    return reason
  end

  -- Layers that are spoilt by settings and keywords alone, in any mixture.
  local function anymixture(draw)
    local plan = anyplan(draw)
    plan.options.activation = nil
    for _ = 1, draw(4) do pick(draw, spoil)(plan, draw) end
    plan.edits = nil
    if draw(4) == 1 then
      plan.init = { shift = { draw(3) } }
      for _ = 0, #plan.kernel do table.insert(plan.init.shift, 1, 0) end
    end
    if draw(4) == 1 and plan.kernel[1] then
      plan.init.shift = plan.init.shift or draw(5) - 3
      plan.init.center = pick(draw, { "lo", "hi" })
    end
    if draw(4) == 1 then plan.init.fit = pick(draw, { "tile", "mean", "split", "hadamard" }) end
    if draw(4) == 1 then plan.init = {} end
    return plan
  end

  it("tells what mends: then the reason is gone", function()
    local draw = random.new(random.seed + 1)
    local tried = {}
    for _ = 1, 3000 do
      local plan = anymixture(draw)
      local layer = build(plan, draw)
      local _, list = layer:explain()
      for _, reason in ipairs(list) do
        local _, mends = split(reason)
        for _, mend in ipairs(mends) do
          local mended = build(apply(plan, mend), draw)
          local _, left = mended:explain()
          for _, other in ipairs(left) do
            if kindof(other) == kindof(reason) then
              error(("%s: %s does not mend it: %s"):format(describeplan(layer), mend,
                describeplan(mended)))
            end
          end
          local name = mend:match "^an init" or mend:match "^%a+"
          if mend:find "with shift" then name = "center with shift" end
          tried[name] = (tried[name] or 0) + 1
        end
      end
    end
    for _, name in ipairs { "center", "center with shift", "pad", "shift", "stride", "bias",
                            "an init" } do
      assert.is_true((tried[name] or 0) > 20, name)
    end
  end)

  it("advises to leave out a shift that center alone would not undo", function()
    local layer = layers.CrossCor({ 2 }, 1, 1, { pad = { 1, 0 },
      init = idinit { center = "hi", shift = { -1 } } })
    assert.same({ "kernel 2 is even: its tap stands at 1, the padding's zero offset is at 2 "
      .. '(center = "hi" with shift = 0 or pad = {0, 1} would mend it)' }, reasons(layer))
  end)

  -- "inputs 2, 4 to 6 and 9" as a list.
  local function numbers(text)
    local list = {}
    text = text:gsub("(%d+) to (%d+)", function(first, last)
      for n = first, last do list[#list + 1] = n end
      return ""
    end)
    for n in text:gmatch "%d+" do list[#list + 1] = tonumber(n) end
    return list
  end

  -- Whether a number is what a text says, perhaps with a comma.
  local function same(x, text)
    text = text:gsub(",$", "")
    if text == "nan" then return x ~= x end
    return x == tonumber((text:gsub("inf", "1e999")))
  end

  -- Facts that an input shows to be true or not.
  local facts = {}

  facts["^outputs? (.*) [ai][rs]e? ?always 0"] = function(layer, _, y, list)
    local m = #layer.kernel
    for p in model.positions { y:size() } do
      for _, o in ipairs(numbers(list)) do
        if p[m + 1] == o then assert.equal(0, y:get(unpack(p))) end
      end
    end
  end

  facts["^inputs? ([%d, toand]+) [ai][rs]e? ?dropped"] = function(layer, x, y, list)
    local m, other = #layer.kernel, x:clone()
    for p in model.positions { x:size() } do
      for _, i in ipairs(numbers(list)) do
        if p[m + 1] == i then
          p[m + 3] = 9
          other:set(unpack(p))
          p[m + 3] = nil
        end
      end
    end
    local z = layer(other)
    for p in model.positions { y:size() } do
      local a, b = y:get(unpack(p)), z:get(unpack(p))
      assert.is_true(a == b or a ~= a and b ~= b)
    end
  end

  facts["^bias (%d+) is (%S+)"] = function(layer, _, _, o, value)
    local bias = layer.bias[tonumber(o)]
    assert.is_true(same(bias, value))
  end

  facts["an extent of (%d+) becomes (%d+)"] = function(layer, _, _, from, to)
    local size = {}
    for d = 1, #layer.kernel do
      size[d] = layer.stride[d] > 1 and tonumber(from) or 40
    end
    size[#size + 1], size[#size + 2] = layer.nin, 1
    local found = false
    local out = { layer(idinit.zeros(unpack(size))):size() }
    for d = 1, #layer.kernel do
      found = found or layer.stride[d] > 1 and out[d] == tonumber(to)
    end
    assert.is_true(found)
  end

  facts["makes? each extent (%d+) (%a+)"] = function(layer, x, y, change, verb)
    local found = false
    change = tonumber(change)
    for d = 1, #layer.kernel do
      found = found or y:size(d) - x:size(d) == (verb == "larger" and change or -change)
    end
    assert.is_true(found)
  end

  facts["^weight (%b()) is (%S+)"] = function(layer, _, _, at, value)
    local w = layer.weight:get(unpack(numbers(at)))
    assert.is_true(w ~= 0 and same(w, value))
  end

  it("tells facts", function()
    local draw = random.new(random.seed + 2)
    local seen = {}
    for _ = 1, 200 do
      local plan = anyplan(draw)
      for _ = 1, draw(4) do pick(draw, spoil)(plan, draw) end
      local layer = build(plan, draw)
      local _, list = layer:explain()
      local extents = {}
      for d = 1, #plan.kernel do extents[d] = #plan.kernel == 1 and 16 or 12 end
      local x = anything(layer, extents, draw)
      local y = layer(x)
      for _, reason in ipairs(list) do
        for pattern, check in pairs(facts) do
          local a, b = reason:match(pattern)
          if a then
            local ok, message = pcall(check, layer, x, y, a, b)
            if not ok then
              error(("%s: not so: %s: %s"):format(describeplan(layer), reason, tostring(message)))
            end
            seen[pattern] = (seen[pattern] or 0) + 1
          end
        end
      end
    end
    for pattern in pairs(facts) do assert.is_true((seen[pattern] or 0) > 3, pattern) end
  end)
end)
