"""minilm/step and minilm/infer: BERT of MiniLM's shape. The definitions are in
bench/bench_text.cpp.

Peers: torch eager, torch compile (by functional calls, attention by
scaled_dot_product_attention, AdamW fused); of infer also onnxruntime f32, by the fused operators
that its transformer optimizer makes (onnx_text.py).
"""
import runtimes
from common import fill, load, main

TEXTS, LENGTH, WORDS, WIDTH, LAYERS, HEADS, INNER = 32, 32, 30522, 384, 6, 12, 1536
EPS = 1e-12


def shapes():
    layer = [(3 * WIDTH, WIDTH), (WIDTH, WIDTH), (INNER, WIDTH), (WIDTH, INNER)]
    return [(WORDS, WIDTH), (512, WIDTH), (2, WIDTH), *layer * LAYERS, (WIDTH, WIDTH), (2, WIDTH)]


def matrices():
    return [fill(k, s, 0.05 if k <= 3 else s[1]**-0.5) for k, s in enumerate(shapes(), 1)]


def ids():
    import numpy as np
    u = (fill(200, (TEXTS * LENGTH,), 1).astype(np.float64) + 1) / 2
    return 1 + (u * (WORDS - 1)).astype(np.int64).reshape(TEXTS, LENGTH)


def network():
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
            self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, EPS) for _ in range(2))

        def forward(self, x):
            n, l, _ = x.shape
            q, k, v = self.qkv(x).view(n, l, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, l, WIDTH)
            x = self.norm1(x + self.out(y))
            return self.norm2(x + self.down(F.gelu(self.up(x))))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.positions, self.types = (nn.Embedding(s[0], WIDTH)
                                                      for s in shapes()[:3])
            self.norm = nn.LayerNorm(WIDTH, EPS)
            self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
            self.pooler, self.classifier = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)

        def forward(self, ids):
            x = self.words(ids) + self.positions.weight[:ids.shape[1]] + self.types.weight[0]
            x = self.norm(x)
            for layer in self.layers:
                x = layer(x)
            return self.classifier(torch.tanh(self.pooler(x[:, 0])))
    net = Net()
    with torch.no_grad():
        given = iter(matrices())
        for name, p in net.named_parameters():
            if p.dim() == 2:
                p.copy_(torch.from_numpy(next(given)))
            elif name.endswith("bias"):
                p.zero_()
    return net


def training(kind):
    import torch
    net, x, y = network(), torch.from_numpy(ids()), torch.arange(TEXTS) % 2
    adam = torch.optim.AdamW(net.parameters(), lr=2e-5, weight_decay=0.01, fused=True)
    forward = torch.compile(net) if kind == "compile" else net

    def step():
        adam.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(forward(x), y)
        loss.backward()
        adam.step()
        return loss.detach()
    losses = [float(step()) for _ in range(5)]
    return [losses[i - 1] for i in (1, 2, 5)], step, 1


def torch_infer(kind):
    import torch
    net, x = network().eval(), torch.from_numpy(ids())
    forward = torch.compile(net) if kind == "compile" else net

    def step():
        with torch.inference_mode():
            return forward(x)
    return step


def make(peer, workload, threads):
    import numpy as np
    if workload.endswith("step"):
        return training(peer.split()[1])
    if peer.startswith("torch"):
        step = torch_infer(peer.split()[1])
    else:
        step = runtimes.step_of(peer, f"minilm_{TEXTS}", 1, threads)
    for _ in range(5):
        z = np.asarray(step(), dtype=np.float64)
    return [float(z.sum()), float(abs(z).sum())], step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
