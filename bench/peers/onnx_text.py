"""BERT of MiniLM's shape as an ONNX graph of ONNX Runtime's fused operators: what its transformer
optimizer makes of an exported net (Attention, SkipLayerNormalization, BiasGelu).
"""
from onnx_nets import Graph
from text_nets import EPS, HEADS, INNER, LAYERS, LENGTH, TEXTS, WIDTH, ids, matrices


def minilm():
    import numpy as np
    g, given = Graph(), iter(matrices())
    zeros, ones = (lambda n: g.constant(np.zeros(n, np.float32)),
                   lambda n: g.constant(np.ones(n, np.float32)))
    ms = dict(domain="com.microsoft")

    def norm(x, skip, bias):
        return g.add("SkipLayerNormalization", x, skip, ones(WIDTH), zeros(WIDTH), bias,
                     epsilon=EPS, **ms)

    words, positions, types = (next(given) for _ in range(3))
    x = g.add("Gather", g.constant(words), "x")
    added = np.broadcast_to(positions[:LENGTH] + types[0], (TEXTS, LENGTH, WIDTH))
    x = norm(x, g.constant(np.ascontiguousarray(added)), zeros(WIDTH))
    for _ in range(LAYERS):
        qkv, out, up, down = (g.constant(np.ascontiguousarray(next(given).T)) for _ in range(4))
        y = g.add("Attention", x, qkv, zeros(3 * WIDTH), num_heads=HEADS, **ms)
        x = norm(g.add("MatMul", y, out), x, zeros(WIDTH))
        y = g.add("BiasGelu", g.add("MatMul", x, up), zeros(INNER), **ms)
        x = norm(g.add("MatMul", y, down), x, zeros(WIDTH))
    x = g.add("Gather", x, g.constant(np.array(0, np.int64)), axis=1)
    x = g.add("Tanh", g.linear(x, next(given)))
    return g.ids_model(g.linear(x, next(given)), (TEXTS, LENGTH), 2), ids()
