-- The bytes of .safetensors files, put together by hand.

local npyfile = require "spec.support.npyfile"

local safefile = { little = npyfile.little }

-- A file of a header as it stands, and data.
function safefile.raw(text, data)
  return npyfile.little(#text, 8) .. text .. data
end

-- A file of a header's members, padded, and data.
function safefile.file(members, data)
  local text = "{" .. table.concat(members, ",") .. "}"
  return safefile.raw(text .. (" "):rep(-#text % 8), data)
end

function safefile.entry(name, kind, shape, first, last)
  return ('"%s":{"dtype":"%s","shape":[%s],"data_offsets":[%.0f,%.0f]}'):format(
    name, kind, shape, first, last)
end

return safefile
