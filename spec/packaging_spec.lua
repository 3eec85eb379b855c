local child = require "spec.tools.child"
local readme = require "spec.tools.readme"

local must = child.must

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = line end
  table.sort(list)
  return list
end

local function exports(path)
  return lines(must("nm -D --defined-only '" .. path .. "' | awk '{ print $3 }'"))
end

-- The oldest and the newest, as LuaRocks and as make name them. What differs
-- between Luas is compiled for each of them by `make test`.
local versions = {
  { rocks = "5.1", luas = { "lua5.1", "luajit" } },
  { rocks = "5.4", luas = { "lua5.4" } },
}

describe("packaging #once", function()
  local tmp, clone

  -- A copy of what is in the repository, so that no build touches the original,
  -- and a home without settings.
  setup(function()
    tmp = child.folder()
    clone = tmp .. "/clone"
    must(("mkdir '%s' && cp -R src lua spec rockspec Makefile README.md '%s'"):format(clone, clone))
    must(("rm -f '%s'/src/*.o && cp -R '%s' '%s/untouched'"):format(clone, clone, tmp))
  end)

  teardown(function()
    must("rm -rf '" .. tmp .. "'")
  end)

  local function inclone(command)
    return must(("cd '%s' && export HOME='%s' && unset LUA_INIT MAKEFLAGS MAKELEVEL && %s"):format(
      clone, tmp, command))
  end

  -- Runs a program that finds only the modules below `tree`.
  local function lua(interpreter, version, tree)
    return ("env -u LUA_INIT LUA_PATH='%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua'"
      .. " LUA_CPATH='%s/lib/lua/%s/?.so' %s"):format(
      tree, version, tree, version, tree, version, interpreter)
  end

  local program = {
    code = [[
      local t = require "idinit" (2, 2, {gain = 3})
      print(t:dim(), t(1, 1) == 3, t(1, 2) == 0)
    ]],
    output = "2\ttrue\ttrue\n",
  }

  describe("the rockspec", function()
    local spec = {}
    if setfenv then
      setfenv(assert(loadfile "rockspec/idinit-scm-1.rockspec"), spec)()
    else
      assert(loadfile("rockspec/idinit-scm-1.rockspec", "t", spec))()
    end

    it("lists the C sources that there are", function()
      local sources = spec.build.modules["idinit.core"].sources
      assert.same(lines(must "ls src/*.c"), lines(table.concat(sources, "\n")))
    end)

    it("lists the Lua modules that there are", function()
      local listed = {}
      for name, path in pairs(spec.build.modules) do
        if name ~= "idinit.core" then
          local plain = path:match("^lua/(.*)%.lua$"):gsub("/init$", ""):gsub("/", ".")
          assert.equal(plain, name)
          listed[#listed + 1] = path
        end
      end
      assert.same(lines(must "find lua -name '*.lua'"), lines(table.concat(listed, "\n")))
    end)

    it("passes luarocks lint", function()
      inclone "luarocks lint rockspec/idinit-scm-1.rockspec"
    end)
  end)

  for _, version in ipairs(versions) do
    describe("luarocks make for Lua " .. version.rocks, function()
      local tree

      setup(function()
        tree = tmp .. "/tree" .. version.rocks
        inclone(("luarocks --lua-version=%s make --tree='%s'"):format(version.rocks, tree))
      end)

      for _, interpreter in ipairs(version.luas) do
        it("serves a script elsewhere that " .. interpreter .. " runs", function()
          assert.equal(program.output, readme.run(program, lua(interpreter, version.rocks, tree)))
        end)
      end

      it("exports luaopen_idinit_core and nothing else", function()
        assert.same({ "luaopen_idinit_core" },
          exports(tree .. "/lib/lua/" .. version.rocks .. "/idinit/core.so"))
      end)

      if version.rocks == "5.1" then
        it("is packed into a rock that runs the README's examples elsewhere", function()
          local other = tmp .. "/other"
          inclone(("luarocks --lua-version=5.1 pack idinit --tree='%s'"):format(tree))
          inclone(("luarocks --lua-version=5.1 install --tree='%s' *.rock"):format(other))
          for _, example in ipairs(readme.examples "README.md") do
            assert.equal(example.output, readme.run(example, lua("luajit", "5.1", other)))
          end
        end)
      end
    end)
  end

  it("luarocks test runs busted", function()
    child.write(clone .. "/spec/one_spec.lua",
      'describe("idinit", function() it("loads", function() require "idinit" end) end)\n')
    local output = inclone("env -u LUA_PATH -u LUA_CPATH -u IDINIT_LUA"
      .. " luarocks --lua-version=5.4 test rockspec/idinit-scm-1.rockspec -- spec/one_spec.lua")
    assert.matches("\n1 passed, 0 failed\n", output, 1, true)
  end)

  describe("make", function()
    it("builds a module that exports luaopen_idinit_core and nothing else", function()
      inclone "make"
      assert.same({ "luaopen_idinit_core" }, exports(clone .. "/build/idinit/core.so"))
    end)

    for _, version in ipairs(versions) do
      local interpreter = version.luas[#version.luas]
      it("install serves " .. interpreter, function()
        local tree = tmp .. "/prefix-" .. interpreter
        inclone(("make install LUA=%s PREFIX='%s'"):format(interpreter, tree))
        assert.equal(program.output, readme.run(program, lua(interpreter, version.rocks, tree)))
      end)
    end

    it("install takes folders of any name, and uninstall leaves nothing", function()
      local tree = tmp .. [[/it's a "prefix" of 100%]]
      local to = "PREFIX=" .. child.quote(tree)
      local earlier = child.quote(tree .. "/share/lua/5.4/idinit")
      must(("mkdir -p %s && touch %s/layers.lua"):format(earlier, earlier))
      inclone("make install LUA=lua5.4 " .. to)
      local path = ("%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua"):format(tree, tree)
      local run = ("env -u LUA_INIT LUA_PATH=%s LUA_CPATH=%s lua5.4"):format(
        child.quote(path), child.quote(tree .. "/lib/lua/5.4/?.so"))
      assert.equal(program.output, readme.run(program, run))
      assert.same(lines(must("cd lua && find idinit -type f")),
        lines(must("cd " .. child.quote(tree .. "/share/lua/5.4") .. " && find idinit -type f")))
      inclone("make uninstall LUA=lua5.4 " .. to)
      assert.equal("", must("find " .. child.quote(tree) .. " -name '*idinit*'"))
    end)

    it("install heeds DESTDIR, LUADIR and LIBDIR", function()
      inclone(("make install DESTDIR='%s/image' LUADIR=/l LIBDIR=/c"):format(tmp))
      assert.same(lines(must("cd '" .. clone .. "/lua' && find idinit -type f")),
        lines(must("cd '" .. tmp .. "/image/l' && find idinit -type f")))
      assert.equal("idinit/core.so\n", must("cd '" .. tmp .. "/image/c' && find idinit -type f"))
    end)

    it("heeds CC, CFLAGS, LIBFLAG and LUA_INCDIR", function()
      child.write(tmp .. "/cc", '#!/bin/sh\necho "$@" > "$0.log"\n')
      inclone(("chmod +x ../cc && make CC=../cc CFLAGS=-Dx LIBFLAG=-Dy LUA_INCDIR=/z"))
      local log = must("cat '" .. tmp .. "/cc.log'")
      for _, flag in ipairs { "-Dx", "-Dy", "-I/z" } do
        assert.matches(" " .. flag .. " ", log, 1, true)
      end
      assert.is_nil(log:find("-O2", 1, true))
    end)

    -- What a build that has to fail says.
    local function refusal(command)
      local output, status = child.run(("cd '%s' && unset MAKEFLAGS MAKELEVEL && %s"):format(
        clone, command))
      assert.not_equal(0, status)
      return output
    end

    it("names a Lua without headers", function()
      local output = refusal "make LUA=lua5.4 LUA_INCDIR=/nowhere"
      assert.matches("idinit: no headers of Lua 5.4 (lua.h and others) for lua5.4", output, 1, true)
      assert.is_nil(output:find("error:", 1, true))
    end)

    it("refuses flags and Luas that would make wrong answers", function()
      for _, flag in ipairs { "-ffast-math", "-Ofast", "-ffinite-math-only" } do
        assert.matches("idinit needs [^\n]+: compile without %-f", refusal("make CFLAGS=" .. flag))
      end
      assert.matches("idinit needs doubles and 64%-bit integers",
        refusal "make LUA=lua5.3 CFLAGS=-DLUA_32BITS")
    end)

    it("tells what it can do", function()
      local help = inclone "make help"
      for _, target in ipairs { "install", "uninstall", "test", "help" } do
        assert.matches("make " .. target .. " ", help, 1, true)
      end
    end)

    it("clean leaves what a clone has", function()
      inclone "make clean"
      must(("rm '%s/spec/one_spec.lua' && diff -r '%s/untouched' '%s'"):format(clone, tmp, clone))
    end)
  end)
end)
