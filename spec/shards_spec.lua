-- A tensor made in parts by processes of their own, as one larger than memory
-- would be.

local idinit = require "idinit"
local child = require "spec.tools.child"

describe("Eight windows made by eight processes", function()
  local folder

  setup(function() folder = child.folder() end)
  teardown(function() child.must("rm -rf " .. child.quote(folder)) end)

  -- What process k of 8 runs: makes its part of dimension `dim` and saves it.
  local code = [[
    local idinit = require "idinit"
    local k, dim, size, keywords, path = %d, %d, %s, %s, %q
    local all = {}
    for name, value in pairs(keywords) do all[name] = value end
    for d, n in ipairs(size) do all[d] = n end
    all.window = {}
    for d in ipairs(size) do all.window[d] = {} end
    local n = size[dim]
    all.window[dim] = { math.floor((k - 1) * n / 8) + 1, math.floor(k * n / 8) }
    idinit(all):save(path)
  ]]

  -- The parts, which are made at the same time, joined.
  local function joined(dim, size, keywords)
    local lua, commands, parts = child.lua(), {}, {}
    for k = 1, 8 do
      local path = folder .. "/" .. k .. ".npy"
      local text = code:format(k, dim, size, keywords, path)
      commands[k] = lua .. " -e " .. child.quote(text) .. " & p" .. k .. "=$!"
    end
    for k = 1, 8 do commands[#commands + 1] = "wait $p" .. k .. " || exit 1" end
    child.must(table.concat(commands, "\n"))
    for k = 1, 8 do parts[k] = idinit.load(folder .. "/" .. k .. ".npy") end
    return idinit.cat(parts, dim)
  end

  it("are the whole when they are joined", function()
    local whole = idinit(64, 50, { gain = 3, shift = { -5, 7 } })
    assert.is_true(joined(1, "{64, 50}", "{gain = 3, shift = {-5, 7}}") == whole)
  end)

  it("are the whole of a convolution, cut along its outputs", function()
    local whole = idinit(3, 4, 6, 36, { groups = 4, fit = "mean", center = "hi", order = "col" })
    assert.is_true(joined(4, "{3, 4, 6, 36}",
      "{groups = 4, fit = 'mean', center = 'hi', order = 'col'}") == whole)
  end)

  it("are the whole of a Hadamard matrix, cut along its inputs", function()
    local whole = idinit(100, 61, { fit = "hadamard", gain = 2, shift = 9 })
    assert.is_true(joined(2, "{100, 61}", "{fit = 'hadamard', gain = 2, shift = 9}") == whole)
  end)
end)
