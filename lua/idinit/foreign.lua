--- Memory that C owns: identities written into FFI buffers, and tensors handed
--- to C. Without the FFI `data` is an error that says so, and nothing is a buffer.

local core = require "idinit.core"

local has_ffi, ffi = pcall(require, "ffi")

local find, match = string.find, string.match
local tonumber, tostring = tonumber, tostring

local foreign = {}

--- What is left for C; for nobody, where this file is loaded again.
local given = core.foreign or {}

--- What C cannot read by itself: the value of a cdata that is a number, or its
--- remainder if there is a modulus above 0; nothing for any other. LuaJIT's
--- tonumber takes a type for a number, too. An integer that no double holds is
--- past 2^53, and so is what is returned.
function given.number(x, modulus)
  local n = tonumber(x)
  if n == nil then return end
  local text = tostring(x)
  if find(text, "LL$") then
    if modulus > 0 then return tonumber(x % modulus) end
    return x == n and n or n + (n > 0 and 2 or -2)
  elseif find(text, "^cdata<") and not find(text, "^cdata<bool>") then
    return n
  end
end

if not has_ffi then
  function given.locate()
    return "destination: tensor expected, got cdata"
  end

  function foreign.data(t)
    core.checkself(t)
    error("data: the FFI of LuaJIT expected, which this Lua does not have", 2)
  end

  return foreign
end

--- The head of a tensor's userdata: idn_tensor in tensor.h.
local struct = ffi.typeof [[
  struct {
    uintptr_t tag;
    float *data;
    void *block;
    int64_t numel;
    int32_t rank;
    int64_t dim[?];
  }
]]
for field, offset in pairs(core.layout) do
  assert(ffi.offsetof(struct, field) == offset,
         "idinit: Lua files and C module are of different versions")
end

--- Points to the head of a tensor: cast nothing to it that core.is_tensor denies.
foreign.header = ffi.typeof("$ *", struct)

--- A pointer to the first element, valid while the tensor is alive: keep the
--- tensor in a variable as long as C uses it. For a view, or a tensor of order
--- "col", `t:stride()` tells where the others are.
---@param t idinit.Tensor
---@return ffi.cdata* data `float *`
function foreign.data(t)
  core.checkself(t)
  return ffi.cast(foreign.header, t).data
end

--- How many floats a buffer holds: math.huge for a pointer, which does not
--- tell; nil if it is no buffer of floats that may be written. A type is a cdata
--- too, and no buffer.
local function capacity(dst)
  local room
  local ctype = tostring(ffi.typeof(dst))
  if ctype:find "^ctype<float %*[const ]*>$" then
    room = math.huge
  elseif ctype:find "^ctype<float %[[%d?]+%]>$"
    or ctype:find "^ctype<float %(&%)%[%d+%]>$" then
    room = ffi.sizeof(dst) / ffi.sizeof "float"
  end
  return room and tostring(dst) ~= ctype and room or nil
end

local floats, slots = ffi.typeof "float *", ffi.typeof "float **"

--- Tells C where to write so many floats: puts the address into a slot of its
--- own, or returns what is wrong with the buffer.
---@param dst ffi.cdata*   `float *`, `float[n]` or `float[?]`
---@param slot userdata    that holds a `float *`
---@param numel number
---@return string? wrong
function given.locate(dst, slot, numel)
  local room = capacity(dst)
  if not room then
    local ctype = match(tostring(ffi.typeof(dst)), "^ctype<(.*)>$")
    return "destination: float * or array of float expected, got " .. ctype
  elseif dst == nil then
    return "destination: float * expected, got a null pointer"
  elseif numel > room then
    return "destination: array of " .. core.numbertext(numel)
      .. " floats expected, got one of " .. core.numbertext(room)
  end
  ffi.cast(slots, slot)[0] = ffi.cast(floats, dst)
end

return foreign
