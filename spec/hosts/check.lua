-- The example as a host runs it: in a state that has not loaded idinit yet. A
-- function of a folder that can be written to; returns the example's text, and
-- has made sure that no global was written.

local here = debug.getinfo(1, "S").source:match "^@(.*[/\\])" or ""

return function(folder)
  assert(not package.loaded["idinit.core"], "idinit is loaded already")
  local before = {}
  for name, value in pairs(_G) do before[name] = value end
  local text = dofile(here .. "example.lua")(folder)
  for name, value in pairs(_G) do
    assert(before[name] == value, "a global was written: " .. tostring(name))
  end
  return text
end
