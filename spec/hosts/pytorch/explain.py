"""explain agrees with what PyTorch computes."""

import json
import os
import subprocess
import sys

import torch
import torch.nn.functional as F

from common import FOLDER, HERE, check, draw, read_safetensors, seed

CASES = 3000
SIZES = 4  # of the data that each layer is given

words = ["luajit", os.path.join(HERE, "explain.lua"), FOLDER, str(seed), str(CASES)]
done = subprocess.run(words, stdout=subprocess.PIPE, universal_newlines=True)
if done.returncode != 0:
    sys.exit("explain.lua failed")
cases = [json.loads(line) for line in done.stdout.splitlines()]
weights = read_safetensors("weights.safetensors")


def output(case, weight, x):
    """The layer's output, or None where the data are too small for it."""
    if case["kind"] == "Linear":
        return F.linear(x, weight)
    n = len(case["kernel"])
    stride, dilation = case["stride"][::-1], case["dilation"][::-1]
    low, high = case["pad"][::2][::-1], case["pad"][1::2][::-1]
    settings = {"stride": stride, "dilation": dilation, "groups": case["groups"]}
    if case["kind"] == "ConvTranspose":
        name = "conv_transpose%dd" % n
        y = getattr(F, name)(x, weight, **settings)
        ends = [e - h for e, h in zip(y.shape[2:], high)]
        if any(b >= e for b, e in zip(low, ends)):
            return None
        return y[(slice(None), slice(None)) + tuple(slice(b, e) for b, e in zip(low, ends))]
    x = F.pad(x, [p for pair in list(zip(low, high))[::-1] for p in pair])
    if any(d * (k - 1) + 1 > e for d, k, e in zip(dilation, case["kernel"][::-1], x.shape[2:])):
        return None
    return getattr(F, "conv%dd" % n)(x, weight, **settings)


def judge(case, weight):
    """The gain by which PyTorch's layer passes all data on; None if there is none."""
    found, many = None, False
    for k in range(SIZES):
        least = 1 if k < SIZES / 2 else 10  # at which every tap meets some datum
        extents = [draw.randint(least, least + 3) for _ in case["kernel"]]
        # Whole numbers far apart: no two sums of a few are equal by chance, or rounded.
        x = torch.randint(1, 2**12, (2, case["I"], *extents)).float()
        y = output(case, weight, x)
        if y is None:
            continue
        many = True
        if y.shape != x.shape:
            return None
        gain = (y.flatten()[0] / x.flatten()[0]).item()
        if gain == 0 or not torch.equal(y, gain * x):
            return None
        found = gain
    check(many, "no data fitted:", case)
    return found


identities = 0
with torch.no_grad():
    for k, case in enumerate(cases, 1):
        gain = judge(case, torch.from_numpy(weights[str(k)].copy()))
        check(case["good"] == (gain is not None), "explain says otherwise:", case, gain)
        if gain is not None:
            identities += 1
            check(case["gain"] == gain, "another gain:", case, gain)
check(identities * 5 >= len(cases), "only %d identities" % identities)
print("%d layers, %d of them identities" % (len(cases), identities))
