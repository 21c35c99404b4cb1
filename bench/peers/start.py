"""The smallest whole program, timed by bench/compare from start to exit: the gradient of
sum((W x)^2), W ones [64,64], x ones [64].

Peers: torch eager, jax eager. Prints the checksum and the peak of resident memory.
"""
import json
import sys

if sys.argv[1].startswith("torch"):
    import torch
    w, x = torch.ones(64, 64, requires_grad=True), torch.ones(64)
    ((w @ x) ** 2).sum().backward()
    total = float(w.grad.sum())
else:
    import jax
    import jax.numpy as jnp
    x = jnp.ones(64)
    total = float(jax.grad(lambda w: ((w @ x) ** 2).sum())(jnp.ones((64, 64))).sum())

with open("/proc/self/status") as f:
    peak = next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:"))
print(json.dumps({"workload": "start", "checksum": [total], "peak_mb": round(peak, 2)}))
