-- Fails the spec unless f raises an error as a user wants it: text that starts
-- with the place in f and holds the facts. Returns what follows the place.
--
-- To blame one line, write f in one line. A call in it must not be a tail call,
-- which leaves no place to blame.

local function fails(f, ...)
  local ok, message = pcall(f)
  if ok then error("an error was expected", 2) end
  if type(message) ~= "string" then
    error("a message was expected, got " .. type(message), 2)
  end
  local place = debug.getinfo(f, "S")
  local from, to = message:find(place.short_src, 1, true)
  local line, text
  if from == 1 then line, text = message:match("^:(%d+): (.*)$", to + 1) end
  line = tonumber(line)
  if not line or line < place.linedefined or line > place.lastlinedefined then
    error(("the blame of %s:%d was expected: %s"):format(
      place.short_src, place.linedefined, message), 2)
  end
  for _, fact in ipairs { ... } do
    if not text:find(fact, 1, true) then
      error(("%q was expected in: %s"):format(fact, text), 2)
    end
  end
  return text
end

return fails
