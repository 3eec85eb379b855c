-- The README's examples: blocks of Lua, each with the block of plain text that
-- follows it, if one does, as what it prints. A block that starts with
-- "```lua luajit" needs the FFI.

local child = require "spec.tools.child"

local readme = {}

-- A list of { line, code, output, luajit }.
function readme.examples(path)
  local examples = {}
  local block, last -- the open block; the example that waits for its output
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    local fence = line:match "^```%s*(.-)%s*$"
    if block and fence == "" then
      local text = table.concat(block.text)
      if block.kind == "lua" then
        last = { line = block.line, code = text, output = "", luajit = block.luajit }
        examples[#examples + 1] = last
      else
        if last and block.kind == "" then last.output = text end
        last = nil
      end
      block = nil
    elseif block then
      block.text[#block.text + 1] = line .. "\n"
    elseif fence then
      local kind, rest = fence:match "^(%S*)%s*(.*)$"
      if kind == "text" then kind = "" end
      assert(rest == "" or kind == "lua" and rest == "luajit",
        ("%s:%d: unknown kind of block: %s"):format(path, number, fence))
      block = { kind = kind, luajit = rest == "luajit", line = number, text = {} }
    elseif line:match "%S" then
      last = nil
    end
  end
  assert(not block, path .. ": a block has no end")
  return examples
end

-- What an example prints when the Lua that `lua` starts runs it as example.lua
-- in an empty folder.
function readme.run(example, lua)
  local folder = child.folder()
  child.write(folder .. "/example.lua", example.code)
  local output = child.run(("cd '%s' && %s example.lua"):format(folder, lua))
  child.must("rm -rf '" .. folder .. "'")
  return output
end

return readme
