--- Loading a file of 16 M elements, against malloc, fread of as many float32 and
--- free. Returns run(report). Needs a folder in memory for the file.

local ffi = require "ffi"
local idinit = require "idinit"
local measure = require "spec.bench.measure"

ffi.cdef [[
void *malloc(size_t);
void free(void *);
typedef struct idinit_bench_file idinit_bench_file;
idinit_bench_file *fopen(const char *, const char *);
size_t fread(void *, size_t, size_t, idinit_bench_file *);
int fclose(idinit_bench_file *);
]]

local BARS = { { "f32", 1.25 }, { "bf16", 1.5 }, { "f16", 1.5 } }
local BYTES = 4 * 16 * 1024 * 1024

return function(report)
  local path = os.tmpname()
  local shared = "/dev/shm/" .. path:match "[^/\\]*$"
  local folder = io.open(shared, "wb")
  if folder then
    folder:close()
    os.remove(path)
    path = shared
  end
  local plain = path .. ".f32"
  local t = idinit.zeros(16, 1024, 1024):fill(1.5)
  idinit.save(plain, { t = t })

  local function limit()
    local buffer, file = ffi.C.malloc(BYTES), ffi.C.fopen(plain, "rb")
    assert(ffi.C.fread(buffer, 1, BYTES, file) == BYTES)
    ffi.C.fclose(file)
    ffi.C.free(buffer)
  end

  for _, bar in ipairs(BARS) do
    idinit.save(path, { t = t }, { dtype = bar[1] })
    report(measure.row {
      what = "idinit.load, 16 M elements of " .. bar[1], bar = bar[2], limit = limit,
      ours = function() assert(idinit.load(path).t(16, 1024, 1024) == 1.5) end,
      before = function() collectgarbage() collectgarbage() end,
    })
  end
  os.remove(path)
  os.remove(plain)
end
