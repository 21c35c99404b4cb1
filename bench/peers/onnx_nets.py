"""The nets of sparse_infer and bcresnet_infer as ONNX graphs, written node by node from the same
weights, norms folded in as a deployed net has them.

build(name, batch) -> (model, x), name: mlp_s95, resnet20_s90, bcresnet_F40 or minilm_32.
"""
from common import fill, pruned

FOLDED = (1 + 1e-5) ** 0.5  # what a norm of mean 0 and variance 1 divides by


class Graph:
    def __init__(self):
        self.nodes, self.values, self.count = [], [], 0

    def constant(self, array):
        from onnx import numpy_helper
        self.count += 1
        self.values.append(numpy_helper.from_array(array, f"c{self.count}"))
        return f"c{self.count}"

    def ints(self, *values):
        import numpy as np
        return self.constant(np.array(values, np.int64))

    def add(self, op, *inputs, **attributes):
        from onnx import helper
        self.count += 1
        self.nodes.append(helper.make_node(op, list(inputs), [f"t{self.count}"],
                                           name=f"{op}{self.count}", **attributes))
        return f"t{self.count}"

    def conv(self, x, w, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
        return self.add("Conv", x, self.constant(w), kernel_shape=w.shape[2:], strides=stride,
                        pads=padding * 2, dilations=dilation, group=groups)

    def linear(self, x, w):
        import numpy as np
        bias = np.zeros(w.shape[0], np.float32)
        return self.add("Gemm", x, self.constant(w), self.constant(bias), transB=1)

    def ids_model(self, y, shape, outputs):
        from onnx import TensorProto, helper
        return self.model(y, shape, outputs, TensorProto.INT64,
                          [helper.make_opsetid("com.microsoft", 1)])

    def model(self, y, shape, outputs, kind=None, more=()):
        from onnx import TensorProto, checker, helper
        given = helper.make_tensor_value_info("x", kind or TensorProto.FLOAT, shape)
        self.nodes[-1].output[0] = "y"
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, (shape[0], outputs))
        m = helper.make_model(helper.make_graph(self.nodes, "net", [given], [out], self.values),
                              opset_imports=[helper.make_opsetid("", 17), *more])
        m.ir_version = 8
        checker.check_model(m)
        return m


def mlp(share, batch):
    g, y = Graph(), "x"
    for i in (1, 2):
        y = g.linear(y, pruned(fill(i, (1024, 1024), 1 / 32), share))
        y = g.add("Relu", y) if i == 1 else y
    return g.model(y, (batch, 1024), 1024), fill(100, (batch, 1024), 1)


def resnet20(share, batch):
    import numpy as np
    g = Graph()

    def conv(x, k, inside, out, stride):
        w = fill(1 + k, (out, inside, 3, 3), (6 / (9 * inside)) ** 0.5)
        return g.conv(x, (pruned(w, share if k else 0) / np.float32(FOLDED)).astype(np.float32),
                      (stride, stride), (1, 1))

    y, wide = g.add("Relu", conv("x", 0, 3, 16, 1)), [16] * 4 + [32] * 3 + [64] * 3
    for j in range(9):
        inside, out, stride = wide[j], wide[j + 1], 2 if j in (3, 6) else 1
        first = g.add("Relu", conv(y, 1 + 2 * j, inside, out, stride))
        second = conv(first, 2 + 2 * j, out, out, 1)
        if stride == 2:
            more = (out - inside) // 2
            y = g.add("Slice", y, g.ints(0, 0), g.ints(32, 32), g.ints(2, 3), g.ints(2, 2))
            y = g.add("Pad", y, g.ints(0, more, 0, 0, 0, more, 0, 0))
        y = g.add("Relu", g.add("Add", y, second))
    y = g.add("Flatten", g.add("GlobalAveragePool", y))
    shape = (batch, 3, 32, 32)
    return g.model(g.linear(y, fill(50, (10, 64), 1 / 8)), shape, 10), fill(100, shape, 1)


def bcresnet(mels, batch):
    import numpy as np
    g, count = Graph(), [0]

    def conv(x, inside, out, kernel, norm=True, **more):
        count[0] += 1
        shape = (out, inside // more.get("groups", 1), *kernel)
        w = fill(count[0], shape, (6 / np.prod(shape[1:])) ** 0.5)
        return g.conv(x, (w / np.float32(FOLDED if norm else 1)).astype(np.float32), **more)

    def sub_spectral(x, c, rows):
        """Its scale and shift differ from band to band, so a convolution cannot take them."""
        scale = np.full((1, c, rows, 1), 1 / FOLDED, np.float32)
        return g.add("Add", g.add("Mul", x, g.constant(scale)), g.constant(np.zeros_like(scale)))

    def block(x, inside, out, stride, dilation, rows, transition):
        f = g.add("Relu", conv(x, inside, out, (1, 1))) if transition else x
        f = conv(f, out, out, (3, 1), norm=False, stride=(stride, 1), padding=(1, 0), groups=out)
        f = sub_spectral(f, out, rows)
        t = g.add("ReduceMean", f, axes=[2], keepdims=1)
        t = conv(t, out, out, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=out)
        t = conv(g.add("Mul", t, g.add("Sigmoid", t)), out, out, (1, 1), norm=False)
        y = g.add("Add", f, t)
        return g.add("Relu", y if transition else g.add("Add", x, y))

    y = g.add("Relu", conv("x", 1, 16, (5, 5), stride=(2, 1), padding=(2, 2)))
    c, rows = 16, mels // 2
    stages = (8, 2, 1, 1), (12, 2, 2, 2), (16, 4, 2, 4), (20, 4, 1, 8)
    for out, blocks, stride, dilation in stages:
        for i in range(blocks):
            rows = (rows - 1) // (stride if i == 0 else 1) + 1
            y, c = block(y, c, out, stride if i == 0 else 1, dilation, rows, i == 0), out
    y = conv(y, 20, 20, (5, 5), norm=False, padding=(0, 2), groups=20)
    y = g.add("GlobalAveragePool", g.add("Relu", conv(y, 20, 32, (1, 1))))
    y = g.add("Flatten", conv(y, 32, 12, (1, 1), norm=False))
    return g.model(y, (batch, 1, mels, 101), 12), fill(100, (batch, 1, mels, 101), 1)


def build(name, batch):
    model, size = name.split("_")
    if model == "minilm":
        import onnx_text
        return onnx_text.minilm()
    if model == "bcresnet":
        return bcresnet(int(size[1:]), batch)
    return {"mlp": mlp, "resnet20": resnet20}[model](int(size[1:]) / 100, batch)
