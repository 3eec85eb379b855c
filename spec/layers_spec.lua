local idinit = require "idinit"
local layers = require "idinit.layers"
local core = require "idinit.core"
local random = require "spec.support.random"
local model = require "spec.support.model"
local fails = require "spec.support.fails"

local unpack = table.unpack or unpack
local NAN, INF = 0 / 0, 1 / 0

-- An image of Flux's documentation: a column after the other.
local function image()
  return idinit.tensor { { 1, 4, 7 }, { 2, 5, 8 }, { 3, 6, 9 } }:reshape(3, 3, 1, 1)
end

-- Fills with whole numbers from -4 to 4, of which `zeros` in ten are 0.
local function scatter(t, draw, zeros)
  local flat = t:reshape(t:numel())
  for k = 1, t:numel() do flat[k] = draw(10) <= zeros and 0 or draw(9) - 5 end
  return t:copy(flat:reshape(t:size()))
end

-- Whether two tensors hold the same bits, but for NaN, which only needs to
-- stand at the same places.
local function identical(t, u)
  if table.concat({ t:size() }, " ") ~= table.concat({ u:size() }, " ") then return false end
  t, u = t:reshape(t:numel()), u:reshape(u:numel())
  for k = 1, #t do
    local a, b = t[k], u[k]
    if a ~= b and (a == a or b == b) or a == 0 and 1 / a ~= 1 / b then return false end
  end
  return true
end

local constructors = { layers.Conv, layers.CrossCor, layers.ConvTranspose }

-- Fills with numbers whose products and sums are rounded, of which `zeros` in
-- ten are 0.
local function rough(t, draw, zeros)
  local flat = t:reshape(t:numel())
  for k = 1, t:numel() do flat[k] = draw(10) <= zeros and 0 or (draw(2001) - 1001) / 777 end
  return t:copy(flat:reshape(t:size()))
end

describe("Flux's examples:", function()
  it("a dense layer that drops inputs", function()
    local layer = layers.Dense(5, 3, { activation = layers.relu, init = idinit })
    assert.same({ 1, 0, 3 }, layer({ 1, -2, 3, -4, 5 }):totable())
    assert.equal("Dense(5 => 3, relu)  # 18 parameters", tostring(layer))
  end)

  it("a convolution with an even kernel", function()
    local layer = layers.Conv({ 2, 2 }, 1, 1, { init = idinit { gain = 10 }, pad = "same" })
    assert.equal("Conv((2, 2), 1 => 1, pad=(1, 0, 1, 0))  # 5 parameters", tostring(layer))
    assert.equal(idinit.tensor { { 10, 40, 70 }, { 20, 50, 80 }, { 30, 60, 90 } },
      layer(image()):reshape(3, 3))
  end)

  it("an embedding", function()
    local layer = layers.Embedding(26, 4, { init = idinit { gain = 22 } })
    assert.same({ 0, 22, 0, 0 }, layer(2):totable())
    assert.same({ 0, 0, 0, 0 }, layer(26):totable())
    assert.same({ { 22, 0, 0 }, { 0, 0, 22 }, { 0, 0, 0 }, { 0, 0, 0 } },
      layer({ 1, 26, 2 }):totable())
    assert.equal(layer({ 1, 26, 2 }), layer(idinit.tensor { 1, 26, 2 }))
    assert.same({ { { 22, 0 } }, { { 0, 22 } }, { { 0, 0 } }, { { 0, 0 } } },
      layer({ { 1, 2 } }):totable())
  end)

  it("an inception block", function()
    local draw = random.new(7)
    local function branch(kernel, nout, shift)
      return layers.Conv(kernel, 7, nout, { init = idinit { shift = shift }, pad = "same" })
    end
    local block = { branch({ 1, 3 }, 2), branch({ 3, 5 }, 3, { 0, 0, 2, 0 }),
                    branch({ 5, 7 }, 2, { 0, 0, 5, 0 }) }
    local x = scatter(idinit.zeros(6, 9, 7, 2), draw, 1)
    local parts = {}
    for k, layer in ipairs(block) do parts[k] = layer(x) end
    assert.equal(x, idinit.cat(parts, 3))
  end)

  for _, kernel in ipairs { { 1 }, { 3 }, { 1, 3 }, { 3, 5 }, { 3, 5, 7 } } do
    local name = table.concat(kernel, "×")
    it("layers of kernel " .. name .. " are identities", function()
      local size = { 4, 5, 6 }
      size = { unpack(size, 1, #kernel) }
      size[#size + 1], size[#size + 2] = 3, 2
      local x = scatter(idinit.zeros(unpack(size)), random.new(#kernel), 2)
      x:reshape(x:numel())[1] = -0.1
      for _, new in ipairs(constructors) do
        for _, options in ipairs { {}, { groups = 3 }, { bias = false },
                                   { activation = layers.identity } } do
          options.pad = "same"
          local layer = new(kernel, 3, 3, options)
          assert.is_true(identical(x, layer(x)))
          assert.is_true((layer:explain()))
        end
      end
    end)
  end

  it("a dense layer of 3 is an identity", function()
    local layer = layers.Dense(3, 3)
    assert.same({ 1, 2, 3 }, layer({ 1, 2, 3 }):totable())
    assert.equal("Dense(3 => 3)       # 12 parameters", tostring(layer))
  end)
end)

describe("An identity layer", function()
  local special = { 0 / -1, 0, NAN, INF, -INF, 2 ^ -149, -2 ^ -149, 2 ^ 127, 0.1 }

  it("moves bits: -0, NaN, infinities and the least floats", function()
    for _, batch in ipairs { 1, 3 } do
      local x = idinit.zeros(4, 9, 3, batch)
      local flat = x:reshape(x:numel())
      for k = 1, #flat do flat[k] = special[(k * 5) % #special + 1] end
      for _, new in ipairs(constructors) do
        for _, groups in ipairs { 1, 3 } do
          local layer = new({ 3, 2 }, 3, 3, { groups = groups, pad = "same",
            init = new == layers.CrossCor and idinit { center = "hi" } or idinit })
          assert.is_true(identical(x, layer(x)))
        end
      end
      local y = x:reshape(4 * 9, 3 * batch)
      assert.is_true(identical(y, layers.Dense(36, 36)(y)))
    end
  end)

  it("keeps a gain to one rounding", function()
    local x = idinit.tensor { 0.1, 3, -7.25 }
    local y = layers.Dense(3, 3, { init = idinit { gain = 1.1 } })(x)
    local gain = idinit(1, 1, { gain = 1.1 })(1, 1)
    for k = 1, 3 do assert.equal(model.float32(gain * x[k]), y[k]) end
  end)

  it("does not let one channel reach another", function()
    local x = idinit.zeros(3, 3, 4, 1):fill(1)
    for i = 1, 3 do
      for j = 1, 3 do
        x:set(i, j, 2, 1, NAN)
        x:set(i, j, 3, 1, INF)
      end
    end
    local y = layers.Conv({ 3, 3 }, 4, 4, { pad = "same", init = idinit { gain = 2 } })(x)
    assert.equal(2, y(1, 3, 1, 1))
    assert.is_true(y(1, 3, 2, 1) ~= y(1, 3, 2, 1))
    assert.equal(INF, y(1, 3, 3, 1))
    assert.equal(2, y(1, 3, 4, 1))
  end)
end)

describe("A weight of zeros and others", function()
  -- Full enough for the product that does not look at single weights.
  it("skips the zeros where the input is not finite", function()
    local weight = idinit.zeros(8, 8):fill(1)
    for o = 1, 8 do weight[o][3] = 0 end
    local layer = layers.Dense(8, 8, { init = function() return weight end })
    assert.same({ 8, 8, 8, 8, 8, 8, 8, 8 }, layer({ 1, 1, NAN, 1, 2, 1, 1, 1 }):totable())
    weight[1][3] = 1
    local y = layer { 1, 1, INF, 1, 1, 1, 1, 1 }
    assert.equal(INF, y[1])
    assert.equal(7, y[2])
  end)
end)

-- The output of a layer at position p (spatial..., channel, batch) by the
-- definition of each kind.
local function define(layer, x, p)
  local m = #layer.kernel
  local kernel, stride, dilation, pad = layer.kernel, layer.stride, layer.dilation, layer.pad
  local ins, outs = layer.nin / layer.groups, layer.nout / layer.groups
  local o, b = p[m + 1], p[m + 2]
  local group = math.floor((o - 1) / outs)
  local sum = 0
  for k in model.positions(kernel) do
    local at, inside = {}, true
    for d = 1, m do
      local tap = layer.kind == "CrossCor" and k[d] - 1 or kernel[d] - k[d]
      local offset = dilation[d] * tap - pad[2 * d - 1]
      if layer.kind == "ConvTranspose" then
        at[d] = (p[d] - 1 - offset) / stride[d] + 1
      else
        at[d] = (p[d] - 1) * stride[d] + 1 + offset
      end
      inside = inside and at[d] == math.floor(at[d]) and at[d] >= 1 and at[d] <= x:size(d)
    end
    at[m + 2] = b
    local index = { unpack(k, 1, m) }
    for i = 1, inside and ins or 0 do
      at[m + 1] = group * ins + i
      if layer.kind == "ConvTranspose" then
        index[m + 1], index[m + 2] = o - group * outs, at[m + 1]
      else
        index[m + 1], index[m + 2] = i, o
      end
      sum = sum + layer.weight:get(unpack(index)) * x:get(unpack(at))
    end
  end
  return layer.bias and sum + layer.bias[o] or sum
end

local function outextent(layer, d, x)
  local k = layer.dilation[d] * (layer.kernel[d] - 1) + 1
  local pads = layer.pad[2 * d - 1] + layer.pad[2 * d]
  if layer.kind == "ConvTranspose" then
    return (x - 1) * layer.stride[d] + k - pads + layer.outpad[d]
  end
  return math.floor((x + pads - k) / layer.stride[d]) + 1
end

-- A random convolution of small numbers.
local function anylayer(draw)
  local m = draw(12) == 12 and 4 or draw(3)
  local function each(f)
    local list = {}
    for d = 1, m do list[d] = f(d) end
    return list
  end
  local groups = draw(3) == 1 and draw(3) or 1
  local kind = draw(3)
  local pad = draw(3) == 1 and "same" or draw(2) == 1 and draw(3) - 1
    or each(function() return draw(3) - 1 end)
  if type(pad) == "table" and draw(2) == 1 then
    for d = 1, m do pad[m + d] = draw(3) - 1 end
  end
  return constructors[kind](each(function() return draw(m > 2 and 2 or 3) end),
    groups * draw(3), groups * draw(3), {
      groups = groups, pad = pad, stride = each(function() return math.max(1, draw(4) - 2) end),
      dilation = each(function() return math.max(1, draw(4) - 2) end),
      outpad = kind == 3 and each(function() return draw(2) - 1 end) or nil,
      bias = draw(2) == 1,
      init = function(...)
        local size = { ... }
        if type(size[#size]) == "table" then size[#size] = nil end
        local order = draw(3) == 1 and "col" or "row"
        size[#size + 1] = { order = order }
        return scatter(idinit(unpack(size)), draw, draw(10) - 1)
      end,
    })
end

-- An input for it, or nil if the one that was drawn is too small.
local function anyinput(layer, draw)
  local size, m = {}, #layer.kernel
  for d = 1, m do
    size[d] = draw(m > 2 and 3 or 6)
    if outextent(layer, d, size[d]) < 1 then return nil end
  end
  size[m + 1], size[m + 2] = layer.nin, draw(3)
  local x = scatter(idinit.zeros(unpack(size)), draw, 2)
  if draw(3) > 1 then return x end
  size[#size + 1] = { order = "col" }
  return idinit(unpack(size)):copy(x)
end

describe("A convolution", function()
  it("is what its definition says, for 300 random ones", function()
    local draw = random.new(random.seed)
    local done = 0
    while done < 300 do
      local layer = anylayer(draw)
      if layer.bias then scatter(layer.bias, draw, 5) end
      local x = anyinput(layer, draw)
      if x then
        done = done + 1
        local y = layer(x)
        for d = 1, #layer.kernel do
          assert.equal(outextent(layer, d, x:size(d)), y:size(d))
        end
        for p in model.positions { y:size() } do
          local expected = define(layer, x, p)
          if expected ~= y:get(unpack(p)) then
            error(("seed %d: %s of %s at (%s) is %s, not %s"):format(random.seed,
              tostring(layer), table.concat({ x:size() }, "×"), table.concat(p, ","),
              y:get(unpack(p)), expected))
          end
        end
      end
    end
  end)

  local function dot(t, u)
    local sum = 0
    t, u = t:reshape(t:numel()), u:reshape(u:numel())
    for k = 1, #t do sum = sum + t[k] * u[k] end
    return sum
  end

  it("has ConvTranspose as its adjoint", function()
    local draw = random.new(random.seed)
    local done = 0
    while done < 60 do
      local layer = anylayer(draw)
      local x = anyinput(layer, draw)
      if x and layer.kind == "Conv" then
        done = done + 1
        layer.bias = false
        local y = layer(x)
        local outpad = {}
        for d = 1, #layer.kernel do
          local k = layer.dilation[d] * (layer.kernel[d] - 1) + 1
          outpad[d] = (x:size(d) + layer.pad[2 * d - 1] + layer.pad[2 * d] - k) % layer.stride[d]
        end
        local adjoint = layers.ConvTranspose(layer.kernel, layer.nout, layer.nin, {
          stride = layer.stride, dilation = layer.dilation, groups = layer.groups,
          pad = layer.pad, outpad = outpad, bias = false,
          init = function() return layer.weight end })
        local z = scatter(y:clone(), draw, 1)
        assert.same({ x:size() }, { adjoint(z):size() })
        assert.equal(dot(y, z), dot(x, adjoint(z)), "seed " .. random.seed)
      end
    end
  end)

  it("takes up to 30 spatial dimensions", function()
    local kernel, size = {}, {}
    for d = 1, 30 do kernel[d], size[d] = 1, 1 end
    kernel[30], size[30] = 3, 5
    size[31], size[32] = 2, 1
    local layer = layers.Conv(kernel, 2, 2, { pad = "same" })
    local x = scatter(idinit.zeros(unpack(size)), random.new(1), 0)
    assert.is_true(identical(x, layer(x)))
    assert.is_true((layer:explain()))
  end)

  it("sums 64 channels and more", function()
    local draw = random.new(3)
    local layer = layers.Conv({ 3, 1 }, 70, 33, { pad = 1, init = function(...)
      return scatter(idinit.zeros(...), draw, 0)
    end })
    local x = scatter(idinit.zeros(5, 2, 70, 2), draw, 0)
    local y = layer(x)
    for p in model.positions { y:size() } do
      if draw(20) == 1 then assert.equal(define(layer, x, p), y:get(unpack(p))) end
    end
  end)
end)

describe("Dense", function()
  it("is the identity of a million elements", function()
    local x = idinit(1024, 1024, { shift = { 0, 7 }, gain = 3 })
    assert.is_true(layers.Dense(1024, 1024, { init = idinit })(x) == x)
  end)

  it("is the product of weight and input, for any batch", function()
    local draw = random.new(random.seed)
    for _ = 1, 60 do
      local nin, nout = draw(12), draw(12)
      local layer = layers.Dense(nin, nout, { init = function(...)
        return scatter(idinit.zeros(...), draw, draw(10) - 1)
      end })
      scatter(layer.bias, draw, 5)
      local size = { nin }
      for d = 2, draw(4) do size[d] = draw(4) end
      local x = scatter(idinit.zeros(unpack(size)), draw, 2)
      local y = layer(x)
      size[1] = nout
      assert.same(size, { y:size() })
      for p in model.positions(size) do
        local sum, q = layer.bias[p[1]], { unpack(p) }
        for i = 1, nin do
          q[1] = i
          sum = sum + layer.weight(p[1], i) * x:get(unpack(q))
        end
        assert.equal(sum, y:get(unpack(p)), "seed " .. random.seed)
      end
    end
  end)
end)

describe("An output's bits", function()
  -- A layer without padding, its input of extent n, and a part of that: from
  -- position `first` on, one of the batch.
  local function anycase(draw)
    local nin, nout, batch, n = draw(20), draw(20), draw(5), 5 + draw(9)
    local zeros = draw(10) - 1
    local layer = layers.CrossCor({ draw(3) }, nin, nout, {
      bias = rough(idinit.zeros(nout), draw, 5), activation = draw(2) == 1 and layers.relu or nil,
      init = function(...) return rough(idinit.zeros(...), draw, zeros) end })
    local x = rough(idinit.zeros(n, nin, batch), draw, 1)
    local first, member = draw(3), draw(batch)
    local part = idinit.zeros(n - first + 1, nin, 1)
    for p in model.positions { part:size() } do
      part[p] = x(p[1] + first - 1, p[2], member)
    end
    return layer, x, part, first, member
  end

  it("do not hang on where it stands in its row, or in the batch", function()
    local draw = random.new(random.seed)
    for _ = 1, 60 do
      local layer, x, part, first, member = anycase(draw)
      local whole, alone = layer(x), layer(part)
      for p in model.positions { alone:size() } do
        local a, b = alone:get(unpack(p)), whole(p[1] + first - 1, p[2], member)
        if a ~= b or a == 0 and 1 / a ~= 1 / b then
          error(("seed %d: %s at %s: %.17g alone, %.17g in a batch"):format(random.seed,
            tostring(layer), table.concat(p, ","), a, b))
        end
      end
    end
  end)

  it("do not hang on what is not finite beside it", function()
    local draw = random.new(random.seed)
    local layer = layers.Dense(20, 16, { init = function(...)
      return rough(idinit.zeros(...), draw, 3)
    end })
    local x = rough(idinit.zeros(20, 7), draw, 1)
    local before = layer(x)
    x[3][4], x[9][4] = NAN, INF
    local after = layer(x)
    for p in model.positions { 16, 7 } do
      if p[2] ~= 4 then assert.equal(before[p], after[p]) end
    end
  end)
end)

describe("Padding", function()
  local function pads(kernel, options, new)
    return (new or layers.Conv)(kernel, 1, 1, options).pad
  end

  it("is a number, one for each axis, or one for each end", function()
    assert.same({ 0, 0, 0, 0 }, pads { 3, 3 })
    assert.same({ 2, 2, 2, 2 }, pads({ 3, 3 }, { pad = 2 }))
    assert.same({ 1, 1, 2, 2 }, pads({ 3, 3 }, { pad = { 1, 2 } }))
    assert.same({ 1, 2, 3, 4 }, pads({ 3, 3 }, { pad = { 1, 2, 3, 4.0 } }))
    assert.same({ 3, 3 }, pads({ 3 }, { pad = { 3 } }))
    assert.same({ 3, 4 }, pads({ 3 }, { pad = { 3, 4 } }))
  end)

  it("of \"same\" has its larger half before", function()
    assert.same({ 1, 1, 1, 0, 2, 1 }, pads({ 3, 2, 4 }, { pad = "same" }))
    assert.same({ 2, 2, 1, 1 }, pads({ 3, 2 }, { pad = "same", dilation = 2 }))
    assert.same({ 3, 2 }, pads({ 2 }, { pad = "same", dilation = 5 }))
  end)

  it("of \"same\" multiplies extents by the stride of a transposed layer", function()
    for kernel = 1, 5 do
      for stride = 1, 4 do
        local layer = layers.ConvTranspose({ kernel }, 1, 1, { stride = stride, pad = "same" })
        assert.equal(5 * stride, (layer(idinit.zeros(5, 1, 1)):size(1)))
      end
    end
  end)
end)

describe("A stride of 2^53", function()
  it("is one to nowhere", function()
    local x = idinit.zeros(1, 1, 1024, 1):fill(3)
    for _, kind in ipairs { "Conv", "CrossCor", "ConvTranspose" } do
      local layer = layers[kind]({ 1, 1 }, 1024, 1024, { stride = 2 ^ 53, groups = 1024 })
      assert.is_true(layer(x) == x)
    end
  end)
end)

describe("Groups", function()
  it("let an initialiser make a grouped identity", function()
    local x = scatter(idinit.zeros(3, 6, 2), random.new(1), 0)
    for _, groups in ipairs { 2, 3, 6 } do
      for _, new in ipairs(constructors) do
        local layer = new({ 3 }, 6, 6, { groups = groups, pad = "same" })
        assert.equal(6 / groups, layer.weight:size(2))
        assert.is_true(identical(x, layer(x)))
      end
    end
  end)

  it("reach the initialiser as a keyword, and so does that a layer is transposed", function()
    local calls = {}
    local function init(...)
      calls[#calls + 1] = { ... }
      return idinit(...)
    end
    layers.Conv({ 3, 2 }, 4, 6, { groups = 2, init = init })
    layers.ConvTranspose({ 3 }, 4, 6, { groups = 2, init = init })
    layers.Conv({ 3 }, 4, 6, { init = init })
    layers.Dense(4, 6, { init = init })
    layers.ConvTranspose({ 3 }, 4, 6, { init = init })
    assert.same({ { 3, 2, 2, 6, { groups = 2 } },
                  { 3, 3, 4, { transposed = true, groups = 2 } }, { 3, 4, 6 }, { 6, 4 },
                  { 3, 6, 4, { transposed = true, groups = 1 } } }, calls)
  end)
end)

describe("A fit of idinit", function()
  -- What an output makes of the inputs that it takes, in turn.
  local fits = {
    tile = function(inputs)
      local sum = 0
      for _, x in ipairs(inputs) do sum = sum + x end
      return sum
    end,
    split = function(inputs)
      local sum, c = 0, #inputs
      for r, x in ipairs(inputs) do sum = sum + 2 * r / (c * (c + 1)) * x end
      return sum
    end,
  }
  function fits.mean(inputs)
    return fits.tile(inputs) / #inputs
  end

  -- Output o of a group of outputs, from the inputs of that group.
  local function expected(fit, inputs, nout, o)
    if fit == "pad" then return inputs[o] or 0 end
    local taken, least = {}, math.min(#inputs, nout)
    for i, x in ipairs(inputs) do
      if (i - 1) % least == (o - 1) % least then taken[#taken + 1] = x end
    end
    return fits[fit](taken)
  end

  local function check(new, groups, ins, outs, fit)
    local nin, nout, options = groups * ins, groups * outs, { init = idinit { fit = fit } }
    local x = idinit.zeros(nin)
    for i = 1, nin do x[i] = i end
    local layer
    if new == layers.Dense then
      layer = new(nin, nout, options)
    else
      options.groups, options.pad = groups, "same"
      layer, x = new({ 3 }, nin, nout, options), x:reshape(1, nin, 1)
    end
    local y = layer(x):reshape(nout)
    for o = 1, nout do
      local group, inputs = math.floor((o - 1) / outs), {}
      for i = 1, ins do inputs[i] = group * ins + i end
      local wanted = expected(fit, inputs, outs, o - group * outs)
      if math.abs(y[o] - wanted) > 1e-4 then
        error(("%s, %s: output %d is %g, not %g"):format(tostring(layer), fit, o, y[o], wanted))
      end
    end
  end

  it("speaks of outputs and inputs, in every layer", function()
    for _, fit in ipairs { "pad", "tile", "mean", "split" } do
      for ins = 1, 12 do
        for outs = 1, 12 do
          check(layers.Dense, 1, ins, outs, fit)
          for _, new in ipairs(constructors) do
            check(new, 1, ins, outs, fit)
            if ins * outs < 30 then check(new, 3, ins, outs, fit) end
          end
        end
      end
    end
  end)
end)

describe("An initialiser", function()
  local function same(layer, weight)
    assert.equal(weight, layer.weight)
  end

  it("may be a weight, nested tables, or anything that can be called", function()
    local weight = idinit(3, 2, 2, { gain = 7 })
    same(layers.Conv({ 3 }, 2, 2, { init = weight }), weight)
    same(layers.Conv({ 3 }, 2, 2, { init = weight:totable() }), weight)
    same(layers.Conv({ 3 }, 2, 2, { init = idinit { gain = 7 } }), weight)
    same(layers.Conv({ 3 }, 2, 2, { init = setmetatable({}, {
      __call = function(_, ...) return idinit(..., 2, 2, { gain = 7 }) end }) }), weight)
    same(layers.Embedding(2, 3, { init = { { 1, 2 }, { 3, 4 }, { 5, 6 } } }),
      idinit.tensor { { 1, 2 }, { 3, 4 }, { 5, 6 } })
    same(layers.Dense(2, 2, { init = idinit }), idinit(2, 2))
    same(layers.Dense(2, 2, { init = idinit.zeros }), idinit.zeros(2, 2))
    same(layers.Dense(2, 2, { init = idinit.identity_init }), idinit(2, 2))
  end)
end)

describe("A batch of 0", function()
  local function size(layer, ...)
    return { layer(...):size() }
  end

  it("gives an empty result in every layer", function()
    assert.same({ 3, 0 }, size(layers.Dense(5, 3), idinit.zeros(5, 0)))
    assert.same({ 3, 2, 0, 4 }, size(layers.Dense(5, 3, { activation = math.abs }),
      idinit.zeros(5, 2, 0, 4)))
    for _, new in ipairs(constructors) do
      for _, activation in ipairs { layers.relu, layers.identity, math.abs } do
        assert.same({ 8, 7, 4, 0 }, size(new({ 3, 3 }, 2, 4, { pad = "same", bias = { 1, 2, 3, 4 },
          activation = activation }), idinit.zeros(8, 7, 2, 0)))
      end
    end
    assert.same({ 4, 0 }, size(layers.Embedding(3, 4), {}))
    assert.same({ 4, 2, 0 }, size(layers.Embedding(3, 4), { {}, {} }))
    assert.same({ 4, 2, 0, 3 }, size(layers.Embedding(3, 4), idinit.zeros(2, 0, 3)))
    assert.same({ 3, 0 }, size(layers.Dense(2, 3), { {}, {} }))
  end)

  it("is told from a wrong number of channels", function()
    local dense = layers.Dense(5, 3)
    fails(function() local _ = dense(idinit.zeros(4, 0)) end,
      "Dense 5 => 3 expects 5 inputs in dimension 1, got 4")
  end)
end)

describe("An embedding", function()
  it("gives a vector for each index of a tensor or of nested tables", function()
    local draw = random.new(random.seed)
    local layer = layers.Embedding(7, 3, { init = function(...)
      return scatter(idinit.zeros(...), draw, 1)
    end })
    for _, size in ipairs { { 5 }, { 2, 3 }, { 3, 1, 2 }, { 2, 1, 1, 2 } } do
      for _, order in ipairs { "row", "col" } do
        local keywords = { order = order, unpack(size) }
        local t = idinit(keywords)
        for p in model.positions(size) do t[p] = draw(7) end
        local y = layer(t)
        assert.same({ 3, unpack(size) }, { y:size() })
        for p in model.positions(size) do
          for o = 1, 3 do assert.equal(layer.weight(o, t:get(unpack(p))), y:get(o, unpack(p))) end
        end
        assert.equal(y, layer(t:totable()))
      end
    end
    assert.equal(layer(2), layer(idinit.tensor(2)))
  end)

  it("takes indices that float32 does not hold", function()
    local layer = layers.Embedding(2 ^ 24 + 1, 1, { init = idinit.zeros })
    layer.weight[1][2 ^ 24 + 1] = 5
    assert.same({ { 5, 0 } }, layer({ 2 ^ 24 + 1, 2 ^ 24 }):totable())
    assert.equal(5, layer(2 ^ 24 + 1)[1])
  end)
end)

describe("An activation", function()
  it("is applied to every output", function()
    local layer = layers.Dense(3, 3, { activation = function(x) return x * x + 1 end })
    assert.same({ { 2, 5 }, { 10, 17 }, { 1, 2 } },
      layer({ { 1, -2 }, { 3, 4 }, { 0, 1 } }):totable())
    layer.activation = setmetatable({}, { __call = function(_, x) return -x end })
    assert.same({ -1, -2, -3 }, layer({ 1, 2, 3 }):totable())
  end)

  it("of relu keeps NaN, and the sign of zero", function()
    local y = layers.Dense(4, 4, { activation = layers.relu }) { NAN, -1, 0 / -1, INF }
    assert.is_true(y[1] ~= y[1])
    assert.equal(0, y[2])
    assert.equal(-INF, 1 / y[3])
    assert.equal(INF, y[4])
    assert.equal(0, layers.relu(-3))
    assert.equal(3, layers.relu(3))
    assert.equal(-3, layers.identity(-3))
    fails(function() return (layers.relu "3") end, 'relu: number expected, got string "3"')
  end)

  it("is what a layer was given, though `layers` be changed", function()
    local real = layers.relu
    local before = layers.Dense(1, 1, { activation = real })
    layers.relu = function(x) return 2 * x end
    local after = layers.Dense(1, 1, { activation = layers.relu })
    local proofs = { (before:explain()), (after:explain()) }
    local results = { before({ -3 })[1], after({ -3 })[1] }
    layers.relu = real
    assert.same({ true, false }, proofs)
    assert.same({ 0, -6 }, results)
  end)

  it("may be anything that can be called, though its metatable be hidden", function()
    local twice = { __call = function(_, x) return 2 * x end, __metatable = false }
    local layer = layers.Dense(1, 1, { activation = setmetatable({}, twice) })
    assert.equal(6, layer({ 3 })[1])
  end)

  it("that raises is heard as it is", function()
    local layer = layers.Dense(1, 1, { activation = function() error("mine", 0) end })
    local ok, message = pcall(layer, { 1 })
    assert.same({ false, "mine" }, { ok, message })
  end)

  it("must return a number", function()
    local layer = layers.Dense(1, 1, { activation = function() end })
    fails(function() local _ = layer { 1 } end,
      "Dense 1 => 1: activation: number expected, got nil")
  end)

  it("may use the layer that it is of", function()
    local layer
    layer = layers.Dense(2, 2, { activation = function(x)
      return x > 1 and layer({ x - 1, 0 })[1] or x
    end })
    assert.same({ 1, 0.5 }, layer({ 3, 0.5 }):totable())
  end)
end)

describe("A layer's fields", function()
  it("tell how it was made", function()
    local layer = layers.ConvTranspose({ 2, 3 }, 4, 6, {
      groups = 2, stride = { 1, 2 }, outpad = 1, activation = layers.relu, dilation = 3 })
    assert.equal("ConvTranspose", layer.kind)
    assert.same({ 4, 6, 2 }, { layer.nin, layer.nout, layer.groups })
    assert.same({ { 2, 3 }, { 1, 2 }, { 3, 3 }, { 1, 1 }, { 0, 0, 0, 0 } },
      { layer.kernel, layer.stride, layer.dilation, layer.outpad, layer.pad })
    assert.equal(layers.relu, layer.activation)
    assert.same({ 2, 3, 3, 4 }, { layer.weight:size() })
    assert.equal(idinit.zeros(6), layer.bias)
    assert.is_nil(layer.color)
    assert.is_false(layers.Dense(1, 1, { bias = false }).bias)
    assert.is_false(layers.Embedding(1, 1).bias)
  end)

  it("are copies where they are lists", function()
    local layer = layers.Conv({ 3 }, 1, 1)
    layer.stride[1] = 7
    assert.same({ 1 }, layer.stride)
    local pad = { 1, 1 }
    layer = layers.Conv({ 3 }, 1, 1, { pad = pad })
    pad[1] = 5
    assert.same({ 1, 1 }, layer.pad)
  end)

  it("may be edited in place or replaced", function()
    local layer = layers.Dense(2, 2)
    layer.weight[1][2] = 5
    layer.bias[2] = 1
    assert.same({ 11, 3 }, layer({ 1, 2 }):totable())
    layer.weight = { { 0, 1 }, { 1, 0 } }
    layer.bias = idinit.tensor { 10, 20 }
    assert.same({ 12, 21 }, layer({ 1, 2 }):totable())
    layer.bias = false
    assert.same({ 2, 1 }, layer({ 1, 2 }):totable())
    layer.bias = true
    assert.equal(idinit.zeros(2), layer.bias)
    layer.activation = layers.relu
    layer.activation = nil
    assert.is_false(layer.activation)
  end)

  it("keep the tensor that they are given", function()
    local bias, weight = idinit.zeros(2), idinit(2, 2)
    for _, init in ipairs { weight, function() return weight end } do
      local layer = layers.Dense(2, 2, { bias = bias, init = init })
      assert.is_true(rawequal(bias, layer.bias))
      assert.is_true(rawequal(weight, layer.weight))
    end
  end)

  it("are what a copy of the layer has too", function()
    local function deepcopy(t)
      if type(t) ~= "table" then return t end
      local copy = {}
      for k, v in pairs(t) do copy[deepcopy(k)] = deepcopy(v) end
      return setmetatable(copy, deepcopy(getmetatable(t)))
    end
    local layer = layers.Conv({ 3 }, 2, 2, { pad = 1, activation = layers.relu })
    local copy = deepcopy(layer)
    assert.is_true(rawequal(layer.weight, copy.weight))
    copy.weight = idinit(3, 2, 2, { gain = 2 })
    assert.same({ { { 2 }, { 0 } } }, copy({ { { 1 }, { -1 } } }):totable())
    assert.same({ { { 1 }, { 0 } } }, layer({ { { 1 }, { -1 } } }):totable())
  end)

  it("take a bias that is a view with gaps", function()
    local layer = layers.Conv({ 1 }, 2, 2)
    local t = idinit(2, 2, { order = "col" })
    t:copy { { 3, 0 }, { 4, 0 } }
    layer.bias = t[1]
    assert.same({ { { 3 }, { 0 } } }, layer(idinit.zeros(1, 2, 1)):totable())
  end)

  it("refuse what would not fit", function()
    local layer = layers.Conv({ 3 }, 1, 2)
    fails(function() layer.weight = idinit.zeros(3, 2, 1) end,
      "Conv (3), 1 => 2: weight: tensor of size 3×1×2 expected, got size 3×2×1")
    fails(function() layer.weight = 5 end, "weight: tensor of size 3×1×2 expected, got 5")
    fails(function() layer.weight = nil end, "weight: tensor of size 3×1×2 expected, got nil")
    fails(function() layer.bias = { 1, 2, 3 } end,
      "Conv (3), 1 => 2: bias: tensor of size 2 expected, got size 3")
    fails(function() layer.bias = { 1, "2" } end, "Conv (3), 1 => 2: bias: [2]: number expected")
    fails(function() layer.activation = "relu" end,
      'Conv (3), 1 => 2: activation: function expected, got string "relu"')
    fails(function() layer.stride = 2 end, "Conv (3), 1 => 2: stride is for reading")
    fails(function() layer.wieght = 2 end,
      'Conv (3), 1 => 2: no field to set: string "wieght"')
    layer = layers.Embedding(2, 2)
    fails(function() layer.bias = true end, "Embedding 2 => 2: bias is for reading")
  end)
end)

describe("tostring", function()
  local function shown(text, kind, ...)
    assert.equal(text, tostring(layers[kind](...)))
  end

  it("reads like Flux", function()
    shown("Dense(2 => 3)       # 9 parameters", "Dense", 2, 3)
    shown("Dense(2 => 3; bias=false)  # 6 parameters", "Dense", 2, 3, { bias = false })
    shown("Dense(1 => 1; bias=false)  # 1 parameter", "Dense", 1, 1, { bias = false })
    shown("Embedding(26 => 4)  # 104 parameters", "Embedding", 26, 4)
    shown("Conv((5,), 3 => 2)  # 32 parameters", "Conv", { 5 }, 3, 2)
    shown("Conv((3, 3), 64 => 64, relu, pad=1)  # 36_928 parameters", "Conv", { 3, 3 }, 64, 64,
      { pad = "same", activation = layers.relu })
    shown("Dense(1000 => 1000)  # 1_001_000 parameters", "Dense", 1000, 1000)
    shown("CrossCor((2, 2), 4 => 4, pad=(1, 0, 1, 0), stride=2, dilation=(1, 2), groups=2, "
      .. "bias=false)  # 32 parameters", "CrossCor", { 2, 2 }, 4, 4, { pad = { 1, 0, 1, 0 },
      stride = 2, dilation = { 1, 2 }, groups = 2, bias = false })
    shown("ConvTranspose((3,), 1 => 1, function, outpad=1)  # 4 parameters", "ConvTranspose",
      { 3 }, 1, 1, { outpad = 1, activation = math.abs })
    shown("Dense(2 => 3)       # 9 parameters", "Dense", 2.0, 3.0,
      { activation = layers.identity })
  end)
end)

describe("Misuse of a constructor", function()
  local function dense(...)
    local args, n = { ... }, select("#", ...)
    return function() local _ = layers.Dense(unpack(args, 1, n)) end
  end
  local function conv(...)
    local args, n = { ... }, select("#", ...)
    return function() local _ = layers.Conv(unpack(args, 1, n)) end
  end
  local function convtranspose(...)
    local args = { ... }
    return function() local _ = layers.ConvTranspose(unpack(args)) end
  end

  it("names what it expects of channels", function()
    fails(dense(), "Dense: nin: positive integer expected, got nil")
    fails(dense(3), "Dense: nout: positive integer expected, got nil")
    fails(dense(0, 3), "Dense: nin: positive integer expected, got 0")
    fails(dense(3, 2.5), "Dense: nout: positive integer expected, got 2.5")
    fails(dense(3, NAN), "Dense: nout: positive integer expected, got nan")
    fails(dense(3, INF), "Dense: nout: positive integer expected, got inf")
    fails(dense("3", 3), 'Dense: nin: positive integer expected, got string "3"')
    fails(conv({ 3 }, 0, 1), "Conv (3): nin: positive integer expected, got 0")
    fails(conv({ 3 }, 1, 2 ^ 54), "Conv (3): nout: positive integer expected, got 1.80143985")
    fails(function() local _ = layers.Embedding(4) end,
      "Embedding: nout: positive integer expected, got nil")
  end)

  it("names what it expects of a kernel", function()
    local expected = "Conv: kernel: table of 1 to 30 positive integers expected, got "
    fails(conv(3, 1, 1), expected .. "3")
    fails(conv({}, 1, 1), expected .. "one of 0")
    fails(conv({ 3, 0 }, 1, 1), expected .. "0 at position 2")
    fails(conv({ 3, "3" }, 1, 1), expected .. 'string "3" at position 2')
    fails(conv({ 3, nil, 3 }, 1, 1), expected .. "nil at position 2")
    fails(conv({ 3, pad = 1 }, 1, 1), expected .. "one with other keys")
    local many = {}
    for d = 1, 31 do many[d] = 1 end
    fails(conv(many, 1, 1), expected .. "one of 31")
  end)

  it("suggests a keyword that is near, or tells all", function()
    fails(conv({ 3, 3 }, 2, 4, { strid = 1 }),
      'Conv (3,3), 2 => 4: unknown keyword "strid": did you mean "stride"?')
    fails(conv({ 3 }, 2, 4, { outpad = 1 }), 'unknown keyword "outpad": one of activation, bias, ')
    fails(dense(2, 4, { pad = 1 }),
      'Dense 2 => 4: unknown keyword "pad": one of activation, bias, init expected')
    fails(dense(2, 4, { 1 }), "Dense 2 => 4: keyword: string expected, got 1")
    fails(dense(2, 4, layers.relu), "Dense 2 => 4: keywords: plain table expected, got function")
    fails(dense(2, 4, setmetatable({}, {})), "plain table expected, got one with a metatable")
    fails(function() local _ = layers.Embedding(2, 4, { bias = true }) end,
      'Embedding 2 => 4: unknown keyword "bias": one of init expected')
  end)

  it("names what it expects of keywords", function()
    local label = "Conv (3,3), 4 => 6: "
    local function options(kw) return conv({ 3, 3 }, 4, 6, kw) end
    local positive = "positive integer or table of 2 expected, got "
    fails(options { stride = 0 }, label .. "stride: " .. positive .. "0")
    fails(options { stride = { 1 } }, label .. "stride: " .. positive .. "one of 1")
    fails(options { stride = { 1, 0.5 } }, label .. "stride: " .. positive .. "0.5 at position 2")
    fails(options { dilation = -1 }, label .. "dilation: " .. positive .. "-1")
    local pad = label .. "pad: non-negative integer, table of 2 or 4 of them, "
      .. 'or "same" expected, got '
    fails(options { pad = -1 }, pad .. "-1")
    fails(options { pad = { 1, 2, 3 } }, pad .. "one of 3")
    fails(options { pad = { 1, -2 } }, pad .. "-2 at position 2")
    fails(options { pad = "valid" }, pad .. 'string "valid"')
    fails(options { groups = 0 }, label .. "groups: positive integer expected, got 0")
    fails(options { groups = 3 },
      label .. "groups: divisor of 4 inputs and 6 outputs expected, got 3")
    fails(options { groups = 4 },
      label .. "groups: divisor of 4 inputs and 6 outputs expected, got 4")
    fails(options { bias = 1 }, label .. "bias: tensor of size 6 expected, got 1")
    fails(options { bias = { 1, 2 } }, label .. "bias: tensor of size 6 expected, got size 2")
    fails(options { activation = 1 }, label .. "activation: function expected, got 1")
    fails(convtranspose({ 3 }, 1, 1, { outpad = -1 }),
      "ConvTranspose (3), 1 => 1: outpad: non-negative integer or table of 1 expected, got -1")
  end)

  it("tells what the initialiser did", function()
    local label = "Conv (3,3), 2 => 4: init: "
    local function init(f) return conv({ 3, 3 }, 2, 4, { init = f }) end
    local size = "tensor of size 3×3×2×4 expected, got "
    fails(init(5), label .. "function or tensor of size 3×3×2×4 expected, got 5")
    fails(init(false), label .. "function or tensor of size 3×3×2×4 expected, got boolean")
    fails(init(function() end), label .. size .. "nil")
    fails(init(function() return {} end), label .. size .. "table")
    fails(init(function() return idinit(3, 3, 4, 2) end), label .. size .. "size 3×3×4×2")
    fails(init(function() return idinit(3, 3, 2) end), label .. size .. "size 3×3×2")
    fails(init(function() error("no luck", 0) end), label .. "no luck")
    fails(init(idinit { layout = "oi" }), label .. 'layout: "oi" names 2 axes')
    fails(dense(3, 4, { init = function() return idinit(3, 4) end }),
      "Dense 3 => 4: init: tensor of size 4×3 expected, got size 3×4")
    fails(init(idinit(3, 3, 4, 2)), label .. size .. "size 3×3×4×2")
    fails(dense(2, 2, { init = { { 1, 2 }, { 3 } } }),
      "Dense 2 => 2: init: [2]: table of 2 expected, got one of 1")
    fails(dense(2, 2, { init = { { 1, 2 } } }), "init: tensor of size 2×2 expected, got size 1×2")
  end)

  it("passes on an error of the initialiser that is no text", function()
    local mine = setmetatable({}, { __tostring = function() return "mine" end })
    for _, object in ipairs { mine, false, io.stdout } do
      local ok, got = pcall(layers.Conv, { 3 }, 2, 2, { init = function() error(object) end })
      assert.is_false(ok)
      assert.is_true(rawequal(object, got))
    end
  end)

  it("is caught where sizes overflow", function()
    fails(conv({ 2 ^ 40, 2 ^ 40 }, 1, 1), "Conv (1099511627776,1099511627776), 1 => 1: "
      .. "init: not enough memory", "of size 1099511627776×1099511627776×1×1")
    fails(dense(2 ^ 25, 2 ^ 25), "Dense 33554432 => 33554432: init: not enough memory")
    local long = layers.Dense(1, 2 ^ 27, { init = idinit, bias = false })
    fails(function() long:explain() end, -- whose lists would be longer than a table
      "Dense 1 => 134217728: not enough memory to explain size 134217728×1")
    fails(function() layers.Conv({ 1 }, 1, 1, { pad = 2 ^ 53 })(idinit.zeros(1, 1, 1)) end,
      "Conv (1), 1 => 1 makes more than 2^53 outputs in dimension 1")
    fails(conv({ 3 }, 1, 1, { dilation = 2 ^ 53, pad = "same" }), "Conv (3), 1 => 1: dilation: "
      .. "9007199254740992 would spread kernel 3 over more than 2^53")
    fails(conv({ 1, 2049 }, 1, 1, { dilation = 2 ^ 53 }), "would spread kernel 2049 over more")
    fails(convtranspose({ 3 }, 1, 1, { stride = 2 ^ 53, dilation = 2, pad = "same" }),
      'ConvTranspose (3), 1 => 1: pad: "same" would be more than 2^53')
  end)
end)

describe("Misuse of a layer", function()
  local conv = layers.Conv({ 3, 3 }, 2, 4)

  it("is an error that names the layer", function()
    fails(function() local _ = conv(idinit.zeros(5, 5, 5, 1)) end,
      "Conv (3,3), 2 => 4 expects 2 channels in dimension 3, got 5")
    fails(function() local _ = conv(idinit.zeros(5, 5, 2)) end, "Conv (3,3), 2 => 4 expects "
      .. "data of 4 dimensions (2 spatial, channels, batch), got 3")
    fails(function() local _ = conv() end,
      "Conv (3,3), 2 => 4 expects a tensor or nested tables, got nil")
    fails(function() local _ = conv("x") end,
      'Conv (3,3), 2 => 4 expects a tensor or nested tables, got string "x"')
    fails(function() local _ = conv { { 1, 2 }, { 3 } } end,
      "Conv (3,3), 2 => 4: data: [2]: table of 2 expected, got one of 1")
    local dense = layers.Dense(5, 3)
    fails(function() local _ = dense { 1, 2, 3 } end,
      "Dense 5 => 3 expects 5 inputs in dimension 1, got 3")
    fails(function() local _ = dense {} end, "Dense 5 => 3 expects 5 inputs in dimension 1, got 0")
    fails(function() local _ = dense(idinit.tensor(1)) end,
      "Dense 5 => 3 expects data of 1 dimension or more, got 0")
  end)

  it("tells the least extent that a kernel needs", function()
    fails(function() local _ = conv(idinit.zeros(0, 5, 2, 1)) end, "Conv (3,3), 2 => 4 expects an "
      .. "extent of 3 or more in dimension 1 (kernel 3, padding 0 + 0), got 0")
    fails(function() local _ = layers.Conv({ 1 }, 1, 1, { pad = 2 })(idinit.zeros(0, 1, 1)) end,
      "expects an extent of 1 or more in dimension 1 (kernel 1, padding 2 + 2), got 0")
    fails(function() local _ = conv(idinit.zeros(5, 2, 2, 1)) end, "Conv (3,3), 2 => 4 expects an "
      .. "extent of 3 or more in dimension 2 (kernel 3, padding 0 + 0), got 2")
    local layer = layers.Conv({ 3 }, 1, 1, { dilation = 4, pad = { 1, 2 }, stride = 3 })
    fails(function() local _ = layer(idinit.zeros(5, 1, 1)) end,
      "expects an extent of 6 or more in dimension 1 (kernel 3, padding 1 + 2), got 5")
    assert.equal(1, (layer(idinit.zeros(6, 1, 1)):size(1)))
    layer = layers.ConvTranspose({ 3 }, 1, 1, { pad = 6, stride = 2 })
    fails(function() local _ = layer(idinit.zeros(5, 1, 1)) end,
      "expects an extent of 6 or more in dimension 1 (kernel 3, padding 6 + 6), got 5")
    assert.equal(1, (layer(idinit.zeros(6, 1, 1)):size(1)))
  end)

  it("is caught where sizes overflow", function()
    local layer = layers.ConvTranspose({ 1, 1 }, 1, 1, { stride = 2 ^ 25 })
    fails(function() local _ = layer(idinit.zeros(3, 3, 1, 1)) end, "ConvTranspose (1,1), 1 => 1",
      "memory", "size 67108865×67108865×1×1") -- which 32 bits cannot count
    layer = layers.ConvTranspose({ 1, 1 }, 1, 1, { stride = 2 ^ 30 })
    fails(function() local _ = layer(idinit.zeros(3, 3, 1, 1)) end,
      "ConvTranspose (1,1), 1 => 1 makes more than memory can hold: size 2147483649×")
    layer = layers.ConvTranspose({ 1 }, 1, 1, { stride = 2 ^ 53 })
    fails(function() local _ = layer(idinit.zeros(3, 1, 1)) end,
      "ConvTranspose (1), 1 => 1 makes more than 2^53 outputs in dimension 1")
    layer = layers.Conv({ 3 }, 1, 1, { dilation = 2 ^ 52, pad = 2 ^ 53 })
    fails(function() local _ = layer(idinit.zeros(3, 1, 1)) end,
      "Conv (3), 1 => 1 makes more than 2^53 outputs in dimension 1")
  end)

  it("is caught where an index names no vector", function()
    local layer = layers.Embedding(26, 4)
    local range = "Embedding 26 => 4 expects indices in range [1, 26], got %s at position 1"
    for text, index in pairs { ["27"] = 27, ["0"] = 0, ["1.5"] = 1.5, nan = NAN,
                               userdata = io.stdout } do
      fails(function() local _ = layer(index) end, range:format(text))
    end
    fails(function() local _ = layer() end, range:format "nil")
    fails(function() local _ = layer { 1, 27 } end,
      "Embedding 26 => 4 expects indices in range [1, 26], got 27 at position 2")
    fails(function() local _ = layer { 1, "2" } end, 'got string "2" at position 2')
    fails(function() local _ = layer { 1, nil, 3 } end,
      "Embedding 26 => 4 expects indices in range [1, 26], got nil at position 2")
    fails(function() local _ = layer(idinit.tensor { { 1, 2 }, { 3, 0.5 } }) end,
      "Embedding 26 => 4 expects indices in range [1, 26], got 0.5 at position 4")
    fails(function() local _ = layer { { 1, 2 }, { 3, "4" } } end, 'got string "4" at position 4')
    fails(function() local _ = layer { { 1, 2 }, { 3 } } end,
      "Embedding 26 => 4: data: [2]: table of 2 expected, got one of 1")
    fails(function() local _ = layer { { 1, 2 }, 3 } end,
      "Embedding 26 => 4: data: [2]: table of 2 expected, got 3")
    fails(function() local _ = layer { 1, { 2 } } end, "got table at position 2")
    local deep = 1
    for _ = 1, 32 do deep = { deep } end
    fails(function() local _ = layer(deep) end,
      "Embedding 26 => 4 expects indices of less than 32 dimensions")
    assert.equal(32, layer(deep[1]):dim())
    fails(function() local _ = layer { deep } end,
      "Embedding 26 => 4: data: tables nested no deeper than 32 expected")
  end)

  it("of its functions is told from that of layers", function()
    fails(function() conv.explain() end, "layer expected, got nil")
    fails(function() conv.explain {} end, "layer expected, got table")
    local meta = getmetatable(conv)
    assert.equal("function", type(meta.__call))
    for _, name in ipairs { "__call", "__newindex", "__tostring" } do
      fails(function() meta[name]({}, 1, 2) end, "layer expected, got table")
    end
    fails(function() local _ = meta.__index(5, "bias") end, "layer expected, got 5")
  end)
end)

describe("The core of layers", function()
  local x, w = idinit.zeros(3, 1, 1), idinit(1, 1, 1)
  local good = { 1, 1, 1, 1, 1, 1, 0, 0, 0 }
  local conv = core.layer("label", "Conv", good)

  local function refuses(f, ...)
    assert.is_false((pcall(f, ...)))
  end

  it("makes none that could not be run", function()
    for k = 1, #good do
      for _, value in ipairs { "1", 0.5, -1, NAN, 2 ^ 60, {}, false } do
        local list = { unpack(good) }
        list[k] = value
        if not (value == -1 and k > 6 and k < 9) then refuses(core.layer, "label", "Conv", list) end
      end
    end
    refuses(core.layer, "label", "Conv", { 3, 4, 2, 1, 1, 1, 0, 0, 0 })
    refuses(core.layer, "label", "Conv", { 4, 3, 2, 1, 1, 1, 0, 0, 0 })
    refuses(core.layer, "label", "Conv", { 1, 1, 1, 3, 1, 2 ^ 53, 0, 0, 0 })
    refuses(core.layer, "label", "Conv", { 1, 1, 1 })
    refuses(core.layer, "label", "Conv", { 1, 1 })
    refuses(core.layer, "label", "Embedding", good)
    refuses(core.layer, "label", "Dense", good)
    refuses(core.layer, "label", "conv", good)
    refuses(core.layer, {}, "Conv", good)
    refuses(core.layer, "label", "Conv")
    local many = { 1, 1, 1 }
    for k = 4, 3 + 6 * 31 do many[k] = 1 end
    refuses(core.layer, "label", "Conv", many)
    for k = 1, 6 do many[#many], many[k - 0] = nil, 1 end
    assert.equal(30, #select(2, core.layer("label", "Conv", many)) - 2)
  end)

  it("knows a layer from all else", function()
    for _, name in ipairs { "forward", "census", "weight", "axis", "map" } do
      for _, bad in ipairs { x, io.stdout, "label", {}, 5, print,
                             coroutine.create(function() end) } do
        refuses(core[name], bad, x, w)
        refuses(core[name], bad, w, 1)
        refuses(core[name], bad, 1, 1, 1)
      end
      refuses(core[name])
    end
    assert.is_true((pcall(core.forward, conv, x, w)))
  end)

  it("trusts no arguments", function()
    for _, bad in ipairs { 1, "x", {}, idinit.zeros(2), io.stdout, print, conv } do
      refuses(core.forward, conv, bad, w)
      refuses(core.forward, conv, x, bad)
      refuses(core.forward, conv, x, w, bad)
      refuses(core.census, conv, bad)
      refuses(core.weight, conv, bad, 1, 1)
      refuses(core.map, conv, bad, 5)
    end
    local embedding = core.layer("label", "Embedding", { 3, 2, 1 })
    refuses(core.forward, embedding, 1, idinit(3, 2))
    refuses(core.forward, embedding, 4, idinit(2, 3))
    for _, bad in ipairs { 0, 2, 1.5, NAN, "1", {}, 2 ^ 60 } do
      refuses(core.weight, conv, w, bad, 1)
      if bad ~= 2 then refuses(core.weight, conv, w, 1, bad) end
      refuses(core.weight, conv, w, 1, 1, bad)
      refuses(core.axis, conv, bad, 1, 1)
      refuses(core.axis, conv, 1, 1, bad)
      if bad ~= 2 then refuses(core.axis, conv, 1, bad, 1) end
    end
    refuses(core.map, conv, idinit(2, 2, { order = "col" })[1], math.abs)
  end)

  it("bears a tensor that is finalized on the way", function()
    local finalize = debug.getmetatable(idinit(100, 100)).__gc
    local layer = layers.Dense(2, 2)
    local weight = layer.weight
    local data = idinit.zeros(2)
    layer.activation = function(v)
      finalize(weight)
      return v
    end
    assert.equal(data, layer(data))
    fails(function() local _ = layer(data) end, "weight: tensor has been finalized")
    finalize(data)
    layer = layers.Dense(2, 2)
    fails(function() local _ = layer(data) end, "expects a tensor or nested tables")
    local y = idinit.zeros(3)
    pcall(core.map, conv, y, function(v)
      finalize(y)
      return v
    end)
    assert.is_false(idinit.is_tensor(y))
  end)
end)
