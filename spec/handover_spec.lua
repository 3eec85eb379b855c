-- Tensors and C functions that work on the same memory.

local idinit = require "idinit"

local has_ffi, ffi = pcall(require, "ffi")

describe("memory shared with C", function()
  if not has_ffi then
    it("is refused in plain words without the FFI of LuaJIT", function()
      assert.error_matches(function() return idinit(2, 2):data() end,
        "data: the FFI of LuaJIT expected, which this Lua does not have", 1, true)
    end)
    pending "needs the FFI of LuaJIT"
    return
  end

  ffi.cdef [[
    void *malloc(size_t);
    void *calloc(size_t, size_t);
    void free(void *);
    int memcmp(const void *, const void *, size_t);
    void cblas_sgemm(int order, int transa, int transb, int m, int n, int k,
                     float alpha, const float *a, int lda, const float *b,
                     int ldb, float beta, float *c, int ldc);
  ]]

  local FLOAT = ffi.sizeof "float"

  local function owned(pointer)
    assert(pointer ~= nil, "no memory")
    return ffi.gc(ffi.cast("float *", pointer), ffi.C.free)
  end

  local function garbage()
    for _ = 1, 100 do idinit.zeros(100, 100) end
    collectgarbage()
  end

  describe("t:data()", function()
    it("points to the elements, not to a copy of them", function()
      local t = idinit(3, 4)
      local data = t:data()
      data[1] = 7
      assert.equal(7, t(1, 2))
      t:set(3, 4, -2)
      assert.equal(-2, data[11])
    end)

    it("stays valid while the tensor is alive", function()
      for _, n in ipairs { 4, 400 } do -- one in the userdata, one beside it
        local t = idinit(n, n, { gain = 5 })
        local data = t:data()
        garbage()
        assert.equal(5, data[n * n - 1])
        assert.equal(data, t:data())
      end
    end)

    it("of a view stays valid after the whole has gone", function()
      for _, n in ipairs { 4, 400 } do
        local row = idinit(n, n, { gain = 5 })[n]
        local data = row:data()
        garbage()
        assert.equal(5, data[n - 1])
        assert.equal(data, row:data())
      end
    end)
  end)

  describe("idinit.into", function()
    local size = { 3, 5, 4, 6, { gain = -2.5, shift = { 1, -1 }, groups = 2 } }
    local count = 3 * 5 * 4 * 6

    for _, order in ipairs { "row", "col" } do
      it("writes over malloc's memory a tensor's very bytes in " .. order .. " order", function()
        size[5].order = order
        local memory = owned(ffi.C.malloc((count + 2) * FLOAT))
        ffi.fill(memory, (count + 2) * FLOAT, 0xFF)
        local inner = memory + 1
        assert.equal(inner, idinit.into(inner, unpack(size)))
        assert.equal(0, ffi.C.memcmp(inner, idinit(unpack(size)):data(), count * FLOAT))
        local bytes = ffi.cast("unsigned char *", memory)
        for k = 0, FLOAT - 1 do
          assert.equal(0xFF, bytes[k])
          assert.equal(0xFF, bytes[(count + 1) * FLOAT + k])
        end
      end)
    end

    it("writes into calloc's memory that a C function reads", function()
      local memory = owned(ffi.C.calloc(9, FLOAT))
      idinit.into(memory, 3, 3, { gain = 4 })
      local copy = idinit.zeros(3, 3)
      ffi.copy(copy:data(), memory, 9 * FLOAT)
      assert.is_true(copy == idinit(3, 3, { gain = 4 }))
    end)

    it("hands an address back and forth", function()
      local t = idinit.zeros(2, 3)
      idinit.into(t:data(), 2, 3)
      assert.is_true(t == idinit(2, 3))
      idinit.into(t[2]:data(), 1, 3, { gain = 9 })
      assert.same({ { 1, 0, 0 }, { 9, 0, 0 } }, t:totable())
    end)
  end)

  -- C multiplies, so #native: valgrind does not know every instruction that
  -- OpenBLAS chooses.
  describe("cblas_sgemm #native", function()
    local blas
    for _, name in ipairs { "libopenblas.so.0", "openblas" } do
      local ok, library = pcall(ffi.load, name)
      blas = blas or ok and library
    end
    if not blas then
      pending("needs OpenBLAS")
      return
    end

    local CODE = { row = 101, col = 102 }
    local PLAIN = 111 -- not transposed

    -- What lies between neighbours along the other dimension.
    local function leading(t, order)
      return t:stride(order == "row" and 1 or 2)
    end

    local function multiply(order, a, b, c)
      local m, k = a:size()
      blas.cblas_sgemm(CODE[order], PLAIN, PLAIN, m, b:size(2), k, 1, a:data(), leading(a, order),
                       b:data(), leading(b, order), 0, c:data(), leading(c, order))
      return c
    end

    -- Small integers, of which every sum of products is exact.
    local seed = 1
    local function numbers(m, n)
      local t = {}
      for i = 1, m do
        t[i] = {}
        for j = 1, n do
          seed = seed * 16807 % 2147483647
          t[i][j] = seed % 19 - 9
        end
      end
      return t
    end

    local function product(a, b)
      local c = {}
      for i = 1, #a do
        c[i] = {}
        for j = 1, #b[1] do
          local sum = 0
          for k = 1, #b do sum = sum + a[i][k] * b[k][j] end
          c[i][j] = sum
        end
      end
      return c
    end

    for order in pairs(CODE) do
      local function matrix(m, n) return idinit(m, n, { order = order }) end

      it("multiplies by tensors in " .. order .. " order", function()
        for _, shape in ipairs { { 1, 1, 1 }, { 3, 4, 5 }, { 7, 2, 9 }, { 33, 65, 17 } } do
          local m, k, n = shape[1], shape[2], shape[3]
          local a, b = numbers(m, k), numbers(k, n)
          local c = multiply(order, matrix(m, k):copy(a), matrix(k, n):copy(b), matrix(m, n))
          assert.same(product(a, b), c:totable())
        end
      end)

      it("finds an identity to be one in " .. order .. " order", function()
        local x = matrix(6, 10):copy(numbers(6, 10))
        local eye = idinit(6, 6, { order = order })
        assert.is_true(multiply(order, eye, x, matrix(6, 10)) == x)
        local twice = idinit(10, 10, { order = order, gain = 2 })
        local y = multiply(order, x, twice, matrix(6, 10))
        for i = 1, 6 do
          for j = 1, 10 do assert.equal(2 * x(i, j), y(i, j)) end
        end
      end)
    end

    it("multiplies by a view in place", function()
      local batch = idinit.zeros(3, 4, 4)
      local a, b = numbers(4, 4), numbers(4, 4)
      batch[1], batch[3] = a, b
      multiply("row", batch[1], batch[3], batch[2])
      assert.same(product(a, b), batch[2]:totable())
      assert.same(a, batch[1]:totable())
    end)

    it("multiplies by what idinit.into wrote into C's own memory", function()
      local x = idinit.zeros(8, 8):copy(numbers(8, 8))
      local y = idinit.zeros(8, 8)
      local weight = owned(ffi.C.malloc(64 * FLOAT))
      idinit.into(weight, 8, 8, { shift = 1 })
      blas.cblas_sgemm(CODE.row, PLAIN, PLAIN, 8, 8, 8, 1, weight, 8, x:data(), 8, 0, y:data(), 8)
      assert.is_true(y == x:circshift(1))
    end)
  end)
end)
