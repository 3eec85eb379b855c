-- Where a tensor is not zero, in row-major order: "(2,1) (3,2)". Fails the spec
-- if anything but `value`, or 1, stands there, or a zero is negative.

local model = require "spec.support.model"

local unpack = table.unpack or unpack

local function nonzeros(t, value)
  local list = {}
  for p in model.positions { t:size() } do
    local x = t:get(unpack(p))
    local where = "(" .. table.concat(p, ",") .. ")"
    if x == (value or 1) then
      list[#list + 1] = where
    elseif x ~= 0 or 1 / x < 0 then
      error(("%s holds %s"):format(where, x), 2)
    end
  end
  return table.concat(list, " ")
end

return nonzeros
