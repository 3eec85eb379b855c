--- What the arguments of a layer's constructor mean, checked. What is wrong is
--- raised as text without a place: `idinit.layers` puts the label before it and
--- blames the script.
---
--- Settings are a table. Its fields are those that a layer shows, and
---
---   label       what errors begin with: "Conv (3,3), 2 => 4"
---   layer       what the core made of them, with `size` (of the weight),
---               and `transposed`
---   plain_init  whether the weight is that of idinit without keywords
local core = require "idinit.core"
local idinit = require "idinit"
local labels = require "idinit.labels"

local error, getmetatable, ipairs, next = error, getmetatable, ipairs, next
local pcall, rawget, tostring, type = pcall, rawget, tostring, type
local unpack = table.unpack or unpack
local format = string.format
local num, got, toint, join = core.numbertext, core.gottext, core.integer,
  labels.join

local MOST = 2 ^ 53
local MAXAXES = 30

local settings = {}

-- The keywords of each kind of layer.
local known = {
  Dense = { "activation", "bias", "init" },
  Conv = { "activation", "bias", "dilation", "groups", "init", "pad",
           "stride" },
  ConvTranspose = { "activation", "bias", "dilation", "groups", "init",
                    "outpad", "pad", "stride" },
  Embedding = { "init" },
}
known.CrossCor = known.Conv

--- Whether a kind of layer has a keyword.
---@param kind string
---@param name string
---@return boolean
function settings.knows(kind, name)
  for _, other in ipairs(known[kind]) do
    if other == name then return true end
  end
  return false
end

local function fail(...) error(format(...), 0) end

local sorts = { [0] = "non-negative", "positive" }

local function integer(what, value, least)
  local n = toint(value)
  if n and n >= least then return n end
  fail("%s: %s integer expected, got %s", what, sorts[least], got(value))
end

-- Integers: one for each axis from a number, or from nil the least; or those that
-- a table lists. And what the value is. The list is nil where one is less than
-- `least`, or is none.
local function integers(value, least, axes)
  local list, count = {}, 0
  if type(value) ~= "table" then
    local n = value == nil and least or toint(value)
    if not n or n < least then return nil, got(value) end
    for d = 1, axes do list[d] = n end
    return list, got(value)
  end
  for key in next, value do
    if type(key) ~= "number" then return nil, "one with other keys" end
    count = count + 1
  end
  for k = 1, count do
    list[k] = toint(rawget(value, k))
    if not list[k] or list[k] < least then
      return nil, format("%s at position %d", got(rawget(value, k)), k)
    end
  end
  return list, "one of " .. num(count)
end

local function readkernel(value)
  local list, what = integers(value, 1, 0)
  if list and #list > 0 and #list <= MAXAXES then return list end
  fail("kernel: table of 1 to %d positive integers expected, got %s", MAXAXES,
    what)
end

local function peraxis(s, name, value, least)
  local axes = #s.kernel
  local list, what = integers(value, least, axes)
  if list and #list == axes then return list end
  fail("%s: %s integer or table of %d expected, got %s", name, sorts[least],
    axes, what)
end

-- Padding as {low1, high1, ...}; nil for "same".
local function readpad(s, value)
  if value == "same" then return nil end
  local axes, pad = #s.kernel, {}
  local list, what = integers(value, 0, axes)
  if list and #list == 2 * axes then return list end
  if not list or #list ~= axes then
    fail('pad: non-negative integer, table of %d or %d of them, or "same" '
      .. "expected, got %s", axes, 2 * axes, what)
  end
  for d, n in ipairs(list) do pad[2 * d - 1], pad[2 * d] = n, n end
  return pad
end

local function readgroups(s, value)
  local groups = value == nil and 1 or integer("groups", value, 1)
  if s.nin % groups == 0 and s.nout % groups == 0 then return groups end
  fail("groups: divisor of %s inputs and %s outputs expected, got %s",
    num(s.nin), num(s.nout), num(groups))
end

local function readdilation(s, value)
  local list = peraxis(s, "dilation", value, 1)
  for d, n in ipairs(list) do
    if n * (s.kernel[d] - 1.0) > MOST then
      fail("dilation: %s would spread kernel %s over more than 2^53", num(n),
        num(s.kernel[d]))
    end
  end
  return list
end

-- Keywords as a plain table without others.
local function readkeywords(kind, given)
  if given == nil then return {} end
  if type(given) ~= "table" or getmetatable(given) ~= nil then
    fail("keywords: plain table expected, got %s",
      type(given) == "table" and "one with a metatable" or got(given))
  end
  for name in next, given do
    if not settings.knows(kind, name) then
      fail("%s", core.unknown(name, unpack(known[kind])))
    end
  end
  return given
end

local function iscallable(value)
  if type(value) == "function" then return true end
  if type(value) ~= "table" and type(value) ~= "userdata" then return false end
  local meta = getmetatable(value) -- or what hides it
  if type(meta) ~= "table" then return meta ~= nil end
  return rawget(meta, "__call") ~= nil
end

-- The tensor of a size that a value is, or that nested tables hold.
local function sized(what, value, size)
  if type(value) == "table" then
    local ok, t = pcall(core.tensor, value)
    if not ok then fail("%s: %s", what, tostring(t)) end
    value = t
  end
  if not core.is_tensor(value) then
    fail("%s: tensor of size %s expected, got %s", what, join(size, "×"),
      got(value))
  end
  local actual = { value:size() }
  local same = #actual == #size
  for d = 1, #size do same = same and actual[d] == size[d] end
  if same then return value end
  fail("%s: tensor of size %s expected, got size %s", what, join(size, "×"),
    join(actual, "×"))
end

function settings.bias(s, value)
  if value == false then return false end
  if value ~= nil and value ~= true then
    return sized("bias", value, { s.nout })
  end
  local ok, zeros = pcall(core.zeros, s.nout)
  if ok then return zeros end
  fail("bias: %s", tostring(zeros))
end

function settings.activation(_, value)
  if value == nil or value == false then return false end
  if iscallable(value) then return value end
  fail("activation: function expected, got %s", got(value))
end

function settings.weight(s, value)
  return sized("weight", value, s.size)
end

-- What init makes of a size; or init, if it is a weight itself.
local function initialise(s, init)
  if core.is_tensor(init) or type(init) == "table" and not iscallable(init) then
    return sized("init", init, s.size)
  end
  if not iscallable(init) then
    fail("init: function or tensor of size %s expected, got %s",
      join(s.size, "×"), got(init))
  end
  local args = { unpack(s.size) }
  if s.transposed or s.groups > 1 then
    args[#args + 1] = { transposed = s.transposed or nil, groups = s.groups }
  end
  local ok, weight = pcall(init, unpack(args))
  if ok and type(weight) ~= "table" then return sized("init", weight, s.size) end
  if ok then fail("init: tensor of size %s expected, got table", join(s.size, "×")) end
  error(type(weight) == "string" and "init: " .. weight or weight, 0)
end

-- Hands the settings to the core.
local function finish(s, pad)
  local list = { s.nin, s.nout, s.groups }
  for d, k in ipairs(s.kernel) do
    local low, high = 0, 0
    if pad then low, high = pad[2 * d - 1], pad[2 * d] end
    for _, n in ipairs { k, s.stride[d], s.dilation[d], low, high, s.outpad[d] } do
      list[#list + 1] = n
    end
  end
  s.layer, s.size, s.pad, s.transposed =
    core.layer(s.label, s.kind, list, not pad)
  if not s.layer then fail 'pad: "same" would be more than 2^53' end
end

--- Fills in settings, whose `label` is their kind yet, from the arguments of a
--- constructor; `kernel` counts for kinds with axes only. Returns them.
function settings.read(s, kernel, nin, nout, given)
  s.kind = s.label
  local has_axes = settings.knows(s.kind, "stride")
  s.kernel = has_axes and readkernel(kernel) or {}
  if has_axes then s.label = s.label .. " (" .. join(s.kernel, ",") .. ")" end
  s.nin, s.nout = integer("nin", nin, 1), integer("nout", nout, 1)
  s.label = s.label .. (has_axes and ", " or " ") .. num(s.nin) .. " => "
    .. num(s.nout)
  local kw = readkeywords(s.kind, given)
  s.groups = readgroups(s, kw.groups)
  s.stride = peraxis(s, "stride", kw.stride, 1)
  s.dilation = readdilation(s, kw.dilation)
  s.outpad = peraxis(s, "outpad", kw.outpad, 0)
  finish(s, readpad(s, kw.pad))
  s.plain_init = kw.init == nil or kw.init == idinit
  s.weight = initialise(s, kw.init == nil and idinit or kw.init)
  s.bias = settings.knows(s.kind, "bias") and settings.bias(s, kw.bias)
  s.activation = settings.activation(s, kw.activation)
  return s
end

return settings
