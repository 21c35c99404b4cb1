"""maml_conv4 and resnet20_step: whole training steps of convolutional nets. The definitions are in
bench/bench_conv.cpp.

Peers of maml_conv4: torch eager (a loop over tasks, backward after each), torch compile
(torch.func, the loop), jax jit nhwc (the loop, channels last). Peers of resnet20_step: torch eager,
torch channels_last, torch compile (channels last).
"""
import math

from common import fill, load, main, unit

T, WAYS, QUERIES, LR_INNER = 4, 5, 75, 0.1


def conv4():
    import numpy as np
    params = []
    for block in range(4):
        c = 1 if block == 0 else 64
        params += [fill(1 + 3 * block, (64, c, 3, 3), (6 / (9 * c)) ** 0.5),
                   np.ones(64, np.float32), np.zeros(64, np.float32)]
    return params + [fill(13, (WAYS, 64), 0.125), np.zeros(WAYS, np.float32)]


def tasks():
    import numpy as np
    ys, yq = np.arange(WAYS), np.arange(QUERIES) % WAYS
    prototype = unit(100, T * WAYS * 784).reshape(T, WAYS, 28, 28)
    xs = prototype + fill(101, (T, WAYS, 28, 28), 0.3)
    xq = prototype[:, yq] + fill(102, (T, QUERIES, 28, 28), 0.3)
    return xs[:, :, None].astype(np.float32), ys, xq[:, :, None].astype(np.float32), yq


def maml_torch(kind, inner):
    import torch
    import torch.nn.functional as F
    params = [torch.tensor(p, requires_grad=True) for p in conv4()]
    xs, ys, xq, yq = map(torch.from_numpy, tasks())
    adam = torch.optim.Adam(params, lr=1e-3, fused=True)

    def net(p, x):
        for b in range(4):
            x = F.conv2d(x, p[3 * b], padding=1)
            x = F.batch_norm(x, None, None, p[3 * b + 1], p[3 * b + 2], training=True, eps=1e-5)
            x = F.max_pool2d(torch.relu(x), 2)
        return F.linear(x.flatten(1), p[12], p[13])

    def descend(p, g):
        return [a - LR_INNER * b for a, b in zip(p, g)]

    def eager():
        adam.zero_grad(set_to_none=True)
        total = 0.0
        for t in range(T):
            p = params
            for _ in range(inner):
                loss = F.cross_entropy(net(p, xs[t]), ys)
                p = descend(p, torch.autograd.grad(loss, p, create_graph=True))
            loss = F.cross_entropy(net(p, xq[t]), yq) / T
            loss.backward()
            total += loss.detach()
        adam.step()
        return total

    def functional(params):
        def task(t):
            p = params
            for _ in range(inner):
                p = descend(p, torch.func.grad(lambda q: F.cross_entropy(net(q, xs[t]), ys))(p))
            return F.cross_entropy(net(p, xq[t]), yq)
        return sum(task(t) for t in range(T)) / T

    compiled = torch.compile(torch.func.grad_and_value(functional)) if kind == "compile" else None

    def step():
        grads, loss = compiled([p.detach() for p in params])
        for p, g in zip(params, grads):
            p.grad = g.contiguous()
        adam.step()
        return loss
    return step if compiled else eager


def maml_jax(inner):
    import jax
    import jax.numpy as jnp
    xs, ys, xq, yq = map(jnp.asarray, tasks())
    xs, xq = jnp.moveaxis(xs, 2, -1), jnp.moveaxis(xq, 2, -1)

    def net(p, x):
        for b in range(4):
            x = jax.lax.conv_general_dilated(x, p[3 * b], (1, 1), [(1, 1), (1, 1)],
                                             dimension_numbers=("NHWC", "OIHW", "NHWC"))
            mean = x.mean((0, 1, 2))
            var = ((x - mean) ** 2).mean((0, 1, 2))
            x = jax.nn.relu((x - mean) * jax.lax.rsqrt(var + 1e-5) * p[3 * b + 1] + p[3 * b + 2])
            n, h, w, c = x.shape
            x = x[:, :h // 2 * 2, :w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
        return x.reshape(x.shape[0], -1) @ p[12].T + p[13]

    def cross_entropy(p, x, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(net(p, x)), y[:, None], 1))

    def objective(params):
        def task(xs, xq):
            p = params
            for _ in range(inner):
                p = [a - LR_INNER * b for a, b in zip(p, jax.grad(cross_entropy)(p, xs, ys))]
            return cross_entropy(p, xq, yq)
        return sum(task(xs[t], xq[t]) for t in range(T)) / T

    @jax.jit
    def update(p, m, v, t):
        loss, g = jax.value_and_grad(objective)(p)
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g)]
        c1, c2 = -jnp.expm1(t * math.log(0.9)), -jnp.expm1(t * math.log(0.999))
        new = [a - 1e-3 * (b / c1) / (jnp.sqrt(c / c2) + 1e-8) for a, b, c in zip(p, m, v)]
        return new, m, v, t, loss

    params = [jnp.asarray(p) for p in conv4()]
    state = [params, [p * 0 for p in params], [p * 0 for p in params], jnp.float32(0)]

    def step():
        *state[:], loss = update(*state)
        return jax.block_until_ready(loss)
    return step


def resnet20(kind, masked):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Masked(torch.autograd.Function):
        @staticmethod
        def forward(ctx, w):
            a = w.abs().flatten()
            return w * (w.abs() > a.kthvalue(int(0.9 * a.numel())).values)

        @staticmethod
        def backward(ctx, g):
            return g

    class Conv(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, Masked.apply(self.weight), None)

    def conv(i, o, stride=1, first=False):
        return (Conv if masked and not first else nn.Conv2d)(i, o, 3, stride, 1, bias=False)

    class Block(nn.Module):
        def __init__(self, i, o, stride):
            super().__init__()
            self.c1, self.n1 = conv(i, o, stride), nn.BatchNorm2d(o)
            self.c2, self.n2 = conv(o, o), nn.BatchNorm2d(o)
            self.stride, self.more = stride, (o - i) // 2

        def forward(self, x):
            y = self.n2(self.c2(F.relu(self.n1(self.c1(x)))))
            if self.stride != 1:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
            return F.relu(x + y)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.c, self.n = conv(3, 16, first=True), nn.BatchNorm2d(16)
            out = [16] * 3 + [32] * 3 + [64] * 3
            self.blocks = nn.Sequential(
                *[Block(16 if j == 0 else out[j - 1], o, 2 if j in (3, 6) else 1)
                  for j, o in enumerate(out)])
            self.linear = nn.Linear(64, 10)

        def forward(self, x):
            return self.linear(self.blocks(F.relu(self.n(self.c(x)))).mean((2, 3)))

    net = Net()
    with torch.no_grad():
        for k, m in enumerate(m for m in net.modules() if isinstance(m, nn.Conv2d)):
            bound = (6 / (9 * m.weight.shape[1])) ** 0.5
            m.weight.copy_(torch.from_numpy(fill(1 + k, tuple(m.weight.shape), bound)))
        net.linear.weight.copy_(torch.from_numpy(fill(50, (10, 64), 0.125)))
        net.linear.bias.zero_()
    x, y = torch.from_numpy(fill(100, (128, 3, 32, 32), 1)), torch.arange(128) % 10
    if kind != "eager":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, fused=True)
    forward = torch.compile(net) if kind == "compile" else net

    def step():
        sgd.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(x), y)
        loss.backward()
        sgd.step()
        return loss.detach()
    return step


def make(peer, workload, threads):
    name, case = workload.split("/")
    kind = peer.split()[1]
    if name == "resnet20_step":
        step = resnet20(kind, case == "masked")
    else:
        inner = int(case[:-len("inner")])
        step = maml_jax(inner) if peer.startswith("jax") else maml_torch(kind, inner)
    losses = [float(step()) for _ in range(5)]
    return [losses[i - 1] for i in (1, 2, 5)], step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
