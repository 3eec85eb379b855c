-- What nginx.sh has nginx answer to request `n`: text that depends on it, and
-- on tensors large and small that it leaves to the collector.

local idinit = require "idinit"

return function(n)
  local small = idinit(n % 7 + 1, n % 5 + 1, { gain = n })
  local large = idinit(256, 256, { gain = n, shift = n, order = n % 2 == 0 and "row" or "col" })
  local sum = 0
  for i = 1, 256 do sum = sum + large(i, (i - n - 1) % 256 + 1) end
  local shifted = 0
  for j = 1, 256 do shifted = shifted + large((j + n - 1) % 256 + 1, j) end
  return ("%s\n%d: %d %d\n"):format(tostring(small), n, sum, shifted)
end
