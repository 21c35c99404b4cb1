"""sparse_infer: one forward pass of a pruned net. The definitions are in bench/bench_sparse.cpp.

Peers: torch eager, torch channels_last (resnet20), torch freeze (traced, frozen, optimized for
inference), torch compile; of pruned nets torch csr too (the matrix times x^T; convolutions as the
matrix times unfolded columns). onnxruntime f32 and int8, openvino f32 and int8 (runtimes.py).
"""
import runtimes
from common import fill, load, main, pruned


def network(model, share, csr):
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn

    class SparseLinear(nn.Module):
        def __init__(self, w):
            super().__init__()
            self.w = torch.from_numpy(w).to_sparse_csr()

        def forward(self, x):
            return (self.w @ x.t()).t()

    class SparseConv(nn.Module):
        def __init__(self, w, stride):
            super().__init__()
            self.w = torch.from_numpy(w.reshape(w.shape[0], -1)).to_sparse_csr()
            self.stride = stride

        def forward(self, x):
            n, side = x.shape[0], x.shape[2] // self.stride
            columns = F.unfold(x, 3, padding=1, stride=self.stride)
            columns = columns.transpose(0, 1).reshape(x.shape[1] * 9, -1)
            return (self.w @ columns).reshape(-1, n, side, side).transpose(0, 1)

    def linear(stream, out, inside, bound, share):
        w = pruned(fill(stream, (out, inside), bound), share)
        if csr and share:
            return SparseLinear(w)
        m = nn.Linear(inside, out)
        m.weight.data, m.bias.data = torch.from_numpy(w), torch.zeros(out)
        return m

    def conv(k, inside, out, stride):
        w = fill(1 + k, (out, inside, 3, 3), (6 / (9 * inside)) ** 0.5)
        w = (pruned(w, share if k else 0) / np.float32((1 + 1e-5) ** 0.5)).astype(np.float32)
        if csr and k and share:
            return SparseConv(w, stride)
        m = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        m.weight.data = torch.from_numpy(w)
        return m

    class Block(nn.Module):
        def __init__(self, k, inside, out, stride):
            super().__init__()
            self.first, self.second = conv(k, inside, out, stride), conv(k + 1, out, out, 1)
            self.stride, self.more = stride, (out - inside) // 2

        def forward(self, x):
            y = self.second(F.relu(self.first(x)))
            if self.stride != 1:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
            return F.relu(x + y)

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    if model == "mlp":
        return nn.Sequential(linear(1, 1024, 1024, 1 / 32, share), nn.ReLU(),
                             linear(2, 1024, 1024, 1 / 32, share))
    wide = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Block(1 + 2 * j, wide[j], wide[j + 1], 2 if j in (3, 6) else 1) for j in range(9)]
    return nn.Sequential(conv(0, 3, 16, 1), nn.ReLU(), *blocks, Mean(),
                         linear(50, 10, 64, 1 / 8, 0))


def torch_step(kind, model, share, n):
    import torch
    net = network(model, share, kind == "csr").eval()
    x = torch.from_numpy(fill(100, (n, 1024) if model == "mlp" else (n, 3, 32, 32), 1))
    if kind == "channels_last":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if kind == "freeze":
        with torch.inference_mode():
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))
    if kind == "compile":
        net = torch.compile(net)

    def step():
        with torch.inference_mode():
            return net(x)
    return step


def make(peer, workload, threads):
    import numpy as np
    model, sparsity, batch = workload.split("/")[1].replace("_dense", "").split("_")
    n = int(batch[1:])
    if peer.startswith("torch"):
        step = torch_step(peer.split()[1], model, int(sparsity[1:]) / 100, n)
    else:
        step = runtimes.step_of(peer, f"{model}_{sparsity}", n, threads)
    for _ in range(5):
        y = step()
    return [float(np.abs(np.asarray(y, dtype=np.float64)).sum())], step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
