"""maml_sinusoid: one second-order MAML step on 25 sinusoids, 1 or 5 inner steps. The definition is
in bench/bench_maml.cpp.

Peers: torch eager (a loop over tasks), torch bmm (all tasks at once, by hand), torch compile
(torch.func, vmap), jax jit vmap.
"""
import math

from common import fill, load, main, unit

T, K, LR_INNER, LR = 25, 10, 0.01, 1e-3


def initial():
    shapes = [((40, 1), 1), ((40,), 1), ((40, 40), 40), ((40,), 40), ((1, 40), 40), ((1,), 40)]
    return [fill(1 + p, shape, (1 / fan_in) ** 0.5) for p, (shape, fan_in) in enumerate(shapes)]


def batch():
    import numpy as np
    amplitude = np.float32(0.1) + np.float32(4.9) * unit(100, T)
    phase = np.float32(np.pi) * unit(101, T)
    out = []
    for stream in (102, 103):
        x = (np.float32(-5) + np.float32(10) * unit(stream, T * K)).reshape(T, K, 1)
        wave = np.sin(x.astype(np.float64) + phase[:, None, None])
        y = amplitude[:, None, None].astype(np.float64) * wave
        out += [x, y.astype(np.float32)]
    return out


def torch_step(kind, inner):
    import torch
    from torch.nn.functional import linear, mse_loss
    params = [torch.tensor(p, requires_grad=True) for p in initial()]
    xs, ys, xq, yq = map(torch.from_numpy, batch())
    adam = torch.optim.Adam(params, lr=LR, fused=True)

    def net(p, x):
        return linear(torch.relu(linear(torch.relu(linear(x, p[0], p[1])), p[2], p[3])), p[4], p[5])

    def net_by_task(p, x):
        for i in (0, 2, 4):
            x = torch.baddbmm(p[i + 1][:, None], x, p[i].mT)
            x = torch.relu(x) if i < 4 else x
        return x

    def descend(p, g):
        return [a - LR_INNER * b for a, b in zip(p, g)]

    def loop():
        total = 0.0
        for t in range(T):
            p = params
            for _ in range(inner):
                loss = mse_loss(net(p, xs[t]), ys[t])
                p = descend(p, torch.autograd.grad(loss, p, create_graph=True))
            total = total + mse_loss(net(p, xq[t]), yq[t])
        return total / T

    def bmm():
        p = [a.expand(T, *a.shape) for a in params]
        for _ in range(inner):
            loss = ((net_by_task(p, xs) - ys) ** 2).mean((1, 2)).sum()
            p = descend(p, torch.autograd.grad(loss, p, create_graph=True))
        return ((net_by_task(p, xq) - yq) ** 2).mean()

    def functional(params):
        def task(xs, ys, xq, yq):
            p = params
            for _ in range(inner):
                p = descend(p, torch.func.grad(lambda q: mse_loss(net(q, xs), ys))(p))
            return mse_loss(net(p, xq), yq)
        return torch.func.vmap(task)(xs, ys, xq, yq).mean()

    compiled = torch.compile(torch.func.grad_and_value(functional)) if kind == "compile" else None

    def step():
        if compiled:
            grads, loss = compiled([p.detach() for p in params])
            for p, g in zip(params, grads):
                p.grad = g
        else:
            adam.zero_grad(set_to_none=True)
            loss = loop() if kind == "eager" else bmm()
            loss.backward()
        adam.step()
        return loss
    return step


def jax_step(inner):
    import jax
    import jax.numpy as jnp
    xs, ys, xq, yq = map(jnp.asarray, batch())

    def loss(p, x, y):
        h = jax.nn.relu(x @ p[0].T + p[1])
        h = jax.nn.relu(h @ p[2].T + p[3])
        return jnp.mean((h @ p[4].T + p[5] - y) ** 2)

    def objective(params):
        def task(xs, ys, xq, yq):
            p = params
            for _ in range(inner):
                p = [a - LR_INNER * b for a, b in zip(p, jax.grad(loss)(p, xs, ys))]
            return loss(p, xq, yq)
        return jax.vmap(task)(xs, ys, xq, yq).mean()

    @jax.jit
    def update(p, m, v, t):
        value, g = jax.value_and_grad(objective)(p)
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g)]
        # 1 - beta^t loses digits in f32; expm1 does not.
        c1, c2 = -jnp.expm1(t * math.log(0.9)), -jnp.expm1(t * math.log(0.999))
        new = [a - LR * (b / c1) / (jnp.sqrt(c / c2) + 1e-8) for a, b, c in zip(p, m, v)]
        return new, m, v, t, value

    params = [jnp.asarray(p) for p in initial()]
    state = [params, [p * 0 for p in params], [p * 0 for p in params], jnp.float32(0)]

    def step():
        *state[:], value = update(*state)
        return jax.block_until_ready(value)
    return step


def make(peer, workload, threads):
    inner = int(workload.split("/")[1][:-len("inner")])
    step = jax_step(inner) if peer.startswith("jax") else torch_step(peer.split()[1], inner)
    losses = [float(step().detach() if peer.startswith("torch") else step()) for _ in range(50)]
    return [losses[i - 1] for i in (1, 2, 10, 50)], step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
