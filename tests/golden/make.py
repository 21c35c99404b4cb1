#!/usr/bin/env python3
"""Writes golden.txt: values, first and second derivatives of regrad's ops, by PyTorch in f64.

    python3 tests/golden/make.py            # needs torch; writes golden.txt beside this file
    python3 tests/golden/make.py --check    # exits 1 where it would write other bytes
    python3 tests/golden/make.py --only NAME[,NAME]    # these cases alone; other lines stay

A new row takes one line here, case(NAME, f, inputs, attrs), and, unless it is X1 or X2 in rows.def,
one in the table of test_golden.cpp. NAME is the row's.
For y = f(x...), with cotangents u and v that both sides compute:
    g_k = d <u, y> / d x_k,  h_k = d sum_i <v_i, g_i> / d x_k,  j = d sum_i <v_i, g_i> / d u = J v.
File: 'case NAME ATTR...', then lines 'TAG DTYPE [SHAPE] values...', TAG one of x, y, g, h, j. An
attribute is a number or a list of integers.
"""
import pathlib
import random
import sys

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
inf, nan = float("inf"), float("nan")
PATH = pathlib.Path(__file__).with_name("golden.txt")
DTYPES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.bool: "b8"}
lines, seen = [], {}
# (name, number, its lines or None where --only leaves it out); the names of --only
blocks, only = [], []


class R:
    """Drawn from [low, high], to three decimals; at least `away` from 0. The case's name and number
    decide the values."""

    def __init__(self, *shape, low=-2, high=2, away=0.0):
        self.shape, self.low, self.high, self.away = shape, low, high, away

    def make(self, seed):
        r = random.Random(seed)
        n = torch.Size(self.shape).numel()
        values = []
        while len(values) < n:
            v = round(r.uniform(self.low, self.high), 3)
            if abs(v) >= self.away:
                values.append(v)
        return torch.tensor(values, dtype=torch.float64).reshape(self.shape)


class M(R):
    """Matrices with 2, 4, 6, .. added along the diagonal: eigenvalues, singular values and pivots
    stay apart."""

    def make(self, seed):
        x = super().make(seed)
        more = torch.diag(2.0 * torch.arange(1, 1 + max(x.shape[-2:])).double())
        return x + more[:x.shape[-2], :x.shape[-1]]


class V:
    """The given values: floats (f64), integers (i64) or bools (b8)."""

    def __init__(self, values, dtype=torch.float64):
        self.value = torch.tensor(values, dtype=dtype)

    def make(self, seed):
        return self.value


def I(values):
    return V(values, torch.int64)


def B(values):
    return V(values, torch.bool)


def cotangent(like, salt):
    """Odd multiples of 1/16 in (-1, 1): exact in every floating dtype, never 0."""
    i = torch.arange(like.numel())
    return (((i * 7 + salt * 3) % 16 * 2 - 15) / 16.0).to(like.dtype).reshape(like.shape)


def number(v):
    if isinstance(v, bool):
        return str(int(v))
    return format(v, ".15g") if isinstance(v, float) else str(v)


def write(tag, t):
    lines.append(" ".join([tag, DTYPES[t.dtype], "[" + ",".join(map(str, t.shape)) + "]"] +
                          [number(v) for v in t.detach().reshape(-1).tolist()]))


def gradients(outputs, inputs, create_graph):
    if not outputs.requires_grad:
        return [torch.zeros_like(t) for t in inputs]
    g = torch.autograd.grad(outputs, inputs, create_graph=create_graph, allow_unused=True)
    return [
        torch.zeros(t.shape, dtype=t.dtype) if v is None or v._is_zerotensor() else v
        for v, t in zip(g, inputs)]


def case(name, f, *inputs, attrs=(), order=2):
    """One case. f: called with the inputs and then the attributes. order: how many derivatives are
    written (0 where y is no floating tensor)."""
    k = seen[name] = seen.get(name, -1) + 1
    if only and name not in only:
        blocks.append((name, k, None))
        return
    lines.clear()
    compute(name, k, f, inputs, attrs, order)
    blocks.append((name, k, "".join(line + "\n" for line in lines)))


def compute(name, k, f, inputs, attrs, order):
    """The lines of one case."""
    x = [t.make(f"{name}/{k}/{i}") for i, t in enumerate(inputs)]
    leaves = [t.clone().requires_grad_() if t.is_floating_point() else t for t in x]
    floating = [t for t in leaves if t.is_floating_point()]
    given = ["[" + ",".join(map(str, a)) + "]" if isinstance(a, (list, tuple)) else number(a)
             for a in attrs]
    lines.append(" ".join(["case", name] + given))
    for t in x:
        write("x", t)
    y = f(*leaves, *attrs)
    write("y", y)
    if order == 0 or not y.is_floating_point():
        return
    u = cotangent(y, 0).requires_grad_()
    g = gradients((u * y).sum(), floating, True)
    for t in g:
        write("g", t)
    if order == 1:
        return
    s = sum((cotangent(t, 1 + i) * t).sum() for i, t in enumerate(g))
    h = gradients(s, floating + [u], False)
    for t in h[:-1]:
        write("h", t)
    write("j", h[-1])


def unary(name, f, edges, low=-2, high=2, away=0.0):
    case(name, f, R(2, 3, low=low, high=high, away=away))
    case(name, f, R(low=low, high=high, away=away))
    case(name, f, R(9, low=low, high=high, away=away))
    case(name, f, V(edges))


def elementwise():
    for scale, shift in [(-1.5, 0.25), (2.0, 0.0), (1.0, -3.0), (0.0, 1.0)]:
        case("affine", lambda x, a, b: x * a + b, R(2, 3), attrs=[scale, shift])
    for by in [-1.5, 3.0, 49.0, 0.0]:
        case("div_scalar", torch.div,
             V([[1.0, -0.625, 49.0], [1e-310, inf, 0.0]]) if by else V([2.0, -3.0]), attrs=[by])
    unary("neg", torch.neg, [0.0, -0.0, inf, nan])
    unary("reciprocal", torch.reciprocal, [1e-100, -4.0, inf], away=0.2)
    unary("square", torch.square, [0.0, -3.0, 1e100])
    unary("abs", torch.abs, [0.0, -0.0, -1.0, 2.0, -inf, inf])
    unary("sign", torch.sign, [0.0, -0.0, -1e-300, 5.0, inf])
    for name in ["floor", "ceil", "round"]:
        unary(name, getattr(torch, name), [0.5, -0.5, 1.5, 2.5, -0.0, 1e300, -inf, nan])
    unary("exp", torch.exp, [0.0, -745.0, 700.0, -inf, nan])
    unary("log", torch.log, [1.0, 1e-300, 1e300, inf], low=0.1, high=4)
    unary("expm1", torch.expm1, [0.0, 1e-15, -1e-9, 700.0, -800.0, -inf, nan])
    unary("log1p", torch.log1p, [0.0, 1e-15, -1e-9, -1.0, 1e300, inf, nan, -2.0], low=-0.8, high=3)
    unary("sqrt", torch.sqrt, [1.0, 1e-30, 4e100, inf], low=0.1, high=4)
    case("sqrt", torch.sqrt, V([0.0, 1.0]))
    unary("rsqrt", torch.rsqrt, [1.0, 1e-30, 1e60], low=0.1, high=4)
    unary("sin", torch.sin, [0.0, 3.141592653589793, -100.5, 1e5])
    unary("cos", torch.cos, [0.0, 1.5707963267948966, -100.5, 1e5])
    unary("tanh", torch.tanh, [0.0, 1e-9, 20.0, -400.0, inf, nan])
    unary("sigmoid", torch.sigmoid, [0.0, 40.0, -40.0, 800.0, -800.0, -inf, nan])
    unary("relu", torch.relu, [0.0, -0.0, 1e-300, -1.0, inf, -inf, nan])
    unary("erf", torch.erf, [0.0, 1e-9, 3.5, -6.0, inf])
    unary("erfc", torch.erfc, [0.0, 1e-9, 3.5, 25.0, -6.0, inf])
    unary("gelu", F.gelu, [0.0, 5.0, -5.0, 12.0, -12.0])
    unary("silu", F.silu, [0.0, 30.0, -30.0, 100.0])
    unary("softplus", F.softplus, [0.0, 30.0, -30.0, 800.0, -800.0])
    unary("log2", torch.log2, [1.0, 0.0, -1.0, 1e-300, 1024.0, inf, nan], low=0.1, high=4)
    unary("log10", torch.log10, [1.0, 0.0, -1.0, 1e-300, 1000.0, inf, nan], low=0.1, high=4)
    unary("tan", torch.tan, [0.0, -0.0, 1.5, 1e5, inf, nan], low=-1.3, high=1.3)
    for name in ["asin", "acos"]:
        unary(name, getattr(torch, name), [0.0, 1.0, -1.0, 1.5, nan], low=-0.9, high=0.9)
    unary("atan", torch.atan, [0.0, -0.0, 1e-9, 1e100, nan])
    unary("sinh", torch.sinh, [0.0, -0.0, 1e-9, 700.0, -800.0, inf, nan])
    unary("cosh", torch.cosh, [0.0, 1e-9, 700.0, -800.0, inf, nan])
    unary("asinh", torch.asinh, [0.0, -0.0, 1e-9, 1e100, -3.0, nan])
    unary("acosh", torch.acosh, [1.0, 0.5, 1e100, nan], low=1.2, high=5)
    unary("atanh", torch.atanh, [0.0, -0.0, 1.0, -1.0, 2.0, 1e-9, nan], low=-0.9, high=0.9)
    # PyTorch has no second derivative at 0, where it is -pi^2/3.
    unary("sinc", torch.sinc, [1.0, -0.5, 3.0, nan])
    case("sinc", torch.sinc, V([0.0, -0.0, inf]), order=1)
    for low, high in [(-1.0, 1.0), (-inf, 0.5), (0.0, inf), (0.5, 0.5)]:
        case("clamp", torch.clamp, V([-1.0, 1.0, 0.0, 0.5, -3.0, 2.0, nan, inf, -inf]),
             attrs=[low, high])
        case("clamp", torch.clamp, R(2, 4), attrs=[low, high])
    whole = I([-3, 0, 7])
    for x in [V([-1.0, 0.5, 2.0, nan, inf, -inf]), R(2, 3), whole]:
        case("clamp_min", torch.clamp_min, x, attrs=[0 if x is whole else 0.5])
        case("clamp_max", torch.clamp_max, x, attrs=[0 if x is whole else 0.5])
        case("nan_to_num", torch.nan_to_num, whole if x is whole else V([nan, -2.0, 0.0]))
        case("nan_to_num_given", torch.nan_to_num, x, attrs=[0.5, 7.0, -7.0])
        for name in ["isnan", "isinf", "isfinite", "logical_not"]:
            case(name, getattr(torch, name), x)
    for p in [2.0, 3.0, 0.5, -1.5, 1.0, 0.0, -2.0, 2.7]:
        case("pow_scalar", torch.pow, R(2, 3, low=0.2, high=3), attrs=[p])
    for p in [2.0, 3.0, 1.0, 0.0]:
        case("pow_scalar", torch.pow, V([0.0, -0.0, -1.5, 2.0]), attrs=[p])
    case("pow_scalar", torch.pow, V([-2.0, -0.5, 3.0]), attrs=[-3.0])
    case("pow_scalar", torch.pow, V([0.0, 4.0]), attrs=[0.5])
    case("div_number", lambda x, s: x / s, R(2, 3), attrs=[-3.0])
    case("number_div", lambda x, s: s / x, R(2, 3, away=0.2), attrs=[-3.0])
    case("number_sub", lambda x, s: s - x, R(2, 3), attrs=[0.3])


PAIRS = [((), ()), ((5,), (5,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((2, 1, 3), (2, 1)),
         ((0, 3), (3,))]


def pairs(name, f, attrs=(), low=-2, high=2, away=0.0, low2=None, high2=None):
    for p, q in PAIRS:
        case(name, f, R(*p, low=low, high=high, away=away),
             R(*q, low=low if low2 is None else low2, high=high if high2 is None else high2,
               away=away), attrs=attrs)


def binary():
    for alpha in [1.0, -1.0, 0.3]:
        pairs("add", lambda a, b, k: torch.add(a, b, alpha=k), attrs=[alpha])
    pairs("sub", lambda a, b, k: torch.sub(a, b, alpha=k), attrs=[1.0])
    pairs("mul", torch.mul)
    pairs("div", torch.div, away=0.3)
    case("div", torch.div, V([0.0, 1e200, -3.0]), V([2.0, 1e-100, inf]))
    pairs("pow", torch.pow, low=0.3, high=2)
    # At base 0 the exponent's second derivative is 0; PyTorch has 0 times log(0)^2 there.
    case("pow", torch.pow, V([0.0, 0.0, 0.0, 2.0]), V([2.0, 1.0, 3.0, 0.0]), order=1)
    case("pow", torch.pow, V([-1.5, -2.0, 0.0, 0.0, nan, 2.0]), V([2.0, 3.0, 0.5, 0.0, 0.0, nan]),
         order=1)
    ties = V([0.0, 1.0, -2.0, 3.0, 0.0]), V([0.0, 1.0, -1.0, 2.0, -0.0])
    special = V([nan, 1.0, inf, -inf, inf]), V([1.0, nan, inf, 0.0, -inf])
    for name, f in [("minimum", torch.minimum), ("maximum", torch.maximum)]:
        pairs(name, f)
        case(name, f, *ties)
        case(name, f, *special)
    pairs("atan2", torch.atan2, away=0.2)
    case("atan2", torch.atan2, V([0.0, -0.0, 0.0, 1.0, -1.0, 0.0, nan]),
         V([1.0, 1.0, -1.0, 0.0, 0.0, 2.0, 1.0]))
    case("atan2", torch.atan2, V([0.0, -0.0, inf, -inf]), V([0.0, -0.0, 1.0, inf]), order=1)
    pairs("logaddexp", torch.logaddexp)
    case("logaddexp", torch.logaddexp, V([1000.0, -1000.0, 2.0, -inf, inf, nan]),
         V([999.0, -1001.0, 2.0, 0.0, 1.0, 0.0]), order=1)
    case("logaddexp", torch.logaddexp, V([inf, -inf]), V([inf, -inf]))
    pairs("xlogy", torch.xlogy, low2=0.2, high2=3)
    case("xlogy", torch.xlogy, V([0.0, 0.0, 0.0, 1.0, 0.0, 2.0, nan]),
         V([0.0, -1.0, 2.0, 0.0, nan, -1.0, 1.0]), order=1)
    for name in ["remainder", "fmod"]:
        f = getattr(torch, name)
        pairs(name, f, away=0.3)
        case(name, f, V([5.0, -5.0, 5.0, -5.0, -0.0, 6.0, 0.3]),
             V([3.0, 3.0, -3.0, -3.0, 3.0, -3.0, 0.1]))
        case(name, f, V([1.0, inf, nan]), V([0.0, 2.0, 1.0]), order=0)
        case(name, f, I([7, -7, 7, -7, 6, -(2**63)]), I([3, 3, -3, -3, -3, -1]))
    for name in ["logical_and", "logical_or", "logical_xor"]:
        f = getattr(torch, name)
        case(name, f, V([0.0, nan, 0.0, 2.0]), B([[True], [False]]))
        case(name, f, I([0, -3, 0]), I([1, 1, 0]))
        case(name, f, B([True, False, True, False]), B([True, True, False, False]))
    pairs("relu_grad", lambda g, y: torch.ops.aten.threshold_backward(
        g.expand(torch.broadcast_shapes(g.shape, y.shape)),
        y.expand(torch.broadcast_shapes(g.shape, y.shape)), 0))
    case("relu_grad", lambda g, y: torch.ops.aten.threshold_backward(g, y, 0),
         V([1.0, -2.0, 3.0, 4.0]), V([0.0, -0.0, 1e-300, nan]))
    for name in ["eq", "ne", "lt", "le", "gt", "ge"]:
        f = getattr(torch, name)
        case(name, f, *ties)
        case(name, f, *special)
        case(name, f, R(2, 1), R(3))
        case(name, f, I([1, 2, 3]), I([[1], [3]]))
    case("where", torch.where, B([True, False, True]), R(3), R(3))
    case("where", torch.where, B([[True], [False]]), R(3), R(2, 3))
    case("where", torch.where, B(True), R(2, 2), R())
    case("where", torch.where, B([True, False]), V([1.0, nan]), V([inf, 2.0]))


DIMS = [((), []), ((5,), [0]), ((3, 4), [0]), ((3, 4), [-1]), ((3, 4), [0, 1]), ((2, 3, 2), [1]),
        ((2, 3, 2), [0, 2]), ((2, 1, 3, 2), [1, -2])]


def reductions():
    for shape, dims in DIMS:
        for keep in [False, True]:
            case("sum", lambda x, d, k: x.sum(d, k) if d else x.sum(), R(*shape),
                 attrs=[dims, keep and len(dims) > 0])
            if keep and dims or not keep:
                case("mean", lambda x, d, k: x.mean(d, k) if d else x.mean(), R(*shape),
                     attrs=[dims, keep])
                case("amax", lambda x, d, k: x.amax(d, k) if d else x.amax(), R(*shape),
                     attrs=[dims, keep])
            if dims:
                case("logsumexp", torch.logsumexp, R(*shape, low=-3, high=3), attrs=[dims, keep])
    case("sum", lambda x, d, k: x.sum(d, k), R(2, 0), attrs=[[1], False])
    case("sum", lambda x, d, k: x.sum(d, k), I([[1, 2], [3, -9]]), attrs=[[1], False])
    case("amax", torch.amax, V([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), attrs=[[1], False])
    case("amax", torch.amax, V([[1.0, 3.0], [3.0, 0.0]]), attrs=[[0, 1], False])
    case("amax", torch.amax, V([[0.0, -0.0], [-inf, -inf], [inf, 1.0]]), attrs=[[1], True])
    case("amax", torch.amax, V([[nan, 1.0], [2.0, 1.0]]), attrs=[[1], False])
    case("logsumexp", torch.logsumexp, V([[1000.0, 1000.0], [-1000.0, 0.0], [-inf, 2.0]]),
         attrs=[[1], False])
    case("logsumexp", torch.logsumexp, V([[inf, 0.0], [-inf, -inf], [nan, 1.0]]),
         attrs=[[1], False], order=0)
    for dim, keep, x in [(1, False, R(3, 4)), (0, True, R(3, 4)), (-1, False, R(2, 2, 3)),
                         (0, False, V([1.0, 5.0, 5.0])), (1, False, V([[2.0, nan, 3.0]]))]:
        case("argmax", torch.argmax, x, attrs=[dim, keep])
        case("max", lambda t, d, k: t.max(d, k).values, x, attrs=[dim, keep])
        case("max_indices", lambda t, d, k: t.max(d, k).indices, x, attrs=[dim, keep])
    for name, f in [("softmax", torch.softmax), ("log_softmax", torch.log_softmax)]:
        for shape, dim in [((5,), 0), ((2, 3), 1), ((2, 3), 0), ((2, 3, 2), 1), ((4, 1), -1)]:
            case(name, f, R(*shape, low=-3, high=3), attrs=[dim])
        case(name, f, V([[1.0, 1.0, 1.0, 1.0]]), attrs=[1])
        case(name, f, V([[1000.0, 999.0, -1000.0]]), attrs=[1])
    case("softmax", torch.softmax, V([[0.0, -inf, 1.0]]), attrs=[1])


def edges():
    """Zeros, infinities, NaN, and tensors of no elements, through both derivatives."""
    case("sqrt", torch.sqrt, V([-1.0, nan, -inf]))
    case("rsqrt", torch.rsqrt, V([0.0, inf, -1.0]))
    case("log", torch.log, V([0.0, -1.0, nan, -0.0]))
    case("reciprocal", torch.reciprocal, V([0.0, -0.0, nan]))
    case("div", torch.div, V([1.0, 0.0, 2.0, inf]), V([0.0, 0.0, nan, inf]))
    for p in [0.0, -1.0, 1.5]:
        case("pow_scalar", torch.pow, V([0.0, inf, nan, -1.0]), attrs=[p])
    case("gelu", F.gelu, V([inf, nan, 40.0, -30.0]))
    case("silu", F.silu, V([inf, -inf, nan, 800.0, -800.0]))
    case("softplus", F.softplus, V([inf, -inf, nan]))
    case("sin", torch.sin, V([inf, nan]))
    case("erf", torch.erf, V([nan, -inf, 30.0]))
    case("abs", torch.abs, V([nan]))
    case("sign", torch.sign, V([nan]))
    case("mul", torch.mul, V([inf, 0.0, nan]), V([0.0, 1e-300, 1.0]))
    case("logsumexp", torch.logsumexp, V([[-inf, -inf]]), attrs=[[1], False])
    case("logsumexp", torch.logsumexp, V([[nan, 0.0]]), attrs=[[1], False])
    case("log_softmax", torch.log_softmax, V([[-inf, 0.0]]), attrs=[1])
    for name, f in [("softmax", torch.softmax), ("log_softmax", torch.log_softmax)]:
        case(name, f, V([[inf, 0.0], [-inf, -inf], [nan, 1.0]]), attrs=[1])
        case(name, f, R(0, 3), attrs=[1])
    case("logsumexp", torch.logsumexp, R(0, 3), attrs=[[1], False])
    case("logsumexp", torch.logsumexp, R(2, 0), attrs=[[1], False])
    case("amax", torch.amax, R(0, 3), attrs=[[1], False])
    case("matmul", torch.matmul, R(0), R(0))
    case("matmul", torch.matmul, V([[inf, 1.0]]), V([[0.0], [1.0]]))
    case("cross_entropy", lambda x, t, k: F.cross_entropy(x, t), V([[-inf, 0.0], [1.0, 2.0]]),
         I([1, 0]), attrs=[1])
    case("cross_entropy", lambda x, t, k: F.cross_entropy(x, t), V([[-inf, 0.0], [1.0, 2.0]]),
         I([0, 0]), attrs=[1])
    case("cross_entropy", lambda x, t, k: F.cross_entropy(x, t, reduction="sum"), R(0, 3), I([]),
         attrs=[2])
    case("cat", lambda *a: torch.cat(a[:-1], a[-1]), R(0), R(3), attrs=[0])
    case("expand", lambda x, s: x.expand(s), R(1, 3), attrs=[[0, 3]])


def views():
    for shape, sizes in [((2, 3), [3, 2]), ((2, 3), [-1]), ((2, 3, 2), [2, -1]), ((1,), []),
                         ((), [1, 1]), ((0, 3), [3, 0])]:
        case("reshape", torch.reshape, R(*shape), attrs=[sizes])
    for shape, a, b in [((2, 3, 2), 0, -1), ((2, 3, 2), 1, 2), ((2, 3), 0, 1)]:
        case("flatten", torch.flatten, R(*shape), attrs=[a, b])
        case("transpose", torch.transpose, R(*shape), attrs=[a, b])
    for shape, dims in [((2, 3), [1, 0]), ((2, 3, 2), [2, 0, 1]), ((2, 1, 3, 2), [-1, 1, 0, 2])]:
        case("permute", torch.permute, R(*shape), attrs=[dims])
    for shape, sizes in [((3,), [2, 3]), ((2, 1), [-1, 4]), ((), [2, 2]), ((1, 3, 1), [2, 3, 2])]:
        case("expand", lambda x, s: x.expand(s), R(*shape), attrs=[sizes])
    for shape, dim in [((2, 3), 0), ((2, 3), -1), ((), 0)]:
        case("unsqueeze", torch.unsqueeze, R(*shape), attrs=[dim])
    for shape, dim in [((2, 1, 3), 1), ((2, 3), 0), ((1,), -1)]:
        case("squeeze", torch.squeeze, R(*shape), attrs=[dim])
    for shape, dim, start, stop, step in [((5,), 0, 1, 4, 1), ((2, 5), 1, 0, 5, 2),
                                          ((2, 5), -1, -3, 100, 1), ((4, 2), 0, 1, 4, 2),
                                          ((3,), 0, 2, 2, 1)]:
        case("slice", lambda x, d, a, b, s: torch.ops.aten.slice(x, d, a, b, s), R(*shape),
             attrs=[dim, start, stop, step])
    for shape, dim, size, start, step in [((3,), 0, 5, 1, 1), ((2, 3), 1, 7, 0, 2),
                                          ((2, 2), -1, 6, 1, 3)]:
        def unslice(x, d, n, a, s):
            sizes = list(x.shape)
            sizes[d] = n
            return torch.ops.aten.slice_backward(x, sizes, d, a, a + (x.shape[d] - 1) * s + 1, s)
        case("unslice", unslice, R(*shape), attrs=[dim, size, start, step])
    for shape, dim, index in [((3, 2), 0, 1), ((3, 2), 1, -1), ((4,), 0, 0)]:
        case("select", torch.select, R(*shape), attrs=[dim, index])
    case("contiguous", lambda x: x.mT.contiguous(), R(2, 3))
    case("contiguous", lambda x: x.mT.contiguous(), R(2, 2, 2))
    case("to", lambda x: x.to(torch.float32), R(2, 3))
    case("to", lambda x: x.to(torch.float32), V([0.1, 1e-50, 1e300, nan, 16777217.0]))


def indexing():
    for n, shape, dim in [(1, (3,), 0), (2, (2, 3), 0), (3, (2, 2), 1), (4, (1, 2, 2), -1)]:
        case("cat", lambda *a: torch.cat(a[:-1], a[-1]), *[R(*shape) for _ in range(n)],
             attrs=[dim])
        case("stack", lambda *a: torch.stack(a[:-1], a[-1]), *[R(*shape) for _ in range(n)],
             attrs=[dim])
    case("cat", lambda *a: torch.cat(a[:-1], a[-1]), R(2, 1), R(2, 3), R(2, 0), attrs=[1])
    for x, dim, index in [(R(4), 0, [3, 0, 0]), (R(3, 2), 0, [1, 1, 2]), (R(2, 3), -1, [2, 0]),
                          (R(2, 3, 2), 1, [0])]:
        case("index_select", lambda x, i, d: torch.index_select(x, d, i), x, I(index), attrs=[dim])
    for x, dim, index in [(R(4), 0, [3, 0, 0]), (R(2, 3), 1, [[0, 2], [1, 1]]),
                          (R(3, 2), 0, [[2, 0]]), (R(2, 3), 1, [[0, 0, 0, 2]])]:
        case("gather", lambda x, i, d: torch.gather(x, d, i), x, I(index), attrs=[dim])
    for x, dim, index, source in [(R(4), 0, [3, 0, 0], R(3)),
                                  (R(2, 3), 1, [[0, 2], [1, 1]], R(2, 2)),
                                  (R(3, 2), 0, [[2, 0], [2, 1]], R(2, 2))]:
        case("scatter_add", lambda x, i, s, d: torch.scatter_add(x, d, i, s), x, I(index), source,
             attrs=[dim])


def products():
    for a, b in [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((1, 1), (1, 1)),
                 ((2, 2, 3), (2, 3, 1)), ((2, 2, 3), (3, 2)), ((2, 1, 2, 2), (3, 2, 1)),
                 ((3,), (2, 3, 2)), ((2, 0), (0, 2))]:
        case("matmul", torch.matmul, R(*a), R(*b))
    case("matmul_nt", lambda a, b: a @ b.mT, R(2, 3), R(4, 3))
    case("matmul_tn", lambda a, b: a.mT @ b, R(3, 2), R(3, 2))
    for b, x, w in [((2,), (3, 4), (4, 2)), ((3, 2), (3, 2), (2, 2)), ((), (2, 2), (2, 1)),
                    ((2, 1, 2), (2, 2, 3), (2, 3, 2))]:
        case("addmm", lambda c, a, m: c + a @ m, R(*b), R(*x), R(*w))
    for b in [(4,), (3, 4)]:
        case("linear_rows", lambda a, m, c: a @ m.mT + c, R(3, 2), R(4, 2), R(*b))
    case("linear", F.linear, R(3, 2), R(4, 2), R(4))
    case("linear", F.linear, R(2, 2, 3), R(2, 3), R(2))
    case("linear", F.linear, R(3), R(2, 3), R(2))
    case("linear_no_bias", F.linear, R(3, 2), R(2, 2))
    case("linear_by_task", lambda x, w, b: torch.einsum("tni,toi->tno", x, w) + b[:, None],
         R(2, 3, 2), R(2, 2, 2), R(2, 2))


def sparse():
    """The packed structure of engine/ops/sparse.h: row pointers, columns, the transpose's, and the
    order of its entries."""

    def pack(pointers, columns, cols):
        rows = [i for i in range(len(pointers) - 1) for _ in range(pointers[i], pointers[i + 1])]
        order = sorted(range(len(columns)), key=lambda k: columns[k])
        t_pointers = [sum(c < j for c in columns) for j in range(cols + 1)]
        return rows, I(pointers + columns + t_pointers + [rows[k] for k in order] + order)

    for rows, cols, pointers, columns, batch, f in [(3, 4, [0, 2, 2, 5], [1, 3, 0, 1, 2], 1, 2),
                                                    (2, 2, [0, 3, 4], [0, 1, 1, 0], 2, 3),
                                                    (3, 2, [0, 1, 2, 3], [1, 1, 1], 1, 1),
                                                    (2, 3, [0, 0, 0], [], 1, 2)]:
        at, structure = pack(pointers, columns, cols)

        def dense(values):
            return torch.zeros(rows, cols, dtype=torch.float64).index_put(
                (torch.tensor(at).long(), torch.tensor(columns).long()), values, accumulate=True)

        def spmm(s, values, x, m, n, transposed):
            a = dense(values)
            y = (a.mT if transposed else a) @ x
            if not transposed:  # torch's own product of the same matrix
                own = torch.sparse_csr_tensor(torch.tensor(pointers),
                                              torch.tensor(columns).long(), values.detach(),
                                              (rows, cols))
                for ours, part in zip(y, x):
                    assert torch.allclose(torch.sparse.mm(own, part.detach()), ours)
            return y

        for transposed in [False, True]:
            case("spmm", spmm, structure, R(len(columns)),
                 R(batch, rows if transposed else cols, f), attrs=[rows, cols, transposed])
        places = torch.tensor(at).long(), torch.tensor(columns).long()
        case("sddmm", lambda s, g, x, m, n: (g @ x.mT).sum(0)[places], structure,
             R(batch, rows, f), R(batch, cols, f), attrs=[rows, cols])


def norms():
    def standardize(x, dims, eps):
        return (x - x.mean(dims, True)) / torch.sqrt(x.var(dims, correction=0, keepdim=True) + eps)

    for shape, dims in [((5,), [0]), ((2, 4), [1]), ((3, 2), [0]), ((2, 3, 2), [0, 2]),
                        ((2, 3, 2), [1]), ((3, 1), [1])]:
        case("standardize", standardize, R(*shape), attrs=[dims, 1e-3])
        case("inv_std", lambda x, d, e: 1 / torch.sqrt(x.var(d, correction=0, keepdim=True) + e),
             R(*shape), attrs=[dims, 0.5])
    case("standardize", standardize, V([[1.0, 1.0, 1.0], [0.0, 0.0, 1e-8]]), attrs=[[1], 1e-2])
    # Torch's own norms are the same with other dims: batch, layer, instance.
    case("standardize", lambda x, d, e: F.batch_norm(x, None, None, training=True, eps=e),
         R(2, 2, 3), attrs=[[0, 2], 1e-5])
    case("standardize", lambda x, d, e: F.layer_norm(x, [2, 3], eps=e), R(2, 2, 3),
         attrs=[[1, 2], 1e-5])
    case("standardize", lambda x, d, e: F.instance_norm(x, eps=e), R(2, 2, 4), attrs=[[2], 1e-5])
    for shape in [(1, 5, 1), (2, 3, 2), (2, 4, 1)]:
        case("norm_grad", lambda g, h: g - g.mean(1, True) - h * (g * h).mean(1, True), R(*shape),
             R(*shape))
    case("layer_norm", lambda x, w, b, n, e: F.layer_norm(x, n, w, b, e), R(3, 4), R(4), R(4),
         attrs=[[4], 1e-5])
    # Norms of spectrograms [N,C,F,T]: IFN is torch's layer norm where frequencies come before
    # channels, SSN its batch norm of another view.
    for x in ((2, 3, 4, 3), (1, 2, 2, 5)):
        def ifn(v, e):
            p = v.permute(0, 2, 1, 3)
            return F.layer_norm(p, list(p.shape[2:]), eps=e).permute(0, 2, 1, 3)
        case("res_norm", lambda v, k, e: k * v + ifn(v, e), R(*x), attrs=[0.1, 1e-2])
        bands = (x[0], 2 * x[1], x[2] // 2, x[3])
        for relu in (0, 1):
            def spectral(v, w, b, act):
                y = F.batch_norm(v.reshape(bands), None, None, w, b, True, eps=1e-2).reshape(x)
                return torch.relu(y) if act else y
            case("sub_spectral", spectral, R(*x), R(2 * x[1]), R(2 * x[1]), attrs=[relu])
        given = lambda v, m, s, w, b: F.batch_norm(v.reshape(bands), m.detach(), s.detach(), w, b,
                                                   False, eps=1e-2).reshape(x)
        case("band_affine", given, R(*x), R(2 * x[1]), R(2 * x[1], low=0.5, high=2), R(2 * x[1]),
             R(2 * x[1]))
        case("broadcast_residual", lambda v, r, s: torch.relu(v + r + s), R(*x),
             R(x[0], x[1], 1, x[3]), R(*x))
    case("layer_norm", lambda x, w, b, n, e: F.layer_norm(x, n, w, b, e), R(2, 2, 3), R(2, 3),
         R(2, 3), attrs=[[2, 3], 0.1])


def linalg():
    """The decompositions are packed as the rows pack them, and have regrad's signs; eigh and
    cholesky see the symmetric part."""
    L = torch.linalg

    def sym(a):
        return (a + a.mT) / 2

    def sign(u):
        return torch.sign(u.gather(-2, u.abs().argmax(-2, keepdim=True)))

    def eigh(a):
        w, v = L.eigh(sym(a))
        return torch.cat([w[..., None, :], v * sign(v)], -2)

    def svd(a):
        u, s, vh = L.svd(a, full_matrices=False)
        return torch.cat([u * sign(u), s[..., None, :], vh.mT * sign(u)], -2)

    for shape in [(1, 1), (2, 2), (3, 3), (2, 3, 3)]:
        case("eigh", eigh, M(*shape))
        case("eigvalsh", lambda a: L.eigvalsh(sym(a)), M(*shape))
        case("cholesky", lambda a: L.cholesky(sym(a)), M(*shape, low=-1, high=1))
        case("slogdet", lambda a: torch.stack(tuple(L.slogdet(a)), -1), M(*shape))
        case("det", L.det, M(*shape))
        case("inverse", L.inv, M(*shape))
        for right in [2, 1]:
            case("solve", L.solve, M(*shape), R(*shape[:-1], right))
            for upper in [False, True]:
                case("solve_triangular", lambda a, b, k: L.solve_triangular(a, b, upper=bool(k)),
                     M(*shape), R(*shape[:-1], right), attrs=[upper])
        for upper in [False, True]:
            case("cholesky_solve",
                 lambda b, a, k: torch.cholesky_solve(b, a.triu() if k else a.tril(), bool(k)),
                 R(*shape[:-1], 2), M(*shape), attrs=[upper])
    case("slogdet", lambda a: torch.stack(tuple(L.slogdet(a)), -1), V([[0.0, 1.0], [2.0, 0.5]]))
    case("det", L.det, V([[1.0, 2.0], [3.0, 4.0]]))
    case("solve", L.solve, M(3, 3), R(3))
    case("solve", L.solve, M(3, 2, 2), R(3, 2))
    case("solve", L.solve, M(2, 1, 2, 2), R(3, 2, 1))
    for shape in [(1, 1), (3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 3)]:
        case("svd", svd, M(*shape))
        case("svdvals", L.svdvals, M(*shape))
    for shape in [(2, 3), (2, 2, 2)]:
        case("over_gaps", lambda m, a, b: m / (b[..., None, :] - a[..., None]), R(*shape),
             R(*shape[:-1], low=-1, high=1), R(*shape[:-2], shape[-1], low=2, high=4))


def patches(x, k, s, p=0, fill=0.0):
    """[N, C, taps, windows] of x [N,C,H,W]."""
    n, c = x.shape[:2]
    return F.unfold(F.pad(x, [p] * 4, value=fill), k, stride=s).reshape(n, c, k * k, -1)


def images():
    geometry = [([2, 2, 4, 4], [3, 2, 3, 3], [1, 1], [1, 1], [1, 1], 1),
                ([1, 4, 5, 4], [4, 1, 3, 2], [2, 1], [1, 0], [1, 1], 4),
                ([2, 2, 5, 5], [2, 1, 2, 3], [1, 2], [2, 1], [2, 1], 2)]
    for x, w, s, p, d, g in geometry:
        case("conv2d", lambda x, w, b, s, p, d, g: F.conv2d(x, w, b, s, p, d, g), R(*x), R(*w),
             R(w[0]), attrs=[s, p, d, g])
    case("conv1d", lambda x, w, b, s, p, d, g: F.conv1d(x, w, b, s, p, d, g), R(2, 2, 6),
         R(4, 1, 3), R(4), attrs=[2, 1, 2, 2])
    for x, w, s, p, d, g, more in [([1, 2, 3, 2], [2, 3, 3, 2], [2, 1], [1, 0], [1, 1], 1, [1, 0]),
                                   ([2, 2, 2, 2], [2, 1, 2, 2], [1, 2], [0, 1], [2, 1], 2, [0, 1])]:
        case("conv2d_input",
             lambda x, w, b, s, p, d, g, more: F.conv_transpose2d(x, w, b, s, p, more, g, d), R(*x),
             R(*w), R(w[1] * g), attrs=[s, p, d, g, more])
    for x, y, k, s, p in [([2, 2, 4, 4], [2, 3, 4, 4], 3, 1, 1),
                          ([1, 1, 5, 5], [1, 2, 2, 2], 2, 2, 0)]:
        case("conv2d_weight",
             lambda x, g, k, s, p: torch.einsum("nol,nctl->oct", g.flatten(2), patches(
                 x, k, s, p)).reshape(g.shape[1], x.shape[1], k, k),
             R(*x), R(*y), attrs=[k, s, p])
    for x, k, s, p in [([2, 2, 4, 4], 2, 2, 0), ([1, 2, 5, 5], 3, 2, 1), ([1, 1, 4, 3], 2, 1, 0)]:
        out = F.max_pool2d(torch.zeros(x), k, s, p).shape
        case("max_pool2d", lambda x, k, s, p: F.max_pool2d(x, k, s, p), R(*x), attrs=[k, s, p])
        case("pool_index",
             lambda x, k, s, p: patches(x, k, s, p, -inf).argmax(2).reshape(
                 x.shape[0], x.shape[1], *F.max_pool2d(x, k, s, p).shape[2:]),
             R(*x), attrs=[k, s, p])
        places = I((torch.arange(out.numel()) * 5 % (k * k)).reshape(out).tolist())
        case("pool_gather",
             lambda x, i, k, s, p: patches(x, k, s, p).gather(2, i.flatten(2)[:, :, None]).reshape(
                 i.shape),
             R(*x), places, attrs=[k, s, p])

        def scattered(g, i, k, s, p, h):
            taps = torch.zeros(*g.shape[:2], k * k, g.shape[2] * g.shape[3], dtype=g.dtype)
            taps = taps.scatter(2, i.flatten(2)[:, :, None], g.flatten(2)[:, :, None])
            x = F.fold(taps.flatten(1, 2), [v + 2 * p for v in h], k, stride=s)
            return x[:, :, p:h[0] + p, p:h[1] + p]

        case("pool_scatter", scattered, R(*out), places, attrs=[k, s, p, x[2:]])
        for pad in (0, 1):
            case("avg_pool2d",
                 lambda x, k, s, p, c: F.avg_pool2d(x, k, s, p, count_include_pad=bool(c)), R(*x),
                 attrs=[k, s, p, pad])

        def transpose(g, k, s, p, h):
            x = torch.zeros(*g.shape[:2], *h, dtype=g.dtype, requires_grad=True)
            return torch.autograd.grad(F.avg_pool2d(x, k, s, p), x, g, create_graph=True)[0]

        case("avg_pool2d_grad", transpose, R(*out), attrs=[k, s, p, x[2:]])
    for size in ([1, 1], [2, 3], [4, 2]):
        case("adaptive_avg_pool2d", lambda x, o: F.adaptive_avg_pool2d(x, o), R(1, 2, 4, 5),
             attrs=[size])
        case("adaptive_max_pool2d", lambda x, o: F.adaptive_max_pool2d(x, o), R(1, 2, 4, 5),
             attrs=[size])
    for size in ([3, 7], [5, 2]):
        case("interpolate", lambda x, o, m, a: F.interpolate(x, o, mode="nearest"), R(1, 2, 4, 3),
             attrs=[size, 0, 0])
        for corners in (0, 1):
            case("interpolate",
                 lambda x, o, m, a: F.interpolate(x, o, mode="bilinear", align_corners=bool(a)),
                 R(1, 2, 4, 3), attrs=[size, 1, corners])
    # attrs: relu, window (0: none)
    for x in ([3, 2, 2, 2], [2, 3, 4, 4]):
        for relu, window in [(0, 0), (1, 0), (1, 2), (0, 2)]:

            def norm(x, w, b, relu, window):
                y = F.batch_norm(x, None, None, w, b, True, eps=1e-2)
                y = torch.relu(y) if relu else y
                return F.max_pool2d(y, window) if window else y

            case("batch_norm", norm, R(*x), R(x[1]), R(x[1]), attrs=[relu, window])
        case("batch_norm_residual",
             lambda x, w, b, s: torch.relu(F.batch_norm(x, None, None, w, b, True, eps=1e-2) + s),
             R(*x), R(x[1]), R(x[1]), R(*x))
        case("batch_norm_given",
             lambda x, m, v, w, b: F.batch_norm(x, m.detach(), v.detach(), w, b, False, eps=1e-2),
             R(*x), R(x[1]), R(x[1], low=0.5, high=2), R(x[1]), R(x[1]))
    case("batch_norm_features", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=1e-2),
         R(5, 3), R(3), R(3))
    case("group_norm", lambda x, w, b, g: F.group_norm(x, g, w, b, eps=1e-2), R(2, 4, 2, 3), R(4),
         R(4), attrs=[2])
    case("instance_norm", lambda x, w, b: F.instance_norm(x, None, None, w, b, eps=1e-2),
         R(2, 2, 3, 2), R(2), R(2))


REDUCTIONS = ["none", "mean", "sum"]


def losses():
    for r in range(3):
        case("mse_loss", lambda a, b, k: F.mse_loss(a, b, reduction=REDUCTIONS[k]), R(2, 3),
             R(2, 3), attrs=[r])
        case("cross_entropy", lambda x, t, k: F.cross_entropy(x, t, reduction=REDUCTIONS[k]),
             R(3, 4), I([0, 3, 3]), attrs=[r])
    case("cross_entropy", lambda x, t, k: F.cross_entropy(x, t),
         V([[1000.0, 0.0, -1000.0], [2.0, 2.0, 2.0]]), I([1, 2]), attrs=[1])
    case("cross_entropy", lambda x, t, k: F.cross_entropy(x.reshape(-1, 3), t.reshape(-1)),
         R(2, 2, 3), I([[0, 1], [2, 2]]), attrs=[1])
    case("mse_loss_by_task", lambda a, b: ((a - b) ** 2).mean((1, 2)), R(3, 2, 1), R(3, 2, 1))
    case("cross_entropy_by_task",
         lambda x, t: torch.stack([F.cross_entropy(a, b) for a, b in zip(x, t)]), R(2, 3, 3),
         I([[0, 1, 2], [2, 2, 0]]))


def compositions():
    sdpa = F.scaled_dot_product_attention
    for b, l, s, d, e in [(1, 2, 3, 2, 2), (2, 3, 3, 2, 1)]:
        for causal in (0, 1):
            # The default kernel has no second derivative; its mathematical form has.
            with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
                case("attention", lambda q, k, v, c: sdpa(q, k, v, is_causal=bool(c)), R(b, l, d),
                     R(b, s, d), R(b, s, e), attrs=[causal])
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        case("attention_mask", lambda q, k, v, m: sdpa(q, k, v, m), R(1, 2, 2, 3), R(1, 2, 3, 3),
             R(1, 2, 3, 2), B([[True, False, True], [True, True, True]]))
        case("attention_bias", lambda q, k, v, m: sdpa(q, k, v, m), R(2, 2, 3), R(2, 3, 3),
             R(2, 3, 2), R(2, 3))


    def by_segment(x, segment, heads):
        q, k, v = (t.unflatten(1, (heads, -1)).transpose(0, 1) for t in x.chunk(3, 1))
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            y = sdpa(q, k, v, segment[:, None] == segment[None, :])
        return y.transpose(0, 1).flatten(1)

    case("segment_attention", by_segment, R(4, 6), I([0, 0, 1, 1]), attrs=[1])
    case("segment_attention", by_segment, R(5, 12), I([1, 0, 1, 2, 1]), attrs=[2])
    for shape, d in [((5,), 0), ((3, 4), 1), ((3, 2), 0), ((2, 3, 2), 1)]:
        case("cumsum", torch.cumsum, R(*shape), attrs=[d])
        case("cumprod", torch.cumprod, R(*shape), attrs=[d])
        case("prod", lambda x, k: torch.prod(x, k), R(*shape), attrs=[d])
        for down in (0, 1):
            case("argsort",
                 lambda x, k, o: torch.argsort(x, dim=k, descending=bool(o), stable=True),
                 R(*shape), attrs=[d, down])
            case("sort", lambda x, k, o: torch.sort(x, k, bool(o)).values, R(*shape),
                 attrs=[d, down])
            case("topk", lambda x, k, o: torch.topk(x, 2, k, bool(o)).values, R(*shape),
                 attrs=[d, down])
        case("min", lambda x, k: torch.min(x, k).values, R(*shape), attrs=[d])
        case("argmin", lambda x, k: torch.argmin(x, k), R(*shape), attrs=[d])
        case("flip", lambda x, k: torch.flip(x, [k]), R(*shape), attrs=[d])
        case("roll", lambda x, k: torch.roll(x, -2, k), R(*shape), attrs=[d])
    case("cumprod", torch.cumprod, V([[2.0, 0.0, 3.0, 0.0, -1.5], [1.0, 2.0, 0.0, 4.0, 0.5]]),
         attrs=[1])
    case("cumprod", torch.cumprod, I([3, -2, 5]), attrs=[0])
    case("prod", lambda x, k: torch.prod(x, k), V([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0]]), attrs=[1])
    case("argsort", lambda x, k, o: torch.argsort(x, dim=k, descending=bool(o), stable=True),
         V([1.0, nan, 0.0, 1.0, inf]), attrs=[0, 0])
    for c in (0, 1):
        case("var", lambda x, d, k: torch.var(x, d, correction=k), R(3, 4), attrs=[[1], c])
        case("std", lambda x, d, k: torch.std(x, d, correction=k), R(2, 3, 2), attrs=[[0, 2], c])
    for order in (1.0, 2.0, 3.0, inf):
        case("norm", lambda x, p, d: torch.linalg.vector_norm(x, p, d), R(3, 4, away=0.2),
             attrs=[order, [1]])
    case("norm", lambda x, p, d: torch.linalg.vector_norm(x, p, d), V([[0.0, 0.0], [3.0, -4.0]]),
         attrs=[2.0, [0]])
    case("amin", lambda x, d: torch.amin(x, d), V([[1.0, 1.0, 2.0], [3.0, 0.5, 0.5]]), attrs=[[1]])
    case("any", lambda x, d: torch.any(x, d), V([[0.0, 0.0], [0.0, nan]]), attrs=[1])
    case("all", lambda x, d: torch.all(x, d), V([[1.0, 0.0], [-1.0, nan]]), attrs=[1])
    edge = V([-2.0, -0.5, 0.0, 0.5, 2.0])
    case("leaky_relu", lambda x, a: F.leaky_relu(x, a), edge, attrs=[0.1])
    case("elu", lambda x, a: F.elu(x, a), V([-2.0, -0.5, 0.5, 2.0]), attrs=[0.7])
    for r in range(3):
        case("l1_loss", lambda a, b, k: F.l1_loss(a, b, reduction=REDUCTIONS[k]), R(2, 3), R(2, 3),
             attrs=[r])
        case("huber_loss", lambda a, b, d, k: F.huber_loss(a, b, reduction=REDUCTIONS[k], delta=d),
             R(2, 3), R(2, 3), attrs=[0.9, r])
        case("kl_div", lambda a, b, k: F.kl_div(a, b, reduction=REDUCTIONS[k]), R(2, 3, high=0),
             R(2, 3, low=0.1, high=1), attrs=[r])
        case("bce_with_logits",
             lambda a, b, k: F.binary_cross_entropy_with_logits(a, b, reduction=REDUCTIONS[k]),
             R(2, 3), R(2, 3, low=0, high=1), attrs=[r])
        case("nll_loss", lambda x, t, k: F.nll_loss(x, t, reduction=REDUCTIONS[k]), R(3, 4),
             I([0, 3, 3]), attrs=[r])
    loss_options()
    case("cosine_similarity", lambda a, b, d: F.cosine_similarity(a, b, d), R(3, 4), R(3, 4),
         attrs=[1])
    case("pairwise_distance", lambda a, b, p: F.pairwise_distance(a, b, p), R(3, 4),
         R(3, 4, low=3, high=5), attrs=[2.0])
    for order in (1.0, 2.0):
        case("cdist", lambda a, b, p: (a[:, None] - b[None]).norm(p, -1), R(3, 2), R(2, 2),
             attrs=[order])
    case("pad", lambda x, k, v: F.pad(x, k, value=v), R(2, 3), attrs=[[1, 2, 0, 1], 1.5])
    case("pad", lambda x, k, v: F.pad(x, k, value=v), R(2, 3), attrs=[[-1, 2], 0.0])
    case("repeat", lambda x, k: x.repeat(*k), R(2, 3), attrs=[[2, 1, 2]])
    for k in (-1, 0, 1):
        case("tril", lambda x, d: torch.tril(x, d), R(3, 4), attrs=[k])
        case("triu", lambda x, d: torch.triu(x, d), R(2, 3, 2), attrs=[k])
        case("diagonal", lambda x, d: torch.diagonal(x, d), R(3, 4), attrs=[k])
    case("split", lambda x: torch.split(x, 2)[-1], R(5, 2))
    case("chunk", lambda x: torch.chunk(x, 3, 1)[1], R(2, 7))
    case("outer", torch.outer, R(3), R(2))
    case("masked_fill", lambda x, m: x.masked_fill(m, 0.25), R(2, 3), B([True, False, True]))
    case("one_hot", lambda i: F.one_hot(i, 4), I([[0, 3], [1, 1]]))
    case("index_put", lambda x, i, j, v: x.index_put((i, j), v), R(3, 4), I([0, 2]), I([1, 3]),
         R(2))
    case("index_put_add", lambda x, i, v: x.index_put((i,), v, accumulate=True), R(3, 2),
         I([0, 2, 0]), R(3, 2))
    for k, (text, shapes) in enumerate(EQUATIONS):
        case("einsum", lambda *a: torch.einsum(EQUATIONS[a[-1]][0], *a[:-1]),
             *[R(*q) for q in shapes], attrs=[k])


def loss_options():
    """Class weights, labels to ignore, smoothing, probabilities as targets: each with each
    reduction."""
    wide = torch.tensor
    f64 = torch.float64
    for r in range(3):
        for ignore, smoothing in [(3, 0.0), (-100, 0.3), (0, 0.1), (-1, 1.0)]:
            labels = I([0, -1, 2, 1, -1])
            if ignore != -1:
                labels = I([0, 3, 3, 1, max(ignore, 0) if ignore >= -1 else 2])
            case("cross_entropy_labels", lambda x, t, k, i, e, w: F.cross_entropy(
                x, t, weight=wide(w, dtype=f64), ignore_index=i, label_smoothing=e,
                reduction=REDUCTIONS[k]),
                R(5, 4), labels, attrs=[r, ignore, smoothing, [0.5, 2.0, 1.25, 0.0]])
            case("cross_entropy_unweighted", lambda x, t, k, i, e: F.cross_entropy(
                x, t, ignore_index=i, label_smoothing=e, reduction=REDUCTIONS[k]),
                R(5, 4), labels, attrs=[r, ignore, smoothing])
        for smoothing in [0.0, 0.2]:
            case("cross_entropy_soft", lambda x, p, k, e, w: F.cross_entropy(
                x, p, weight=wide(w, dtype=f64), label_smoothing=e, reduction=REDUCTIONS[k]),
                R(3, 4), R(3, 4, low=0, high=1), attrs=[r, smoothing, [0.5, 2.0, 1.25, 1.0]])
        case("nll_loss_labels", lambda x, t, k, i, w: F.nll_loss(
            x, t, weight=wide(w, dtype=f64), ignore_index=i, reduction=REDUCTIONS[k]),
            R(4, 3), I([0, 2, 2, 1]), attrs=[r, 2, [0.5, 2.0, 1.25]])
        case("bce_weighted", lambda a, b, k, w, p: F.binary_cross_entropy_with_logits(
            a, b, weight=wide(w, dtype=f64), pos_weight=wide(p, dtype=f64),
            reduction=REDUCTIONS[k]),
            R(2, 3), R(2, 3, low=0, high=1), attrs=[r, [0.5, 2.0, 1.25], [3.0, 0.25, 1.0]])
        case("kl_div_log", lambda a, b, k: F.kl_div(a, b, log_target=True, reduction=REDUCTIONS[k]),
             R(2, 3, high=0), R(2, 3, high=0), attrs=[r])
    case("kl_div_batchmean",
         lambda a, b, log: F.kl_div(a, b, log_target=bool(log), reduction="batchmean"),
         R(4, 3, high=0), R(4, 3, low=0.1, high=1), attrs=[0])
    case("kl_div_batchmean",
         lambda a, b, log: F.kl_div(a, b, log_target=bool(log), reduction="batchmean"),
         R(4, 3, high=0), R(4, 3, high=0), attrs=[1])
    case("cross_entropy_unweighted",
         lambda x, t, k, i, e: F.cross_entropy(x, t, ignore_index=i, label_smoothing=e), R(2, 3),
         I([1, 1]), attrs=[1, 1, 0.1])


# The same list stands in test_golden.cpp.
EQUATIONS = [("ij,jk->ki", [(2, 3), (3, 2)]), ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]),
             ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("ab,b,a->", [(2, 3), (3,), (2,)]),
             ("...ij,...jk->...ik", [(2, 1, 2, 3), (2, 3, 2)]), ("ij", [(2, 3)]), ("ba", [(2, 3)]),
             ("i,j->ij", [(2,), (3,)]), ("ijk->k", [(2, 3, 2)])]


def nets():
    """A net's loss, and the same after two inner steps of gradient descent: derivatives of
    derivatives, to third order and beyond."""

    def net(x, w1, b1, w2, b2):
        return F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2)

    def maml(x, y, w1, b1, w2, b2, lr, steps):
        p = [w1, b1, w2, b2]
        for _ in range(steps):
            g = torch.autograd.grad(F.mse_loss(net(x, *p), y), p, create_graph=True)
            p = [a - lr * b for a, b in zip(p, g)]
        return F.mse_loss(net(2 * x, *p), 0.5 * y)

    for steps in [0, 1, 2]:
        case("maml", maml, R(4, 1), R(4, 1), R(3, 1), R(3), R(1, 3), R(1), attrs=[0.1, steps])

    def f(x):
        return (torch.exp(x) * torch.sin(x)).sum() * torch.tanh(x[0] * x[1])

    case("hessian", lambda x: torch.autograd.functional.hessian(f, x, create_graph=True), R(3))
    case("hvp", lambda x, v: torch.autograd.functional.hvp(f, x, v, create_graph=True)[1], R(3),
         R(3))
    def weighed(t):
        return torch.softmax(t, 0) * t

    of = torch.autograd.functional
    case("jacobian", lambda x: of.jacobian(weighed, x, create_graph=True), R(3))
    case("jvp", lambda x, v: of.jvp(weighed, x, v, create_graph=True)[1], R(3), R(3))
    case("vjp", lambda x, v: of.vjp(weighed, x, v, create_graph=True)[1], R(3), R(3))


def selection():
    """By mask and index; where places repeat in scatter, PyTorch leaves the winner open, so none
    do."""
    case("masked_select", torch.masked_select, R(2, 3),
         B([[True, False, True], [False, True, True]]))
    case("masked_select", torch.masked_select, R(2, 1), B([True, False, True]))
    case("masked_select", torch.masked_select, R(3), B([False, False, False]))
    case("masked_select", torch.masked_select, R(), B(True))
    for x in [[[0.0, 1.0, nan], [-0.0, 0.0, inf]], [0.0, 0.0], 2.0, 0.0]:
        case("nonzero", torch.nonzero, V(x))
    case("nonzero", torch.nonzero, I([[[0, 1], [3, 0]], [[0, 0], [-1, 2]]]))
    case("bincount", lambda i, n: torch.bincount(i, minlength=n), I([1, 3, 3, 0, 3]), attrs=[0])
    case("bincount", lambda i, n: torch.bincount(i, minlength=n), I([2, 2]), attrs=[5])
    case("bincount", lambda i, n: torch.bincount(i, minlength=n), I([]), attrs=[2])
    case("bincount_weights", lambda i, w, n: torch.bincount(i, w, n), I([1, 3, 3, 0, 3]), R(5),
         attrs=[0], order=0)
    for x, dim, index, source in [(R(4), 0, [3, 0, 1], R(3)),
                                  (R(2, 3), 1, [[0, 2], [1, 0]], R(2, 2)),
                                  (R(3, 2), 0, [[2, 0], [0, 1]], R(2, 2)),
                                  (R(2, 3, 2), -2, [[[2, 0]]], R(1, 1, 2))]:
        case("scatter", lambda x, i, s, d: torch.scatter(x, d, i, s), x, I(index), source,
             attrs=[dim])
        case("scatter_value", lambda x, i, d, v: torch.scatter(x, d, i, v), x, I(index),
             attrs=[dim, 0.75])
    for x, dim, index, source, alpha in [(R(4), 0, [3, 0, 3], R(3), 1.0),
                                         (R(2, 3), 1, [1, 1], R(2, 2), -0.5),
                                         (R(3, 2, 2), -3, [2], R(1, 2, 2), 2.0)]:
        case("index_add", lambda x, i, s, d, a: torch.index_add(x, d, i, s, alpha=a), x, I(index),
             source, attrs=[dim, alpha])
    case("embedding", F.embedding, I([[0, 2], [2, 3]]), R(4, 3))
    case("embedding", F.embedding, I(1), R(2, 3))
    for padding in (0, -1):
        case("embedding_padding", lambda i, w, p: F.embedding(i, w, padding_idx=p),
             I([0, 2, 2, 3, 0]), R(4, 2), attrs=[padding])
    case("unbind", lambda x, d: torch.unbind(x, d)[1], R(3, 2), attrs=[0])
    case("unbind", lambda x, d: torch.unbind(x, d)[1], R(2, 2, 3), attrs=[-1])
    for k in (-2, 0, 1):
        case("diag", torch.diag, R(3), attrs=[k])
        case("diag", torch.diag, R(2, 4), attrs=[k])
    case("diag", torch.diag, R(0), attrs=[1])
    for k, how in enumerate(["ij", "xy"]):
        for i in range(3):
            case("meshgrid",
                 lambda a, b, c, k, i: torch.meshgrid(a, b, c, indexing=["ij", "xy"][k])[i], R(2),
                 R(3), R(), attrs=[k, i])
        case("meshgrid_one", lambda a, k: torch.meshgrid(a, indexing=["ij", "xy"][k])[0], R(3),
             attrs=[k])
    for start, end, steps in [(0.0, 1.0, 5), (-1.5, 2.25, 4), (3.0, -1.0, 3), (2.0, 7.0, 1),
                              (2.0, 7.0, 0), (1.0, 1.0, 2)]:
        case("linspace", lambda a, b, n: torch.linspace(a, b, n, dtype=torch.float64),
             attrs=[start, end, steps], order=0)
    case("linspace_i64", lambda a, b, n: torch.linspace(a, b, n, dtype=torch.int64),
         attrs=[0, 10, 4])


def middles():
    """median and quantile; ties in median over all share the gradient; along a dim PyTorch leaves
    open whose it is."""
    for shape, d, keep in [((5,), 0, 0), ((3, 4), 1, 0), ((3, 4), 0, 1), ((2, 3, 2), -2, 0),
                           ((1, 3), 0, 0)]:
        case("median", lambda x, d, k: torch.median(x, d, bool(k)).values, R(*shape),
             attrs=[d, keep])
        case("median_indices", lambda x, d, k: torch.median(x, d, bool(k)).indices, R(*shape),
             attrs=[d, keep])
    case("median", lambda x, d, k: torch.median(x, d, bool(k)).values,
         V([[3.0, nan, 1.0], [inf, -inf, 0.0]]), attrs=[1, 0])
    case("median_all", torch.median, R(2, 3))
    case("median_all", torch.median, R())
    case("median_all", torch.median, V([2.0, 1.0, 2.0, 3.0, 2.0, 0.0]))
    case("median_all", torch.median, V([2.0, nan, 1.0]), order=0)
    case("median_all", torch.median, I([4, 1, 3, 2]))
    for shape, q, d, keep in [((5,), 0.3, 0, 0), ((3, 4), 0.75, 1, 0), ((3, 4), 0.0, 0, 1),
                              ((2, 3, 2), 1.0, -2, 0), ((1,), 0.4, 0, 0)]:
        case("quantile", lambda x, q, d, k: torch.quantile(x, q, d, bool(k)), R(*shape),
             attrs=[q, d, keep])
        case("quantile_all", lambda x, q, k: torch.quantile(x, q, keepdim=bool(k)), R(*shape),
             attrs=[q, keep])
    for keep in (0, 1):
        case("quantiles", lambda x, q, d, k: torch.quantile(x, q, d, bool(k)), R(2, 5),
             V([0.1, 0.55, 0.9]), attrs=[1, keep])
        case("quantiles", lambda x, q, d, k: torch.quantile(x, q, d, bool(k)), R(4, 2, 2),
             V([0.35]), attrs=[0, keep])
    case("quantile", lambda x, q, d, k: torch.quantile(x, q, d, bool(k)),
         V([[1.0, nan, 2.0], [1.0, 3.0, inf]]), attrs=[0.25, 1, 0], order=0)


def least_squares():
    L = torch.linalg
    for shape in [(1, 1), (3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3)]:
        case("qr_q", lambda a: L.qr(a).Q, M(*shape))
        case("qr_r", lambda a: L.qr(a).R, M(*shape))
        case("pinv", L.pinv, M(*shape))
        case("lstsq", lambda a, b: L.lstsq(a, b).solution, M(*shape), R(*shape[:-1], 2))
    case("qr_q", lambda a: L.qr(a).Q, V([[2.0, 1.0], [0.0, -3.0]]))
    # Of rank 1: derivatives along the matrices of that rank, which PyTorch's are too.
    case("pinv_rank", lambda u, v: L.pinv(torch.outer(u, v)), R(3, away=0.3), R(2, away=0.3),
         order=1)
    case("pinv", L.pinv, V([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]), order=1)
    case("pinv", L.pinv, R(3, 0))
    case("lstsq_vector", lambda a, b: (L.pinv(a) @ b[..., None])[..., 0], M(3, 2), R(3))


def windows():
    """Pools with ceil_mode and indices, along one dim; borders; bicubic; convolutions as large as
    their input."""
    def pool(f):
        return lambda x, k, s, p, c: f(x, k, s, p, ceil_mode=True, count_include_pad=bool(c))

    for x, k, s, p in [([1, 2, 5, 6], 2, 2, 0), ([2, 1, 5, 4], 3, 2, 1), ([1, 1, 6, 3], 3, 4, 1),
                       ([1, 2, 2], 3, 2, 0), ([1, 1, 4, 4], 2, 3, 1)]:
        case("max_pool2d_indices",
             lambda x, k, s, p, c: F.max_pool2d(x, k, s, p, ceil_mode=bool(c), return_indices=True)[
                 1],
             R(*x), attrs=[k, s, p, 1])
        case("max_pool2d_ceil", lambda x, k, s, p: F.max_pool2d(x, k, s, p, ceil_mode=True), R(*x),
             attrs=[k, s, p])
        for pad in (0, 1):
            case("avg_pool2d_ceil", pool(F.avg_pool2d), R(*x), attrs=[k, s, p, pad])
    case("max_pool2d_indices",
         lambda x, k, s, p, c: F.max_pool2d(x, k, s, p, return_indices=True)[1], R(2, 2, 5, 4),
         attrs=[3, 2, 1, 0])
    case("max_pool2d_indices",
         lambda x, k, s, p, c: F.max_pool2d(x, k, s, p, return_indices=True)[1],
         V([[[1.0, 1.0, nan], [1.0, 1.0, -inf]]]), attrs=[2, 1, 0, 0])
    for k, s, p in [(2, 2, 0), (3, 2, 1), (3, 1, 1)]:
        case("max_pool1d", lambda x, k, s, p: F.max_pool1d(x, k, s, p), R(2, 2, 7), attrs=[k, s, p])
        for pad in (0, 1):
            case("avg_pool1d", pool(F.avg_pool1d), R(2, 2, 6), attrs=[k, s, p, pad])
    for n in (1, 3, 5):
        case("adaptive_avg_pool1d", lambda x, n: F.adaptive_avg_pool1d(x, n), R(2, 2, 7), attrs=[n])
        case("adaptive_max_pool1d", lambda x, n: F.adaptive_max_pool1d(x, n), R(2, 2, 7), attrs=[n])
    for m, mode in enumerate(["constant", "reflect", "replicate", "circular"]):
        case("pad_mode",
             lambda x, k, m: F.pad(x, k, ["constant", "reflect", "replicate", "circular"][m]),
             R(2, 3, 4), attrs=[[2, 3], m])
        case("pad_mode",
             lambda x, k, m: F.pad(x, k, ["constant", "reflect", "replicate", "circular"][m]),
             R(1, 2, 3, 4), attrs=[[1, 2, 0, 2], m])
        case("pad_mode",
             lambda x, k, m: F.pad(x, k, ["constant", "reflect", "replicate", "circular"][m]),
             R(1, 1, 3, 3), attrs=[[-1, 1, 1, -1], m])
    case("pad_mode", lambda x, k, m: F.pad(x, k, "replicate"), R(1, 2, 1), attrs=[[4, 3], 2])
    for size in ([3, 7], [5, 2], [1, 1], [8, 6]):
        for corners in (0, 1):
            case("bicubic",
                 lambda x, o, a: F.interpolate(x, o, mode="bicubic", align_corners=bool(a)),
                 R(1, 2, 4, 3), attrs=[size, corners])
    for w, d in [([3, 2, 3, 3], [1, 1]), ([2, 2, 2, 3], [2, 1]), ([1, 2, 4, 2], [1, 3])]:
        case("conv2d_same", lambda x, w, b, d: F.conv2d(x, w, b, padding="same", dilation=d),
             R(2, 2, 5, 4), R(*w), R(w[0]), attrs=[d])
    for k in (1, 2, 5):
        case("conv1d_same", lambda x, w: F.conv1d(x, w, padding="same"), R(2, 2, 4), R(3, 2, k))
    for s, p, d, g, more in [(1, 0, 1, 1, 0), (2, 1, 1, 2, 1), (3, 1, 2, 1, 2)]:
        case("conv_transpose1d",
             lambda x, w, b, s, p, d, g, m: F.conv_transpose1d(x, w, b, s, p, m, g, d), R(2, 2, 4),
             R(2, 2, 3), R(2 * g), attrs=[s, p, d, g, more])
    case("rms_norm", lambda x, w, e: F.rms_norm(x, x.shape[1:], w, e), R(2, 3), R(3), attrs=[1e-2])
    case("rms_norm", lambda x, w, e: F.rms_norm(x, x.shape[1:], w, e), R(2, 2, 3), R(2, 3),
         attrs=[0.5])
    case("rms_norm_plain", lambda x: F.rms_norm(x, x.shape[-1:]), R(3, 4))
    case("rms_norm_plain", lambda x: F.rms_norm(x, x.shape[-1:]), V([[0.0, 0.0], [3.0, 4.0]]),
         order=1)
    for r in range(3):
        for beta in (1.0, 0.4, 0.0):
            case("smooth_l1_loss",
                 lambda a, b, e, k: F.smooth_l1_loss(a, b, reduction=REDUCTIONS[k], beta=e),
                 R(2, 3), R(2, 3), attrs=[beta, r])
    case("smooth_l1_loss", lambda a, b, e, k: F.smooth_l1_loss(a, b, reduction="none", beta=e),
         V([0.0, 1.0, -1.0, 1.5]), V([0.0, 0.0, 0.0, 0.0]), attrs=[1.0, 0])
    case("batch_norm_sequence", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=1e-2),
         R(3, 2, 4), R(2), R(2))
    case("batch_norm_sequence_given",
         lambda x, m, v, w, b: F.batch_norm(x, m.detach(), v.detach(), w, b, False, eps=1e-2),
         R(2, 3, 2), R(3), R(3, low=0.5, high=2), R(3), R(3))
    for name, f in [("softmax", torch.softmax), ("log_softmax", torch.log_softmax),
                    ("logsumexp", torch.logsumexp)]:
        for d in (0, -1):
            case(name + "_number", f, R(), attrs=[d])


def committed():
    """The blocks of the file as it stands: {(name, number): lines}, in the file's order."""
    found, count = {}, {}
    for text in PATH.read_text().split("\ncase "):
        name = text.removeprefix("case ").split()[0]
        k = count[name] = count.get(name, -1) + 1
        found[name, k] = "case " + text.removeprefix("case ").removesuffix("\n") + "\n"
    return found


def merged():
    """The committed file with the blocks of --only replaced; a new one stands where a full run
    would write it."""
    old = committed()
    new = {(name, k): text for name, k, text in blocks if text}
    order = [key for key in old if key[0] not in only or key in new]
    after = -1
    for name, k, _ in blocks:
        if (name, k) in order:
            after = order.index((name, k))
        elif (name, k) in new:
            after += 1
            order.insert(after, (name, k))
    return "".join(new.get(key) or old[key] for key in order)


def main():
    if "--only" in sys.argv:
        if sys.argv[-1] == "--only":
            sys.exit("make.py: --only NAME[,NAME]: no name was given")
        only.extend(sys.argv[sys.argv.index("--only") + 1].split(","))
    for part in [
            elementwise, binary, reductions, edges, views, indexing, products, sparse, linalg,
            norms, images, losses, compositions, nets, selection, middles, least_squares, windows]:
        part()
    for name in only:
        if name not in seen:
            sys.exit(f"--only: no case is named {name}")
    text = merged() if only else "".join(text for _, _, text in blocks)
    if "--check" in sys.argv:
        same = PATH.exists() and PATH.read_text() == text
        print("golden.txt is", "up to date" if same else "not what make.py writes")
        sys.exit(0 if same else 1)
    PATH.write_text(text)
    print(f"{sum(seen.values()) + len(seen)} cases of {len(seen)} functions, {len(text)} bytes, "
          f"PyTorch {torch.__version__}")


main()
