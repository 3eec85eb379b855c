"""torch.nn.init's dirac_ and eye_ on a grid: the same weights."""

import itertools

import torch
from torch import nn

from common import check, read_safetensors, run

cases, wanted = [], []
for C, I in itertools.product(range(1, 7), range(1, 7)):
    cases.append({"layer": "PyTorch Linear", "letters": {"C": C, "I": I}, "keywords": {}})
    wanted.append(nn.init.eye_(torch.empty(C, I)))
for g, o, i, kernel in itertools.product(
        (1, 2, 3), (1, 2, 4), (1, 2, 3), ((1,), (2,), (3,), (2, 3), (4, 1), (3, 2, 4))):
    letters = {"C": g * o, "I": g * i, "g": g}
    letters.update(zip({1: "w", 2: "hw", 3: "dhw"}[len(kernel)], kernel))
    cases.append({"layer": "PyTorch Conv%dd" % len(kernel), "letters": letters,
                  "keywords": {"center": "hi"}})
    wanted.append(nn.init.dirac_(torch.empty(g * o, i, *kernel), groups=g))

run("weights.lua", cases)
weights = read_safetensors("weights.safetensors")
for k, (case, w) in enumerate(zip(cases, wanted), 1):
    check(torch.equal(torch.from_numpy(weights[str(k)]), w), "not the same:", case)
print("%d weights" % len(cases))
