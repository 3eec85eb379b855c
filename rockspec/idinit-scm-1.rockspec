rockspec_format = "3.0"
package = "idinit"
version = "scm-1"

source = {
  url = "git+https://example.org/idinit.git",
}

description = {
  summary = "Identity initialisers for neural networks",
  detailed = [[
    Weights that make a layer an identity, for dense layers, biases and
    convolutions of any rank, with gain, shift, groups, layouts and more, as
    float32 tensors that a script reads and writes at the speed of C.]],
  license = "MIT",
}

dependencies = {
  "lua >= 5.1, < 5.6",
}

-- Only the C library's own mathematics, which has no header to look for.
external_dependencies = {}

build = {
  type = "builtin",
  modules = {
    ["idinit"] = "lua/idinit/init.lua",
    ["idinit.access"] = "lua/idinit/access.lua",
    ["idinit.foreign"] = "lua/idinit/foreign.lua",
    ["idinit.labels"] = "lua/idinit/labels.lua",
    ["idinit.layers"] = "lua/idinit/layers/init.lua",
    ["idinit.layers.explain"] = "lua/idinit/layers/explain.lua",
    ["idinit.layers.settings"] = "lua/idinit/layers/settings.lua",
    ["idinit.spy"] = "lua/idinit/spy.lua",
    ["idinit.text"] = "lua/idinit/text.lua",
    ["idinit.types"] = "lua/idinit/types.lua",
    ["idinit.core"] = {
      sources = {
        "src/args.c",
        "src/byteslib.c",
        "src/core.c",
        "src/decimal.c",
        "src/disk.c",
        "src/dtype.c",
        "src/elements.c",
        "src/filelib.c",
        "src/forward.c",
        "src/indexlib.c",
        "src/keywords.c",
        "src/layer.c",
        "src/layerlib.c",
        "src/loop.c",
        "src/nestlib.c",
        "src/npy.c",
        "src/npylib.c",
        "src/picture.c",
        "src/rearrangelib.c",
        "src/safetensors.c",
        "src/safetensorslib.c",
        "src/scan.c",
        "src/size.c",
        "src/storage.c",
        "src/stream.c",
        "src/taps.c",
        "src/tapslib.c",
        "src/tensor.c",
        "src/tensorlib.c",
        "src/textlib.c",
        "src/transfer.c",
        "src/viewlib.c",
        "src/widenlib.c",
      },
    },
  },
  platforms = {
    unix = {
      modules = {
        ["idinit.core"] = { libraries = { "m" } },
      },
    },
  },
}

test = {
  type = "command",
  script = "spec/tools/luarocks.lua",
}
