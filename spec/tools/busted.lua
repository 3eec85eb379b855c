-- Runs busted, which Debian starts with a Lua of its own choice, in this one:
--   spec/tools/lua KIND spec/tools/busted.lua ARGUMENT...
-- Appends "passed failed skipped" to the file that IDINIT_TALLY names.

-- With IDINIT_GCSTRESS=n all garbage is collected every n instructions, and much
-- of it at every allocation between.

local tally = os.getenv "IDINIT_TALLY"
local stress = tonumber(os.getenv "IDINIT_GCSTRESS")

if stress then
  local pace = require "spec.support.pace"
  pace("pause", 0)
  pace("stepmul", 400)
  debug.sethook(function() collectgarbage() end, "", stress)
end

package.preload["busted.outputHandlers.tally"] = function()
  return function(options)
    local isatty = require("term").isatty(io.stdout)
    local name = isatty and "utfTerminal" or "plainTerminal"
    local handler = require("busted.outputHandlers." .. name)(options)
    require("busted").subscribe({ "suite", "end" }, function()
      if tally then
        local file = assert(io.open(tally, "a"))
        file:write(handler.successesCount, " ",
          handler.failuresCount + handler.errorsCount, " ",
          handler.pendingsCount, "\n")
        file:close()
      end
      return nil, true
    end)
    return handler
  end
end

-- busted has the FFI remember types and declarations, which hides mistakes in
-- loading a module twice. It needs to be loaded before the specs, though: busted
-- would unload it after each of them.
package.preload["busted.luajit"] = function()
  pcall(require, "ffi")
  return function() end
end

if not pcall(require, "busted.options") then require "spec.tools.newer" () end

-- Under pcall, busted ends the process with its status instead of raising nil.
local ok, err = pcall(require "busted.runner",
  { standalone = false, output = "tally" })
if not ok then error(err, 0) end
