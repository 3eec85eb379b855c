--- Sets how the collector goes about it, "pause" or "stepmul", and returns what was
--- set before. Lua 5.5 calls that differently.
return function(option, value)
  local ok, before = pcall(collectgarbage, "set" .. option, value)
  return ok and before or collectgarbage("param", option, value)
end
