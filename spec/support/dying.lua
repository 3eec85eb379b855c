local newproxy = rawget(_G, "newproxy") -- of Lua 5.1, where tables have no finalizers

--- An object that has this finalizer, and is garbage where nobody keeps it.
return function(finalize)
  if not newproxy then return setmetatable({}, { __gc = finalize }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = finalize
  return proxy
end
