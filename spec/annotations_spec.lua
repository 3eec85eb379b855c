local core = require "idinit.core"
local idinit = require "idinit"
local layers = require "idinit.layers"
local child = require "spec.tools.child"
local keywords = require "spec.support.keywords"
local luacats = require "spec.tools.luacats"

local read = child.read

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function set(list)
  local names = {}
  for _, name in ipairs(list) do names[name] = true end
  return names
end

-- What a layer answers to, other than when it is called.
local function layernames()
  local layer, names = layers.Conv({ 3 }, 1, 1), {}
  for _, state in pairs(layer) do
    for key in pairs(state) do
      if layer[key] ~= nil then names[key] = true end
    end
  end
  for key in pairs(debug.getmetatable(layer)) do
    if not key:find "^__" then names[key] = true end
  end
  return names
end

-- The keywords that a layer's constructor accepts, as it tells who gives none of them.
local function layerkeywords(...)
  local _, message = pcall(...)
  local names = {}
  for name in message:match "one of (.*) expected":gmatch "%a+" do names[name] = true end
  return names
end

describe("annotation", function()
  local docs, where = {}, {}

  for path in child.must("ls lua/idinit/*.lua lua/idinit/*/*.lua"):gmatch "[^\n]+" do
    for _, doc in ipairs(luacats.read(path)) do
      docs[#docs + 1] = doc
      where[doc] = path:gsub("/init%.lua$", ".lua"):match "([%w_]+)%.lua$"
    end
  end

  -- Names with an annotation of their own, and the annotation.
  local function annotated(file, owner)
    local names = {}
    for _, doc in ipairs(docs) do
      if where[doc] == file and doc.owner == owner and not doc.name:find "^__" then
        names[doc.name] = doc
      end
    end
    return names
  end

  -- The fields that a class has, also by the class that it extends.
  local function fields(class)
    local names, parent = {}, nil
    for _, doc in ipairs(docs) do
      local inside = false
      for _, tag in ipairs(doc.tags) do
        if tag.kind == "class" then
          inside = tag.name == class
          if inside then parent = next(tag.uses) end
        end
        if inside and tag.kind == "field" and tag.name then names[tag.name] = true end
      end
    end
    if parent and parent:find "^idinit" then
      for name in pairs(fields(parent)) do names[name] = true end
    end
    return names
  end

  local function with(names, more)
    local all = {}
    for name in pairs(names) do all[name] = true end
    for name in pairs(more) do all[name] = true end
    return all
  end

  -- Public names: what there is, and what is annotated.
  local public = {
    { "names of idinit", function()
      return idinit, with(annotated("idinit", "idinit"), fields "idinit")
    end },
    { "methods of tensors", function() return core.methods, annotated("types", "Tensor") end },
    { "names of idinit.layers", function() return layers, annotated("layers", "layers") end },
    { "methods and fields of layers", function()
      return layernames(), with(annotated("layers", "Layer"), fields "idinit.Layer")
    end },
    { "keywords of idinit", function() return set(keywords), fields "idinit.Keywords" end },
    { "keywords of Dense", function()
      return layerkeywords(layers.Dense, 1, 1, { x = 1 }), fields "idinit.DenseKeywords"
    end },
    { "keywords of Conv", function()
      return layerkeywords(layers.Conv, { 1 }, 1, 1, { x = 1 }), fields "idinit.ConvKeywords"
    end },
    { "keywords of ConvTranspose", function()
      return layerkeywords(layers.ConvTranspose, { 1 }, 1, 1, { x = 1 }),
        fields "idinit.ConvTransposeKeywords"
    end },
  }

  for _, entry in ipairs(public) do
    local what, names = entry[1], entry[2]
    it("covers the " .. what .. ", and nothing that there is not", function()
      local there, told = names()
      assert.same(sorted(there), sorted(told))
    end)
  end

  for k, extended in ipairs { idinit, core.methods, layers } do
    it("is missed among the " .. public[k][1], function()
      extended.without = print
      local there, told = public[k][2]()
      there = sorted(there)
      extended.without = nil
      assert.not_same(there, sorted(told))
    end)
  end

  -- The parameters that an annotation tells, and self; nil if it gives a type.
  local function parameters(doc)
    local names = {}
    for _, tag in ipairs(doc.tags) do
      if tag.kind == "type" then return nil end
      if tag.kind == "param" then names[#names + 1] = tag.name end
    end
    if doc.parameters and doc.parameters[1] == "self" then table.insert(names, 1, "self") end
    return names
  end

  it("of a function tells in words what it does, and all its parameters", function()
    for _, scope in ipairs { { "idinit", "idinit" }, { "types", "Tensor" }, { "layers", "layers" },
                             { "layers", "Layer" } } do
      for name, doc in pairs(annotated(scope[1], scope[2])) do
        assert(doc.text:find "%a", doc.where .. ": no words")
        assert.same({ name, doc.parameters }, { name, parameters(doc) })
      end
    end
  end)

  it("uses no type that is not defined", function()
    assert.same({}, luacats.undefined(docs))
  end)

  it("names operators that a tensor has", function()
    local count = 0
    for _, doc in ipairs(docs) do
      for _, tag in ipairs(doc.tags) do
        if tag.kind == "operator" then
          count = count + 1
          assert.is_function(debug.getmetatable(idinit(1))["__" .. tag.name])
        end
      end
    end
    assert.equal(1, count)
  end)
end)

describe("the example that every host runs", function()
  local code = read "spec/hosts/example.lua"

  it("uses every public name", function()
    for _, scope in ipairs { idinit, core.methods, layers, keywords } do
      for key, value in pairs(scope) do
        local name = type(key) == "string" and key or value
        assert.is_truthy(code:find("%f[%w_]" .. name .. "%f[^%w_]"), name .. " is not used")
      end
    end
  end)

  it("returns the text that it should", function()
    local folder = child.folder()
    local text = dofile "spec/hosts/example.lua"(folder)
    child.must("rmdir '" .. folder .. "'")
    assert.equal(read "spec/hosts/example.txt", text)
  end)
end)
