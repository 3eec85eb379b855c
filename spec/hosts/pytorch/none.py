"""An even kernel with dilation > 1 has no identity under padding "same"."""

import itertools

import torch
from torch import nn

from common import check, draw, read_safetensors, run

cases = []
for axes, k, d in itertools.product((1, 2), (2, 4), (2, 3)):
    kernel = [k] + [draw.randint(1, 5) for _ in range(axes - 1)]
    dilation = [d] + [1 for _ in range(axes - 1)]
    total = [d * (k - 1) for k, d in zip(kernel, dilation)]
    for center in itertools.product(*(range(1, k + 1) for k in kernel)):
        letters = {"C": 3, "I": 3, "g": 1}
        letters.update(zip("w" if axes == 1 else "hw", kernel))
        cases.append({
            "layer": "PyTorch Conv%dd" % axes, "letters": letters, "keywords": {"center": center},
            "kernel": kernel, "dilation": dilation,
            "reversed": {
                "kernel": kernel[::-1], "dilation": dilation[::-1],
                "pad": [p for t in total[::-1] for p in (t // 2, t - t // 2)],
            },
        })

verdicts = run("pytorch/none.lua", cases).split()
weights = read_safetensors("weights.safetensors")
with torch.no_grad():
    for k, (case, verdict) in enumerate(zip(cases, verdicts), 1):
        layer = getattr(nn, case["layer"].split()[1])(
            3, 3, case["kernel"], padding="same", dilation=case["dilation"], bias=False)
        layer.weight.data.copy_(torch.from_numpy(weights[str(k)]))
        x = torch.randn(2, 3, *(9 for _ in case["kernel"]))
        check(not torch.equal(layer(x), x), "an identity:", case)
        check(verdict == "false", "explain says otherwise:", case)
print("%d centres" % len(cases))
