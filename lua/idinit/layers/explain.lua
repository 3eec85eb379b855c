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

local unpack = table.unpack or unpack
local floor = math.floor
local num, join = core.numbertext, labels.join

-- ---- Text

-- A weight as a reason shows it: 10, 0.5, nan.
local function value(x)
  local text = core.shortest(x)
  return (text:lower():gsub("%.0$", ""))
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
  local final = table.remove(parts)
  local text = noun .. (list[2] and "s " or " ")
  if parts[1] then text = text .. table.concat(parts, ", ") .. " and " end
  return text .. final
end

local function is(list) return list[2] and " are " or " is " end

-- ", and 3 more are not 0", where there are more.
local function more(count, verb, rest)
  if count <= 0 then return "" end
  local verbs = { is = "are", stands = "stand", joins = "join",
                  differs = "differ" }
  return (", and %s more %s %s"):format(
    num(count), count == 1 and verb or verbs[verb], rest)
end

-- Adds sentences that hold for single kernel axes, once for those that share
-- it, with the dimensions where there are several axes, and what would mend it.
local function addbyaxis(reasons, axes, sentences, mend)
  local seen = {}
  for d = 1, axes do
    local text = sentences[d]
    if text and not seen[text] then
      seen[text] = true
      local where, notes = {}, {}
      for e = d, axes do
        if sentences[e] == text then where[#where + 1] = e end
      end
      if axes > 1 then notes[1] = "in " .. several("dimension", where) end
      if mend then notes[#notes + 1] = mend .. " would mend it" end
      if notes[1] then
        text = ("%s (%s)"):format(text, table.concat(notes, "; "))
      end
      reasons[#reasons + 1] = text
    end
  end
end

-- ---- What there is to know

-- The kernel positions, one for each axis, of number `tap` in row-major order.
local function positions(kernel, tap)
  local at, rest = {}, tap - 1
  for d = #kernel, 1, -1 do
    at[d] = rest % kernel[d] + 1
    rest = (rest - at[d] + 1) / kernel[d]
  end
  return at
end

-- The position on an axis where the offset is 0. It is no integer between two
-- kernel positions, and may be outside of the kernel.
local function zeroposition(s, d)
  local steps = s.pad[2 * d - 1] / s.dilation[d]
  return s.kind == "CrossCor" and 1 + steps or s.kernel[d] - steps
end

local function extentout(s, d, x)
  local span = s.dilation[d] * (s.kernel[d] - 1)
  local change = span - s.pad[2 * d - 1] - s.pad[2 * d]
  if s.kind == "ConvTranspose" then
    return (x - 1) * s.stride[d] + 1 + change + s.outpad[d]
  end
  return floor((x - 1 - change) / s.stride[d]) + 1
end

-- Counts of the weights that are not 0 (core.census's), where the offset is 0
-- (`zero`, as positions, and `origin`, as a number), and where the weights are
-- (`only`, a number, if it is one place alone).
local function survey(s, total, outs, ins, taps)
  local facts = { s = s, axes = #s.kernel, zero = {}, origin = 1,
                  total = total, outs = outs, ins = ins, taps = taps }
  for d, k in ipairs(s.kernel) do
    local z = zeroposition(s, d)
    facts.zero[d] = z
    if z ~= floor(z) or z < 1 or z > k then facts.origin = nil end
    if facts.origin then facts.origin = (facts.origin - 1) * k + z end
  end
  for tap, count in ipairs(facts.taps) do
    if count > 0 and count == facts.total then facts.only = tap end
  end
  return facts
end

-- A weight is found in its tensor at kernel positions and two channel indices;
-- these are, for output and input of the layer:
local function channelindices(s, o, i)
  local ins, outs = s.nin / s.groups, s.nout / s.groups
  if s.kind == "Conv" or s.kind == "CrossCor" then
    return (i - 1) % ins + 1, o
  end
  return (o - 1) % outs + 1, i
end

local function channels(s, a, b)
  local ins, outs = s.nin / s.groups, s.nout / s.groups
  if s.kind == "Conv" or s.kind == "CrossCor" then
    return b, floor((b - 1) / outs) * ins + a
  end
  return floor((b - 1) / ins) * outs + a, b
end

-- The weight that joins output and input number i at a kernel position, 0 where
-- they are in different groups; and its indices.
local function straight(facts, tap, i)
  local s = facts.s
  local a, b = channelindices(s, i, i)
  if floor((i - 1) / (s.nin / s.groups))
    ~= floor((i - 1) / (s.nout / s.groups)) then
    return 0, {}
  end
  local at = positions(s.kernel, tap)
  at[#at + 1], at[#at + 2] = a, b
  return s.weight:get(unpack(at)), at
end

-- The first weight that is not 0 from a position in row-major order on: its
-- value, indices, output, input and position.
local function nextweight(facts, from)
  local s = facts.s
  local position, w = core.nextnonzero(s.weight, from)
  if not position then return nil end
  local rank = #s.size
  local at = positions(s.size, position)
  local o, i = channels(s, at[rank - 1], at[rank])
  return w, at, o, i, position
end

local function blocksize(s)
  return s.size[#s.size] * s.size[#s.size - 1]
end

-- ---- Reasons, in the order in which they matter

-- What stride does to an extent for which it can be seen: 8, or the next that
-- fits and changes.
local function stridetext(s, d)
  local missing = s.dilation[d] * (s.kernel[d] - 1) + 1 - s.pad[2 * d - 1]
    - s.pad[2 * d]
  local x = missing
  if s.kind == "ConvTranspose" then
    x = floor((-missing - s.outpad[d]) / s.stride[d]) + 2
  end
  x = math.max(8, x)
  while extentout(s, d, x) == x do x = x + 1 end
  return ("stride %s %s: an extent of %s becomes %s"):format(
    num(s.stride[d]), s.kind == "ConvTranspose" and "spreads inputs apart"
      or "skips inputs", num(x), num(extentout(s, d, x)))
end

local function padtext(s, d, change)
  local outpad = s.outpad[d] > 0
  return ("padding %s + %s%s each extent %s %s: kernel %s%s needs %s in all%s")
    :format(num(s.pad[2 * d - 1]), num(s.pad[2 * d]),
      outpad and " and outpad " .. num(s.outpad[d]) .. " make" or " makes",
      num(math.abs(change)), change < 0 and "smaller" or "larger",
      num(s.kernel[d]),
      s.dilation[d] > 1 and " with dilation " .. num(s.dilation[d]) or "",
      num(s.dilation[d] * (s.kernel[d] - 1)), outpad and " and outpad 0" or "")
end

local function extents(facts, reasons)
  local s, strides, pads, has_outpad = facts.s, {}, {}, false
  for d = 1, facts.axes do
    local change = extentout(s, d, 1) - 1
    if s.stride[d] > 1 then
      strides[d] = stridetext(s, d)
    elseif change ~= 0 then
      pads[d] = padtext(s, d, change)
      has_outpad = has_outpad or s.outpad[d] > 0
      facts.resized = true
    end
  end
  addbyaxis(reasons, facts.axes, strides, "stride = 1")
  addbyaxis(reasons, facts.axes, pads,
    has_outpad and 'pad = "same" with outpad = 0' or 'pad = "same"')
end

-- Settings that would bring the taps at positions `at` and the zero offset
-- together. Taps that do not stand where they do by default may be shifted.
local function mendcenter(facts, at)
  local s, zero = facts.s, facts.zero
  local lo, hi, pad, even, usual = true, true, {}, true, true
  for d, k in ipairs(s.kernel) do
    usual = usual and at[d] == math.ceil(k / 2)
    lo = lo and zero[d] == math.ceil(k / 2)
    hi = hi and zero[d] == floor(k / 2) + 1
    local steps = s.kind == "CrossCor" and at[d] - 1 or k - at[d]
    pad[2 * d - 1] = s.dilation[d] * steps
    pad[2 * d] = s.dilation[d] * (k - 1 - steps)
    even = even and pad[2 * d - 1] == pad[1] and pad[2 * d] == pad[1]
  end
  local pads = "pad = " .. (even and num(pad[1])
    or "{" .. join(pad, ", ") .. "}")
  if not facts.origin or facts.resized then return pads end
  local center = lo and '"lo"' or hi and '"hi"'
    or "{" .. join(zero, ", ") .. "}"
  return ("center = %s%s or %s"):format(center,
    usual and "" or " with shift = 0", pads)
end

local function zerotext(z, k)
  if z ~= floor(z) then
    return ("between %s and %s"):format(num(floor(z)), num(floor(z) + 1))
  end
  return "at " .. num(z) .. ((z < 1 or z > k) and ", outside of it" or "")
end

-- The only kernel position that has weights is not that of offset 0.
local function displaced(facts, reasons)
  local s, sentences = facts.s, {}
  local at = positions(s.kernel, facts.only)
  for d, k in ipairs(s.kernel) do
    if at[d] ~= facts.zero[d] then
      sentences[d] = ("kernel %s%s: its tap stands at %s, the padding's zero "
        .. "offset is %s"):format(num(k), k % 2 == 0 and " is even" or "",
          num(at[d]), zerotext(facts.zero[d], k))
    end
  end
  addbyaxis(reasons, facts.axes, sentences, mendcenter(facts, at))
end

-- Weights at several kernel positions, of which one at most has offset 0.
local function scattered(facts, reasons)
  local s, origin = facts.s, facts.origin
  local beside = facts.total - (origin and facts.taps[origin] or 0)
  if beside == 0 then return end
  local w, at, _, _, position = nextweight(facts, 1)
  if floor((position - 1) / blocksize(s)) + 1 == origin then
    w, at = nextweight(facts, origin * blocksize(s) + 1)
  end
  local zero = origin and "is at " .. tuple(facts.zero) or "is at no position"
  reasons[#reasons + 1] = ("weight %s is %s, the padding's zero offset %s%s")
    :format(tuple(at), value(w), zero, more(beside - 1, "stands", "beside it"))
end

local function offsets(facts, reasons)
  if facts.axes == 0 or facts.total == 0 then return end
  if not facts.only then
    scattered(facts, reasons)
  elseif facts.only ~= facts.origin then
    displaced(facts, reasons)
  end
end

-- Whether an output that no weight reaches is 0.
local function iszero(s, activation, o)
  if activation and activation ~= "relu" then return false end
  return not s.bias or s.bias(o) == 0
    or activation == "relu" and s.bias(o) < 0
end

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
  local mend = s.groups > 1 and s.nin == s.nout
    and (" (an init that heeds groups = %s would mend it)"):format(
      num(s.groups)) or ""
  if zeros[1] then
    reasons[#reasons + 1] = several("output", zeros) .. is(zeros) .. "always 0"
      .. mend
  end
  if dead[1] then
    reasons[#reasons + 1] = several("output", dead)
      .. (dead[2] and " depend" or " depends") .. " on no input" .. mend
  end
  if dropped[1] then
    reasons[#reasons + 1] = several("input", dropped) .. is(dropped)
      .. "dropped" .. mend
  end
end

-- The weights of a kernel position that join different channels: how many, and
-- the first of them.
local function crossing(facts, tap)
  local s = facts.s
  local count = facts.taps[tap]
  for i = 1, math.min(s.nin, s.nout) do
    if straight(facts, tap, i) ~= 0 then count = count - 1 end
  end
  if count == 0 then return 0 end
  local position = (tap - 1) * blocksize(s)
  local w, at, o, i
  repeat
    w, at, o, i, position = nextweight(facts, position + 1)
  until o ~= i
  return count, w, at, o, i
end

-- By how much an output's number differs from that of the input that alone goes
-- there, if it is the same for all (modulo their number); else nil.
local function rotation(facts, tap)
  local s, shift = facts.s, nil
  if s.nin ~= s.nout or facts.taps[tap] ~= s.nin then return nil end
  for c = 1, s.nin do
    if facts.outs[c] ~= 1 or facts.ins[c] ~= 1 then return nil end
  end
  local position = (tap - 1) * blocksize(s)
  for _ = 1, s.nin do
    local o, i, _
    _, _, o, i, position = nextweight(facts, position + 1)
    shift = shift or (o - i) % s.nin
    if (o - i) % s.nin ~= shift then return nil end
  end
  return shift > s.nin / 2 and shift - s.nin or shift
end

local function mixing(facts, reasons)
  local tap = facts.only or facts.origin
  if not tap then return end
  local count, w, at, o, i = crossing(facts, tap)
  if count == 0 then return end
  local shift = rotation(facts, tap)
  if shift then
    reasons[#reasons + 1] = ("channels are shifted by %s: output %s takes "
      .. "input %s (shift = 0 would mend it)"):format(num(shift), num(o), num(i))
    return
  end
  local verb = facts.outs[o] == 1 and "becomes" or "leaks into"
  reasons[#reasons + 1] = ("input %s %s output %s: weight %s is %s%s"):format(
    num(i), verb, num(o), tuple(at), value(w),
    more(count - 1, "joins", "different channels"))
end

-- The gain, where the straight weights have one.
local function gains(facts, activation, reasons)
  local tap = facts.only or facts.origin
  local count = math.min(facts.s.nin, facts.s.nout)
  local gain, first, odd, differ = nil, nil, {}, {}
  for i = 1, tap and count or 0 do
    local w, at = straight(facts, tap, i)
    if w - w ~= 0 then
      odd[#odd + 1] = ("weight %s is %s"):format(tuple(at), value(w))
    elseif w ~= 0 and not gain then
      gain, first = w, i
    elseif w ~= 0 and w ~= gain then
      differ[#differ + 1] = ("output %s has %s"):format(num(i), value(w))
    end
  end
  if odd[1] then
    reasons[#reasons + 1] = odd[1] .. more(#odd - 1, "is", "not finite")
  end
  if differ[1] then
    reasons[#reasons + 1] = ("gains differ: output %s has %s, %s%s"):format(
      num(first), value(gain), differ[1],
      more(#differ - 1, "differs", "from the first"))
  elseif gain and gain < 0 and activation == "relu" then
    reasons[#reasons + 1] = ("relu makes 0 of what inputs above 0 become with "
      .. "the gain %s"):format(value(gain))
  end
  return gain
end

local function biases(s, reasons)
  local first, count = nil, 0
  for o = 1, s.bias and s.nout or 0 do
    if s.bias(o) ~= 0 then
      count = count + 1
      first = first or ("bias %s is %s"):format(num(o), value(s.bias(o)))
    end
  end
  if count > 0 then
    reasons[#reasons + 1] = first .. more(count - 1, "is", "not 0")
      .. " (bias = false would mend it)"
  end
end

-- An activation that is not known: what it does to a few numbers is a fact.
local function unproven(f, reasons)
  for _, x in ipairs { 1, 0.5, 2, 100, 0, -1, -0.5, -100 } do
    local ok, y = pcall(f, x)
    if not ok then
      reasons[#reasons + 1] = ("the activation raises an error for %s"):format(
        num(x))
      return
    elseif y ~= x then
      reasons[#reasons + 1] = ("the activation makes %s of %s"):format(
        type(y) == "number" and num(y) or core.gottext(y), num(x))
      return
    end
  end
  reasons[#reasons + 1] = "the activation cannot be proven to be the identity: "
    .. "layers.identity and layers.relu can"
end

--- The proof. `activation` is nil if there is none that changes anything,
--- "relu", or a function that is not known; then come core.census's counts.
---@return boolean
---@return string[]
---@return number?
return function(s, activation, ...)
  local reasons, facts = {}, survey(s, ...)
  if s.nin ~= s.nout then
    reasons[1] = ("%s input%s %s output%s"):format(num(s.nin),
      s.nin == 1 and " becomes" or "s become", num(s.nout),
      s.nout == 1 and "" or "s")
  end
  extents(facts, reasons)
  if facts.total == 0 then
    reasons[#reasons + 1] = "every weight is 0: no output depends on an input"
  else
    offsets(facts, reasons)
    unused(facts, activation, reasons)
    mixing(facts, reasons)
  end
  local gain = gains(facts, activation, reasons)
  biases(s, reasons)
  if activation and activation ~= "relu" then unproven(activation, reasons) end
  if reasons[1] then return false, reasons end
  if activation == "relu" then
    reasons[1] = "for inputs that are not negative, which relu keeps"
  end
  return true, reasons, gain
end
