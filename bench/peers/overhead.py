"""What a framework costs before it computes anything, and one Hessian-vector product. The
definitions are in bench/bench_overhead.cpp.

Peers: torch eager, jax jit; jax eager (op by op) for the single add.
"""
from common import fill, load, main

ADDS = 2000


def torch_case(case):
    import torch
    if case.startswith("add8"):
        a, b = (torch.ones(8, requires_grad=case == "add8") for _ in range(2))

        def adds():
            for _ in range(ADDS):
                a + b
        return [(a + b).sum().item()], adds, ADDS
    if case == "chain1000":
        x, c = torch.ones(8, requires_grad=True), torch.full((8,), 1.0001)

        def chain():
            y = x
            for _ in range(500):
                y = y * c
                y = y + c
            return torch.autograd.grad(y.sum(), x)[0]
        return [chain()[0]], chain, 1
    if case == "grad2_chain":
        x = torch.full((8,), 1.01, requires_grad=True)

        def second():
            y = x
            for _ in range(100):
                y = y * x
            g, = torch.autograd.grad(y.sum(), x, create_graph=True)
            return torch.autograd.grad(g.sum(), x)[0]
        return [second()[0]], second, 1
    x, y, w, v = map(torch.from_numpy, hvp_inputs())
    w.requires_grad_()

    def product():
        g, = torch.autograd.grad(((torch.tanh(x @ w) - y) ** 2).mean(), w, create_graph=True)
        return torch.autograd.grad((g * v).sum(), w)[0]
    h = product()
    return [h.sum(), (h * h).sum()], product, 1


def jax_case(case):
    import jax
    import jax.numpy as jnp
    if case.startswith("add8"):
        a, b = jnp.ones(8), jnp.ones(8)

        def adds():
            for _ in range(ADDS):
                c = a + b
            jax.block_until_ready(c)
        return [(a + b).sum().item()], adds, ADDS
    if case == "hvp64":
        x, y, w, v = map(jnp.asarray, hvp_inputs())
        gradient = jax.grad(lambda w: jnp.mean((jnp.tanh(x @ w) - y) ** 2))
        f = jax.jit(lambda w, v: jax.grad(lambda w: jnp.sum(gradient(w) * v))(w))
        h = f(w, v)
        return [h.sum(), (h * h).sum()], lambda: jax.block_until_ready(f(w, v)), 1
    if case == "chain1000":
        c, x = jnp.full(8, 1.0001), jnp.ones(8)

        def value(x):
            for _ in range(500):
                x = x * c + c
            return x.sum()
        f = jax.jit(jax.grad(value))
    else:
        x = jnp.full(8, 1.01)

        def value(x):
            y = x
            for _ in range(100):
                y = y * x
            return y.sum()
        f = jax.jit(jax.grad(lambda x: jax.grad(value)(x).sum()))
    return [f(x)[0]], lambda: jax.block_until_ready(f(x)), 1


def hvp_inputs():
    return (fill(1, (128, 64), 1), fill(2, (128, 64), 1), fill(3, (64, 64), 0.125),
            fill(4, (64, 64), 1))


if __name__ == "__main__":
    main(__doc__, load,
         lambda peer, case, threads: (jax_case if peer.startswith("jax") else torch_case)(case))
