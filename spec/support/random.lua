-- Numbers that only look random: the same on every Lua for the same seed.
-- IDINIT_SEED sets the seed of all, to see a failure again.

local random = { seed = tonumber(os.getenv "IDINIT_SEED") or os.time() }

-- A function of n that returns a whole number from 1 to n.
function random.new(seed)
  local state = seed % 2147483646 + 1
  local function draw(n)
    state = state * 16807 % 2147483647
    return math.floor(state / 2147483647 * n) + 1
  end
  for _ = 1, 3 do draw(1) end -- near seeds start near each other
  return draw
end

return random
