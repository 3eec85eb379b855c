--- Identity tensors. The one public door: everything a user calls is here, or
--- a method of the tensors made here.

local core = require "idinit.core"
local foreign = require "idinit.foreign"

---@class idinit
---@field _VERSION string
---@overload fun(n1: integer, ...: integer|idinit.Keywords): idinit.Tensor
---@overload fun(all?: idinit.Keywords): any  a partial if no size is in it
---@overload fun(rng: any, n1: integer, ...: any): idinit.Tensor
---@overload fun(rng: any, keywords?: idinit.Keywords): idinit.Partial
local idinit = { _VERSION = "idinit 0.1.0" }

--- An identity of a size. Flux's `identity_init`, and more keywords.
---
--- Values are float32. Rank 1 is zeros; rank 2 has `gain` at (i, i); rank 3 and
--- more is (k1, ..., km, nin, nout) with `gain` at the middle of the kernel for
--- every (i, i). Raises an error for what is no size or keyword, as a nil is;
--- without a size returns a function that waits for one. A number of LuaJIT's FFI
--- is a size too.
---
--- Called as `identity_init([rng,] n1, ..., nk [, keywords])`, or with one
--- table of sizes and keywords.
---@type fun(...: any): idinit.Tensor
idinit.identity_init = core.identity_init

--- The tensor of a number or of nested tables of one shape.
---@type fun(nested: number|table): idinit.Tensor
idinit.tensor = core.tensor

--- A tensor of zeros of that size, in row order. Behind the size keywords may
--- stand, as for an initialiser, and are ignored.
---@type fun(...: integer|idinit.Keywords): idinit.Tensor
idinit.zeros = core.zeros

--- Tensors joined along a dimension, which counts from 1, in row order. Their
--- other extents must be equal.
---@type fun(tensors: idinit.Tensor[], dim: integer): idinit.Tensor
idinit.cat = core.cat

--- What a file holds, as its first bytes tell, not its name: floats, integers or
--- booleans, which become float32. Of a `.npy` file it is a tensor, in column
--- order if the file says so. Of a `.safetensors` file it is a table of tensors
--- by name and the metadata, a table of strings by string, which can be empty;
--- with a list of names only these tensors are read. Raises an error that names
--- the file if it holds anything else, or more or less than it says, or not what
--- is named.
---@type fun(path: string, names?: string[]): any, table<string, string>?
idinit.load = core.load

--- Writes tensors by name, and metadata, as a `.safetensors` file, with the very
--- bytes of the format's own library, replaced as a whole as by `t:save`.
---@type fun(path: string, tensors: table<string, idinit.Tensor>, keywords?: idinit.SaveKeywords)
idinit.save = core.save

--- The tensor whose elements these bytes are, in row order, the lowest byte of
--- each first. There must be as many as the size asks for, and less than 2 GiB.
--- Without a size the tensor has rank 0.
---@type fun(bytes: string, dtype?: idinit.ReadType, ...: integer): idinit.Tensor
idinit.frombytes = core.frombytes

--- Whether `x` is a tensor of this module.
---@type fun(x: any): boolean
idinit.is_tensor = core.is_tensor

--- Writes an identity over `dst`: every element of it.
---
--- `dst` is a tensor or view, whose size must be that of the result, a window's
--- if there is one, and is the default for the sizes; its order stays. Or, under
--- LuaJIT, it is a `float *`, `float[n]` or `float[?]` of at least as many
--- elements, with sizes given.
---@type fun(dst: idinit.Tensor|ffi.cdata*, ...: any): idinit.Tensor|ffi.cdata*
idinit.into = core.into

--- Iterates over the non-zeros of an identity without making it:
--- `for value, i1, ..., ik in idinit.taps(3, 3, {gain = 2})`. With a window the
--- indices are those in the window. Each tap comes once, in no promised order.
---@type fun(...: any): fun(): number?, ...
idinit.taps = core.taps

if core.install then -- else this file is loaded again beside the same core
  local methods, metamethods = core.methods, require "idinit.access" or {}
  methods.spy = require "idinit.spy"
  methods.data = foreign.data
  methods.get = metamethods.__call or methods.get
  methods.set = metamethods.set or methods.set
  metamethods.__tostring = require "idinit.text"
  core.install(metamethods)
end

return setmetatable(idinit, { __call = core.call })
