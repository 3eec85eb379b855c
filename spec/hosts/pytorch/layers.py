"""PyTorch's layers with random weights of every type, order and byte order, run by idinit."""

import numpy
import torch
from torch import nn

from common import check, draw, path, read_safetensors, run, seed

CASES = 300
MOST = 1e-6  # of the largest output

numbers = numpy.random.default_rng(seed)
NPY = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "|i1", "|u1", "<i2", ">i2", "<u2", ">u2",
       "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8", "|b1"]
SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": None, "I64": "<i8", "I32": "<i4",
               "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
               "BOOL": "|b1"}


def values(dtype, size):
    """Random elements of a type that float32 holds exactly or rounds once."""
    dtype = numpy.dtype(dtype)
    if dtype.kind == "f":
        return numbers.standard_normal(size).astype(dtype)
    low = -100 if dtype.kind == "i" else 0
    return numbers.integers(low, 2 if dtype.kind == "b" else 101, size).astype(dtype)


def linear():
    return {"kind": "Linear", "I": draw.randint(1, 256), "C": draw.randint(16, 40)}, []


def convolution(kind):
    axes = draw.randint(1, 3)
    groups = draw.choice([1, 1, 2, 3])
    shape = [draw.randint(1, 4) for _ in range(axes)]
    terms = 256 if draw.random() < 0.3 else 64  # that an output sums up
    most = max(1, terms // int(numpy.prod(shape)))
    I, C = groups * draw.randint(1, most), groups * draw.randint(1, 6)
    stride = [draw.randint(1, 3) for _ in range(axes)]
    dilation = [draw.randint(1, 3) for _ in range(axes)]
    pad = [draw.randint(0, d * (k - 1)) for d, k in zip(dilation, shape)]
    outpad = [draw.randint(0, max(s, d) - 1) if kind == "ConvTranspose" else 0
              for s, d in zip(stride, dilation)]
    return {"kind": kind, "I": I, "C": C, "kernel": shape[::-1], "groups": groups,
            "stride": stride[::-1], "dilation": dilation[::-1], "pad": pad[::-1],
            "outpad": outpad[::-1] if kind == "ConvTranspose" else None}, shape


def module(case):
    if case["kind"] == "Linear":
        return nn.Linear(case["I"], case["C"])
    settings = {name: tuple(case[name][::-1]) for name in ("stride", "dilation")}
    if case["kind"] == "ConvTranspose":
        settings["output_padding"] = tuple(case["outpad"][::-1])
    name = "%s%dd" % (case["kind"], len(case["kernel"]))
    return getattr(nn, name)(case["I"], case["C"], tuple(case["kernel"][::-1]),
                             padding=tuple(case["pad"][::-1]), groups=case["groups"], **settings)


def save_all(tensors):
    """A file of every type, which common's writer of float32 is not for."""
    import json
    header, at = {}, 0
    for key, (dtype, t) in tensors.items():
        header[key] = {"dtype": dtype, "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    with open(path("weights.safetensors"), "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, t in tensors.values():
            file.write(t.tobytes())


cases, wanted, kept = [], [], {}
with torch.no_grad():
    for k in range(1, CASES + 1):
        case, shape = draw.choice([linear, lambda: convolution("Conv"),
                                   lambda: convolution("ConvTranspose")])()
        layer = module(case)
        size = tuple(layer.weight.shape)
        case["file"] = draw.choice(["npy", "safetensors"])
        if case["file"] == "npy":
            weight = values(draw.choice(NPY), size)
            order = draw.choice("CF")
            numpy.save(path("%d.npy" % k), numpy.asarray(weight, order=order))
        else:
            dtype = draw.choice(list(SAFETENSORS))
            if dtype == "BF16":
                bits = (values("<f4", size).view("<u4") >> 16).astype("<u2")
                kept[str(k)] = (dtype, bits)
                weight = (bits.astype("<u4") << 16).view("<f4")
            else:
                weight = values(SAFETENSORS[dtype], size)
                kept[str(k)] = (dtype, weight)
        layer.weight.copy_(torch.from_numpy(weight.astype("=f4")))
        x = torch.randn(draw.randint(1, 3) if shape else 16, case["I"], *(draw.randint(10, 13) for _ in shape))
        numpy.save(path("%d.x.npy" % k), x.numpy())
        numpy.save(path("%d.b.npy" % k), layer.bias.numpy())
        cases.append(case)
        wanted.append(layer(x).numpy())

save_all(kept)
run("pytorch/layers.lua", cases)
outputs = read_safetensors("outputs.safetensors")
worst = 0
for k, (case, y) in enumerate(zip(cases, wanted), 1):
    ours = outputs[str(k)]
    check(ours.shape == y.shape, "another size:", case, ours.shape, y.shape)
    error = abs(ours - y).max() / abs(y).max()
    worst = max(worst, error)
    check(error <= MOST, "differs by %g:" % error, case)
print("%d layers, differing by %.1g of the largest output at most" % (CASES, worst))
