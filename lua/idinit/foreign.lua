--- Memory that C owns: identities written into FFI buffers, and tensors handed
--- to C. Without the FFI `data` is an error that says so, and nothing is a buffer.

local core = require "idinit.core"

local error, pairs, pcall, require = error, pairs, pcall, require
local tonumber, tostring, type = tonumber, tostring, type
local find, match, huge = string.find, string.match, math.huge

-- A module of that name counts if it is LuaJIT's, whose types are of a type that
-- no other Lua has.
local has_ffi, ffi = pcall(require, "ffi")
has_ffi = has_ffi and type(ffi) == "table" and type(ffi.typeof) == "function"
  and type(ffi.typeof "int") == "cdata"

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

local cast, sizeof, typeof = ffi.cast, ffi.sizeof, ffi.typeof

--- The head of a tensor's userdata: idn_tensor in tensor.h. It has a name because
--- LuaJIT forgets no type, and would run out of them where modules are loaded again
--- and again.
if not pcall(typeof, "struct idinit_tensor") then
  ffi.cdef [[
    struct idinit_tensor {
      uintptr_t tag;
      float *data;
      void *block;
      int64_t numel;
      int32_t rank;
      int64_t dim[?];
    };
  ]]
end
foreign.struct = typeof "struct idinit_tensor"
for field, offset in pairs(core.layout) do
  if ffi.offsetof(foreign.struct, field) ~= offset then
    error "idinit: Lua files and C module are of different versions"
  end
end

--- Points to the head of a tensor: cast nothing to it that core.is_tensor denies.
foreign.header = typeof "struct idinit_tensor *"

--- A pointer to the first element, valid while the tensor is alive: keep the
--- tensor in a variable as long as C uses it. For a view, or a tensor of order
--- "col", `t:stride()` tells where the others are.
---@param t idinit.Tensor
---@return ffi.cdata* data `float *`
function foreign.data(t)
  core.checkself(t)
  return cast(foreign.header, t).data
end

--- How many floats a buffer holds: math.huge for what does not tell, a pointer or
--- the last member of a struct; nil if it is no buffer of floats that may be written.
local function capacity(dst, ctype)
  if find(ctype, "^ctype<float %*[const ]*>$") or ctype == "ctype<float (&)[?]>" then
    return huge
  elseif find(ctype, "^ctype<float %[[%d?]+%]>$")
    or find(ctype, "^ctype<float %(&%)%[%d+%]>$") then
    return sizeof(dst) / sizeof "float"
  end
end

local floats, slots = typeof "float *", typeof "float **"

--- Tells C where to write so many floats: puts the address into a slot of its
--- own, or returns what is wrong with the buffer.
---@param dst ffi.cdata*   `float *`, `float[n]` or `float[?]`
---@param slot userdata    that holds a `float *`
---@param numel number
---@return string? wrong
function given.locate(dst, slot, numel)
  local ctype = tostring(typeof(dst))
  local is_type = tostring(dst) == ctype
  local room = not is_type and capacity(dst, ctype)
  if not room then
    return "destination: float * or array of float expected, got "
      .. (is_type and "the type " or "") .. match(ctype, "^ctype<(.*)>$")
  elseif dst == nil then
    return "destination: float * expected, got a null pointer"
  elseif numel > room then
    return "destination: array of " .. core.numbertext(numel)
      .. " floats expected, got one of " .. core.numbertext(room)
  end
  cast(slots, slot)[0] = cast(floats, dst)
end

return foreign
