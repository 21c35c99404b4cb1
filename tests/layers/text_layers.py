#!/usr/bin/env python3
"""Writes text_layers.safetensors: layers and nets of texts by PyTorch in f64, with gradients.

    python3 tests/layers/text_layers.py            # needs torch and safetensors

CASE.in.*: what goes in; CASE.net.*: parameters; CASE.out.*: what comes out; CASE.grad.NAME:
d sum_i <i-th output, cotangent> / d NAME, cotangents being odd multiples of 1/16 (cotangent below,
and in test_text_layers.cpp).
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
PATH = pathlib.Path(__file__).with_name("text_layers.safetensors")
out = {}


def cotangent(like):
    i = torch.arange(like.numel())
    return ((i * 7 % 16 * 2 - 15) / 16.0).reshape(like.shape)


def case(name, parameters, inputs, outputs):
    for k, v in inputs.items():
        out[f"{name}.in.{k}"] = v
    for k, v in parameters.items():
        out[f"{name}.net.{k}"] = v
    for k, v in outputs.items():
        out[f"{name}.out.{k}"] = v
    wanted = dict(parameters)
    wanted.update({k: v for k, v in inputs.items() if v.requires_grad})
    total = sum((v * cotangent(v)).sum() for v in outputs.values())
    for k, g in zip(wanted, torch.autograd.grad(total, list(wanted.values()))):
        out[f"{name}.grad.{k}"] = g


def drawn(module, scale=0.5):
    for p in module.parameters():
        torch.nn.init.normal_(p, 0, scale)
    return dict(module.named_parameters())


def lstm(name, both):
    torch.manual_seed(1)
    net = torch.nn.LSTM(3, 2, batch_first=True, bidirectional=both)
    p = drawn(net)
    x = torch.randn(3, 5, 3, requires_grad=True)
    lengths = torch.tensor([3, 5, 1])
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    y, (h, c) = net(packed)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, True)
    case(name, p, {"x": x, "lengths": lengths}, {"y": y, "h": h, "c": c})


def attention():
    torch.manual_seed(2)
    net = torch.nn.MultiheadAttention(6, 3, batch_first=True)
    p = drawn(net)
    x = torch.randn(2, 4, 6, requires_grad=True)
    mask = torch.tensor([[False, False, True, False], [False, True, True, True]])
    y, _ = net(x, x, x, key_padding_mask=mask, need_weights=False)
    case("attention", p, {"x": x, "mask": mask}, {"y": y})
    y, _ = net(x, x, x, need_weights=False)
    case("attention_all", p, {"x": x}, {"y": y})


def encoder(name, first, f):
    torch.manual_seed(3)
    net = torch.nn.TransformerEncoderLayer(4, 2, 5, 0.0, f, 1e-3, True, first)
    p = drawn(net)
    x = torch.randn(2, 3, 4, requires_grad=True)
    mask = torch.tensor([[False, False, False], [False, True, True]])
    case(name, p, {"x": x, "mask": mask}, {"y": net(x, src_key_padding_mask=mask)})


IDS = torch.tensor([[3, 1, 4, 1, 5], [2, 6, 0, 0, 0], [5, 0, 0, 0, 0], [7, 7, 2, 0, 0]])


def words():
    torch.manual_seed(4)
    weight = torch.randn(8, 4) * 0.7
    weight[0] = 0
    return torch.nn.Parameter(weight)


def cnn():
    p = {"embedding.weight": words()}
    for i, w in enumerate([1, 2, 4]):
        p[f"convs.{i}.weight"] = torch.nn.Parameter(torch.randn(3, 4, w) * 0.5)
        p[f"convs.{i}.bias"] = torch.nn.Parameter(torch.randn(3) * 0.5)
    p["fc.weight"] = torch.nn.Parameter(torch.randn(2, 9))
    p["fc.bias"] = torch.nn.Parameter(torch.randn(2))
    x = F.embedding(IDS, p["embedding.weight"], 0).mT
    seen = (IDS != 0)[:, None, :]
    maps = []
    for i, w in enumerate([1, 2, 4]):
        y = F.conv1d(F.pad(x, (0, w - 1)), p[f"convs.{i}.weight"], p[f"convs.{i}.bias"])
        maps.append(y.relu().masked_fill(~seen, 0).amax(2))
    h = torch.cat(maps, 1)
    case("cnn", p, {"ids": IDS}, {"features": h, "y": F.linear(h, p["fc.weight"], p["fc.bias"])})


def bilstm():
    w = words()
    net = torch.nn.LSTM(4, 3, batch_first=True, bidirectional=True)
    p = {"embedding.weight": w}
    p.update({f"lstm.{k}": v for k, v in drawn(net).items()})
    p["fc.weight"] = torch.nn.Parameter(torch.randn(2, 6))
    p["fc.bias"] = torch.nn.Parameter(torch.randn(2))
    lengths = (IDS != 0).sum(1)
    packed = torch.nn.utils.rnn.pack_padded_sequence(F.embedding(IDS, w, 0), lengths, True, False)
    _, (h, _) = net(packed)
    h = torch.cat([h[0], h[1]], 1)
    case("bilstm", p, {"ids": IDS}, {"features": h, "y": F.linear(h, p["fc.weight"], p["fc.bias"])})


def transformer():
    w = words()
    p = {"embedding.weight": w, "cls": torch.nn.Parameter(torch.randn(1, 4)),
         "positions": torch.nn.Parameter(torch.randn(7, 4))}
    blocks = [torch.nn.TransformerEncoderLayer(4, 2, 6, 0.0, "gelu", 1e-5, True, True)
              for _ in range(2)]
    for i, b in enumerate(blocks):
        p.update({f"layers.{i}.{k}": v for k, v in drawn(b).items()})
    norm = torch.nn.LayerNorm(4)
    p.update({f"norm.{k}": v for k, v in drawn(norm).items()})
    p["fc.weight"] = torch.nn.Parameter(torch.randn(2, 4))
    p["fc.bias"] = torch.nn.Parameter(torch.randn(2))
    x = F.embedding(IDS, w, 0)
    x = torch.cat([p["cls"].expand(len(x), 1, 4), x], 1) + p["positions"][:6]
    hidden = torch.cat([torch.zeros(len(x), 1, dtype=torch.bool), IDS == 0], 1)
    for b in blocks:
        x = b(x, src_key_padding_mask=hidden)
    h = norm(x[:, 0])
    case("transformer", p, {"ids": IDS},
         {"features": h, "y": F.linear(h, p["fc.weight"], p["fc.bias"])})


lstm("lstm", False)
lstm("bilstm_layer", True)
attention()
encoder("pre", True, "gelu")
encoder("post", False, "gelu")
encoder("post_tanh", False, lambda x: F.gelu(x, approximate="tanh"))
encoder("pre_relu", True, "relu")
cnn()
bilstm()
transformer()
save_file({k: v.detach().contiguous().clone() for k, v in out.items()}, PATH)
print(len(out), "tensors,", PATH.stat().st_size, "bytes, PyTorch", torch.__version__)
