--- Layers, forward only, that can prove that they are an identity: `require
--- "idinit.layers"`. Sizes are those of Flux: a dense weight is (out, in), that
--- of a convolution (k1, ..., km, in/groups, out), that of a transposed one
--- (k1, ..., km, out/groups, in); data are (spatial..., channels, batch).

local core = require "idinit.core"
local explain = require "idinit.layers.explain"
local labels = require "idinit.labels"
local settings = require "idinit.layers.settings"

local error, ipairs, pcall, rawget = error, ipairs, pcall, rawget
local setmetatable, type = setmetatable, type
local unpack = table.unpack or unpack
local format, gsub, rep, reverse = string.format, string.gsub, string.rep,
  string.reverse
local max = math.max
local num, got, join = core.numbertext, core.gottext, labels.join

---@alias idinit.Data idinit.Tensor|number[]|table  a tensor or nested tables
---@alias idinit.Activation fun(x: number): number
---@alias idinit.PerAxis integer|integer[]  one for all kernel axes, or one each

--- What makes a weight: a weight, which a tensor is itself, or a function that is
--- called as `init(size...)`, for layers with groups as `init(size..., {groups =
--- g})`, and for a ConvTranspose as `init(size..., {transposed = true, groups =
--- g})`.
---@alias idinit.Init idinit.Data|fun(...: any): idinit.Tensor

--- What `idinit.layers` makes. Called with data it returns a new tensor, in row
--- order. `weight`, `bias` and `activation` may be replaced or, but for the
--- activation, edited in place: calls and `explain` take what is there. Tables
--- become tensors; a weight or bias of another size is an error. The other
--- fields are for reading, and lists among them are copies.
---@class idinit.Layer
---@field weight idinit.Tensor
---@field bias idinit.Tensor|false   of size (nout); none for an Embedding
---@field activation idinit.Activation|false
---@field kind "Dense"|"Conv"|"CrossCor"|"ConvTranspose"|"Embedding"
---@field nin integer
---@field nout integer
---@field groups integer
---@field kernel integer[]    one for each kernel axis, as are the next three
---@field stride integer[]
---@field dilation integer[]
---@field outpad integer[]
---@field pad integer[]       {low1, high1, low2, high2, ...}
---@overload fun(data: idinit.Data): idinit.Tensor
local Layer = {}

local layers = {}

--- x < 0 ? 0 : x, which keeps NaN.
---@param x number
---@return number
function layers.relu(x)
  if type(x) ~= "number" then
    error("relu: number expected, got " .. got(x), 2)
  end
  return x < 0 and 0.0 or x
end

--- The activation that changes nothing.
---@param x number
---@return number
function layers.identity(x)
  return x
end

-- What a layer was given counts, not what stands in a public table later.
local relu, identity = layers.relu, layers.identity

-- ---- Making layers

-- Where a layer keeps what settings.lua made.
local STATE = "idinit.Layer"

local function state(self)
  local s = type(self) == "table" and rawget(self, STATE)
  if not s then error("layer expected, got " .. got(self), 3) end
  return s
end

-- Calls what reads settings, and blames the script for what it raises.
local function read(s, reader, ...)
  local ok, result = pcall(reader, s, ...)
  if ok then return result end
  if type(result) ~= "string" then error(result, 0) end
  error(s.label .. ": " .. result, 3)
end

local function wrap(s)
  return setmetatable({ [STATE] = s }, Layer)
end

---@class idinit.DenseKeywords
---@field activation? idinit.Activation|false  default none
---@field init? idinit.Init  default idinit
---@field bias? boolean|idinit.Data  true: zeros; a tensor is kept, not copied

---@class idinit.ConvKeywords : idinit.DenseKeywords
---@field stride? idinit.PerAxis    default 1
---@field dilation? idinit.PerAxis  default 1
---@field groups? integer           default 1; divides nin and nout
---@field pad? idinit.PerAxis|"same"  default 0; or {low1, high1, low2, ...}

---@class idinit.ConvTransposeKeywords : idinit.ConvKeywords
---@field outpad? idinit.PerAxis    default 0: added to the output's far end

--- A dense layer of `nin` inputs and `nout` outputs, for data of size (nin) or
--- (nin, batch...). Raises an error that names the layer for what is no size or
--- keyword, and for an `init` that raises or returns no tensor of size (nout,
--- nin); so do the other constructors.
---@param nin integer
---@param nout integer
---@param kw? idinit.DenseKeywords
---@return idinit.Layer
function layers.Dense(nin, nout, kw)
  return wrap(read({ label = "Dense" }, settings.read, nil, nin, nout, kw))
end

--- A convolution: the kernel is flipped.
---
--- `pad = "same"` keeps the extents at stride 1: of dilation * (k - 1) in all,
--- the larger half stands before.
---@param kernel integer[]  its extents, 1 to 30 of them
---@param nin integer
---@param nout integer
---@param kw? idinit.ConvKeywords
---@return idinit.Layer
function layers.Conv(kernel, nin, nout, kw)
  return wrap(read({ label = "Conv" }, settings.read, kernel, nin, nout, kw))
end

--- A cross-correlation: Conv with the kernel as it stands.
---@param kernel integer[]
---@param nin integer
---@param nout integer
---@param kw? idinit.ConvKeywords
---@return idinit.Layer
function layers.CrossCor(kernel, nin, nout, kw)
  return wrap(read({ label = "CrossCor" }, settings.read, kernel, nin, nout, kw))
end

--- The adjoint of Conv, which makes an extent x into (x - 1) * stride + 1 +
--- dilation * (k - 1) - low - high + outpad.
---@param kernel integer[]
---@param nin integer
---@param nout integer
---@param kw? idinit.ConvTransposeKeywords
---@return idinit.Layer
function layers.ConvTranspose(kernel, nin, nout, kw)
  return wrap(read({ label = "ConvTranspose" }, settings.read, kernel, nin, nout, kw))
end

--- A vector of `nout` for each of `nin` indices: column i of the weight (nout,
--- nin). Called with an index it returns a tensor of size (nout), with a tensor or
--- nested tables of indices one of size (nout, their size...).
---@param nin integer
---@param nout integer
---@param kw? { init?: idinit.Init }
---@return idinit.Layer
function layers.Embedding(nin, nout, kw)
  return wrap(read({ label = "Embedding" }, settings.read, nil, nin, nout, kw))
end

-- ---- What a layer does

-- The core blames the script that calls this.
function Layer.__call(self, x)
  local s = state(self)
  local f = s.activation
  local y = core.forward(s.layer, x, s.weight, s.bias, f == relu)
  if f and f ~= relu and f ~= identity then core.map(s.layer, y, f) end
  return y
end

--- Whether the layer, with the weight, bias and activation that it has now,
--- maps every input of fitting size to itself times one gain, a finite number
--- other than 0.
---
--- Returns `true`, a list of conditions, and the gain; or `false` and a list of
--- reasons, the most important first. Each is a sentence that is a fact about
--- the layer, and tells which keyword would mend it where one would. There is a
--- condition with the activation relu: that no input is negative. An activation
--- other than `layers.relu` and `layers.identity` cannot be proven, which is a
--- reason.
---@return boolean
---@return string[]
---@return number?
function Layer.explain(self)
  local s = state(self)
  local f = s.activation
  return explain(s, f == relu and "relu" or f ~= identity and f or nil,
                 core.census(s.layer, s.weight))
end

local readable = {
  kind = true, nin = true, nout = true, weight = true, bias = true,
  activation = true, groups = true, kernel = true, stride = true,
  dilation = true, outpad = true, pad = true,
}
local writable = {
  weight = settings.weight, bias = settings.bias,
  activation = settings.activation,
}

function Layer.__index(self, key)
  if key == "explain" then return Layer.explain end
  if not readable[key] then return nil end
  local value = state(self)[key]
  return type(value) == "table" and key ~= "activation" and { unpack(value) }
    or value
end

function Layer.__newindex(self, key, value)
  local s = state(self)
  if writable[key] and (key == "weight" or settings.knows(s.kind, key)) then
    s[key] = read(s, writable[key], value)
    return
  end
  error(s.label .. ": " .. (readable[key] and key .. " is for reading"
    or "no field to set: " .. got(key)), 2)
end

-- ---- Text

-- Julia's tuple.
local function tuple(list)
  return "(" .. join(list, ", ") .. (list[2] and ")" or ",)")
end

-- 36928 becomes 36_928.
local function underscored(n)
  local digits = gsub(reverse(num(n)), "%d%d%d", "%0_")
  return (gsub(reverse(digits), "^_", ""))
end

-- ", name=value" where a list is not all `usual`.
local function option(name, list, usual)
  local one = list[1]
  for _, n in ipairs(list) do one = n == one and one end
  if one == usual or not list[1] then return "" end
  return format(", %s=%s", name, one and num(one) or tuple(list))
end

local function activationtext(f)
  if not f or f == identity then return "" end
  return f == relu and ", relu" or ", function"
end

--- As Flux shows it: `Conv((2, 2), 1 => 1, pad=(1, 0, 1, 0))  # 5 parameters`.
function Layer.__tostring(self)
  local s = state(self)
  local axes, bias = s.kernel[1], settings.knows(s.kind, "bias")
  local parameters = s.weight:numel() + (s.bias and s.nout or 0)
  local text = s.kind .. "(" .. (axes and tuple(s.kernel) .. ", " or "")
    .. num(s.nin) .. " => " .. num(s.nout) .. activationtext(s.activation)
    .. option("pad", s.pad, 0) .. option("stride", s.stride, 1)
    .. option("dilation", s.dilation, 1) .. option("outpad", s.outpad, 0)
    .. option("groups", { s.groups }, 1)
    .. (bias and not s.bias and (axes and ", " or "; ") .. "bias=false" or "")
    .. ")"
  return format("%s%s# %s parameter%s", text, rep(" ", max(2, 20 - #text)),
    underscored(parameters), parameters == 1 and "" or "s")
end

Layer.__name = "idinit.Layer"

return layers
