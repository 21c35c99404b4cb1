#!/usr/bin/env python3
"""Writes optim.txt: trajectories of PyTorch's optimizers, schedules, clipping and averages, in f64,
for test_optim.cpp.

    python3 tests/golden/make_optim.py            # needs torch; writes optim.txt beside this file
    python3 tests/golden/make_optim.py --check    # exits 1 where it would write other bytes

A line: name, step, values with 17 digits. The problem: parameters [3,2], [3] and [4] with p_i =
cos(i + 1) over all 13 numbers, and at step t the gradient g_i = 0.7 (p_i - sin(2 i)) + 0.3 sin(1.3
i + 0.9 t). The trajectory's lines hold the parameters after each step.
"""
import math
import pathlib
import sys

import torch

torch.set_num_threads(1)
PATH = pathlib.Path(__file__).with_name("optim.txt")
lines = []
STEPS = 14
SHAPES = [(3, 2), (3,), (4,)]


def start():
    flat = torch.tensor([math.cos(i + 1) for i in range(13)], dtype=torch.float64)
    return [p.reshape(s).clone().requires_grad_() for p, s in zip(flat.split([6, 3, 4]), SHAPES)]


def gradients(params, step):
    out, i = [], 0
    for p in params:
        n = p.numel()
        aim = torch.tensor([math.sin(2 * k) for k in range(i, i + n)],
                           dtype=torch.float64).reshape(p.shape)
        wave = torch.tensor([math.sin(1.3 * k + 0.9 * step) for k in range(i, i + n)],
                            dtype=torch.float64).reshape(p.shape)
        out.append(0.7 * (p.detach() - aim) + 0.3 * wave)
        i += n
    return out


def emit(name, step, values):
    lines.append(" ".join([name, str(step)] + ["%.17g" % float(v) for v in values]))


def flat(tensors):
    return [v for t in tensors for v in t.detach().reshape(-1).tolist()]


def run(name, make, schedule=None):
    params = start()
    optimizer = make(params)
    scheduler = schedule(optimizer) if schedule else None
    for step in range(STEPS):
        for p, g in zip(params, gradients(params, step)):
            p.grad = g
        optimizer.step()
        if scheduler:
            scheduler.step()
        emit(name, step, flat(params))


def groups(params, lr, weight_decay):
    """The factors of test_optim.cpp: lr 1, 0.5, 2 and weight_decay 1, 0, 3."""
    return [{"params": [p], "lr": lr * a, "weight_decay": weight_decay * b}
            for p, a, b in zip(params, (1, 0.5, 2), (1, 0, 3))]


class Lars(torch.optim.Optimizer):
    """Written from the formulas in layers/optim.h; PyTorch has no LARS. One-dimensional parameters
    are excluded where `exclude` is set."""

    def __init__(self, params, lr, momentum, weight_decay, trust, nesterov=False,
                 sum_of_norms=False, exclude=True):
        super().__init__(params,
                         dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust))
        self.nesterov, self.sum_of_norms, self.exclude = nesterov, sum_of_norms, exclude

    @torch.no_grad()
    def step(self):
        for o in self.param_groups:
            for p in o["params"]:
                d = p.grad
                if p.ndim > 1 or not self.exclude:
                    d = p.grad + o["weight_decay"] * p
                    w = torch.linalg.vector_norm(p).item()
                    below = torch.linalg.vector_norm(d).item()
                    if self.sum_of_norms:
                        below = torch.linalg.vector_norm(p.grad).item() + o["weight_decay"] * w
                    d = d * (o["trust"] * w / below if w > 0 and below > 0 else 1.0)
                state = self.state[p]
                state["v"] = o["momentum"] * state.get("v", torch.zeros_like(p)) + d
                p.sub_(o["lr"] * (d + o["momentum"] * state["v"] if self.nesterov else state["v"]))


def optimizers():
    sgd, adam, adamw = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
    run("sgd", lambda p: sgd(p, lr=0.1))
    run("sgd_decay", lambda p: sgd(p, lr=0.1, weight_decay=0.05))
    run("sgd_momentum", lambda p: sgd(p, lr=0.1, momentum=0.9))
    run("sgd_dampening", lambda p: sgd(p, lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.05))
    run("sgd_nesterov", lambda p: sgd(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05))
    run("sgd_groups", lambda p: sgd(groups(p, 0.1, 0.05), lr=0.1, momentum=0.9))
    run("adam", lambda p: adam(p, lr=0.05))
    run("adam_options", lambda p: adam(p, lr=0.05, betas=(0.7, 0.95), eps=1e-3))
    run("adam_no_momentum", lambda p: adam(p, lr=0.05, betas=(0.0, 0.999)))
    run("adam_decay", lambda p: adam(p, lr=0.05, weight_decay=0.1))
    run("adam_groups", lambda p: adam(groups(p, 0.05, 0.1), lr=0.05))
    run("adamw", lambda p: adamw(p, lr=0.05, weight_decay=0.1))
    run("adamw_groups", lambda p: adamw(groups(p, 0.05, 0.1), lr=0.05))
    run("lars", lambda p: Lars(p, 0.5, 0.9, 0.05, 0.02))
    run("lars_all", lambda p: Lars(p, 0.5, 0.9, 0.05, 0.02, exclude=False))
    run("lars_nesterov", lambda p: Lars(p, 0.5, 0.9, 0.05, 0.02, nesterov=True))
    run("lars_paper", lambda p: Lars(p, 0.5, 0.9, 0.05, 0.02, sum_of_norms=True))
    run("sgd_cosine", lambda p: sgd(p, lr=0.1, momentum=0.9),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10, 0.01))


def rates(name, make, steps=40, lr=0.4):
    p = torch.zeros(1, requires_grad=True)
    p.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([p], lr=lr)
    scheduler = make(optimizer)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    emit(name, steps, values)


def schedules():
    s = torch.optim.lr_scheduler
    rates("step_lr", lambda o: s.StepLR(o, 7, 0.3))
    rates("multi_step_lr", lambda o: s.MultiStepLR(o, [5, 11, 11, 30], 0.5))
    rates("cosine_lr", lambda o: s.CosineAnnealingLR(o, 39, 0.02))
    rates("polynomial_lr", lambda o: s.PolynomialLR(o, 25, 2.5))
    rates("linear_lr", lambda o: s.LinearLR(o, 0.25, 0.8, 12))
    rates("warmup_cosine", lambda o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 8), s.CosineAnnealingLR(o, 31, 0.02)], [8]))
    rates("warmup_multi_step", lambda o: s.SequentialLR(
        o, [s.LinearLR(o, 0.5, 1.0, 6), s.MultiStepLR(o, [4, 20], 0.1)], [6]))
    one = s.OneCycleLR
    rates("one_cycle", lambda o: one(o, 0.4, total_steps=41, cycle_momentum=False))
    rates("one_cycle_linear", lambda o: one(
        o, 0.4, total_steps=41, pct_start=0.4, anneal_strategy="linear", div_factor=10,
        final_div_factor=100, cycle_momentum=False))
    rates("one_cycle_three_phase",
          lambda o: one(o, 0.4, total_steps=41, three_phase=True, cycle_momentum=False))


def clipping():
    for name, bound in (("clip_norm", 1.0), ("clip_norm_within", 100.0)):
        params = start()
        for p, g in zip(params, gradients(params, 3)):
            p.grad = g
        norm = torch.nn.utils.clip_grad_norm_(params, bound)
        emit(name, 0, flat([p.grad for p in params]) + [norm])
    params = start()
    for p, g in zip(params, gradients(params, 3)):
        p.grad = g
    torch.nn.utils.clip_grad_value_(params, 0.4)
    emit("clip_value", 0, flat([p.grad for p in params]))


class Box(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.p = torch.nn.ParameterList(start())


def averages():
    net = Box()
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    average.update_parameters(net)  # the first call copies
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(STEPS):
        params = list(net.parameters())
        for p, g in zip(params, gradients(params, step)):
            p.grad = g
        optimizer.step()
        average.update_parameters(net)
        emit("ema", step, flat(average.module.parameters()))


def main():
    optimizers()
    schedules()
    clipping()
    averages()
    text = "".join(line + "\n" for line in lines)
    if "--check" in sys.argv[1:]:
        return 0 if PATH.read_text() == text else f"{PATH} differs from what this script makes"
    PATH.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
