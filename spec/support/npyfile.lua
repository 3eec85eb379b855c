-- The bytes of .npy files, put together by hand.

local npyfile = {}

-- An unsigned integer, its lowest byte first.
function npyfile.little(n, width)
  local bytes = {}
  for i = 1, width do
    bytes[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(bytes)
end

function npyfile.npy(text, data, version)
  version = version or 1
  return "\147NUMPY" .. string.char(version, 0) .. npyfile.little(#text, version == 1 and 2 or 4)
    .. text .. data
end

function npyfile.header(descr, fortran, shape)
  return ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"):format(descr, fortran, shape)
end

return npyfile
