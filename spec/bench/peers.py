"""What others take for the same: prints the peer, the thing and the seconds."""

import statistics
import sys
import time


def seconds(f, rounds, count=1):
    f()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            f()
        times.append((time.process_time() - start) / count)
    return statistics.median(times)


def report(peer, thing, *args):
    print(peer, thing, "%.9f" % seconds(*args), sep="\t")


def numpy_peer():
    import numpy as np

    def kernel():
        w = np.zeros((3, 3, 1024, 1024), np.float32)
        w[1, 1][np.arange(1024), np.arange(1024)] = 1
        return np.roll(w, 5, 2)

    report("NumPy", "3x5", lambda: np.eye(3, 5, dtype=np.float32), 9, 2000)
    for n, count in ((1024, 20), (4096, 3), (16384, 1)):
        report("NumPy", "%dx%d" % (n, n), lambda: np.eye(n, dtype=np.float32), 5, count)
    report("NumPy", "kernel", kernel, 5)


def torch_peer():
    import torch

    torch.set_num_threads(1)

    def kernel():
        w = torch.empty(1024, 1024, 3, 3)
        torch.nn.init.dirac_(w)
        return torch.roll(w, 5, 1)

    report("PyTorch", "3x5", lambda: torch.eye(3, 5), 9, 2000)
    for n, count in ((1024, 20), (4096, 3), (16384, 1)):
        report("PyTorch", "%dx%d" % (n, n), lambda: torch.eye(n), 5, count)
    report("PyTorch", "kernel", kernel, 5)


for name, peer in (("NumPy", numpy_peer), ("PyTorch", torch_peer)):
    try:
        peer()
    except ImportError:
        print(name, "skipped", "it is not installed", sep="\t")
    sys.stdout.flush()
