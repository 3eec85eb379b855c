--- What the arguments of a layer's constructor mean, checked: a table that
--- `idinit.layers` wraps. Its fields are those that a layer shows, and
---
---   label  what errors begin with: "Conv (3,3), 2 => 4"
---   size   of the weight
---   list   the settings as the core reads them
local core = require "idinit.core"
local idinit = require "idinit"
local labels = require "idinit.labels"

local unpack = table.unpack or unpack
local floor = math.floor
local num, got, join = core.numbertext, core.gottext, labels.join

local MOST = 2 ^ 53
local MAXAXES = 30
local TRANSPOSED, FLIPPED = 1, 2 -- the core's names for a kind of layer

local settings = {}

-- Readers return a value, or nil and what is wrong with it.

local function integer(what, value, least)
  local is_integer = type(value) == "number" and value >= least
    and value <= MOST and floor(value) == value
  if is_integer then return floor(value) + 0 end -- no -0
  return nil, ("%s: %s integer expected, got %s"):format(
    what, least == 1 and "positive" or "non-negative", got(value))
end

local function iscallable(value)
  if type(value) == "function" then return true end
  if type(value) ~= "table" and type(value) ~= "userdata" then return false end
  local meta = getmetatable(value) -- or what hides it
  if type(meta) ~= "table" then return meta ~= nil end
  return rawget(meta, "__call") ~= nil
end

-- A list of the integers of `least` or more in a table; or nil and what it is
-- instead.
local function integers(list, least)
  local copy, count = {}, 0
  for key in next, list do
    if type(key) ~= "number" then return nil, "one with other keys" end
    count = count + 1
  end
  for k = 1, count do
    local value = rawget(list, k)
    copy[k] = integer("", value, least)
    if not copy[k] then return nil, ("%s at position %d"):format(got(value), k) end
  end
  return copy, "one of " .. num(count)
end

local function peraxis(what, value, axes, least, default)
  local list, wrong
  if value == nil then value = default end
  if type(value) == "table" then
    list, wrong = integers(value, least)
    if list and #list == axes then return list end
  else
    local n = integer(what, value, least)
    if n then
      list = {}
      for d = 1, axes do list[d] = n end
      return list
    end
  end
  local sort = least == 1 and "positive" or "non-negative"
  return nil, ("%s: %s integer or table of %d expected, got %s"):format(
    what, sort, axes, wrong or got(value))
end

-- Flux's rule, which makes the kernel of a transposed layer smaller by stride
-- - 1 first: this can turn padding negative.
local function samepadding(s)
  local pad = {}
  for d, k in ipairs(s.kernel) do
    if s.kind == "ConvTranspose" then k = k - s.stride[d] + 1 end
    local total = s.dilation[d] * (k - 1.0)
    if math.abs(total) > MOST then
      return nil, 'pad: "same" would be more than 2^53'
    end
    pad[2 * d] = floor(total / 2)
    pad[2 * d - 1] = floor(total) - pad[2 * d]
  end
  return pad
end

-- Padding as {low1, high1, ...}.
local function readpad(s, value)
  if value == "same" then return samepadding(s) end
  local axes, wrong = #s.kernel, nil
  if type(value) == "table" then
    local list
    list, wrong = integers(value, 0)
    if list and #list == 2 * axes then return list end
  end
  local each = peraxis("pad", value, axes, 0, 0)
  if each then
    local pad = {}
    for d, n in ipairs(each) do pad[2 * d - 1], pad[2 * d] = n, n end
    return pad
  end
  return nil, ("pad: non-negative integer, table of %d or %d of them, or "
    .. '"same" expected, got %s'):format(axes, 2 * axes, wrong or got(value))
end

-- The tensor that a value is, or, where `tables` allow it, that nested tables
-- hold; of a size.
local function sized(what, value, size, tables)
  if tables and type(value) == "table" then
    local ok, t = pcall(core.tensor, value)
    if not ok then return nil, what .. ": " .. tostring(t) end
    value = t
  end
  if not core.is_tensor(value) then
    return nil, ("%s: tensor of size %s expected, got %s"):format(
      what, join(size, "×"), got(value))
  end
  local actual = { value:size() }
  local same = #actual == #size
  for d = 1, #size do same = same and actual[d] == size[d] end
  if same then return value end
  return nil, ("%s: tensor of size %s expected, got size %s"):format(
    what, join(size, "×"), join(actual, "×"))
end

function settings.bias(s, value)
  if value == false then return false end
  if value ~= nil and value ~= true then
    return sized("bias", value, { s.nout }, true)
  end
  local ok, zeros = pcall(core.zeros, s.nout)
  if ok then return zeros end
  return nil, "bias: " .. tostring(zeros)
end

function settings.activation(_, value)
  if value == nil or value == false then return false end
  if iscallable(value) then return value end
  return nil, "activation: function expected, got " .. got(value)
end

function settings.weight(s, value)
  return sized("weight", value, s.size, true)
end

local function initialise(s, init)
  if init == nil then init = idinit end
  if not iscallable(init) then
    return nil, "init: function expected, got " .. got(init)
  end
  local numel = 1.0 -- which cannot wrap
  for _, n in ipairs(s.size) do numel = numel * n end
  if numel > MOST then
    return nil, ("weight of size %s is past all memory"):format(
      join(s.size, "×"))
  end
  local args = { unpack(s.size) }
  if s.groups > 1 then args[#args + 1] = { groups = s.groups } end
  local ok, weight = pcall(init, unpack(args))
  if not ok then return nil, "init: " .. tostring(weight) end
  return sized("init", weight, s.size)
end

local known = {
  Dense = { "activation", "bias", "init" },
  Conv = { "activation", "bias", "dilation", "groups", "init", "pad",
           "stride" },
  ConvTranspose = { "activation", "bias", "dilation", "groups", "init",
                    "outpad", "pad", "stride" },
  Embedding = { "init" },
}
known.CrossCor = known.Conv

-- Keywords as a table, or what is wrong with them.
local function readkeywords(kind, given)
  if given == nil then return {} end
  if type(given) ~= "table" or getmetatable(given) ~= nil then
    local what = type(given) == "table" and "one with a metatable" or got(given)
    return nil, "keywords: plain table expected, got " .. what
  end
  local kw, listed = {}, {}
  for _, name in ipairs(known[kind]) do
    listed[name] = true
    kw[name] = rawget(given, name)
  end
  for name in next, given do
    if not listed[name] then return nil, core.unknown(name, known[kind]) end
  end
  return kw
end

-- Runs a chain of readers, each of which puts a field in place. Returns what
-- is wrong with the first that fails.
local function fill(s, fields)
  for _, field in ipairs(fields) do
    local name, read, value = field[1], field[2], field[3]
    local result, wrong = read(s, value)
    if result == nil then return s.label .. ": " .. wrong end
    s[name] = result
  end
end

local function finish(s, kw)
  return fill(s, {
    { "weight", initialise, kw.init },
    { "bias", settings.bias, kw.bias },
    { "activation", settings.activation, kw.activation },
  })
end

-- Channels, of which the label then speaks.
local function readchannels(s, separator, nin, nout)
  local wrong
  s.nin, wrong = integer("nin", nin, 1)
  if not s.nin then return wrong end
  s.nout, wrong = integer("nout", nout, 1)
  if not s.nout then return wrong end
  s.label = s.label .. separator .. num(s.nin) .. " => " .. num(s.nout)
end

--- A layer without a kernel. Returns nil and what is wrong with the arguments,
--- with the label, if something is; so does the next function.
---@param kind "Dense"|"Embedding"
function settings.matrix(kind, nin, nout, given)
  local s = { kind = kind, label = kind, groups = 1, kernel = {}, stride = {},
              dilation = {}, outpad = {}, pad = {} }
  local kw, wrong
  wrong = readchannels(s, " ", nin, nout)
  if not wrong then kw, wrong = readkeywords(kind, given) end
  if wrong then return nil, s.label .. ": " .. wrong end
  if kind == "Embedding" then kw.bias = false end
  s.size = { s.nout, s.nin }
  s.list = { 0, 1, s.nin, s.nout }
  wrong = finish(s, kw)
  if wrong then return nil, wrong end
  return s
end

local function readkernel(s, kernel)
  local list, wrong
  if type(kernel) == "table" then list, wrong = integers(kernel, 1) end
  if not list or #list == 0 or #list > MAXAXES then
    return ("kernel: table of 1 to %d positive integers expected, got %s")
      :format(MAXAXES, wrong or got(kernel))
  end
  s.kernel = list
  s.label = ("%s (%s)"):format(s.label, join(list, ","))
end

local function readgroups(s, value)
  if value == nil then return 1 end
  local groups, wrong = integer("groups", value, 1)
  if not groups then return nil, wrong end
  if s.nin % groups ~= 0 or s.nout % groups ~= 0 then
    return nil, ("groups: divisor of %s inputs and %s outputs expected, got %s")
      :format(num(s.nin), num(s.nout), num(groups))
  end
  return groups
end

local function axisreader(name, least, default)
  return function(s, value)
    return peraxis(name, value, #s.kernel, least, default)
  end
end

local function readdilation(s, value)
  local list, wrong = peraxis("dilation", value, #s.kernel, 1, 1)
  for d, n in ipairs(list or {}) do
    if n * (s.kernel[d] - 1.0) > MOST then
      return nil, ("dilation: %s would spread kernel %s over more than 2^53")
        :format(num(n), num(s.kernel[d]))
    end
  end
  return list, wrong
end

local function listed(s)
  local kind = s.kind == "ConvTranspose" and TRANSPOSED or 0
  if s.kind ~= "CrossCor" then kind = kind + FLIPPED end
  local list = { kind, s.groups, s.nin, s.nout }
  for d = 1, #s.kernel do
    for _, n in ipairs { s.kernel[d], s.stride[d], s.dilation[d],
                         s.pad[2 * d - 1], s.pad[2 * d], s.outpad[d] } do
      list[#list + 1] = n
    end
  end
  return list
end

local function weightsize(s)
  local size = { unpack(s.kernel) }
  local transposed = s.kind == "ConvTranspose"
  size[#size + 1] = floor((transposed and s.nout or s.nin) / s.groups)
  size[#size + 1] = transposed and s.nin or s.nout
  return size
end

---@param kind "Conv"|"CrossCor"|"ConvTranspose"
function settings.convolution(kind, kernel, nin, nout, given)
  local s = { kind = kind, label = kind }
  local kw
  local wrong = readkernel(s, kernel) or readchannels(s, ", ", nin, nout)
  if not wrong then kw, wrong = readkeywords(kind, given) end
  if wrong then return nil, s.label .. ": " .. wrong end
  wrong = fill(s, {
    { "groups", readgroups, kw.groups },
    { "stride", axisreader("stride", 1, 1), kw.stride },
    { "dilation", readdilation, kw.dilation },
    { "outpad", axisreader("outpad", 0, 0), kw.outpad },
    { "pad", readpad, kw.pad },
  })
  if wrong then return nil, wrong end
  s.size = weightsize(s)
  s.list = listed(s)
  wrong = finish(s, kw)
  if wrong then return nil, wrong end
  return s
end

return settings
