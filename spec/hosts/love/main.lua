-- What love.sh has LÖVE do: $IDINIT_HOST says which part.

local check = love.filesystem.getSource() .. "/../check.lua"
local folder = os.getenv "IDINIT_FOLDER"

local parts = {}

function parts.main()
  return dofile(check)(folder)
end

-- A thread has a Lua state of its own, while this one runs on.
function parts.thread()
  local thread = love.thread.newThread [[
    local check, folder = ...
    love.thread.getChannel "text":push(dofile(check)(folder))
  ]]
  thread:start(check, folder .. "/thread")
  local text = parts.main()
  thread:wait()
  assert(not thread:getError(), thread:getError())
  assert(love.thread.getChannel "text":pop() == text)
  return text
end

function parts.bytedata()
  local ffi = require "ffi"
  local idinit = require "idinit"
  local data = love.data.newByteData(3 * 5 * ffi.sizeof "float")
  local floats = ffi.cast("float *", data:getFFIPointer())
  idinit.into(floats, 3, 5, { gain = 4 })
  local t = idinit(3, 5, { gain = 4 })
  local bytes = ffi.string(t:data(), data:getSize())
  return tostring(bytes == data:getString()) .. "\n"
end

-- An image of one float a pixel, rows from the top.
function parts.image()
  local ffi = require "ffi"
  local idinit = require "idinit"
  local image = love.image.newImageData(8, 8, "r32f")
  idinit.into(ffi.cast("float *", image:getFFIPointer()), 8, 8, { shift = 1, gain = 0.5 })
  local t = idinit(8, 8, { shift = 1, gain = 0.5 })
  for i = 1, 8 do
    for j = 1, 8 do
      if image:getPixel(j - 1, i - 1) ~= t(i, j) then return "false\n" end
    end
  end
  return "true\n"
end

function love.load()
  local ok, text = xpcall(parts[os.getenv "IDINIT_HOST"], debug.traceback)
  io.stdout:write(text)
  love.event.quit(ok and 0 or 1)
end
