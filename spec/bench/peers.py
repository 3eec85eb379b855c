"""What NumPy and PyTorch, each on one thread, take for what others do too.

Says first which of them there are, then reads names of things and answers each
with a line of "peer seconds" for those that can do it.
"""

import sys
import time


def each(count, f):
    """The seconds that a call of f takes, of `count`."""

    def measured():
        start = time.process_time()
        for _ in range(count):
            f()
        return (time.process_time() - start) / count

    return measured


def elements(a, value):
    """Ways to read and write elements of a 1000 x 1000 array; `value` makes a
    number of what reading gives."""
    rows, columns = 20, 1000

    def read():
        s = 0.0
        for i in range(rows):
            for j in range(columns):
                s += value(a[i, j])

    def readrow():
        s = 0.0
        for i in range(rows):
            row = a[i]
            for j in range(columns):
                s += value(row[j])

    def readtwice():
        s = 0.0
        for i in range(rows):
            for j in range(columns):
                s += value(a[i][j])

    def write():
        for i in range(rows):
            for j in range(columns):
                a[i, j] = j

    def writerow():
        for i in range(rows):
            row = a[i]
            for j in range(columns):
                row[j] = j

    def writetwice():
        for i in range(rows):
            for j in range(columns):
                a[i][j] = j

    def one(f):
        whole = each(1, f)
        return lambda: whole() / (rows * columns)

    return {
        "read listed": one(read),
        "read row": one(readrow),
        "read twice": one(readtwice),
        "write listed": one(write),
        "write row": one(writerow),
        "write twice": one(writetwice),
    }


def makers(eye, kernel):
    """Ways to make identities; eye(n, m) makes one."""
    things = {
        "3x5": each(10000, lambda: eye(3, 5)),
        "3x5 gain": each(10000, lambda: 2 * eye(3, 5)),
        "kernel": each(1, kernel),
        "garbage": lambda: 100000 * each(100000, lambda: eye(256, 256))(),
    }
    for n in 12, 48, 96, 192, 256, 1024, 4096, 16384:
        count = max(1, min(1000, 50000000 // n**2))
        things["%dx%d" % (n, n)] = each(count, lambda n=n: eye(n, n))
    return things


def numpy_things():
    import numpy as np

    def eye(n, m):
        return np.eye(n, m, dtype=np.float32)

    def kernel():
        w = np.zeros((3, 3, 1024, 1024), np.float32)
        w[1, 1] = np.roll(eye(1024, 1024), 5, 1)

    return dict(elements(eye(1000, 1000), lambda x: x), **makers(eye, kernel))


def torch_things():
    import torch

    torch.set_num_threads(1)

    def kernel():
        w = torch.zeros(3, 3, 1024, 1024)
        w[1, 1] = torch.roll(torch.eye(1024), 5, 1)

    return dict(
        elements(torch.eye(1000), lambda x: x.item()), **makers(torch.eye, kernel)
    )


def main():
    peers = {}
    for name, things in ("NumPy", numpy_things), ("PyTorch", torch_things):
        try:
            peers[name] = things()
        except ImportError:
            pass
    print("there are", *peers, flush=True)
    for thing in sys.stdin:
        answers = []
        for name, things in peers.items():
            if thing.strip() in things:
                answers.append("%s %.12f" % (name, things[thing.strip()]()))
        print(*answers, flush=True)


main()
