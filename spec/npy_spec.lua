-- t:save and idinit.load: the format, the file, and NumPy on the other side.

local idinit = require "idinit"
local child = require "spec.tools.child"
local npyfile = require "spec.support.npyfile"

local little, npy, header = npyfile.little, npyfile.npy, npyfile.header

local folder

local function path(name) return folder .. "/" .. name end

local function read(name) return child.read(path(name)) end

local function write(name, bytes)
  local file = assert(io.open(path(name), "wb"))
  assert(file:write(bytes))
  assert(file:close())
  return path(name)
end

local function listing(name)
  return (child.must("ls -A " .. child.quote(name)):gsub("\n$", ""):gsub("\n", " "))
end

-- The shell's word for another Lua of this kind.
local function command(code)
  local start = ("local idinit, folder = require 'idinit', %q "):format(folder)
  return child.lua() .. " -e " .. child.quote(start .. code)
end

-- Runs one behind what the shell is to do first.
local function run(before, code)
  return child.run(before .. " " .. command(code))
end

local function given(bytes)
  return idinit.load(write("given.npy", bytes))
end

-- What an error says behind the name of the file.
local function refusal(bytes)
  local name = write("given.npy", bytes)
  local ok, message = pcall(idinit.load, name)
  assert.is_false(ok)
  local start = ('cannot load "%s": '):format(name)
  assert.are.equal(start, message:sub(1, #start))
  return message:sub(#start + 1)
end

-- The elements in row-major index order.
local function elements(t)
  local list = {}
  local function collect(x)
    if type(x) == "number" then
      list[#list + 1] = x
    else
      for i = 1, #x do collect(x[i]) end
    end
  end
  collect(t:totable())
  return list
end

-- 1, 2, 3, ... in row-major index order.
local function counting(order, ...)
  local t = idinit { order = order, ... }
  local list = {}
  for i = 1, t:numel() do list[i] = i end
  if #list > 0 then t:copy(idinit.tensor(list):reshape(...)) end
  return t
end

-- What is before a command that is not to be root's, or nil.
local function another()
  if child.must "id -u" ~= "0\n" then return "" end
  local other = "setpriv --reuid=65534 --regid=65534 --clear-groups"
  local _, status = run(other, "")
  return status == 0 and other or nil
end

local one, two, three = "\0\0\128\63", "\0\0\0\64", "\0\0\64\64"

-- In memory where that can be had: each save waits for the disk.
setup(function()
  folder = child.must "mktemp -d /dev/shm/idinit.XXXXXX 2> /dev/null || mktemp -d":gsub("\n", "")
end)

teardown(function() child.must("rm -rf " .. child.quote(folder)) end)

-- Of all that a spec left, also where it failed.
local function clear()
  child.must(("chmod 755 %s; rm -rf %s; mkdir %s"):format(folder, folder, folder))
end

-- The Python that has NumPy.
local python
for _, name in ipairs { "/usr/bin/python3", "python3" } do
  local _, status = child.run(name .. " -c 'import numpy'")
  if status == 0 then python = name break end
end

local function runpython(code, ...)
  write("code.py", code)
  local words = { python, child.quote(path "code.py"), ... }
  return child.must("cd " .. child.quote(folder) .. " && " .. table.concat(words, " "))
end

describe("t:save", function()
  after_each(clear)

  local function saved(t)
    t:save(path "t.npy")
    return read "t.npy"
  end

  it("writes version 1.0, little-endian float32, row order", function()
    local text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }"
    assert.are.equal(npy(text .. (" "):rep(117 - #text) .. "\n", one .. two .. three),
      saved(idinit.tensor { { 1, 2, 3 } }))
  end)

  it("writes column order for what is packed so, and not in row order too", function()
    local function order(t) return saved(t):match "'fortran_order': (%a+)" end
    local t = counting("col", 2, 2)
    assert.are.equal("True", order(t))
    assert.are.equal(one .. three .. two .. "\0\0\128\64", read "t.npy":sub(-16))
    assert.are.equal("True", order(counting("col", 1, 3, 2)))
    for _, rows in ipairs {
      counting("col", 4), counting("col", 4, 1), counting("col", 1, 4), counting("col", 1, 1, 3),
      counting("col", 1, 3, 1), counting("col", 0, 2), counting("col", 3, 0, 2), t[1],
      counting("col", 3, 2, 2)[1], counting("row", 2, 2), counting("row", 3, 1),
    } do
      assert.are.equal("False", order(rows))
    end
  end)

  it("pads every header to a multiple of 64 bytes", function()
    local size = { 0 }
    for rank = 1, 32 do
      size[rank + 1] = rank
      local bytes = saved(idinit.zeros((table.unpack or unpack)(size, 1, rank)))
      assert.are.equal(0, #bytes % 64)
      assert.are.equal("\n", bytes:sub(-1))
      assert.are.equal(#bytes - 10, bytes:byte(9) + 256 * bytes:byte(10))
    end
  end)

  it("writes the same bytes for a view as for its elements alone", function()
    for _, order in ipairs { "row", "col" } do
      local t = counting(order, 3, 4, 5, 2)
      for _, view in ipairs {
        t[2], t[3][4], t[1][2][3], t:reshape(3, 2, 2, 5, 2), t[2]:reshape(2, 2, 1, 5, 2),
        t[2]:reshape(20, 2), t[2]:reshape(40),
      } do
        local bytes = saved(view)
        assert.is_true(view == idinit.load(path "t.npy"))
        if bytes:find("'fortran_order': False", 1, true) then
          assert.are.equal(bytes, saved(idinit.tensor(view:totable())))
        end
      end
    end
  end)

  it("keeps each bit of a NaN", function()
    local bits = "\1\0\160\127\2\0\160\255\3\0\192\127\4\0\192\255"
    local name = write("nan.npy", npy(header("<f4", "True", "(2, 2)"), bits))
    saved(idinit.load(name)[1])
    assert.are.equal(bits:sub(1, 4) .. bits:sub(9, 12), read "t.npy":sub(-8))
    saved(idinit.load(name))
    assert.are.equal(bits, read "t.npy":sub(-16))
  end)

  it("writes strided views that are longer than any buffer", function()
    local t = counting("col", 3, 300, 171)
    local list = elements(t[2])
    t[2]:save(path "t.npy")
    assert.are.same(list, elements(idinit.load(path "t.npy")))
  end)

  it("returns the tensor", function()
    local t = idinit(2, 2)
    assert.is_true(rawequal(t, t:save(path "t.npy")))
  end)

  it("refuses a path that is no string without zero bytes", function()
    local t = idinit(2, 2)
    for got, value in pairs { ["nil"] = false, ["7"] = 7, table = {}, userdata = t } do
      if value == false then value = nil end
      local ok, message = pcall(function() t:save(value) end)
      assert.is_false(ok)
      assert.truthy(message:find("path: string expected, got " .. got, 1, true), message)
    end
    local ok, message = pcall(t.save, t, path "a\0b")
    assert.is_false(ok)
    assert.are.equal("path: string without zero bytes expected", message)
    ok, message = pcall(t.save, t, path "model.safetensors")
    assert.is_false(ok)
    assert.are.equal(('cannot save "%s": t:save writes .npy files, ' ..
      'idinit.save(path, tensors) writes .safetensors'):format(path "model.safetensors"), message)
    assert.are.equal("", listing(folder))
    assert.has_error(function() t.save(nil, path "t.npy") end)
    assert.has_error(function() t.save(io.stdout, path "t.npy") end)
  end)
end)

describe("a saved file", function()
  local old

  before_each(function()
    old = counting("row", 2, 2)
    old:save(path "t.npy")
  end)

  after_each(clear)

  local function rights(name)
    return child.must("ls -ld " .. child.quote(path(name))):sub(1, 10)
  end

  -- The old file and nothing else.
  local function assertkept()
    assert.are.equal("t.npy", listing(folder))
    assert.are.same(elements(old), elements(idinit.load(path "t.npy")))
  end

  it("takes the old one's place, and leaves nothing beside", function()
    local new = counting("col", 300, 5)
    new:save(path "t.npy")
    assert.is_true(new == idinit.load(path "t.npy"))
    assert.are.equal("t.npy", listing(folder))
  end)

  it("leaves the old one where the process may write none so large, and no signal", function()
    local fault = ('false\tcannot save "%s": File too large\n'):format(path "t.npy")
    for before, size in pairs {
      ["ulimit -f 100 &&"] = 1000, ["trap '' XFSZ; ulimit -f 100 &&"] = 1000,
      ["ulimit -f 1 &&"] = 1,
    } do
      local output, status = run(before, ([[
        local t = idinit.zeros(%d, 1000)
        print(pcall(t.save, t, folder .. "/t.npy"))]]):format(size))
      assert.are.equal(fault, output)
      assert.are.equal(0, status)
    end
    assertkept()
  end)

  it("may be as large as the process may write", function()
    -- 50 blocks of 512 bytes, whatever the shell takes for a block.
    local output = run("ulimit -f 50 &&", [[
      idinit.zeros(6368):save(folder .. "/t.npy")
      print(pcall(function() idinit.zeros(6368 + 2 * 6400):save(folder .. "/t.npy") end))]])
    assert.truthy(output:find "^false\t.*: File too large\n$", output)
    assert.are.equal(6368, idinit.load(path "t.npy"):numel())
    assert.are.equal("t.npy", listing(folder))
  end)

  it("leaves the old one, or is whole, if the process is killed", function()
    local large = counting("row", 300, 1000):fill(1)
    large:save(path "t.npy")
    for i = 1, 4 do
      child.run(("%s & sleep 0.%d; kill -9 $!; wait $!"):format(command [[
        local t = idinit.zeros(300, 1000):fill(1)
        while true do t:save(folder .. "/t.npy") end]], i))
      assert.is_true(large == idinit.load(path "t.npy"))
    end
  end)

  it("needs a folder that is there", function()
    for name, fault in pairs {
      [path "nowhere/t.npy"] = "No such file or directory",
      [path "t.npy/t.npy"] = "Not a directory",
      [path "new/"] = "No such file or directory",
      [folder] = "Is a directory",
      ["."] = "Is a directory",
      [""] = "No such file or directory",
    } do
      local ok, message = pcall(old.save, old, name)
      assert.is_false(ok)
      assert.are.equal(('cannot save "%s": %s'):format(name, fault), message)
    end
    assertkept()
  end)

  -- In our own folder: root would lose a device of /dev if this failed.
  it("is no device and no pipe", function()
    child.must("mkfifo " .. child.quote(path "pipe"))
    child.run(("mknod %s c 1 3"):format(child.quote(path "device")))
    for name in listing(folder):gmatch "[^ ]+" do
      if name ~= "t.npy" then
        local ok, message = pcall(old.save, old, path(name))
        assert.is_false(ok)
        assert.are.equal(('cannot save "%s": not a regular file'):format(path(name)), message)
        assert(os.remove(path(name)))
      end
    end
    assertkept()
  end)

  it("is not what a process writes to, by whatever link", function()
    if not io.open "/proc/self/stat" then pending "needs /proc" return end
    child.must(("ln -s /dev/stdout %s/link && ln -s link %s/again"):format(folder, folder))
    -- The shell has it open as 7, also for its child.
    local names = {
      "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", "/dev/fd/7",
      "/proc/$(exec sh -c 'echo $PPID')/fd/7", "/dev/../proc/self/fd/1", path "link", path "again",
    }
    local output = child.run(('exec 7> %s; export NAMES="%s"; %s >&7'):format(
      path "output", table.concat(names, " "), command [[
        for name in os.getenv "NAMES":gmatch "%S+" do
          print "before"
          io.stdout:flush()
          local _, message = pcall(function() idinit(2):save(name) end)
          io.stderr:write(message:match '": (.*)', "\n")
          print "behind"
        end]]))
    assert.are.equal(("not a regular file\n"):rep(#names), output)
    assert.are.equal(("before\nbehind\n"):rep(#names), read "output")
    child.must(("cd %s && rm link again output"):format(folder))
    assertkept()
  end)

  it("may lie in a folder that /proc leads to", function()
    if not io.open "/proc/self/cwd/spec/npy_spec.lua" then pending "needs /proc" return end
    old:save("/proc/self/cwd/" .. ("../"):rep(40) .. path "u.npy")
    old:save("/proc/self/root" .. path "v.npy")
    assert.are.equal("t.npy u.npy v.npy", listing(folder))
  end)

  it("is not written over one that may not be written", function()
    local other = another()
    if not other then pending "root may write everything, and no other can run this" return end
    for _, case in ipairs {
      { 444, 777, "Permission denied" },
      { 666, 555, "cannot create a file in its folder: Permission denied" },
    } do
      child.must(("chmod %d %s/t.npy && chmod %d %s"):format(case[1], folder, case[2], folder))
      local output = run(other, [[
        print(pcall(idinit.zeros(2).save, idinit.zeros(2), folder .. "/t.npy"))]])
      local fault = ('false\tcannot save "%s": %s\n'):format(path "t.npy", case[3])
      assert.truthy(output:find(fault, 1, true), output)
    end
    assertkept()
  end)

  it("is in a folder that may be searched, but not be read", function()
    local other = another()
    if not other then pending "root may read everything, and no other can run this" return end
    child.must(("cd %s && mkdir deep && chmod 333 deep"):format(folder))
    run(other, "idinit(3):save(folder .. '/deep/t.npy')")
    child.must("chmod 755 " .. path "deep")
    assert.is_true(idinit(3) == idinit.load(path "deep/t.npy"))
  end)

  it("is no mount point, and says so", function()
    local mount = ("unshare -m sh -c 'cd %s && touch on && mount --bind t.npy on && \"$@\"' --")
      :format(folder)
    local _, status = child.run(mount .. " true")
    if status ~= 0 then pending "nobody may mount a file here" return end
    local output = child.run(mount .. " sh -c " .. child.quote(command [[
      print(pcall(idinit.zeros(2).save, idinit.zeros(2), folder .. "/on"))]]))
    assert.are.equal(('false\tcannot save "%s": a mount point or a file in use cannot be ' ..
      "replaced: Device or resource busy\n"):format(path "on"), output)
    assert(os.remove(path "on"))
    assertkept()
  end)

  it("has the permissions of the old one, or those of the umask", function()
    for mode, shown in pairs { ["600"] = "-rw-------", ["664"] = "-rw-rw-r--" } do
      child.must(("chmod %s %s"):format(mode, path "t.npy"))
      run("umask 022;", "idinit.zeros(3):save(folder .. '/t.npy')")
      assert.are.equal(shown, rights "t.npy")
      assert.are.equal(3, idinit.load(path "t.npy"):size())
      old:save(path "t.npy")
    end
    run("umask 027;", "idinit.zeros(3):save(folder .. '/new.npy')")
    assert.are.equal("-rw-r-----", rights "new.npy")
  end)

  it("gives nobody more where the group cannot be kept", function()
    local other = another()
    if (other or "") == "" then pending "only root can make files of another group" return end
    child.must("chmod 777 " .. folder)
    for mode, shown in pairs {
      ["666"] = "-rw-rw-rw-", ["606"] = "-rw-------", ["646"] = "-rw-r--r--",
      ["662"] = "-rw--w--w-",
    } do
      child.must(("cd %s && rm -f t.npy && touch t.npy && chmod %s t.npy"):format(folder, mode))
      assert.are.equal("", run(other, "idinit.zeros(3):save(folder .. '/t.npy')"))
      assert.are.equal(shown, rights "t.npy")
    end
  end)

  it("is what a symbolic link there leads to", function()
    child.must(("cd %s && mkdir sub && mv t.npy sub && ln -s link t.npy && ln -s sub/t.npy link " ..
      "&& ln -s sub/later.npy dangling && ln -s loop loop"):format(folder))
    local new = counting("row", 5)
    new:save(path "t.npy")
    new:save(path "dangling")
    for _, name in ipairs { "t.npy", "link", "dangling" } do
      assert.are.equal("l", rights(name):sub(1, 1))
    end
    assert.is_true(new == idinit.load(path "sub/t.npy"))
    assert.is_true(new == idinit.load(path "sub/later.npy"))
    assert.are.equal("later.npy t.npy", listing(path "sub"))
    assert.has_error(function() new:save(path "loop") end)
  end)

  it("may have the longest path and name that the system takes", function()
    local function longest(name)
      return tonumber((child.must(("getconf %s %s"):format(name, folder))))
    end
    local name = ("n"):rep(longest "NAME_MAX")
    old:save(path(name))
    assert.is_true(old == idinit.load(path(name)))
    local deep = folder
    local left = longest "PATH_MAX" - 1 - #"/t.npy" - #deep
    while left > 0 do
      local n = left > 101 and left - 101 > 1 and 100 or left - 1
      deep = deep .. "/" .. ("d"):rep(n)
      left = left - 1 - n
    end
    child.must("mkdir -p " .. deep)
    local long = deep .. "/t.npy"
    for _ = 1, 2 do
      old:save(long)
      assert.is_true(old == idinit.load(long))
    end
    -- Its text is added to the path of the folder that the link lies in.
    child.must(("ln -s %s %s/link && ln -s %s/link %s/link"):format("t.npy", deep, deep, folder))
    local new = counting("row", 5)
    new:save(path "link")
    assert.is_true(new == idinit.load(long))
    assert.are.equal("link t.npy", listing(deep))
  end)

  it("is whole at any time, whoever else saves it", function()
    idinit.zeros(9000):save(path "t.npy")
    local saver = "for i = 1, 20 do idinit.zeros(9000):fill(%d):save(folder .. '/t.npy') end"
    local loader = [[
      for i = 1, 100 do
        local t = idinit.load(folder .. "/t.npy")
        assert(t == idinit.zeros(9000):fill(t[1]))
      end]]
    child.must(("%s & %s & %s & %s; status=$?; wait; exit $status"):format(
      command(saver:format(1)), command(saver:format(2)), command(saver:format(3)),
      command(loader)))
    assert.are.equal("t.npy", listing(folder))
  end)
end)

-- Access control lists, in the form in which Linux keeps them.
describe("a saved file among lists", function()
  local code = [=[
import os, struct, sys
entries = dict(u=1, user=2, g=4, group=8, mask=16, o=32)
def pack(text):
    data = struct.pack("<I", 2)
    for entry in text.split(","):
        kind, who, rights = entry.split(":")
        data += struct.pack("<HHI", entries[kind], int(rights), int(who or 0xffffffff))
    return data
what, name = sys.argv[1:3]
if what == "show":
    try:
        data = os.getxattr(name, "system.posix_acl_access")
    except OSError:
        data = b""
    st = os.stat(name)
    print("%o %d %d" % (st.st_mode & 0o7777, st.st_uid, st.st_gid), data.hex())
else:
    os.setxattr(name, "system.posix_acl_" + what, pack(sys.argv[3]))
]=]

  local function acl(...)
    local words = { python, child.quote(path "acl.py"), ... }
    return child.run(table.concat(words, " "))
  end

  local function show(name) return (acl("show", path(name))) end

  local reader = "u::6,user:65534:4,g::0,mask::4,o::0"
  local reason

  before_each(function()
    write("acl.py", code)
    write("t.npy", "")
    reason = nil
    local output, status = "no Python to set one", 1
    if python then output, status = acl("access", path "t.npy", reader) end
    if status ~= 0 then reason = output end
  end)

  after_each(clear)

  local function save(other)
    return run("umask 022; " .. (other or ""), "idinit.zeros(3):save(folder .. '/t.npy')")
  end

  it("has that of the old one", function()
    if reason then pending(reason) return end
    for _, list in ipairs {
      reader, "u::6,user:65534:6,group:7:2,g::4,mask::6,o::4",
      "u::6,user:65534:7,g::6,mask::0,o::0",
    } do
      acl("access", path "t.npy", list)
      local before = show "t.npy"
      assert.are.equal("", save())
      assert.are.equal(before, show "t.npy")
    end
    assert.are.equal(3, idinit.load(path "t.npy"):numel())
  end)

  it("has that of the old one, also if it is another's", function()
    if reason then pending(reason) return end
    if child.must "id -u" ~= "0\n" then pending "only root gives files away" return end
    child.must("chown 65533:65533 " .. path "t.npy")
    local before = show "t.npy"
    save()
    assert.are.equal(before, show "t.npy")
  end)

  it("has none where the old one had none, whatever its folder hands down", function()
    if reason then pending(reason) return end
    assert(os.remove(path "t.npy"))
    child.must(("touch %s && chmod 640 %s"):format(path "t.npy", path "t.npy"))
    local before = show "t.npy"
    acl("default", folder, "u::7,user:65534:7,g::7,mask::7,o::5")
    save()
    assert.are.equal(before, show "t.npy")
  end)

  it("has what its folder hands down where there was none, as any new file", function()
    if reason then pending(reason) return end
    acl("default", folder, "u::7,user:65534:7,g::7,mask::7,o::5")
    assert(os.remove(path "t.npy"))
    save()
    run("umask 022;", "io.open(folder .. '/other', 'w'):close()")
    assert.are.equal(show "other", show "t.npy")
  end)

  it("is its owner's alone where the group cannot be kept", function()
    if reason then pending(reason) return end
    local other = another()
    if (other or "") == "" then pending "only root can make files of another group" return end
    child.must("chmod 777 " .. folder)
    acl("access", path "t.npy", "u::6,user:65534:6,g::0,mask::6,o::4")
    acl("default", folder, "u::7,user:65533:7,g::7,mask::7,o::7")
    assert.are.equal("", save(other))
    assert.are.equal("600 65534 65534 \n", show "t.npy")
  end)
end)

describe("idinit.load", function()
  after_each(clear)

  it("reads rows and columns", function()
    local data = "\1\2\3\4\5\6"
    local t = given(npy(header("|u1", "False", "(2, 3)"), data))
    assert.are.same({ { 1, 2, 3 }, { 4, 5, 6 } }, t:totable())
    assert.are.same({ 3, 1 }, { t:stride() })
    t = given(npy(header("|u1", "True", "(2, 3)"), data))
    assert.are.same({ { 1, 3, 5 }, { 2, 4, 6 } }, t:totable())
    assert.are.same({ 1, 2 }, { t:stride() })
  end)

  it("reads arrays of rank 0, of rank 32, and of no elements", function()
    local t = given(npy(header("<f4", "False", "()"), one))
    assert.are.equal(0, t:dim())
    assert.are.equal(1, t())
    t = given(npy(header("<f4", "False", "(" .. ("1, "):rep(31) .. "2)"), one .. two))
    assert.are.equal(32, t:dim())
    assert.are.equal(2, t:size(32))
    t = given(npy(header("<f8", "True", "(3, 0, 9007199254740992)"), ""))
    assert.are.same({ 3, 0, 9007199254740992 }, { t:size() })
  end)

  it("reads versions 1.0 to 3.0", function()
    for version = 1, 3 do
      local t = given(npy(header("<f4", "False", "(2,)"), one .. two, version))
      assert.are.same({ 1, 2 }, t:totable())
    end
  end)

  it("reads each element type in each byte order", function()
    local function both(kind, width, bytes, value)
      for order, data in pairs { ["<"] = bytes, [">"] = bytes:reverse() } do
        assert.are.equal(value, given(npy(header(order .. kind .. width, "False", "()"), data))())
      end
    end
    both("f", 2, "\0\62", 1.5)
    both("f", 2, "\1\0", 2 ^ -24)
    both("f", 2, "\0\252", -1 / 0)
    both("f", 4, "\0\0\192\63", 1.5)
    both("f", 8, "\0\0\0\0\0\0\248\63", 1.5)
    both("f", 8, "\255\255\255\255\255\255\239\127", 1 / 0)
    both("i", 1, "\128", -128)
    both("u", 1, "\255", 255)
    both("b", 1, "\1", 1)
    both("b", 1, "\2", 1)
    both("i", 2, "\0\128", -32768)
    both("u", 2, "\255\255", 65535)
    both("i", 4, "\1\0\0\128", -2 ^ 31)
    both("u", 4, "\255\255\255\255", 2 ^ 32)
    both("i", 8, ("\0"):rep(7) .. "\128", -2 ^ 63)
    both("u", 8, ("\255"):rep(8), 2 ^ 64)
  end)

  it("rounds to nearest, ties to even, once", function()
    for n, value in pairs {
      [16777217] = 16777216, [16777219] = 16777220, [33554434] = 33554432, [33554435] = 33554436,
      [33554437] = 33554436, [4503599895805953] = 4503600164241408,
    } do
      assert.are.equal(value, given(npy(header("<u8", "False", "()"), little(n, 8)))())
    end
    -- These are ties in between, as doubles.
    for descr, case in pairs {
      u8 = { "\1\0\0\0\128\0\0\128", 2 ^ 63 + 2 ^ 40 },
      i8 = { "\1\0\0\0\64\0\0\64", 2 ^ 62 + 2 ^ 39 },
      f8 = { "\1\0\0\16\0\0\240\63", 1 + 2 ^ -23 },
    } do
      assert.are.equal(case[2], given(npy(header("<" .. descr, "False", "()"), case[1]))())
    end
    assert.are.equal(1, given(npy(header("<f8", "False", "()"), "\0\0\0\16\0\0\240\63"))())
  end)

  it("reads one byte without an order, and more in the machine's own", function()
    assert.are.equal(7, given(npy(header("|i1", "False", "()"), "\7"))())
    local low = given(npy(header("<f4", "False", "()"), one))()
    local high = given(npy(header(">f4", "False", "()"), one))()
    for _, descr in ipairs { "=f4", "f4" } do
      local value = given(npy(header(descr, "False", "()"), one))()
      assert.is_true(value == low or value == high)
    end
  end)

  it("reads the codes and names that NumPy has for its types", function()
    local codes = {
      b1 = "?", i1 = "b", u1 = "B", i2 = "h", u2 = "H", i4 = "i", u4 = "I", i8 = "q", u8 = "Q",
      f2 = "e", f4 = "f", f8 = "d",
    }
    local names = {
      b1 = "bool", i1 = "int8", u1 = "uint8", i2 = "int16", u2 = "uint16", i4 = "int32",
      u4 = "uint32", i8 = "int64", u8 = "uint64", f2 = "float16", f4 = "float32", f8 = "float64",
    }
    local more = { f2 = "half", f4 = "single", f8 = "double" }
    local data = "\1\63\64\63\66\240\63\64"
    for kind, code in pairs(codes) do
      local bytes = data:sub(1, tonumber(kind:sub(2)))
      local function value(descr) return given(npy(header(descr, "False", "()"), bytes))() end
      for _, order in ipairs { "<", ">", "=", "|", "" } do
        assert.are.equal(value(order .. kind), value(order .. code))
      end
      for _, same in ipairs { "=" .. kind, "|" .. kind, names[kind], more[kind] } do
        assert.are.equal(value(kind), value(same))
      end
    end
    local low, high = given(npy(header("<f", "False", "()"), one))(),
      given(npy(header(">f", "False", "()"), one:reverse()))()
    assert.are.equal(1, low)
    assert.are.equal(1, high)
  end)

  it("reads a header however it is set", function()
    for _, text in ipairs {
      "{'shape': (2L, 1L), 'fortran_order': False, 'descr': '|u1'}",
      '{"descr":"|u1","fortran_order":False,"shape":(2,1)}',
      " \t{ 'descr' :\n'|u1' ,\r\n'shape' : ( 2 , 1 , ) , 'fortran_order' : False , } \n \n",
    } do
      assert.are.same({ { 3 }, { 4 } }, given(npy(text, "\3\4")):totable())
    end
    local long = header("|u1", "False", "(2, 1)") .. (" "):rep(100000) .. "\n"
    assert.are.same({ { 3 }, { 4 } }, given(npy(long, "\3\4", 2)):totable())
  end)

  it("refuses what is no .npy file", function()
    local whole = npy(header("<f4", "False", "(1,)"), one)
    assert.are.equal("not a .npy or .safetensors file", refusal(""))
    assert.are.equal("not a .npy or .safetensors file", refusal(whole:sub(1, 5)))
    assert.are.equal("not a .npy or .safetensors file", refusal("\148" .. whole:sub(2)))
    for length = 6, 9 do
      assert.are.equal("file ends within its header", refusal(whole:sub(1, length)))
    end
    for _, version in ipairs { "\0\0", "\4\0", "\1\1", "\255\255" } do
      assert.are.equal(("version 1.0, 2.0 or 3.0 expected, got %d.%d"):format(version:byte(1, 2)),
        refusal("\147NUMPY" .. version .. whole:sub(9)))
    end
  end)

  it("names what is recognisably something else", function()
    for start, name in pairs {
      ["PK\3\4"] = "a zip archive (.npz, PyTorch)",
      ["PK\5\6"] = "an empty zip archive (.npz)",
      ["\31\139\8"] = "a gzip file",
      ["version https://git-lfs.github.com/spec/v1\noid sha256:"] = "a Git LFS pointer",
      ["\128\2\138\nl\252\156F\249 j\168P\25."] = "a Python pickle (PyTorch)",
      ["\128\4\149"] = "a Python pickle (PyTorch)",
      ["\137HDF\r\n\26\n"] = "an HDF5 file",
      ["GGUF\3"] = "a GGUF file",
    } do
      for _, rest in ipairs { "", ("\0"):rep(100) } do
        assert.are.equal(name .. ", not a .npy or .safetensors file", refusal(start .. rest))
      end
    end
    assert.are.equal("not a .npy or .safetensors file", refusal "PK\1\2")
    assert.are.equal("not a .npy or .safetensors file", refusal "PK")
  end)

  it("reads a file of any date, and replaces it", function()
    local name = write("given.npy", npy(header("<f4", "False", "(1,)"), one))
    child.must("touch -t 204001011200 " .. name)
    assert.are.same({ 1 }, idinit.load(name):save(name):totable())
    assert.are.same({ 1 }, idinit.load(name):totable())
  end)

  it("refuses a header longer than the file, or than any that is meant", function()
    local text = header("<f4", "False", "(1,)")
    assert.are.equal(("header of %d bytes expected, got %d"):format(#text, #text - 1),
      refusal(npy(text, ""):sub(1, -2)))
    assert.are.equal("header of 4294967295 bytes expected, got 5",
      refusal("\147NUMPY\2\0\255\255\255\255{    "))
    assert.are.equal("header of at most 1048576 bytes expected, got 1048577",
      refusal(npy((" "):rep(1048577), "", 3)))
    assert.are.equal("file ends within its header", refusal("\147NUMPY\2\0\1\0"))
  end)

  it("refuses more or less data than the header tells", function()
    local text = header("<f8", "False", "(3, 5)")
    assert.are.equal("120 bytes of data expected, got 119", refusal(npy(text, ("x"):rep(119))))
    assert.are.equal("120 bytes of data expected, got 121", refusal(npy(text, ("x"):rep(121))))
    assert.are.equal("0 bytes of data expected, got 1",
      refusal(npy(header("<f4", "False", "(0,)"), "x")))
    assert.are.equal("36028797018963968 bytes of data expected, got 4",
      refusal(npy(header("<f4", "False", "(9007199254740992,)"), one)))
  end)

  it("refuses an impossible shape", function()
    for shape, fault in pairs {
      ["(2, -1)"] = 'header: whole number expected at byte 55, got "-"',
      ["(-0,)"] = 'header: whole number expected at byte 52, got "-"',
      ["(9007199254740993, 0)"] = "header: the extent of dimension 1, before byte 68, is too large",
      ["(0, 18446744073709551617)"] =
        "header: the extent of dimension 2, before byte 75, is too large",
      ["(0, " .. ("9"):rep(400) .. ")"] =
        "header: the extent of dimension 2, before byte 455, is too large",
      ["(4294967296, 4294967296)"] = "the product of the extents is too large",
      ["(" .. ("65536, "):rep(32) .. ")"] = "the product of the extents is too large",
      ["(" .. ("1, "):rep(33) .. ")"] = "header: at most 32 dimensions expected at byte 148",
      ["(1)"] = "header: a tuple of extents expected, got a number",
      ["1"] = 'header: "(" expected at byte 51, got "1"',
      ["[1]"] = 'header: "(" expected at byte 51, got "["',
      ["(1.0,)"] = 'header: "," expected at byte 53, got "."',
      ["(1 1)"] = 'header: "," expected at byte 54, got "1"',
      ["(,)"] = 'header: whole number expected at byte 52, got ","',
      ["(1,,)"] = 'header: whole number expected at byte 54, got ","',
      ["(01,)"] = 'header: "," expected at byte 53, got "1"',
      ["(0x1,)"] = 'header: "," expected at byte 53, got "x"',
      ["((1,),)"] = 'header: whole number expected at byte 52, got "("',
      ["None"] = 'header: "(" expected at byte 51, got "N"',
    } do
      assert.are.equal(fault, refusal(npy(header("<f4", "False", shape), one)))
    end
  end)

  it("refuses other element types", function()
    for _, descr in ipairs {
      "|O", "|O8", "<c8", "<c16", "|S4", "<U1", "|V4", "<M8[ns]", "<m8", "<f16", "<f12", "<f1",
      "<f3", "<i3", "<i16", "<b4", "!f4", "4f", "<<f4", "<f4 ", "", "<", "f44", "<x4", "<f4\\",
      "<float32", "|bool", "float", "int", "float128", "l", "L", "g", "F", "p", "S", "O", "f4f",
      "bfloat16",
    } do
      assert.are.equal(('element type "%s" is not supported'):format(descr),
        refusal(npy(header(descr, "False", "(1,)"), one)))
    end
    local long = ("<f4"):rep(1000)
    assert.are.equal(('element type "%s" is not supported'):format(long:sub(1, 24)),
      refusal(npy(header(long, "False", "(1,)"), one)))
    for _, descr in ipairs { "[('x', '<f4')]", "('<f4', (1,))", "[]" } do
      assert.are.equal("structured element types are not supported",
        refusal(npy(header("", "False", "(1,)"):gsub("''", descr), one)))
    end
  end)

  it("refuses a header that is not that of an array", function()
    local whole = header("<f4", "False", "(1,)")
    for text, fault in pairs {
      [""] = 'header: "{" expected, got its end',
      ["   \n"] = 'header: "{" expected, got its end',
      ["()"] = 'header: "{" expected at byte 1, got "("',
      ["{}"] = 'header: key "descr" is missing',
      ["{,}"] = 'header: string expected at byte 2, got ","',
      ["{'descr': '<f4'}"] = 'header: key "fortran_order" is missing',
      ["{'descr': '<f4', 'fortran_order': True}"] = 'header: key "shape" is missing',
      ["{'descr': '<f4', 'descr': '<f4'}"] = 'header: key "descr" comes twice before byte 26',
      ["{'descr': '<f4', 'more': 1}"] = 'header: unknown key "more"',
      ["{'Shape': (1,)}"] = 'header: unknown key "Shape"',
      ["{'': 1}"] = 'header: unknown key ""',
      ["{shape: (1,)}"] = 'header: string expected at byte 2, got "s"',
      ["{'descr' '<f4'}"] = 'header: ":" expected at byte 10, got "\'"',
      ["{'descr': 4}"] = 'header: string expected at byte 11, got "4"',
      ["{'descr': '<f4}"] = "header: the string at byte 11 has no end",
      ["{'descr': '<f4\"}"] = "header: the string at byte 11 has no end",
      ["{'descr': '"] = "header: the string at byte 11 has no end",
      ["{'descr': '<f4\n'}"] = "header: the string at byte 11 has no end",
      ["{'descr': "] = "header: string expected, got its end",
      ["{'descr': '<f4' 'shape': (1,)}"] = 'header: "," expected at byte 17, got "\'"',
      ["{'fortran_order': true}"] = 'header: True or False expected at byte 19, got "t"',
      ["{'fortran_order': 1}"] = 'header: True or False expected at byte 19, got "1"',
      ["{'fortran_order': Truely}"] = 'header: "," expected at byte 23, got "l"',
      [whole:sub(1, -2)] = "header: string expected, got its end",
      [whole .. "x"] = 'header: end expected at byte 58, got "x"',
      [whole .. whole] = 'header: end expected at byte 58, got "{"',
      [("{"):rep(60000)] = 'header: string expected at byte 2, got "{"',
      [whole .. "\0"] = "header: byte 58 is 0x00, which is not ASCII text",
      [whole:gsub("shape", "sh\195\164pe")] = "header: byte 45 is 0xc3, which is not ASCII text",
      [whole:gsub("<f4", "<f4\27[31m")] = "header: byte 15 is 0x1b, which is not ASCII text",
    } do
      assert.are.equal(fault, refusal(npy(text, one)))
    end
  end)

  it("refuses any file that was cut", function()
    local whole = npy(header("<i2", "True", "(2, 1)") .. "\n", "\1\2\3\4")
    for length = 0, #whole - 1 do refusal(whole:sub(1, length)) end
    assert.are.same({ 513, 1027 }, elements(given(whole)))
  end)

  it("raises, or not, for any damage to a byte", function()
    local whole = npy(header("<i2", "True", "(2, 1)") .. "\n", "\1\2\3\4")
    local name = path "given.npy"
    for at = 1, #whole do
      for _, byte in ipairs { 0, 39, 48, 57, 76, 125, 255 } do
        write("given.npy", whole:sub(1, at - 1) .. string.char(byte) .. whole:sub(at + 1))
        local ok, t = pcall(idinit.load, name)
        if ok then
          assert.are.equal(2, t:numel())
        else
          assert.truthy(t:find(name, 1, true), t)
        end
      end
    end
  end)

  it("tells good from bad in the fuzzer's corpus", function()
    local corpus = "spec/fuzz/corpus/npy/"
    local count = 0
    for name in child.must("ls " .. corpus):gmatch "[^\n]+" do
      local ok, t = pcall(idinit.load, corpus .. name)
      assert.are.equal(name:sub(1, 4) == "good", ok, name)
      assert.are.equal(ok, idinit.is_tensor(t), name)
      count = count + 1
    end
    assert.is_true(count >= 46)
  end)

  it("refuses what is not there, no file, or not to be read", function()
    child.must("mkfifo " .. child.quote(path "pipe"))
    for name, fault in pairs {
      [path "nowhere"] = "No such file or directory",
      [folder] = "Is a directory",
      [""] = "No such file or directory",
      ["/dev/null"] = "not a regular file",
      ["/dev/zero"] = "not a regular file",
      [path "pipe"] = "not a regular file",
    } do
      local ok, message = pcall(idinit.load, name)
      assert.is_false(ok)
      assert.are.equal(('cannot load "%s": %s'):format(name, fault), message)
    end
  end)

  it("refuses a path that is no string without zero bytes", function()
    for got, value in pairs { ["nil"] = false, ["7"] = 7, table = {}, userdata = io.stdout } do
      if value == false then value = nil end
      local ok, message = pcall(idinit.load, value)
      assert.is_false(ok)
      assert.are.equal("path: string expected, got " .. got, message)
    end
    local ok, message = pcall(idinit.load, "a\0b")
    assert.is_false(ok)
    assert.are.equal("path: string without zero bytes expected", message)
  end)

  it("blames the line that calls it", function()
    local _, message = pcall(function() local t = idinit.load(path "nowhere") return t end)
    local line = debug.getinfo(1, "l").currentline - 1
    assert.truthy(message:find(("npy_spec.lua:%d: cannot load "):format(line), 1, true), message)
    _, message = pcall(function() idinit(2, 2):save(path "no/where") end)
    line = line + 3
    assert.truthy(message:find(("npy_spec.lua:%d: cannot save "):format(line), 1, true), message)
  end)

  it("leaves no file open, nor does t:save #native", function()
    write("cut.npy", npy(header("<f4", "False", "(1,)"), ""))
    local output = run("ulimit -n 30 &&", [[
      collectgarbage "stop"
      local t = idinit(3, 3)
      for _ = 1, 40 do
        pcall(idinit.load, folder .. "/cut.npy")
        pcall(t.save, t, folder .. "/cut.npy/t.npy")
        pcall(t.save, t, folder)
        t:save(folder .. "/t.npy")
        idinit.load(folder .. "/t.npy")
      end
      print "well"]])
    assert.are.equal("well\n", output)
  end)

  it("names the file where memory is short #native", function()
    local name = path "large.npy"
    local file = assert(io.open(name, "wb"))
    file:write(npy(header("|u1", "False", "(1073741824,)"), ""))
    file:seek("cur", 1073741823)
    file:write "x"
    file:close()
    local output, status = run("ulimit -v 1000000 &&", [[
      for _ = 1, 3 do print(pcall(idinit.load, folder .. "/large.npy")) end
      print(idinit.zeros(1000):numel() > 0)]])
    os.remove(name)
    if status ~= 0 then pending "the shell cannot limit memory" return end
    local fault = ('false\tcannot load "%s": not enough memory for a tensor of size 1073741824\n')
      :format(name)
    assert.are.equal(fault:rep(3) .. "true\n", output)
  end)

  it("needs no second copy in memory, nor does t:save #native", function()
    if not io.open "/proc/self/status" then pending "needs /proc" return end
    local output = run("", [[
      local function peak()
        for line in io.lines "/proc/self/status" do
          local kilobytes = line:match "^VmHWM:%s*(%d+)"
          if kilobytes then return tonumber(kilobytes) end
        end
      end
      local before = peak()
      local t = idinit { 8, 1024, 1024, order = "col" }
      t:save(folder .. "/t.npy")
      t[1]:save(folder .. "/u.npy")
      t = nil
      collectgarbage() collectgarbage()
      t = idinit.load(folder .. "/t.npy")
      print(math.floor((peak() - before) / 1024))]])
    local megabytes = tonumber(output)
    assert.is_true(megabytes >= 32 and megabytes < 35, output)
  end)
end)

describe("NumPy", function()
  if not python then
    pending "is not installed"
    return
  end

  after_each(clear)

  -- in0.npy, in1.npy, ... and beside them want0.npy, ... with their arrays as
  -- float32. Each type has 9 arrays, the first with what is hard to round.
  local numpywrites = [=[
import sys
import numpy as np
random = np.random.RandomState(int(sys.argv[1]))
count = 0

def put(a, version):
    global count
    with open(f"in{count}.npy", "wb") as f:
        np.lib.format.write_array(f, a, version)
    with np.errstate(all="ignore"):
        np.save(f"want{count}.npy", a.astype("<f4", order="K"))
    count += 1

def bits(dtype, n):
    return np.frombuffer(random.bytes(n * dtype.itemsize), dtype)

def values(dtype):
    if dtype.kind == "b":
        return np.array([True, False] * 64, dtype)
    if dtype.kind == "f" and dtype.itemsize == 2:
        # Machines differ in whether a signalling NaN stays one.
        all = np.arange(65536, dtype=np.uint16)
        all[np.isnan(all.view(np.float16))] |= 0x200
        return all.view(np.float16).astype(dtype)
    if dtype.kind == "f" and dtype.itemsize == 8:
        near = bits(np.dtype("<f4"), 2000).astype(np.float64)
        half = np.spacing(near.astype(np.float32)).astype(np.float64) / 2
        ties = np.concatenate([near + half, near - half])
        return np.concatenate([bits(dtype, 2000), near, ties, np.nextafter(ties, 0),
            np.nextafter(ties, np.inf)]).astype(dtype)
    if dtype.kind == "f":
        return bits(dtype, 2000)
    info = np.iinfo(dtype)
    hard = [info.min, info.max, 0]
    for k in range(24, 8 * dtype.itemsize - 1):
        for odd in (0, 1, 2):
            for d in (-1, 0, 1):
                hard.append((1 << k) + (odd << k - 23) + (1 << k - 24) + d)
    hard += [-n for n in hard]
    hard = [n for n in hard if info.min <= n <= info.max]
    return np.concatenate([np.array(hard, dtype), bits(dtype, 2000)])

names = ["|b1", "|i1", "|u1"] + [order + name for order in "<>"
    for name in "f2 f4 f8 i2 i4 i8 u2 u4 u8".split()]
shapes = [(), (0,), (7,), (3, 5), (2, 0, 3), (4, 1, 3, 2), (1,) * 31 + (2,), (130, 150)]
with np.errstate(all="ignore"):
    for k, name in enumerate(names):
        dtype = np.dtype(name)
        hard = values(dtype)
        put(hard, (1, 0))
        hard = hard[hard == hard]
        for j, shape in enumerate(shapes):
            a = np.resize(hard[random.randint(len(hard)):], shape)
            put(np.array(a, dtype, order="CF"[(k + j) % 2]), ((k + j) // 2 % 3 + 1, 0))
print(count)
]=]

  it("writes all number types, versions and orders, which load as it converts them", function()
    local seed = tonumber(os.getenv "IDINIT_SEED") or 1
    local count = tonumber(runpython(numpywrites, ("%.0f"):format(seed)))
    assert.are.equal(21 * 9, count)
    for i = 0, count - 1 do
      local t = idinit.load(path("in" .. i .. ".npy"))
      local same
      if i % 9 == 0 then -- not a number, which can be many things, to the bit
        t:save(path "out.npy")
        same = read "out.npy" == read("want" .. i .. ".npy")
      else
        local wanted = idinit.load(path("want" .. i .. ".npy"))
        same = t == wanted and table.concat({ t:stride() }, " ") ==
          table.concat({ wanted:stride() }, " ")
      end
      if not same then
        error(("IDINIT_SEED=%.0f: in%d.npy differs; it starts with %q"):format(
          seed, i, read("in" .. i .. ".npy"):sub(11, 90)))
      end
    end
  end)

  -- Shows each array, and writes it again.
  local numpyreads = [=[
import sys
import numpy as np
for name in sys.argv[1:]:
    a = np.load(name)
    order = ("C" if a.flags.c_contiguous else "") + ("F" if a.flags.f_contiguous else "")
    print(a.dtype.str, order, list(a.shape), a.ravel().astype(np.int64).tolist())
    np.save("again-" + name, a)
]=]

  it("reads what is saved, and writes the same bytes", function()
    local expected, names = {}, {}
    local function save(order, t)
      local i = #names + 1
      names[i] = i .. ".npy"
      t:save(path(names[i]))
      local list = {}
      for k, x in ipairs(elements(t)) do list[k] = ("%.0f"):format(x) end
      local size = { t:size() }
      for d, n in ipairs(size) do size[d] = ("%.0f"):format(n) end
      expected[i] = ("<f4 %s [%s] [%s]\n"):format(order, table.concat(size, ", "),
        table.concat(list, ", "))
    end
    save("CF", idinit.tensor(5))
    save("CF", counting("row", 4))
    save("CF", counting("row", 1, 3))
    save("CF", counting("row", 0, 3))
    save("CF", counting("row", 0, 268435456)) -- as much as NumPy has on 32 bits
    save("C", counting("row", 3, 5))
    save("C", counting("row", 1000, 100))
    save("C", counting("row", 2, 3, 4, 5))
    save("C", counting("row", 3, 2, 4, 5)[2])
    save("C", counting("col", 3, 2, 4, 5)[2])
    save("CF", counting("col", 4))
    save("CF", counting("col", 4, 1))
    save("CF", counting("col", 1, 3))
    save("CF", counting("col", 0, 2))
    save("CF", counting("col", 3, 2)[2])
    save("F", counting("col", 3, 5))
    save("F", counting("col", 1000, 100))
    save("F", counting("col", 2, 3, 4, 5))
    save("F", counting("col", 1, 2, 4, 5)[1])
    -- Headers that end on either side of a multiple of 64. NumPy leaves room
    -- for the slowest extent to grow, so its digits do not count.
    local size = { 2 }
    for rank = 2, 23 do
      for digits = 0, 3 do
        size[1], size[rank] = 2, 2 * 10 ^ digits
        save("C", counting("row", (table.unpack or unpack)(size)))
        size[1], size[rank] = size[rank], 2
        save("F", counting("col", (table.unpack or unpack)(size)))
      end
      size[rank] = 1
    end
    assert.are.equal(table.concat(expected), runpython(numpyreads, (table.unpack or unpack)(names)))
    for _, name in ipairs(names) do
      assert.is_true(read(name) == read("again-" .. name), name)
    end
  end)
end)
