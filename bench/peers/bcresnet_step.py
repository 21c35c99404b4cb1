"""bcresnet_step, bcresnet_infer and res_norm: BC-ResNet-1 on spectrograms. The definitions are in
bench/bench_bcresnet.cpp.

Peers of bcresnet_step and bcresnet_infer: torch eager, torch channels_last, torch compile
(bcresnet_infer: also torch freeze, a frozen trace, and onnxruntime f32 and int8, openvino f32 and
int8).
Peers of res_norm: torch eager (mean, variance, quotient), torch layer_norm (on frequencies turned
to the front), torch compile (var_mean).
"""
import runtimes
from common import fill, load, main

CLIPS, FRAMES, CLASSES = 64, 101, 12


def network(mels):
    import torch
    from torch import nn
    bands = 5 if mels == 40 else 4

    def conv(i, o, kernel, **more):
        return nn.Conv2d(i, o, kernel, bias=False, **more)

    class SubSpectral(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.norm = nn.BatchNorm2d(c * bands)

        def forward(self, x):
            n, c, f, t = x.shape
            return self.norm(x.reshape(n, c * bands, f // bands, t)).reshape(n, c, f, t)

    class Block(nn.Module):
        def __init__(self, i, o, stride, dilation, transition):
            super().__init__()
            enter = nn.Sequential(conv(i, o, 1), nn.BatchNorm2d(o), nn.ReLU())
            self.enter = enter if transition else None
            self.over_freq = nn.Sequential(
                conv(o, o, (3, 1), stride=(stride, 1), padding=(1, 0), groups=o), SubSpectral(o))
            self.over_time = nn.Sequential(
                conv(o, o, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=o),
                nn.BatchNorm2d(o), nn.SiLU(), conv(o, o, 1))

        def forward(self, x):
            f2 = self.over_freq(x if self.enter is None else self.enter(x))
            y = f2 + self.over_time(f2.mean(2, keepdim=True))
            return torch.relu(y if self.enter is not None else x + y)

    parts, c = [conv(1, 16, 5, stride=(2, 1), padding=2), nn.BatchNorm2d(16), nn.ReLU()], 16
    stages = (8, 2, 1, 1), (12, 2, 2, 2), (16, 4, 2, 4), (20, 4, 1, 8)
    for out, blocks, stride, dilation in stages:
        for i in range(blocks):
            parts.append(Block(c, out, stride if i == 0 else 1, dilation, i == 0))
            c = out
    parts += [conv(20, 20, 5, padding=(0, 2), groups=20), conv(20, 32, 1), nn.BatchNorm2d(32),
              nn.ReLU(), nn.AdaptiveAvgPool2d(1), conv(32, CLASSES, 1), nn.Flatten()]
    net = nn.Sequential(*parts)
    with torch.no_grad():
        for k, m in enumerate(m for m in net.modules() if isinstance(m, nn.Conv2d)):
            bound = (6 / m.weight[0].numel()) ** 0.5
            m.weight.copy_(torch.from_numpy(fill(1 + k, tuple(m.weight.shape), bound)))
    return net


def placed(kind, mels):
    import torch
    net, x = network(mels), torch.from_numpy(fill(100, (CLIPS, 1, mels, FRAMES), 1))
    if kind == "channels_last" or kind == "compile":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    return net, x


def training(kind, mels):
    import torch
    net, x = placed(kind, mels)
    y = torch.arange(CLIPS) % CLASSES
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, fused=True)
    forward = torch.compile(net) if kind == "compile" else net

    def step():
        sgd.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(forward(x), y)
        loss.backward()
        sgd.step()
        return loss.detach()
    losses = [float(step()) for _ in range(5)]
    return [losses[i - 1] for i in (1, 2, 5)], step, 1


def inference(kind, mels):
    import torch
    net, x = placed(kind, mels)
    net, x = net.eval(), x[:1].contiguous()
    forward = torch.compile(net) if kind == "compile" else net
    if kind == "freeze":
        forward = torch.jit.freeze(torch.jit.trace(net, x))

    def step():
        with torch.inference_mode():
            return forward(x)
    z = [step() for _ in range(5)][-1].double()
    return [float(z.sum()), float(z.abs().sum())], step, 1


def residual_norm(kind, mels):
    import torch
    shape = (CLIPS, 20, mels, FRAMES)
    x, g = (torch.from_numpy(fill(k, shape, 1)) for k in (100, 101))
    x.requires_grad_()

    def composed(x):
        m = x.mean((1, 3), keepdim=True)
        v = ((x - m) ** 2).mean((1, 3), keepdim=True)
        return 0.1 * x + (x - m) / torch.sqrt(v + 1e-5)

    def layer_norm(x):
        t = x.transpose(1, 2)
        return 0.1 * x + torch.nn.functional.layer_norm(t, (t.shape[2], t.shape[3]),
                                                        eps=1e-5).transpose(1, 2)

    def moments(x):
        v, m = torch.var_mean(x, (1, 3), keepdim=True, correction=0)
        return 0.1 * x + (x - m) * torch.rsqrt(v + 1e-5)
    norm = {"eager": composed, "layer_norm": layer_norm}.get(kind) or torch.compile(moments)

    def step():
        y = norm(x)
        return y, torch.autograd.grad(y, x, g)[0]
    return [float(t.detach().double().abs().sum()) for t in step()], step, 1


def make(peer, workload, threads):
    name, case = workload.split("/")
    if not peer.startswith("torch"):
        step = runtimes.step_of(peer, "bcresnet_" + case, 1, threads)
        z = [step() for _ in range(5)][-1].astype("float64")
        return [float(z.sum()), float(abs(z).sum())], step, 1
    run = {"bcresnet_step": training, "bcresnet_infer": inference, "res_norm": residual_norm}[name]
    return run(peer.split()[1], int(case[1:]))


if __name__ == "__main__":
    main(__doc__, load, make)
