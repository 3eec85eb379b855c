"""Trained networks, grown by grow.lua: the same before training, and better after."""

import os
import subprocess
import sys

import numpy
import torch
from torch import nn

from common import FOLDER, HERE, check, read_safetensors, write_safetensors

STEPS = {"dense": 3000, "conv": 800}


def dense(hidden):
    return nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 4))


def conv(channels):
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding="same"), nn.BatchNorm2d(channels), nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding="same", groups=2), nn.BatchNorm2d(channels),
        nn.ReLU(), nn.Flatten(), nn.Linear(channels * 36, 4))


def task(name):
    """What a wider network of the same kind makes of random data."""
    if name == "dense":
        x, teacher = torch.randn(1024, 6), dense(64)
        for layer in (teacher[0], teacher[2]):
            nn.init.normal_(layer.weight, std=1 / layer.in_features ** 0.5)
    else:
        x, teacher = torch.randn(256, 1, 6, 6), conv(64)
    with torch.no_grad():
        y = teacher(x)
    return x, (y - y.mean(0)) / y.std(0)


def train(net, x, y, steps):
    net.train()
    adam = torch.optim.Adam(net.parameters(), lr=1e-2)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        adam.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        adam.step()
        decay.step()
    return loss.item()


def keep(net, name):
    write_safetensors(name + ".safetensors", {
        key: value.numpy() for key, value in net.state_dict().items()})


def restored(net, name):
    kept = read_safetensors(name + ".safetensors")
    net.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in kept.items()})
    return net


def rank(net, x):
    """Of the hidden activations of the dense network."""
    with torch.no_grad():
        singular = torch.linalg.svdvals(net[1](net[0](x)).double())
    return int((singular > 1e-4 * singular[0]).sum())


names = {"dense": (dense, 8), "conv": (conv, 4)}
data, small = {}, {}
for name, (make, width) in names.items():
    x, y = data[name] = task(name)
    small[name] = make(width)
    loss = train(small[name], x, y, STEPS[name])
    keep(small[name], name)
    print("%s, %d: loss %.4f" % (name, width, loss))

for how in ("mean", "split"):
    if subprocess.run(["luajit", os.path.join(HERE, "grow.lua"), FOLDER, how]).returncode != 0:
        sys.exit("grow.lua failed")

for name, (make, width) in names.items():
    (x, y), losses, ranks = data[name], {}, {}
    with torch.no_grad():
        wanted = small[name].eval()(x)
    for how in ("mean", "split"):
        net = restored(make(4 * width), "%s-%s" % (name, how))
        with torch.no_grad():
            error = (net.eval()(x) - wanted).abs().max() / wanted.abs().max()
        check(error <= 1e-5, name, how, "differs by", error.item())
        losses[how] = train(net, x, y, STEPS[name])
        if name == "dense":
            ranks[how] = rank(net, x)
        print("%s, %d, %s: loss %.4f after as many steps" % (name, 4 * width, how, losses[how]),
              "and rank %d" % ranks[how] if ranks else "")
    check(losses["split"] < losses["mean"] / 2, name, "has gained too little:", losses)
    check(not ranks or ranks["split"] >= 3 * ranks["mean"], "rank has grown too little:", ranks)
