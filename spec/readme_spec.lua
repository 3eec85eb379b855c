local child = require "spec.tools.child"
local readme = require "spec.tools.readme"

describe("README.md", function()
  local has_ffi = pcall(require, "ffi")
  local examples = readme.examples "README.md"

  it("has examples", function()
    assert.is_true(#examples > 0)
  end)

  for _, example in ipairs(examples) do
    if has_ffi or not example.luajit then
      it("tells what the example in line " .. example.line .. " prints", function()
        assert.equal(example.output, readme.run(example, child.lua()))
      end)
    end
  end
end)
