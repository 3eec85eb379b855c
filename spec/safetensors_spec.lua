-- idinit.save and idinit.load of .safetensors files: the format, the file, and
-- what an independent reader and writer make of it.

local idinit = require "idinit"
local child = require "spec.tools.child"
local fails = require "spec.support.fails"
local layers = require "idinit.layers"
local random = require "spec.support.random"
local safefile = require "spec.support.safefile"

local entry, file = safefile.entry, safefile.file

local folder

local function path(name) return folder .. "/" .. name end

local function read(name) return child.read(path(name)) end

local function write(name, bytes)
  local handle = assert(io.open(path(name), "wb"))
  assert(handle:write(bytes))
  assert(handle:close())
  return path(name)
end

local function given(bytes, ...)
  return idinit.load(write("given.safetensors", bytes), ...)
end

-- What an error says behind the name of the file.
local function refusal(bytes, ...)
  local name = write("given.safetensors", bytes)
  local ok, message = pcall(idinit.load, name, ...)
  assert.is_false(ok)
  local start = ('cannot load "%s": '):format(name)
  assert.are.equal(start, message:sub(1, #start))
  return message:sub(#start + 1)
end

local function saved(...)
  idinit.save(path "saved.safetensors", ...)
  return read "saved.safetensors"
end

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

-- -0, which Lua 5.1 takes for 0 where a constant is one.
local minus = tonumber "0" / -1

local one, two, three = "\0\0\128\63", "\0\0\0\64", "\0\0\64\64"

setup(function()
  folder = child.must "mktemp -d /dev/shm/idinit.XXXXXX 2> /dev/null || mktemp -d":gsub("\n", "")
end)

teardown(function() child.must("rm -rf " .. child.quote(folder)) end)

local function clear() child.must(("rm -rf %s; mkdir %s"):format(folder, folder)) end

describe("idinit.load of a .safetensors file", function()
  after_each(clear)

  it("gives tensors by name, and the metadata", function()
    local net, metadata = given(file(
      { '"__metadata__":{"format":"pt","":"\\u00e9"}', entry("w", "F32", "3,1", 0, 12),
        entry("b", "F32", "", 12, 16) }, one .. two .. three .. two))
    assert.are.equal(2, count(net))
    assert.are.same({ { 1 }, { 2 }, { 3 } }, net.w:totable())
    assert.are.same({ 1, 1 }, { net.w:stride() })
    assert.are.equal(0, net.b:dim())
    assert.are.equal(2, net.b())
    assert.are.same({ format = "pt", [""] = "\195\169" }, metadata)
  end)

  it("gives an empty table where there is no metadata", function()
    local net, metadata = given(file({}, ""))
    assert.are.same({}, net)
    assert.are.same({}, metadata)
    net, metadata = given(file({ '"__metadata__":{}' }, ""))
    assert.are.same({}, net)
    assert.are.same({}, metadata)
  end)

  it("is told by the file's first bytes, not by its name", function()
    local name = write("model.npy", file({ entry("x", "U8", "2", 0, 2) }, "\1\2"))
    assert.are.same({ 1, 2 }, idinit.load(name).x:totable())
    idinit(2, 2):save(path "weights")
    assert(os.rename(path "weights", path "weights.safetensors"))
    assert.is_true(idinit(2, 2) == idinit.load(path "weights.safetensors"))
  end)

  it("reads each type", function()
    for kind, case in pairs {
      BOOL = { "\0\1\2", 0, 1, 1 },
      U8 = { "\0\1\255", 0, 1, 255 },
      I8 = { "\0\1\255", 0, 1, -1 },
      I16 = { "\0\0\1\0\255\255", 0, 1, -1 },
      U16 = { "\0\0\1\0\255\255", 0, 1, 65535 },
      F16 = { "\0\60\1\128\0\252", 1, -2 ^ -24, -1 / 0 },
      BF16 = { "\128\63\1\128\128\127", 1, -2 ^ -133, 1 / 0 },
      I32 = { "\0\0\0\0\1\0\0\0\255\255\255\255", 0, 1, -1 },
      U32 = { "\0\0\0\0\1\0\0\0\255\255\255\255", 0, 1, 2 ^ 32 },
      F32 = { one .. two .. three, 1, 2, 3 },
      F64 = { ("\0"):rep(6) .. "\240\63" .. ("\0"):rep(7) .. "\128\1\0\0\16\0\0\240\63",
        1, 0, 1 + 2 ^ -23 },
      I64 = { "\1" .. ("\0"):rep(7) .. ("\255"):rep(8) .. "\1\0\0\0\64\0\0\64",
        1, -1, 2 ^ 62 + 2 ^ 39 },
      U64 = { "\1" .. ("\0"):rep(7) .. ("\255"):rep(8) .. "\1\0\0\0\128\0\0\128",
        1, 2 ^ 64, 2 ^ 63 + 2 ^ 40 },
    } do
      local t = given(file({ entry("x", kind, "3", 0, #case[1]) }, case[1])).x
      assert.are.same({ case[2], case[3], case[4] }, t:totable(), kind)
    end
  end)

  it("reads entries in any order, at any alignment, and however they are set", function()
    local net = given(file({ entry("b", "F64", "1", 3, 11), entry("a", "U8", "3,1", 0, 3) },
      "\1\2\3" .. ("\0"):rep(6) .. "\240\63"))
    assert.are.same({ { 1 }, { 2 }, { 3 } }, net.a:totable())
    assert.are.same({ 1 }, net.b:totable())
    net = given(safefile.raw(
      '{\t"x" :\r\n{ "more": [{"a": [1, -2.5e+3, true, false, null, "]"]}, {}], ' ..
      '"data_offsets": [ 0 , 1 ], "\\u0064type" :"U8", "shape" :[ 1,\n1 ] } }     ', "\7"))
    assert.are.equal(7, net.x(1, 1))
  end)

  it("reads rank 32 and extents of 0", function()
    local net = given(file({ entry("x", "U8", ("1,"):rep(31) .. "2", 0, 2),
      entry("y", "F32", "3,0,9007199254740992", 2, 2), entry("z", "F32", "0", 0, 0) }, "\1\2"))
    assert.are.equal(32, net.x:dim())
    assert.are.same({ 3, 0, 9007199254740992 }, { net.y:size() })
    assert.are.same({ 0 }, { net.z:size() })
  end)

  it("reads names with escapes and zero bytes", function()
    for text, name in pairs {
      ["\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t"] = "\0\"\\/\b\f\n\r\t",
      ["\\u00e9\\u20AC\\ud83d\\ude00\\ud7ff\\ue000\\uffff"] =
        "\195\169\226\130\172\240\159\152\128\237\159\191\238\128\128\239\191\191",
      ["\195\169\226\130\172\240\159\152\128\127"] = "\195\169\226\130\172\240\159\152\128\127",
      [""] = "",
    } do
      local net = given(file({ entry(text, "U8", "", 0, 1) }, "\7"))
      assert.are.equal(7, net[name]())
      assert.are.same({ [name] = 7 }, { [next(net)] = net[name]() })
    end
  end)

  it("reads the tensors of a list of names alone", function()
    local bytes = file({ '"__metadata__":{"a":"b"}', entry("x", "U8", "1", 0, 1),
      entry("y", "F8_E4M3", "7", 1, 3), entry("z", "U8", "2", 3, 5) }, "\1??\2\3")
    local net, metadata = given(bytes, { "z" })
    assert.are.equal(1, count(net))
    assert.are.same({ 2, 3 }, net.z:totable())
    assert.are.same({ a = "b" }, metadata)
    net = given(bytes, { "z", "x", "z" })
    assert.are.equal(2, count(net))
    assert.are.same({ 1 }, net.x:totable())
    assert.are.same({}, (given(bytes, {})))
    assert.are.equal('no tensor in it is called "w"', refusal(bytes, { "x", "w" }))
    local kind = 'tensor "y": element type "F8_E4M3" is not supported'
    assert.are.equal(kind, refusal(bytes, { "x", "y" }))
    assert.are.equal(kind, refusal(bytes))
  end)

  it("refuses names that are no list of strings, and such of a .npy file", function()
    local name = write("given.safetensors", file({ entry("x", "U8", "1", 0, 1) }, "\1"))
    fails(function() idinit.load(name, "x") end, 'names: list of strings expected, got string "x"')
    fails(function() idinit.load(name, { x = 1 }) end, "names: list of strings expected, got table")
    fails(function() idinit.load(name, { "x", 2 }) end, "names: string expected at place 2, got 2")
    assert.are.equal(1, count((idinit.load(name, nil))))
    idinit(2):save(path "t.npy")
    fails(function() idinit.load(path "t.npy", { "x" }) end, "cannot load", "names")
  end)

  it("refuses a header that is too long, or longer than the file", function()
    assert.are.equal("header of at most 100000000 bytes expected, got 100000001",
      refusal(safefile.little(100000001, 8) .. "{}"))
    assert.are.equal("header of at most 100000000 bytes expected, got 9223372036854775808",
      refusal(("\0"):rep(7) .. "\128{}"))
    assert.are.equal("header of 3 bytes expected, got 2", refusal("\3" .. ("\0"):rep(7) .. "{}"))
    assert.are.equal('header: "{" expected, got its end', refusal(("\0"):rep(8) .. "{}"))
    for n = 0, 8 do
      local cut = ("\2" .. ("\0"):rep(7)):sub(1, n)
      assert.are.equal("not a .npy or .safetensors file", refusal(cut))
    end
    assert.are.equal("not a .npy or .safetensors file", refusal("\3" .. ("\0"):rep(7) .. " {}"))
  end)

  it("refuses bytes that are not each of one tensor", function()
    local x = entry("x", "U8", "4", 0, 4)
    for fault, case in pairs {
      ["4 bytes of data expected, got 5"] = { { x }, 5 },
      ["0 bytes of data expected, got 1"] = { {}, 1 },
      ['tensor "x": bytes in the range [0, 3] expected, got [0, 4]'] = { { x }, 3 },
      ['tensor "y": bytes in the range [0, 8] expected, got [8, 4]'] =
        { { entry("y", "U8", "4", 8, 4) }, 8 },
      ['tensor "y" overlaps the one before it'] = { { x, entry("y", "U8", "4", 2, 6) }, 6 },
      ['tensor "z" overlaps the one before it'] = { { x, entry("z", "U8", "0", 2, 2) }, 4 },
      ['hole of 1 bytes before tensor "y"'] = { { x, entry("y", "U8", "1", 5, 6) }, 6 },
      ['hole of 2 bytes before tensor "y"'] = { { entry("y", "F8_E5M2", "4", 2, 6) }, 6 },
      ['tensor "y": 5 bytes expected, got 4'] = { { entry("y", "U8", "5", 0, 4) }, 4 },
      ['tensor "y": 8 bytes expected, got 4'] = { { entry("y", "F64", "", 0, 4) }, 4 },
      ['tensor "y": 0 bytes expected, got 4'] = { { entry("y", "F32", "2,0", 0, 4) }, 4 },
      ['tensor "y": the product of the extents is too large'] =
        { { entry("y", "U8", "4294967296,4294967296", 0, 4) }, 4 },
    } do
      assert.are.equal(fault, refusal(file(case[1], ("x"):rep(case[2]))))
    end
    assert.are.equal('tensor "y" overlaps the one before it',
      refusal(file({ x, entry("y", "U8", "4", 0, 4) }, "xxxx")):gsub('"x"', '"y"'))
  end)

  it("refuses names and keys that come twice", function()
    local x = entry("x", "U8", "", 0, 1)
    assert.are.equal('header: two tensors are called "x"',
      refusal(file({ x, entry("y", "U8", "", 2, 3), entry("\\u0078", "U8", "", 1, 2) }, "123")))
    assert.are.equal('header: "__metadata__" comes twice',
      refusal(file({ '"__metadata__":{}', x, '"__metadata__":{}' }, "1")))
    assert.are.equal('metadata: key "a" comes twice',
      refusal(file({ '"__metadata__":{"a":"","\\u0061":"b"}' }, "")))
    local twice = refusal(safefile.raw('{"x":{"dtype":"U8","dtype":"U8"}}', ""))
    assert.truthy(twice:find('key "dtype" comes twice', 1, true), twice)
  end)

  it("refuses numbers that are no extents or offsets, exactly", function()
    local function shape(text) return refusal(file({ entry("x", "F32", text, 0, 0) }, "")) end
    local function offset(n)
      return refusal(file({ '"x":{"dtype":"F32","shape":[0],"data_offsets":[0,' .. n .. "]}" }, ""))
    end
    for _, text in ipairs {
      "9007199254740993,0", "0,9007199254740993", "0,18446744073709551616",
      "0," .. ("9"):rep(400),
    } do
      assert.truthy(shape(text):find "extent of dimension [12], before byte %d+, is too large",
        shape(text))
    end
    assert.truthy(shape(("1,"):rep(32) .. "0"):find "at most 32 dimensions")
    for text, got in pairs {
      ["-1"] = 'whole number expected at byte 30, got "-"', ["0.0"] = 'got "."',
      ["1e2"] = 'got "e"', ["01"] = '"]" expected at byte 31, got "1"', ['"1"'] = 'got """',
      ["0,"] = 'got "]"', ["[0]"] = 'got "["', ["null"] = 'got "n"', ["0 0"] = 'got "0"',
    } do
      assert.truthy(shape(text):find(got, 1, true), shape(text))
    end
    for _, n in ipairs { "9007199254740993", "18446744073709551615", "18446744073709551616" } do
      assert.truthy(offset(n):find("bytes in the range [0, 0] expected, got [0, ", 1, true))
    end
    assert.truthy(offset "9007199254740993":find("9007199254740993]", 1, true))
  end)

  it("refuses what is no header in JSON", function()
    local x = entry("x", "U8", "", 0, 1)
    local deep = ("["):rep(200) .. ("]"):rep(200)
    for text, fault in pairs {
      ["{" .. x .. "} {"] = 'end expected at byte 54, got "{"',
      ["{" .. x .. "}\n"] = "end expected at byte 53, got 0x0a",
      ["{" .. x .. "}\0"] = "end expected at byte 53, got 0x00",
      ["{" .. x] = '"}" expected, got its end',
      ["{" .. x .. ",}"] = 'string expected at byte 53, got "}"',
      ["{" .. x .. x .. "}"] = '"}" expected at byte 52, got """',
      ["{'x':1}"] = 'string expected at byte 2, got "\'"',
      ['{"x"}'] = '":" expected at byte 5, got "}"',
      ['{"x":[]}'] = '"{" expected at byte 6, got "["',
      ['{"x":{}}'] = 'tensor "x": key "dtype" is missing',
      ['{"x":{"dtype":"U8","shape":[]}}'] = 'tensor "x": key "data_offsets" is missing',
      ['{"x":{"dtype":"U8","data_offsets":[0,1]}}'] = 'tensor "x": key "shape" is missing',
      ['{"x":{"dtype":8}}'] = 'string expected at byte 15, got "8"',
      ['{"x":{"data_offsets":[0]}}'] = '"," expected at byte 24, got "]"',
      ['{"x":{"data_offsets":[0,1,2]}}'] = '"]" expected at byte 26, got ","',
      ['{"x":{"y":nul}}'] = 'value expected at byte 11, got "n"',
      ['{"x":{"y":}}'] = 'value expected at byte 11, got "}"',
      ['{"x":{"y":1.}}'] = 'digit expected at byte 13, got "}"',
      ['{"x":{"y":-}}'] = 'digit expected at byte 12, got "}"',
      ['{"x":{"y":1e}}'] = 'digit expected at byte 13, got "}"',
      ['{"x":{"y":[1}}'] = '"]" expected at byte 13, got "}"',
      ['{"x":{"y":' .. deep .. "}}"] = "more than 128 brackets in each other at byte 139",
      ['{"__metadata__":null}'] = '"{" expected at byte 17, got "n"',
      ['{"__metadata__":{"a":1}}'] = 'string expected at byte 22, got "1"',
      ['{"__metadata__":{"a":null}}'] = 'string expected at byte 22, got "n"',
      ['{"x'] = "the string at byte 2 has no end",
      ['{"\\x":1}'] = "bad escape at byte 3",
      ['{"\\'] = "bad escape at byte 3",
      ['{"\\u12'] = "bad escape at byte 3",
      ['{"\\u12g4":1}'] = "bad escape at byte 3",
      ['{"\\ud800":1}'] = "bad escape at byte 3",
      ['{"\\ud800\\u0041":1}'] = "bad escape at byte 3",
      ['{"\\ud800x\\udc00":1}'] = "bad escape at byte 3",
      ['{"\\udc00":1}'] = "bad escape at byte 3",
      ['{"a\tb":1}'] = "byte 0x09 in a string at byte 4",
      ['{"a\0b":1}'] = "byte 0x00 in a string at byte 4",
      ['{"\233":1}'] = "no UTF-8 at byte 3",
      ['{"\192\128":1}'] = "no UTF-8 at byte 3",
      ['{"\224\159\191":1}'] = "no UTF-8 at byte 3",
      ['{"\237\160\128":1}'] = "no UTF-8 at byte 3",
      ['{"\240\143\191\191":1}'] = "no UTF-8 at byte 3",
      ['{"\244\144\128\128":1}'] = "no UTF-8 at byte 3",
      ['{"\245\128\128\128":1}'] = "no UTF-8 at byte 3",
      ['{"\226\130'] = "no UTF-8 at byte 3",
      ["{\195\169:1}"] = "string expected at byte 2, got 0xc3",
    } do
      assert.truthy(refusal(safefile.raw(text, "1")):find(fault, 1, true),
        ("%q expected, got %q"):format(fault, refusal(safefile.raw(text, "1"))))
    end
  end)

  it("reads what nests as deep as the format's own library reads it", function()
    local text = '{"x":{"y":' .. ("["):rep(120) .. ("]"):rep(120) ..
      ',"dtype":"U8","shape":[],"data_offsets":[0,1]}}'
    assert.are.equal(7, given(safefile.raw(text, "\7")).x())
  end)

  it("shows no control character of a name in an error, and of a long one the beginning", function()
    local text = refusal(file({ entry("\\n\\u007f\\u001b\195\169", "U8", "2", 0, 1) }, "1"))
    assert.are.equal('tensor "???\195\169": 2 bytes expected, got 1', text)
    text = refusal(file({ entry(("\195\169"):rep(100), "U8", "2", 0, 1) }, "1"))
    assert.are.equal('tensor "' .. ("\195\169"):rep(30) .. '...": 2 bytes expected, got 1', text)
  end)

  it("refuses any file that was cut or has more", function()
    local whole = file({ '"__metadata__":{"a":"b"}', entry("x", "I16", "2", 0, 4) }, "\1\2\3\4")
    for length = 0, #whole - 1 do refusal(whole:sub(1, length)) end
    refusal(whole .. "\0")
    assert.are.same({ 513, 1027 }, given(whole).x:totable())
  end)

  it("raises, or not, for any damage to a byte", function()
    local whole = file({ '"__metadata__":{"a":"b"}', entry("x", "I16", "2", 0, 4) }, "\1\2\3\4")
    local name = path "given.safetensors"
    for at = 1, #whole do
      for _, byte in ipairs { 0, 34, 48, 57, 92, 125, 255 } do
        write("given.safetensors", whole:sub(1, at - 1) .. string.char(byte) .. whole:sub(at + 1))
        local ok, net = pcall(idinit.load, name)
        if ok then
          assert.are.equal(2, select(2, next(net)):numel())
        else
          assert.truthy(net:find(name, 1, true), net)
        end
      end
    end
  end)

  it("tells good from bad in the fuzzer's corpus", function()
    local corpus = "spec/fuzz/corpus/safetensors/"
    local seen = 0
    for name in child.must("ls " .. corpus):gmatch "[^\n]+%.safetensors" do
      local ok, net = pcall(idinit.load, corpus .. name)
      if name == "good-unknown-type.safetensors" then
        assert.truthy(net:find("F8_E4M3", 1, true), net)
        assert.are.same({ 1 }, idinit.load(corpus .. name, { "y" }).y:totable())
      else
        assert.are.equal(name:sub(1, 4) == "good", ok, name .. ": " .. tostring(net))
      end
      seen = seen + 1
    end
    assert.is_true(seen >= 83)
  end)

  it("asks for no memory that the file cannot fill #native", function()
    local huge = write("huge.safetensors",
      file({ entry("x", "F32", "1099511627776", 0, 4398046511104) }, "1234"))
    local long = write("long.safetensors", safefile.little(99999999, 8) .. "{}")
    local output, status = child.run("ulimit -v 300000 && " .. child.lua() .. " -e " .. child.quote(
      ([[local idinit = require "idinit"
      print(pcall(idinit.load, %q))
      print(pcall(idinit.load, %q))]]):format(huge, long)))
    if status ~= 0 then pending "the shell cannot limit memory" return end
    assert.are.equal(('false\tcannot load "%s": tensor "x": bytes in the range [0, 4] expected, ' ..
      'got [0, 4398046511104]\nfalse\tcannot load "%s": header of 99999999 bytes expected, ' ..
      "got 2\n"):format(huge, long), output)
  end)
end)

-- Extents of 1, and 2 at the end.
local function ranks(n)
  if n == 1 then return 2 end
  return 1, ranks(n - 1)
end

describe("idinit.save", function()
  after_each(clear)

  it("writes metadata first, then tensors by name as bytes", function()
    local bytes = saved({ b = idinit.tensor { { 1, 2, 3 } }, ["\195\169"] = idinit.tensor { 3 },
      B = idinit.tensor(2) }, { metadata = { z = "1", a = "" } })
    assert.are.equal(file({
      '"__metadata__":{"a":"","z":"1"}', entry("B", "F32", "", 0, 4),
      entry("b", "F32", "1,3", 4, 16),
      entry("\195\169", "F32", "1", 16, 20),
    }, two .. one .. two .. three .. three), bytes)
  end)

  it("pads the header with spaces to a multiple of 8 bytes", function()
    for n = 0, 20 do
      local bytes = saved { [("x"):rep(n)] = idinit(0) }
      assert.are.equal(0, #bytes % 8)
      assert.are.equal(#bytes - 8, bytes:byte(1) + 256 * bytes:byte(2))
      assert.truthy(bytes:find "^.......%z{.*} ? ? ? ? ? ? ?$")
    end
    assert.are.equal("\8" .. ("\0"):rep(7) .. "{}      ", saved {})
    assert.are.equal(file({ '"__metadata__":{}' }, ""), saved({}, { metadata = {} }))
  end)

  it("writes strings as the format's own library does", function()
    local name = "\0\1\8\9\10\11\12\13\31 \"\\/\127\195\169\240\159\152\128"
    local text = "\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\127\195\169\240\159\152\128"
    assert.are.equal(file({ '"__metadata__":{"' .. text .. '":"' .. text .. '"}',
      entry(text, "F32", "0", 0, 0) }, ""), saved({ [name] = idinit(0) },
      { metadata = { [name] = name } }))
    local net, metadata = idinit.load(path "saved.safetensors")
    assert.is_true(idinit.is_tensor(net[name]))
    assert.are.same({ [name] = name }, metadata)
  end)

  it("writes each type, rounded once, to nearest even", function()
    local t = idinit.tensor {
      1, -2, 65504, 65519.996, 65520, 2 ^ -24, 2 ^ -25, 3 * 2 ^ -25, 1 + 2 ^ -11, 1 + 3 * 2 ^ -11,
      -1 / 0, minus, 1e-30, 2 ^ -14 - 2 ^ -25, -2 ^ -25 - 2 ^ -40,
    }
    assert.are.equal("\0\60\0\192\255\123\255\123\0\124\1\0\0\0\2\0\0\60\2\60\0\252\0\128\0\0" ..
      "\0\4\1\128", saved({ x = t }, { dtype = "f16" }):sub(-30))
    t = idinit.tensor {
      1, -2, 1 + 2 ^ -8, 1 + 3 * 2 ^ -8, 1 + 2 ^ -8 + 2 ^ -20, (2 - 2 ^ -9) * 2 ^ 127,
      2 ^ -133, 2 ^ -134, 3 * 2 ^ -134, 1 / 0, minus,
    }
    assert.are.equal("\128\63\0\192\128\63\130\63\129\63\128\127\1\0\0\0\2\0\128\127\0\128",
      saved({ x = t }, { dtype = "bf16" }):sub(-22))
    t = idinit.tensor { 1 + 2 ^ -23, 2 ^ -149 }
    assert.are.equal("\0\0\0\32\0\0\240\63\0\0\0\0\0\0\160\54",
      saved({ x = t }, { dtype = "f64" }):sub(-16))
    assert.are.equal("\1\0\128\63\1\0\0\0", saved({ x = t }, { dtype = "f32" }):sub(-8))
  end)

  it("writes each NaN as a quiet one of its sign, and f32 as it is", function()
    local bits = "\1\0\128\127\1\0\128\255\1\0\192\127\255\255\255\255"
    local t = given(file({ entry("x", "F32", "4", 0, 16) }, bits)).x
    assert.are.equal(bits, saved { x = t }:sub(-16))
    assert.are.equal("\0\126\0\254\0\126\255\255", saved({ x = t }, { dtype = "f16" }):sub(-8))
    assert.are.equal("\192\127\192\255\192\127\255\255",
      saved({ x = t }, { dtype = "bf16" }):sub(-8))
    local wide = saved({ x = t }, { dtype = "f64" }):sub(-32)
    for k, sign in ipairs { 127, 255, 127, 255 } do
      assert.are.equal(sign, wide:byte(8 * k))
      assert.is_true(wide:byte(8 * k - 1) >= 248)
    end
  end)

  it("writes views and tensors of column order in row order", function()
    local t = idinit.zeros(3, 300, 7)
    for i = 1, 3 do
      for j = 1, 300 do
        for k = 1, 7 do t[{ i, j, k }] = i * 10000 + j * 10 + k end
      end
    end
    local column = idinit { 3, 300, 7, order = "col" }
    column:copy(t)
    local bytes = saved { x = t }
    assert.are.equal(bytes, saved { x = column })
    for _, kind in ipairs { "f32", "f64" } do
      local options = { dtype = kind }
      assert.are.equal(saved({ x = t[2] }, options), saved({ x = column[2] }, options))
    end
    assert.is_true(t[2] == idinit.load(path "saved.safetensors").x)
  end)

  it("gives back what it wrote", function()
    local net = { [""] = idinit.tensor(3), w = idinit(3, 3, 4, 5, { gain = 0.5 }), b = idinit(7),
      none = idinit.zeros(3, 0, 2), most = idinit.tensor { 7, 8 }:reshape(ranks(32)) }
    assert.are.equal(0, select("#", idinit.save(path "net", net, { metadata = { a = "b" } })))
    local again, metadata = idinit.load(path "net")
    assert.are.equal(count(net), count(again))
    for name, t in pairs(net) do assert.is_true(t == again[name]) end
    assert.are.same({ a = "b" }, metadata)
    idinit.save(path "net", again, { dtype = "bf16", metadata = metadata })
    assert.is_true(net.w == idinit.load(path "net").w)
    assert.are.equal("net\n", child.must("ls -A " .. folder))
  end)

  it("raises before it touches a file", function()
    local t = idinit(2)
    idinit.save(path "net", { x = t })
    local before = read "net"
    local function refused(fact, ...)
      local args, n = { ... }, select("#", ...)
      local text = fails(function()
        local none = idinit.save(path "net", (table.unpack or unpack)(args, 1, n)) return none
      end, fact)
      assert.are.equal(before, read "net")
      return text
    end
    refused("tensors: table of tensors by name expected, got nil")
    refused("tensors: table of tensors by name expected, got userdata", t)
    refused("name of a tensor: string expected, got 1", { t })
    refused("name of a tensor: string expected, got boolean", { [true] = t })
    refused('name of a tensor: "__metadata__" is taken', { ["__metadata__"] = t })
    refused("name of a tensor: UTF-8 expected, got", { ["\255"] = t })
    refused('tensor "x": tensor expected, got 3', { x = 3 })
    refused('tensor "x": tensor expected, got table', { y = t, x = { { 1 } } })
    refused('tensor "x": tensor expected, got userdata', { x = io.stdout })
    refused("keywords: table expected, got string \"f16\"", { x = t }, "f16")
    refused("dtype: one of bf16, f16, f32, f64 expected, got string \"u8\"", { x = t },
      { dtype = "u8" })
    refused("dtype: one of bf16, f16, f32, f64 expected, got string \"F32\"", { x = t },
      { dtype = "F32" })
    refused("dtype: one of bf16, f16, f32, f64 expected, got 16", { x = t }, { dtype = 16 })
    refused("metadata: table expected, got string \"a\"", { x = t }, { metadata = "a" })
    refused("key of metadata: string expected, got 1", { x = t }, { metadata = { "a" } })
    refused("value of metadata: string expected, got 1", { x = t }, { metadata = { a = 1 } })
    refused("value of metadata: string expected, got table", { x = t }, { metadata = { a = {} } })
    refused("value of metadata: UTF-8 expected, got", { x = t },
      { metadata = { a = "\237\160\128" } })
    refused("key of metadata: UTF-8 expected, got", { x = t }, { metadata = { ["\192"] = "" } })
    refused('did you mean "dtype"?', { x = t }, { dytpe = "f16" })
    refused("keyword: string expected, got 1", { x = t }, { "f16" })
    local text = refused('unknown keyword "format"', { x = t }, { format = "pt" })
    assert.truthy(text:find("idinit.save(path, idinit.load(other))", 1, true), text)
    assert.truthy(text:find("metadata", 1, true), text)
  end)

  it("explains why what idinit.load gives is no list of its arguments", function()
    idinit.save(path "net", { x = idinit(2) }, { metadata = { format = "pt" } })
    fails(function() idinit.save(path "copy", idinit.load(path "net")) end, "metadata",
      "idinit.save(path, idinit.load(other))")
    assert.are.equal("net\n", child.must("ls -A " .. folder))
  end)

  it("refuses a name that ends in .npy, as t:save does one in .safetensors", function()
    local t = idinit(2)
    fails(function() idinit.save(path "t.npy", { x = t }) end, "t:save(path)", path "t.npy")
    fails(function() t:save(path "t.safetensors") end, "idinit.save(path, tensors)")
    assert.are.equal("", child.must("ls -A " .. folder))
  end)

  -- In a process of its own, where the collector that never rests has little to do.
  it("bears finalizers that add to its tables meanwhile", function()
    local output = child.run(child.lua() .. " -e " .. child.quote(([[
      local idinit, pace = require "idinit", require "spec.support.pace"
      local dying = require "spec.support.dying"
      local path = %q
      local function count(t)
        local n = 0
        for _ in pairs(t) do n = n + 1 end
        return n
      end
      pace("pause", 1)
      pace("stepmul", 1000)
      for round = 1, 60 do
        local net, metadata, more = {}, {}, 0
        local function finalize()
          for _ = 1, 20 do
            more = more + 1
            if round %% 2 == 0 then net["y" .. more] = idinit(2) end
            metadata["y" .. more] = "z"
          end
        end
        for k = 1, 50 do net["x" .. k], metadata["x" .. k] = idinit(2), "z" end
        for _ = 1, 5 do dying(finalize) end
        local ok, text = pcall(idinit.save, path, net, { metadata = metadata })
        if ok then
          local loaded, notes = idinit.load(path) -- which no finalizer adds to
          assert(count(loaded) >= 50 and count(notes) >= 50)
        else
          assert(text:find("tensors or metadata were added meanwhile", 1, true), text)
        end
      end
      print "done"
    ]]):format(path "net")))
    assert.are.equal("done\n", output)
  end)

  it("refuses what no header may be long enough for", function()
    fails(function() idinit.save(path "net", {}, { metadata = { x = ("x"):rep(1e8) } }) end,
      'cannot save "', "names and metadata are too long")
    assert.are.equal("", child.must("ls -A " .. folder))
    collectgarbage()
  end)

  it("refuses a path that is none", function()
    fails(function() idinit.save(nil, {}) end, "path: string expected, got nil")
    fails(function() idinit.save("a\0b", {}) end, "path: string without zero bytes expected")
    fails(function() idinit.save(path "no/where", {}) end, 'cannot save "', path "no/where",
      "No such file or directory")
  end)

  it("leaves the old file where the new one has no room", function()
    idinit.save(path "net", { x = idinit(2) })
    local before = read "net"
    local output = child.run("ulimit -f 100 && " .. child.lua() .. " -e " .. child.quote(([[
      local idinit = require "idinit"
      print(pcall(idinit.save, %q, { x = idinit.zeros(300, 250) }))]]):format(path "net")))
    assert.are.equal(('false\tcannot save "%s": File too large\n'):format(path "net"), output)
    assert.are.equal(before, read "net")
    assert.are.equal("net\n", child.must("ls -A " .. folder))
  end)
end)

describe("The memory of a .safetensors file #native", function()
  after_each(clear)

  -- What a child says that has `megabytes` in net, in eight tensors.
  local function run(megabytes, code)
    local net = {}
    for k = 1, 8 do net["t" .. k] = idinit.zeros(megabytes / 8, 512, 512):fill(k) end
    idinit.save(path "net", net)
    net = nil -- luacheck: ignore
    collectgarbage()
    return child.must(child.lua() .. " -e " .. child.quote(([[
      local idinit, path = require "idinit", %q
      local function status(file, name)
        for line in io.lines("/proc/self/" .. file) do
          local n = line:match("^" .. name .. ":%%s*(%%d+)")
          if n then return tonumber(n) end
        end
      end
      %s]]):format(path "net", code)))
  end

  it("is that of its data at the most", function()
    if not io.open "/proc/self/status" then pending "needs /proc" return end
    local output = run(64, [[
      local before = status("status", "VmHWM")
      local net = idinit.load(path)
      print(net.t8(8, 512, 512), math.floor((status("status", "VmHWM") - before) / 1024))]])
    local megabytes = tonumber(output:match "^8%.?0?\t(%d+)")
    assert.is_true(megabytes >= 60 and megabytes < 64 + 8, output)
  end)

  it("is given back when it cannot be loaded", function()
    if not io.open "/proc/self/status" then pending "needs /proc" return end
    local output = run(64, [[
      local file = io.open(path, "rb")
      local bytes = file:read "*a"
      file:close()
      file = io.open(path, "wb")
      file:write((bytes:gsub('"t8":{"dtype":"F32"', '"t8":{"dtype":"F3X"', 1)))
      file:close()
      bytes = nil
      for _ = 1, 3 do collectgarbage() end
      local before = status("status", "VmRSS")
      for _ = 1, 20 do assert(not pcall(idinit.load, path)) end
      for _ = 1, 20 do assert(not pcall(idinit.load, path, { "t1", "t9" })) end
      for _ = 1, 3 do collectgarbage() end
      print(math.floor((status("status", "VmRSS") - before) / 1024))]])
    assert.is_true(tonumber(output) < 8, output)
  end)

  it("and its reading are those of the tensors that are named", function()
    if not io.open "/proc/self/io" then pending "needs /proc" return end
    local output = run(64, [[
      status("status", "VmHWM")
      local before, bytes = status("status", "VmHWM"), status("io", "rchar")
      local more = status("io", "rchar") - bytes
      local net = idinit.load(path, { "t3" })
      bytes = status("io", "rchar") - bytes - 2 * more
      local kilobytes = status("status", "VmHWM") - before
      print(net.t3(1, 1, 1), math.floor(kilobytes / 1024), bytes)]])
    local megabytes, bytes = output:match "^3%.?0?\t(%d+)\t(%-?%d+)"
    assert.is_true(tonumber(megabytes) < 8 + 8, output)
    -- Also its header, twice the first bytes, and what Lua reads to tell that.
    assert.is_true(tonumber(bytes) >= 2 ^ 23 - 4096 and tonumber(bytes) < 2 ^ 23 + 8192, output)
  end)
end)

-- A network of dense layers with relu between, as its files have it.
local function runnet(net, names, x)
  for k, name in ipairs(names) do
    local weight = net[name .. ".weight"]
    x = layers.Dense(weight:size(2), weight:size(1), {
      init = weight, bias = net[name .. ".bias"], activation = k < #names and layers.relu or nil,
    })(x)
  end
  return x
end

describe("A network in a file", function()
  after_each(clear)

  it("grows, and computes the same", function()
    local draw = random.new(16)
    local function drawn(...)
      local t = idinit.zeros(...)
      local flat = t:reshape(t:numel())
      for k = 1, #flat do flat[k] = (draw(2001) - 1001) / 1000 end
      return t
    end
    idinit.save(path "small.safetensors", {
      ["fc1.weight"] = drawn(64, 10), ["fc1.bias"] = drawn(64),
      ["fc2.weight"] = drawn(5, 64), ["fc2.bias"] = drawn(5),
    })
    child.must(("cd %s && %s -e %s"):format(child.quote(folder), child.lua(), child.quote [[
      local idinit = require "idinit"
      local net = idinit.load "small.safetensors"

      for _, name in ipairs { "fc1.weight", "fc1.bias" } do net[name] = net[name]:widen(1, 256) end
      net["fc2.weight"] = net["fc2.weight"]:widen(2, 256, "split")
      net["between.weight"], net["between.bias"] = idinit(256, 256), idinit(256)

      idinit.save("grown.safetensors", net)]]))
    local x = drawn(10, 30)
    local before = runnet(idinit.load(path "small.safetensors"), { "fc1", "fc2" }, x)
    local grown = idinit.load(path "grown.safetensors")
    assert.are.same({ 256, 10 }, { grown["fc1.weight"]:size() })
    local after = runnet(grown, { "fc1", "between", "fc2" }, x)
    assert.is_true(before:maxdiff(after) < 1e-4, before:maxdiff(after))
    assert.is_true(before:maxdiff(idinit.zeros(5, 30)) > 1)
  end)
end)

describe("t:save of a type", function()
  after_each(clear)

  it("writes f16, f32 and f64", function()
    local t = idinit.tensor { { 1, 65520 }, { 0.1, -2 } }
    for kind, descr in pairs { f16 = "<f2", f32 = "<f4", f64 = "<f8" } do
      assert.is_true(rawequal(t, t:save(path "t.npy", { dtype = kind })))
      assert.truthy(read "t.npy":find("'descr': '" .. descr .. "'", 1, true))
      local again = idinit.load(path "t.npy")
      assert.are.equal(kind == "f16" and 1 / 0 or 65520, again(1, 2))
      assert.is_true(kind == "f16" or t == again)
    end
    assert.are.equal(0.0999755859375, t:save(path "t.npy", { dtype = "f16" }) and
      idinit.load(path "t.npy")(2, 1))
  end)

  it("refuses others", function()
    local t = idinit(2)
    for _, name in ipairs { "bf16", "u8", "F32" } do
      fails(function() t:save(path "t.npy", { dtype = name }) end,
        ('dtype of a .npy file: one of f16, f32, f64 expected, got string "%s"'):format(name))
    end
    fails(function() t:save(path "t.npy", { type = "f16" }) end, 'unknown keyword "type"', "dtype")
    fails(function() t:save(path "t.npy", "f16") end, 'keywords: table expected, got string "f16"')
    assert.are.equal("", child.must("ls -A " .. folder))
  end)
end)

-- What reads and writes the files as their description has it, and with nothing
-- of this project.
local PYTHON = [=[
import json, sys, numpy as np
from struct import pack, unpack
kinds = dict(BOOL='?', U8='u1', I8='i1', I16='<i2', U16='<u2', F16='<f2', BF16='<u2', I32='<i4',
             U32='<u4', F32='<f4', F64='<f8', I64='<i8', U64='<u8')
order = list(kinds)

def load(path):
    bytes = open(path, 'rb').read()
    n, = unpack('<Q', bytes[:8])
    header, data = json.loads(bytes[8:8 + n]), bytes[8 + n:]
    metadata = header.pop('__metadata__', None)
    return {name: (e['dtype'], np.frombuffer(data[slice(*e['data_offsets'])],
                                             kinds[e['dtype']]).reshape(e['shape']))
            for name, e in header.items()}, metadata

def save(path, tensors, metadata):
    header, data = {}, b''
    if metadata is not None:
        header['__metadata__'] = dict(sorted(metadata.items(), key=lambda e: e[0].encode()))
    for name, (kind, t) in sorted(tensors.items(),
                                  key=lambda e: (-order.index(e[1][0]), e[0].encode())):
        header[name] = dict(dtype=kind, shape=list(t.shape),
                            data_offsets=[len(data), len(data) + t.nbytes])
        data += t.tobytes()
    text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
    text += b' ' * (-len(text) % 8)
    open(path, 'wb').write(pack('<Q', len(text)) + text + data)
]=]

local python
for _, name in ipairs { "/usr/bin/python3", "python3" } do
  local _, status = child.run(name .. " -c 'import numpy'")
  if status == 0 then python = name break end
end

describe("An independent reader and writer", function()
  if not python then
    pending "needs NumPy"
    return
  end

  after_each(clear)

  local function run(code)
    write("code.py", PYTHON .. code)
    return child.must(("cd %s && %s code.py"):format(child.quote(folder), python))
  end

  it("writes the bytes that idinit.save writes", function()
    for _, kind in ipairs { "f16", "bf16", "f32", "f64" } do
      for k, metadata in ipairs { false, {}, { format = "pt", ["\195\169\n\1"] = "\\\"" } } do
        idinit.save(("%s/%s-%d"):format(folder, kind, k), {
          ["fc1.weight"] = idinit(30, 40, { gain = 0.1 }),
          ["fc1.bias"] = idinit.zeros(30):fill(1 / 3),
          ["\195\169\t\"\\\31\127"] = idinit(3, 3, 4, 4)[2],
          Z = idinit.zeros(0, 5), [""] = idinit.tensor(7),
        }, { dtype = kind, metadata = metadata or nil })
      end
    end
    assert.are.equal("12 files are the same\n", run [[
import glob
n = 0
for path in glob.glob('*f*-?'):
    save('again', *load(path))
    assert open(path, 'rb').read() == open('again', 'rb').read(), path
    n += 1
print(n, 'files are the same')]])
  end)

  it("writes what idinit.load reads", function()
    run [[
rng = np.random.default_rng(7)
tensors = {}
for kind, code in kinds.items():
    bits = rng.integers(0, 256, 8 * 60, dtype='u1').tobytes()
    t = np.frombuffer(bits, code)[:60].reshape(3, 4, 5)
    if kind == 'BOOL': t = t.view('u1') > 127
    tensors[kind] = kind, t
    wide = t
    if kind == 'BF16': wide = (t.astype('u4') << 16).view('<f4')
    with np.errstate(all='ignore'): np.save(kind + '.npy', wide.astype('<f4'))
save('all', tensors, {'format': 'np'})]]
    local net, metadata = idinit.load(path "all")
    assert.are.same({ format = "np" }, metadata)
    assert.are.equal(13, count(net))
    for kind, t in pairs(net) do
      local list, wanted = t:reshape(60), idinit.load(path(kind .. ".npy")):reshape(60)
      for k = 1, 60 do
        local x, y = list[k], wanted[k]
        assert.is_true(x == y or x ~= x and y ~= y, kind)
      end
    end
  end)

  it("reads the elements that idinit.save and t:save wrote", function()
    local t = idinit.zeros(40, 50)
    for i = 1, 40 do
      for j = 1, 50 do t[{ i, j }] = (i - 20.3) * 2 ^ (j - 30) end
    end
    for _, kind in ipairs { "f16", "f32", "f64" } do
      t:save(path(kind .. ".npy"), { dtype = kind })
      idinit.save(path(kind), { x = t }, { dtype = kind })
    end
    assert.are.equal("the same\n", run [[
exact = np.load('f32.npy')
for kind, code in dict(f16='<f2', f32='<f4', f64='<f8').items():
    a, b = np.load(kind + '.npy'), load(kind)[0]['x'][1]
    with np.errstate(all='ignore'): wanted = exact.astype(code)
    assert a.dtype == code and a.tobytes() == b.tobytes() == wanted.tobytes(), kind
print('the same')]])
  end)
end)
