---@meta idinit.types

-- What an editor shows of the parts that are written in C. No program needs
-- this file.

--- Keywords of an identity. One that does not exist is an error that suggests
--- one that is near, or tells all.
---@class idinit.Keywords
--- The value of the taps, rounded to float32. Default 1.
---@field gain? number
--- Moves the result and wraps it around: by an integer along dimension 1, or by
--- a table along the first dimensions. Default 0.
---@field shift? integer|integer[]
--- Which axis is which, one letter each: one "o" for outputs, one "i" for
--- inputs, all others but "g" are kernel axes. One "g" is an axis of groups;
--- beside it "o" or "i" may be missing, of which each group has one then.
--- Default "oi", "wio", "whio", ...: kernel axes, inputs, outputs.
---@field layout? string
--- The number of blocks that lie one behind the other along axis "o", whose
--- extent it must divide; with `transposed` along axis "i". With an axis "g" its
--- extent. Default 1.
---@field groups? integer
--- The weight of a transposed convolution: its default layout is kernel axes,
--- outputs, inputs, and groups split its inputs. Default false.
---@field transposed? boolean
--- The tap of an even kernel: of two in the middle the lower, right for padding
--- "same" in most frameworks and Flux's, or the higher, right for padding k/2
--- and `dirac_`'s; or its position on each kernel axis. Default "lo".
---@field center? "lo"|"hi"|integer[]
--- What is done where outputs and inputs differ in number. Default "pad":
--- zeros. "tile" repeats the identity; in "mean" and "split" the inputs that an
--- output takes share the gain, evenly or the r-th of c by `2r / (c(c+1))`;
--- "hadamard" is ZerO.
---@field fit? "pad"|"tile"|"mean"|"split"|"hadamard"
--- Memory order; the indices mean the same in both. Default "row": the last
--- index runs fastest.
---@field order? "row"|"col"
--- `{first, last}` or `{}` for each dimension: only that part is made, and paid
--- for. Default all.
---@field window? integer[][]
--- The size, where one table holds size and keywords.
---@field [integer] integer

--- Types of elements in files and strings. What is written is rounded to nearest
--- even; what is too large becomes infinite.
---@alias idinit.WrittenType "f32"|"f16"|"bf16"|"f64"
---@alias idinit.ReadType idinit.WrittenType|"bool"|"u8"|"i8"|"u16"|"i16"|"u32"|"i32"|"u64"|"i64"

--- Keywords of `idinit.save`.
---@class idinit.SaveKeywords
--- The type of all elements. Default "f32".
---@field dtype? idinit.WrittenType
--- Strings by string. Default none.
---@field metadata? table<string, string>

--- An identity that waits for a size: `f([rng,] n1, ..., nk [, keywords])`. Its
--- keywords are replaced by those of the call. Called without a size it returns
--- another of its kind.
---@alias idinit.Partial fun(...: any): idinit.Tensor

--- A tensor of float32, in memory of its own or its parent's. Indices,
--- dimensions and positions count from 1; what is out of range, fractional or
--- no number is an error that names the dimension and its extent.
---
--- `t[i]` is the number at rank 1, else a view of one rank less that shares the
--- memory and keeps it alive. `t[i] = v` writes the number at rank 1; else a
--- number fills the view, and a tensor or nested tables of the view's size are
--- copied in. `t(i1, ..., ik)` and `t[{i1, ..., ik}]` are elements.
---
--- `t[{a1, ..., am}]` is a slice: an index drops a dimension, `{first, last}`
--- keeps a part of it, `{}` all, and so for dimensions past the list. It is a
--- view, unless every index is given, and is written like `t[i]`.
---
--- `t == u` compares sizes and elements, in whatever memory order; `#t` is the
--- extent of dimension 1, an error at rank 0. `tostring(t)` shows what Julia
--- shows, in 24 lines of 80 columns at most.
---@class idinit.Tensor: userdata
---@field [integer] any
---@field [(integer|integer[])[]] any
---@operator len: integer
---@overload fun(...: integer): number
local Tensor = {}

--- The element at exactly as many indices as the rank; so does `t(...)`.
---@param ... integer
---@return number
function Tensor:get(...) end

--- Writes the element at exactly as many indices as the rank; the value, which
--- is rounded to float32, comes last.
---@param ... number `i1, ..., ik, value`
function Tensor:set(...) end

--- The extents as that many results, or that of one dimension.
---@param d? integer from 1 to the rank
---@return integer ...
function Tensor:size(d) end

--- How many elements of memory lie between neighbours: one result for each
--- dimension, or that of one. All are 0 in a tensor without elements.
---@param d? integer from 1 to the rank
---@return integer ...
function Tensor:stride(d) end

--- The rank: the number of dimensions.
---@return integer
function Tensor:dim() end

--- The number of elements.
---@return integer
function Tensor:numel() end

--- Sets every element, in place.
---@param value number rounded to float32
---@return idinit.Tensor self
function Tensor:fill(value) end

--- Copies a tensor or nested tables of the same size over this one, in place.
--- The two may share memory. Raises an error before the first write.
---@param src idinit.Tensor|table
---@return idinit.Tensor self
function Tensor:copy(src) end

--- A copy with memory of its own: in column order if this one is without gaps in
--- that order and not in row order, else in row order.
---@return idinit.Tensor
function Tensor:clone() end

--- The tensor itself if its elements lie without gaps in row or column order,
--- else a copy in row order.
---@return idinit.Tensor
function Tensor:contiguous() end

--- A view of the same elements whose dimension j is dimension dj of this one.
---@param ... integer each dimension once
---@return idinit.Tensor
function Tensor:permute(...) end

--- A view with two dimensions swapped or, without arguments, all reversed.
---@param d1? integer
---@param d2? integer
---@return idinit.Tensor
function Tensor:transpose(d1, d2) end

--- A view of what lies at `count` indices of a dimension, from `first` on.
---@param d integer
---@param first integer
---@param count integer from 0 on; first + count - 1 is an index at most
---@return idinit.Tensor
function Tensor:narrow(d, first, count) end

--- A view, of one rank less, of what lies at an index of a dimension; at rank 1
--- the number.
---@param d integer
---@param i integer
---@return idinit.Tensor|number
function Tensor:select(d, i) end

--- The same elements, taken with the last index fastest, in another size of as
--- many elements. A view where the memory allows it, else a copy. One extent may
--- be -1: the others tell what it is.
---@param ... integer n1, ..., nk
---@return idinit.Tensor
function Tensor:reshape(...) end

--- A copy whose elements have moved by `shift` and wrapped around: Julia's
--- `circshift`. An integer moves along dimension 1; a table may be shorter than
--- the rank.
---@param shift integer|integer[]
---@return idinit.Tensor
function Tensor:circshift(shift) end

--- What `for i, row in t:rows() do` wants: each index of dimension 1 with its
--- view, at rank 1 with its number. An error at rank 0.
---@return fun(t: idinit.Tensor, i: integer): integer?, any
---@return idinit.Tensor self
---@return integer zero
function Tensor:rows() end

--- A copy whose elements stand in reverse along these dimensions.
---@param ... integer at least one, each once
---@return idinit.Tensor
function Tensor:flip(...) end

--- The largest absolute difference from a tensor of the same size: 0 where both
--- are NaN or the same infinity, NaN where one alone is NaN; 0 if both are empty.
---@param u idinit.Tensor
---@return number
function Tensor:maxdiff(u) end

--- A copy whose dimension `d` goes on to the extent `n`. With "tile" its elements
--- are repeated; with "mean" and "split" too, shared out among their copies, evenly
--- or the r-th of c with 2r / (c(c + 1)); with "pad" zeros follow. An extent of 0 is
--- widened by "pad" alone.
---@param d integer from 1 to the rank
---@param n integer not less than the extent that there is
---@param how? "tile"|"mean"|"split"|"pad" default "tile"
---@param groups? integer blocks, each of which is widened; divides both extents
---@return idinit.Tensor
function Tensor:widen(d, n, how, groups) end

--- Nested tables of the elements; a number at rank 0.
---@return table|number
function Tensor:totable() end

--- Writes a `.npy` file that NumPy reads: version 1.0, in column order where the
--- tensor is packed so and not in row order too. The file is replaced as a whole,
--- once the new one is safe. Raises an error that names the file, and leaves the
--- old one, if that fails.
---@param path string
---@param keywords? { dtype?: "f32"|"f16"|"f64" }
---@return idinit.Tensor self
function Tensor:save(path, keywords) end

--- The elements as a string, in row order, the lowest byte of each first.
--- `idinit.frombytes` reads it. Less than 2 GiB.
---@param dtype? idinit.WrittenType default "f32"
---@return string
function Tensor:tobytes(dtype) end

--- Where the non-zeros are: a picture in Braille, framed, with size and number
--- of non-zeros below it. Where the tensor is larger than the picture, a dot is
--- a cell that holds a non-zero.
---@param width? integer columns, 10 or more; default $COLUMNS or 80
---@param height? integer lines, 5 or more; default $LINES or 24
---@return string
function Tensor:spy(width, height) end

--- A pointer to the first element, valid while the tensor is alive: keep the
--- tensor in a variable as long as C uses it. `stride` tells where the other
--- elements are. Needs LuaJIT's FFI; elsewhere an error that says so.
---@return ffi.cdata* data `float *`
function Tensor:data() end
