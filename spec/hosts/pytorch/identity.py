"""Layers of PyTorch with idinit's weights: outputs equal inputs bit for bit."""

import numpy
import torch
from torch import nn

from common import check, draw, path, read_safetensors, run

CASES = 400
LETTERS = {1: "w", 2: "hw", 3: "dhw"}


def linear():
    n = draw.randint(1, 40)
    return {"layer": "PyTorch Linear", "letters": {"C": n, "I": n}, "keywords": {}}


def embedding():
    n, dim = draw.randint(1, 20), draw.randint(1, 20)
    return {"layer": "PyTorch Embedding", "letters": {"C": dim, "I": n}, "keywords": {}}


def convolution(transposed):
    axes = draw.randint(1, 3)
    groups = draw.choice([1, 1, 2, 3, 0])  # 0: depthwise
    per = draw.randint(1, 4)
    channels = per if groups == 0 else per * groups
    kernel = [draw.randint(1, 5) for _ in range(axes)]
    dilation = [draw.randint(1, 3) for _ in range(axes)]
    same = not transposed and draw.random() < 0.5
    if same:  # with an even kernel, only dilation 1 has an identity
        dilation = [d if k % 2 else 1 for k, d in zip(kernel, dilation)]
    letters = {"C": channels, "I": channels, "g": groups or channels}
    letters.update(zip(LETTERS[axes], kernel))
    # A tap stands at offset 0: padding // dilation. Of an even kernel, PyTorch's
    # "same" and a transposed layer's (k - 1) // 2 want the lower middle, and k // 2 the
    # higher.
    half = [(k - 1) // 2 if transposed else k // 2 for k in kernel]
    return {
        "layer": "PyTorch Conv%s%dd" % ("Transpose" if transposed else "", axes),
        "letters": letters,
        "keywords": {} if same or transposed else {"center": "hi"},
        "padding": "same" if same else [d * p for d, p in zip(dilation, half)],
        "dilation": dilation,
        "kernel": kernel,
    }


def module(case):
    letters, name = case["letters"], case["layer"].split()[1]
    if name == "Linear":
        return nn.Linear(letters["I"], letters["C"], bias=False)
    if name == "Embedding":
        return nn.Embedding(letters["I"], letters["C"])
    return getattr(nn, name)(
        letters["I"], letters["C"], case["kernel"], padding=case["padding"],
        dilation=case["dilation"], groups=letters["g"], bias=False)


def passes(case, weight):
    """Whether the layer passes what it is given, times the gain."""
    layer, letters = module(case), case["letters"]
    layer.weight.data.copy_(weight)
    if case["layer"].endswith("Embedding"):
        return torch.equal(layer.weight.data, case["gain"] * torch.eye(letters["I"], letters["C"]))
    if case["layer"].endswith("Linear"):
        x = torch.randn(draw.randint(1, 5), letters["I"])
    else:
        x = torch.randn(draw.randint(1, 3), letters["I"], *(draw.randint(5, 9) for _ in case["kernel"]))
    y = layer(x)
    y = y[tuple(slice(0, n) for n in x.shape)]  # k // 2 of an even kernel gives one more
    return torch.equal(y, case["gain"] * x)


makers = [linear, embedding, lambda: convolution(False), lambda: convolution(True)]
cases = []
for k in range(CASES):
    case = makers[draw.choice([0, 1, 2, 2, 2, 3, 3, 3])]()
    case["gain"] = 2.0 ** draw.randint(-3, 3)
    case["keywords"]["gain"] = case["gain"]
    cases.append(case)

run("weights.lua", cases)
with torch.no_grad():
    tensors = read_safetensors("weights.safetensors")
    for k, case in enumerate(cases, 1):
        weight = numpy.load(path("%d.npy" % k))
        check(weight.tobytes() == tensors[str(k)].tobytes(), "the two files differ:", case)
        check(tuple(weight.shape) == tuple(module(case).weight.shape), "another size:", case)
        check(passes(case, torch.from_numpy(weight)), "no identity:", case)
print("%d layers" % len(cases))
