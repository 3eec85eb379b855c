-- The README, the changelog and the Makefile against the code.

local core = require "idinit.core"
local idinit = require "idinit"
local layers = require "idinit.layers"
local child = require "spec.tools.child"

local read = child.read

describe("README.md", function()
  local readme = read "README.md"
  local prose = readme:gsub("\n```.-\n```", "")

  -- What is written in backticks, one span after the other.
  local code = {}
  for span in prose:gmatch "`([^`\n]+)`" do code[#code + 1] = span end

  local scopes = {
    { "idinit%.", idinit, "idinit.NAME" },
    { "%f[%w]t:", core.methods, "t:NAME" },
    { "layers%.", layers, "layers.NAME" },
  }

  -- The names that it gives after a prefix, called or as a field.
  local function told(prefix)
    local names = {}
    for _, span in ipairs(code) do
      for name, after in (span .. " "):gmatch(prefix .. "([%a_][%w_]*)(.)") do
        names[name] = names[name] or after == "(" or name:find "^_" ~= nil
      end
    end
    return names
  end

  local function undocumented(prefix, scope)
    local list, names = {}, told(prefix)
    for name in pairs(scope) do
      if not names[name] then list[#list + 1] = name end
    end
    return list
  end

  for _, entry in ipairs(scopes) do
    local prefix, scope, shown = entry[1], entry[2], entry[3]

    it("tells how every " .. shown .. " is called, and notices a new one", function()
      assert.same({}, undocumented(prefix, scope))
      scope.untold = print
      local list = undocumented(prefix, scope)
      scope.untold = nil
      assert.same({ "untold" }, list)
    end)

    it("tells of no " .. shown .. " that there is not", function()
      for name in pairs(told(prefix)) do
        if prefix ~= "idinit%." or name ~= "layers" then
          assert.is_truthy(scope[name], name)
        end
      end
    end)
  end

  it("has every keyword in its table, and no other", function()
    local rows, names = {}, {}
    local block = prose:match "\n| keyword | default | meaning |\n(.-)\n\n"
    for name in block:gmatch "%f[^\n]| `([%w_]+)` |" do rows[#rows + 1] = name end
    for k, name in ipairs(require "spec.support.keywords") do names[k] = name end
    table.sort(rows)
    table.sort(names)
    assert.same(names, rows)
  end)

  it("names targets that the Makefile has", function()
    local makefile, count = "\n" .. read "Makefile", 0
    for target in readme:gmatch "%f[%w]make ([%l]+)%f[^%l]" do
      if readme:find("`make " .. target, 1, true) or readme:find("\nmake " .. target, 1, true) then
        count = count + 1
        assert.is_truthy(makefile:find("\n" .. target .. ":", 1, true), target)
      end
    end
    assert.is_true(count >= 2)
  end)
end)

describe("spec/README.md", function()
  local text = read "spec/README.md"

  it("maps every spec and folder, and names targets that the Makefile has", function()
    for name in child.must("ls spec"):gmatch "([%w_]+_spec)%.lua" do
      assert.is_truthy(text:find("`" .. name .. "`", 1, true), name)
    end
    for name in text:gmatch "`([%w_]+_spec)`" do read("spec/" .. name .. ".lua") end
    for name in child.must("cd spec && ls -d */"):gmatch "%a+" do
      assert.is_truthy(text:find("| `" .. name .. "` |", 1, true), name)
    end
    local makefile = "\n" .. read "Makefile"
    for target in text:gmatch "`make ([%l]+)" do
      assert.is_truthy(makefile:find("\n" .. target .. ":", 1, true), target)
    end
  end)
end)

describe("CHANGELOG.md", function()
  it("begins with the version that there is", function()
    assert.equal(idinit._VERSION, "idinit " .. read "CHANGELOG.md":match "\n## (%d+%.%d+%.%d+)")
  end)
end)
