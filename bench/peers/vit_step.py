"""vit_step/simclr: a training step of a small ViT with NT-Xent. The definition is in
bench/bench_vit.cpp.

Peers: torch eager, torch manual (attention by softmax and matrix products), torch compile; AdamW
fused, attention else by scaled_dot_product_attention.
"""
from common import fill, load, main

ROWS, SIDE, PATCH, WIDTH, LAYERS, HEADS = 64, 8, 4, 192, 12, 3
TOKENS = SIDE * SIDE


def network(manual):
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, 1e-6) for _ in range(2))
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            n, l, _ = x.shape
            d = WIDTH // HEADS
            q, k, v = self.qkv(self.norm1(x)).view(n, l, 3, HEADS, d).permute(2, 0, 3, 1, 4)
            if manual:
                y = torch.softmax(q @ k.transpose(-1, -2) * d**-0.5, -1) @ v
            else:
                y = F.scaled_dot_product_attention(q, k, v)
            x = x + self.out(y.transpose(1, 2).reshape(n, l, WIDTH))
            return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Linear(3 * PATCH * PATCH, WIDTH)
            self.positions = nn.Parameter(torch.zeros(TOKENS, WIDTH))
            self.layers = nn.Sequential(*[Layer() for _ in range(LAYERS)])
            self.norm = nn.LayerNorm(WIDTH, 1e-6)
            self.up, self.down = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 128)

        def forward(self, x):
            x = self.norm(self.layers(self.patches(x) + self.positions)).mean(1)
            return F.normalize(self.down(F.relu(self.up(x))), dim=1, eps=1e-12)
    net = Net()
    matrices = [net.patches.weight, net.positions]
    for layer in net.layers:
        matrices += [m.weight for m in (layer.qkv, layer.out, layer.fc1, layer.fc2)]
    matrices += [net.up.weight, net.down.weight]
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() == 1:
                p.zero_()
        for m in net.modules():
            if isinstance(m, nn.LayerNorm):
                m.weight.fill_(1)
        for k, w in enumerate(matrices, 1):
            bound = 0.02 if w is net.positions else (3 / w.shape[1])**0.5
            w.copy_(torch.from_numpy(fill(k, tuple(w.shape), bound)))
    return net


def images():
    import numpy as np
    base = fill(100, (ROWS // 2, 3, 32, 32), 1)
    x = np.repeat(base, 2, axis=0) + fill(101, (ROWS, 3, 32, 32), 0.3)
    x = x.reshape(ROWS, 3, SIDE, PATCH, SIDE, PATCH).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(x.reshape(ROWS, TOKENS, 3 * PATCH * PATCH))


def make(peer, workload, threads):
    import torch
    kind = peer.split()[1]
    net, x = network(kind == "manual"), torch.from_numpy(images())
    partner, itself = torch.arange(ROWS) ^ 1, torch.eye(ROWS, dtype=torch.bool)
    adam = torch.optim.AdamW(net.parameters(), lr=1e-4, weight_decay=0.05, fused=True)

    def loss_of():
        z = net(x)
        like = (z @ z.T / 0.5).masked_fill(itself, float("-inf"))
        return torch.nn.functional.cross_entropy(like, partner)
    forward = torch.compile(loss_of) if kind == "compile" else loss_of

    def step():
        adam.zero_grad(set_to_none=True)
        loss = forward()
        loss.backward()
        adam.step()
        return loss.detach()
    losses = [float(step()) for _ in range(5)]
    return [losses[i - 1] for i in (1, 2, 5)], step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
