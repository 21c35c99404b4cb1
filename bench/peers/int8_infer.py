"""resnet20-int8 and bcresnet-int8: one forward pass by whole numbers of 8 bits. The definitions are
in bench/bench_sparse.cpp and bench/bench_bcresnet.cpp; peers are those of runtimes.py.
"""
import runtimes
from common import load, main

NETS = {"resnet20-int8": "resnet20_s0", "bcresnet-int8": "bcresnet_F40"}


def make(peer, workload, threads):
    import numpy as np
    net, batch = workload.split("/")
    step = runtimes.step_of(peer, NETS[net], int(batch.lstrip("b")), threads)
    for _ in range(5):
        y = step()
    return [float(np.abs(np.asarray(y, dtype=np.float64)).sum())], step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
