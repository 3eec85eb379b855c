-- What `make demo` shows: a few calls with their results, and whether the
-- README's examples print here what it says.

local idinit = require "idinit"
local readme = require "spec.tools.readme"
local load = loadstring or load

-- Statements and, last, an expression whose value is shown.
local function show(statements, expression)
  for line in (statements .. expression):gmatch "[^\n]+" do
    print("> " .. line)
  end
  local run = assert(load("local idinit = ...\n" .. statements .. "return " .. expression, "=demo"))
  local results = { run(idinit) }
  for i = 1, #results do results[i] = tostring(results[i]) end
  print(table.concat(results, "   ") .. "\n")
end

print(idinit._VERSION .. ", " .. (jit and jit.version or _VERSION) .. "\n")

show("", "idinit(3, 5)")
show("", "idinit(3, 3, 2, {gain = 100})")
show("", "idinit{gain = 10}(2, 2, 1, 1)")
show("", "idinit(4, 4, {shift = {0, 1}})")
show([[
local t = idinit(2, 3)
t[1][3] = 0.5
t[{2, 1}] = -7
]], "t")
show("local t = idinit(2, 3)\n", "pcall(function() return t(2, 7) end)")

-- A network from a file grows: wider, deeper, and its output stays.
show([[
local layers, path = require "idinit.layers", os.tmpname()
idinit.save(path, { w1 = idinit.tensor { { 0.5, -1 }, { 2, 0.25 }, { -1, 1 } },
  w2 = idinit.tensor { { 1, 2, 4 } } })
local net = idinit.load(path)

local function run(names, x)
  for _, name in ipairs(names) do
    local outputs, inputs = net[name]:size()
    x = layers.Dense(inputs, outputs, { init = net[name], activation = layers.relu })(x)
  end
  return x
end

local before = run({ "w1", "w2" }, { 3, 2 })
net.w1, net.w2 = net.w1:widen(1, 6), net.w2:widen(2, 6, "split")
net.between = idinit(6, 6)
idinit.save(path, net)
os.remove(path)
]], 'before, run({ "w1", "between", "w2" }, { 3, 2 })')

local examples = readme.examples "README.md"
local wrong = 0
for _, example in ipairs(examples) do
  if readme.run(example, os.getenv "IDINIT_LUA") ~= example.output then
    wrong = wrong + 1
    print("README.md:" .. example.line .. ": this example prints something else")
  end
end
print(("README.md: %d examples, %d of them print what it says"):format(
  #examples, #examples - wrong))
os.exit(wrong == 0 and 0 or 1)
