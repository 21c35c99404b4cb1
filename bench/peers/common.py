"""What every peer shares: numbers that are the same in any language, measuring, and the line of
JSON that bench/compare reads."""
import argparse
import json
import os
import statistics
import time


def unit(stream, n):
    """n floats in [0, 1), exact in f32: the murmur3 finaliser of a counter, 24 bits of it
    (bench/numbers.h)."""
    import numpy as np
    h = (np.arange(n, dtype=np.uint64) + np.uint64(stream * 0x9E3779B9 % 2**32)).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def fill(stream, shape, bound):
    """(2u - 1) bound, row-major, each operation rounded to f32."""
    import numpy as np
    return ((2 * unit(stream, int(np.prod(shape))) - np.float32(1)) *
            np.float32(bound)).reshape(shape)


def pruned(w, share):
    """w where |w| is above the floor(share n)-th smallest, else 0."""
    import numpy as np
    if share == 0:
        return w
    a, k = np.abs(w), int(share * w.size) - 1
    return np.where(a > np.partition(a.ravel(), k)[k], w, np.float32(0)).astype(np.float32)


def status_mb(key):
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(key + ":"))


def peak_from_now():
    """Resets the peak of resident memory, where the system allows it (proc(5)); returns what is
    resident."""
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass
    return status_mb("VmRSS")


def measure(step, seconds):
    wall, cpu, end = [], [], time.perf_counter() + seconds
    while len(wall) < 5 or time.perf_counter() < end:
        c, t = time.process_time_ns(), time.perf_counter_ns()
        step()
        wall.append((time.perf_counter_ns() - t) / 1e6)
        cpu.append((time.process_time_ns() - c) / 1e6)
    return statistics.median(wall), min(wall), statistics.median(cpu), len(wall)


def main(doc, imports, make):
    """imports(peer, threads): loads the library. make(peer, case, threads) -> (checksum, step,
    units of work in a step); its time, compiling and first steps, is prepare_s."""
    ap = argparse.ArgumentParser(description=doc,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--peer", required=True)
    ap.add_argument("--workload", required=True)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seconds", type=float, default=2)
    a = ap.parse_args()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(a.threads)
    if a.peer.startswith("jax"):  # XLA sizes its pool by the processors it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-a.threads:])
    imports(a.peer, a.threads)
    before = peak_from_now()
    start = time.perf_counter()
    checksum, step, units = make(a.peer, a.workload, a.threads)
    prepare = time.perf_counter() - start
    wall, least, cpu, n = measure(step, a.seconds)
    print(json.dumps({
        "workload": a.workload, "threads": a.threads, "wall_ms": wall / units,
        "wall_min_ms": least / units, "cpu_ms": cpu / units, "repetitions": n,
        "prepare_s": round(prepare, 2), "checksum": [float(v) for v in checksum],
        "peak_mb": round(status_mb("VmHWM") - before, 2)}))


def load(peer, threads):
    if peer.startswith("torch"):
        import torch
        torch.set_num_threads(threads)
    elif peer.split()[0] in ("onnxruntime", "openvino"):
        import runtimes
        runtimes.load(peer)
    else:
        import jax  # noqa: F401
        import jax.numpy  # noqa: F401
