--- The proof that a layer is an identity times a gain, or the reasons why it is
--- none.
---
--- A layer is linear up to its bias and its activation, and reads one input
--- position for each kernel position, at an offset of its own. So it is an
--- identity exactly if extents and channels stay what they are, every weight
--- that is not 0 stands where the offset is 0 and joins channel i with channel
--- i, these weights are all there and all equal, the bias is 0, and the
--- activation leaves alone what comes out. Everything below follows from this:
--- where no reason is found, the proof is complete.

local core = require "idinit.core"
local labels = require "idinit.labels"

local ipairs, pcall, type = ipairs, pcall, type
local ceil, floor = math.ceil, math.floor
local concat, remove = table.concat, table.remove
local format, gsub, lower = string.format, string.gsub, string.lower
local num, join = core.numbertext, labels.join

-- ---- Text

-- A weight as a reason shows it: 10, 0.5, nan.
local function value(x)
  local text = core.shortest(x)
  return (gsub(lower(text), "%.0$", ""))
end

local function tuple(list) return "(" .. join(list, ", ") .. ")" end

-- "input 2", "inputs 2 and 3", "inputs 1, 3 to 7 and 9"; `list` rises. Where
-- there would be too many parts, "... and 40 more".
local function several(noun, list)
  local most, parts, k = 8, {}, 1
  while k <= #list do
    local last = k
    while list[last + 1] == list[last] + 1 do last = last + 1 end
    if #parts == most - 1 and last < #list then
      parts[most] = num(#list - k + 1) .. " more"
      break
    end
    if last < k + 2 then last = k end
    parts[#parts + 1] = num(list[k])
      .. (last > k and " to " .. num(list[last]) or "")
    k = last + 1
  end
  local final = remove(parts)
  local text = noun .. (list[2] and "s " or " ")
  if parts[1] then text = text .. concat(parts, ", ") .. " and " end
  return text .. final
end

local function add(reasons, ...) reasons[#reasons + 1] = format(...) end

-- ", and 3 more are not 0", where there are more.
local function more(count, one, many, rest)
  if count <= 0 then return "" end
  return format(", and %s more %s %s", num(count), count == 1 and one or many,
    rest)
end

-- Adds sentences that hold for single kernel axes, once for those that share
-- it, with the dimensions where there are several axes, and what would mend it.
local function addbyaxis(reasons, axes, sentences, mend)
  for d = 1, axes do
    local text = sentences[d]
    if text then
      local where = {}
      for e = d, axes do
        if sentences[e] == text then where[#where + 1], sentences[e] = e, nil end
      end
      add(reasons, "%s (%s%s would mend it)", text,
        axes > 1 and "in " .. several("dimension", where) .. "; " or "", mend)
    end
  end
end

-- ---- What there is to know

-- Of axis d: the least extent of n or more that gives any output, and which it
-- gives; the kernel position of offset 0, or the last before it; and the padding
-- that gives kernel position k the offset 0.
local function axis(s, d, n, k)
  local from, to, zero, is_there, low, high = core.axis(s.layer, d, n, k)
  return { from = from, to = to, zero = zero, is_there = is_there, low = low,
           high = high }
end

-- Of the weights of a kernel position that are not 0, those of a sort that
-- core.weight knows: an iterator over the number after each, its value, output
-- and input; and of the first from number n on, value, output, input, indices.
local function weights(s, tap, sort)
  local layer, weight = s.layer, s.weight
  return function(_, n) return core.weight(layer, weight, tap, n, sort) end, nil, 1
end

local function first(s, tap, sort, n)
  local function pack(_, w, o, i, ...) return w, o, i, { ... } end
  return pack(core.weight(s.layer, s.weight, tap, n or 1, sort))
end

-- Counts of the weights that are not 0 (core.census's), and the kernel position
-- in question: the only one that has weights or, where there are several, that
-- of offset 0. Of the weights there that join a channel with itself: how many
-- they are, the gain, which is the first that is finite, and the numbers of
-- those that differ from it or are not finite.
local function survey(s, total, outs, ins, taps, origin)
  local facts = { s = s, total = total, outs = outs, ins = ins, taps = taps,
                  origin = origin, tap = origin, straight = 0, odd = {},
                  differ = {}, axes = {} }
  for d = 1, #s.kernel do facts.axes[d] = axis(s, d, 8, 1) end
  for tap, count in ipairs(taps) do
    if count > 0 and count == total then facts.only, facts.tap = tap, tap end
  end
  if not facts.tap then return facts end
  for after, w, c in weights(s, facts.tap, "straight") do
    facts.straight = facts.straight + 1
    if w - w ~= 0 then
      facts.odd[#facts.odd + 1] = after - 1
    elseif not facts.gain then
      facts.gain, facts.gainful = w, c
    elseif w ~= facts.gain then
      facts.differ[#facts.differ + 1] = after - 1
    end
  end
  return facts
end

-- ---- Reasons, in the order in which they matter

-- What stride does to an extent for which it can be seen: 8, or the next that
-- fits and changes.
local function stridetext(s, d, a)
  while a.from == a.to do a = axis(s, d, a.from + 1, 1) end
  return format("stride %s %s: an extent of %s becomes %s", num(s.stride[d]),
    s.transposed and "spreads inputs apart" or "skips inputs", num(a.from),
    num(a.to))
end

local function padtext(s, d, a)
  local outpad, change = s.outpad[d] > 0, a.to - a.from
  return format("padding %s + %s%s each extent %s %s: kernel %s%s needs %s in "
    .. "all%s", num(s.pad[2 * d - 1]), num(s.pad[2 * d]),
    outpad and " and outpad " .. num(s.outpad[d]) .. " make" or " makes",
    num(change < 0 and -change or change), change < 0 and "smaller" or "larger",
    num(s.kernel[d]),
    s.dilation[d] > 1 and " with dilation " .. num(s.dilation[d]) or "",
    num(a.low + a.high), outpad and " and outpad 0" or "")
end

local function extents(facts, reasons)
  local s, strides, pads, has_outpad = facts.s, {}, {}, false
  for d, a in ipairs(facts.axes) do
    if s.stride[d] > 1 then
      strides[d] = stridetext(s, d, a)
    elseif a.from ~= a.to then
      pads[d] = padtext(s, d, a)
      has_outpad = has_outpad or s.outpad[d] > 0
      facts.resized = true
    end
  end
  addbyaxis(reasons, #s.kernel, strides, "stride = 1")
  addbyaxis(reasons, #s.kernel, pads,
    has_outpad and 'pad = "same" with outpad = 0' or 'pad = "same"')
end

-- Settings that would bring the taps at positions `at` and the zero offset
-- together. Taps may be shifted, unless they are those of idinit as it is.
local function mendcenter(facts, at)
  local s, zero, pad = facts.s, {}, {}
  local lo, hi, even, usual = true, true, true, s.plain_init
  for d, k in ipairs(s.kernel) do
    local a = axis(s, d, 8, at[d])
    zero[d], pad[2 * d - 1], pad[2 * d] = a.zero, a.low, a.high
    usual = usual and at[d] == ceil(k / 2)
    lo = lo and a.zero == ceil(k / 2)
    hi = hi and a.zero == floor(k / 2) + 1
    even = even and a.low == pad[1] and a.high == pad[1]
  end
  local pads = "pad = " .. (even and num(pad[1])
    or "{" .. join(pad, ", ") .. "}")
  if not facts.origin or facts.resized then return pads end
  local center = lo and '"lo"' or hi and '"hi"'
    or "{" .. join(zero, ", ") .. "}"
  return format("center = %s%s or %s", center,
    usual and "" or " with shift = 0", pads)
end

local function zerotext(a, k)
  if not a.is_there then
    return format("between %s and %s", num(a.zero), num(a.zero + 1))
  end
  return "at " .. num(a.zero)
    .. ((a.zero < 1 or a.zero > k) and ", outside of it" or "")
end

-- The only kernel position that has weights is not that of offset 0.
local function displaced(facts, reasons)
  local s, sentences = facts.s, {}
  local _, _, _, at = first(s, facts.only, "all")
  for d, k in ipairs(s.kernel) do
    local a = facts.axes[d]
    if not a.is_there or at[d] ~= a.zero then
      sentences[d] = format("kernel %s%s: its tap stands at %s, the padding's "
        .. "zero offset is %s", num(k), k % 2 == 0 and " is even" or "",
        num(at[d]), zerotext(a, k))
    end
  end
  addbyaxis(reasons, #s.kernel, sentences, mendcenter(facts, at))
end

-- Weights at several kernel positions, of which one at most has offset 0.
local function scattered(facts, reasons)
  local s, origin, zero = facts.s, facts.origin, {}
  local beside, tap = facts.total - (origin and facts.taps[origin] or 0), 1
  while tap == origin or facts.taps[tap] == 0 do tap = tap + 1 end
  for d, a in ipairs(facts.axes) do zero[d] = a.zero end
  local w, _, _, at = first(s, tap, "all")
  add(reasons, "weight %s is %s, the padding's zero offset %s%s", tuple(at),
    value(w), origin and "is at " .. tuple(zero) or "is at no position",
    more(beside - 1, "stands", "stand", "beside it"))
end

-- Whether an output that no weight reaches is 0.
local function iszero(s, activation, o)
  local bias = s.bias and s.bias(o) or 0
  return not activation and bias == 0 or activation == "relu" and bias <= 0
end

-- Adds the channels that a count is 0 for to one of two lists.
local function unused(facts, activation, reasons)
  local s, zeros, dead, dropped = facts.s, {}, {}, {}
  for o, n in ipairs(facts.outs) do
    if n == 0 then
      local list = iszero(s, activation, o) and zeros or dead
      list[#list + 1] = o
    end
  end
  for i, n in ipairs(facts.ins) do
    if n == 0 then dropped[#dropped + 1] = i end
  end
  -- An init that does not know of groups makes the first alone.
  local group, mend = s.nin / s.groups, ""
  if s.groups > 1 and s.nin == s.nout and dropped[1] == group + 1
    and #dropped == s.nin - group and facts.straight == group
    and facts.total == group then
    mend = format(" (an init that heeds groups = %s would mend it)",
      num(s.groups))
  end
  local function say(noun, list, one, many, text)
    if not list[1] then return end
    add(reasons, "%s %s %s%s", several(noun, list), list[2] and many or one,
      text, mend)
  end
  say("output", zeros, "is", "are", "always 0")
  say("output", dead, "depends", "depend", "on no input")
  say("input", dropped, "is", "are", "dropped")
end

-- By how much an output's number differs from that of the input that alone goes
-- there, if it is the same for all (modulo their number); else nil.
local function rotation(facts)
  local s, shift = facts.s, nil
  if s.nin ~= s.nout or not facts.only or facts.total ~= s.nin then return nil end
  for _, _, o, i in weights(s, facts.only, "all") do
    shift = shift or (o - i) % s.nin
    if (o - i) % s.nin ~= shift then return nil end
  end
  return shift > s.nin / 2 and shift - s.nin or shift
end

-- Weights that join different channels.
local function mixing(facts, reasons)
  local count = facts.tap and facts.taps[facts.tap] - facts.straight or 0
  if count == 0 then return end
  local w, o, i, at = first(facts.s, facts.tap, "crossing")
  local shift = rotation(facts)
  if shift then
    add(reasons, "channels are shifted by %s: output %s takes input %s (shift = 0 "
      .. "would mend it)", num(shift), num(o), num(i))
    return
  end
  add(reasons, "input %s %s output %s: weight %s is %s%s", num(i),
    facts.outs[o] == 1 and "becomes" or "leaks into", num(o), tuple(at), value(w),
    more(count - 1, "joins", "join", "different channels"))
end

-- The gain, where the straight weights have one.
local function gains(facts, activation, reasons)
  local s, odd, differ, gain = facts.s, facts.odd, facts.differ, facts.gain
  if odd[1] then
    local w, _, _, at = first(s, facts.tap, "straight", odd[1])
    add(reasons, "weight %s is %s%s", tuple(at), value(w),
      more(#odd - 1, "is", "are", "not finite"))
  end
  if differ[1] then
    local w, o = first(s, facts.tap, "straight", differ[1])
    add(reasons, "gains differ: output %s has %s, output %s has %s%s",
      num(facts.gainful), value(gain), num(o), value(w),
      more(#differ - 1, "differs", "differ", "from the first"))
  elseif gain and gain < 0 and activation == "relu" then
    add(reasons, "relu makes 0 of what inputs above 0 become with the gain %s",
      value(gain))
  end
end

local function biases(s, reasons)
  local found = {}
  for o = 1, s.bias and s.nout or 0 do
    if s.bias(o) ~= 0 then found[#found + 1] = o end
  end
  if found[1] then
    add(reasons, "bias %s is %s%s (bias = false would mend it)", num(found[1]),
      value(s.bias(found[1])), more(#found - 1, "is", "are", "not 0"))
  end
end

-- An activation that is not known: what it does to a few numbers is a fact.
local function unproven(f, reasons)
  for _, x in ipairs { 1, 0.5, 2, 100, 0, -1, -0.5, -100 } do
    local ok, y = pcall(f, x)
    if not ok then
      return add(reasons, "the activation raises an error for %s", num(x))
    elseif y ~= x then
      return add(reasons, "the activation makes %s of %s",
        type(y) == "number" and num(y) or core.gottext(y), num(x))
    end
  end
  add(reasons, "the activation cannot be proven to be the identity: "
    .. "layers.identity and layers.relu can")
end

--- The proof. `activation` is nil if there is none that changes anything,
--- "relu", or a function that is not known; then come core.census's counts.
---@return boolean
---@return string[]
---@return number?
return function(s, activation, ...)
  local reasons, facts = {}, survey(s, ...)
  if s.nin ~= s.nout then
    add(reasons, "%s input%s %s output%s", num(s.nin),
      s.nin == 1 and " becomes" or "s become", num(s.nout),
      s.nout == 1 and "" or "s")
  end
  extents(facts, reasons)
  if facts.total == 0 then
    add(reasons, "every weight is 0: no output depends on an input")
  else
    if not facts.only then
      scattered(facts, reasons)
    elseif facts.only ~= facts.origin then
      displaced(facts, reasons)
    end
    unused(facts, activation, reasons)
    mixing(facts, reasons)
  end
  gains(facts, activation, reasons)
  biases(s, reasons)
  if activation and activation ~= "relu" then unproven(activation, reasons) end
  if reasons[1] then return false, reasons end
  if activation == "relu" then
    reasons[1] = "for inputs that are not negative, which relu keeps"
  end
  return true, reasons, facts.gain
end
