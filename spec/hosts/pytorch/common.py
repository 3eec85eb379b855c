"""What the PyTorch checks share: seeds, files, and the way to Lua and back."""

import json
import os
import random
import subprocess
import sys

import numpy
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.environ["FOLDER"]
seed = int(os.environ.get("IDINIT_SEED") or random.SystemRandom().randrange(2**31))
draw = random.Random(seed)
torch.manual_seed(seed)
torch.set_num_threads(2)
print("IDINIT_SEED=%d" % seed)


def path(name):
    return os.path.join(FOLDER, name)


def lua(value):
    """A value as Lua source."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(lua(v) for v in value) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join("[%s] = %s" % (lua(k), lua(v)) for k, v in value.items()) + "}"
    return json.dumps(value)


def run(script, cases):
    """Runs a Lua script of the folder of hosts on a list of cases, in FOLDER."""
    with open(path("cases.lua"), "w") as file:
        file.write("return {\n%s}\n" % "".join(lua(case) + ",\n" for case in cases))
    words = ["luajit", os.path.join(HERE, "..", script), FOLDER]
    done = subprocess.run(words, stdout=subprocess.PIPE, universal_newlines=True)
    if done.returncode != 0:
        sys.exit("%s failed" % script)
    return done.stdout


TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
         "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}


def read_safetensors(name):
    """A .safetensors file by its definition, with NumPy and no library for it."""
    with open(path(name), "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8:8 + size])
    tensors.pop("__metadata__", None)
    for key, t in tensors.items():
        begin, end = (8 + size + offset for offset in t["data_offsets"])
        if t["dtype"] == "BF16":
            bits = numpy.frombuffer(data[begin:end], "<u2").astype("<u4") << 16
            values = bits.view("<f4")
        else:
            values = numpy.frombuffer(data[begin:end], TYPES[t["dtype"]])
        tensors[key] = values.reshape(t["shape"])
    return tensors


def write_safetensors(name, tensors):
    """Tensors of float32 as a .safetensors file."""
    header, at = {}, 0
    tensors = {key: t.astype("<f4") for key, t in tensors.items()}
    for key, t in tensors.items():
        header[key] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    with open(path(name), "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for t in tensors.values():
            file.write(t.tobytes())


def check(good, *why):
    if not good:
        sys.exit(" ".join(str(w) for w in why))
