--- The names of idinit's keywords, in order, as the error of one that is unknown lists
--- them.

local idinit = require "idinit"

local names = {}
local _, message = pcall(idinit, { [""] = 1 })
for name in message:match "one of (.*) expected$":gmatch "%w+" do names[#names + 1] = name end

return names
