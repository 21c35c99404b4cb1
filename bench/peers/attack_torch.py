"""attack/pwws_cnn: PWWS on a convolutional text classifier. The definitions are in
bench/bench_attack.cpp.

Peer: torch eager, inference mode. Texts are tensors of ids and candidates lists of ids that are
made once, so that no string is touched; every batch is ours: the text, each word left unknown, the
candidates of one position.
"""
import sys

sys.dont_write_bytecode = True
from common import fill, load, main, unit  # noqa: E402

WORDS, WIDTH, CHANNELS, UNKNOWN = 2002, 128, 64, 1
TEXTS = 40


def texts():
    import numpy as np
    longest = 8 + (unit(300, TEXTS).astype(np.float64) * 25).astype(int)
    return [[2 + int(u) for u in unit(301 + n, longest[n]).astype(np.float64) * 2000]
            for n in range(TEXTS)]


def candidates(word):
    k = word - 2
    made = [2 + (k * 31 + 97 * (j + 1)) % 2000 for j in range(k % 11)]
    return [c for c in made if c != word]


def network():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(WORDS, WIDTH)
            self.convs = nn.ModuleList(nn.Conv1d(WIDTH, CHANNELS, w) for w in (3, 4, 5))
            self.fc = nn.Linear(3 * CHANNELS, 2)

        def forward(self, ids):
            x = self.embedding(ids).transpose(1, 2)
            # zeros behind a text's end: as many windows as words
            y = [torch.relu(c(nn.functional.pad(x, (0, w - 1)))).amax(2)
                 for w, c in zip((3, 4, 5), self.convs)]
            return self.fc(torch.cat(y, 1))
    net = Net().eval()
    with torch.no_grad():
        net.embedding.weight.copy_(torch.from_numpy(fill(1, (WORDS, WIDTH), 1)))
        for i, c in enumerate(net.convs):
            w = i + 3
            c.weight.copy_(torch.from_numpy(fill(2 + i, (CHANNELS, WIDTH, w), (WIDTH * w)**-0.5)))
            c.bias.zero_()
        net.fc.weight.copy_(torch.from_numpy(fill(5, (2, 3 * CHANNELS), 0.5)))
        net.fc.bias.zero_()
        # the classes balanced over the texts: the middle of their logits' differences
        d = sorted(float(z[0] - z[1]) for z in (net(torch.tensor([t]))[0] for t in texts()))
        net.fc.bias[1] = (d[TEXTS // 2 - 1] + d[TEXTS // 2]) / 2
    return net


class Attack:
    def __init__(self):
        import torch
        self.torch = torch
        self.net = network()
        self.texts = [torch.tensor(t) for t in texts()]
        self.tried = {w: torch.tensor(candidates(w), dtype=torch.int64)
                      for t in texts() for w in t}

    def scores(self, ids, truth):
        """1 - p(truth) of each row, and the predictions; counts the queries."""
        p = self.torch.softmax(self.net(ids), 1)
        self.queries += len(ids)
        return 1 - p[:, truth], p.argmax(1)

    def changed(self, text, i, by):
        out = text.repeat(len(by), 1)
        out[:, i] = by
        return out

    def one(self, text):
        torch = self.torch
        p = torch.softmax(self.net(text[None]), 1)[0]
        self.queries += 1
        truth = int(p.argmax())
        now = float(1 - p[truth])
        left_out = text.repeat(len(text), 1)
        left_out.fill_diagonal_(UNKNOWN)
        rank = torch.softmax(self.scores(left_out, truth)[0], 0)
        best = torch.zeros(len(text))
        for i, w in enumerate(text.tolist()):
            if len(self.tried[w]):
                best[i] = self.scores(self.changed(text, i, self.tried[w]), truth)[0].max()
        current = text.clone()
        for i in torch.argsort(-rank * best, stable=True).tolist():
            by = self.tried[int(text[i])]
            if not len(by):
                continue
            s, predicted = self.scores(self.changed(current, i, by), truth)
            top = int(s.argmax())
            if not float(s[top]) > now:
                continue
            now = float(s[top])
            current[i] = by[top]
            if int(predicted[top]) != truth:
                return 1, now
        return 0, now

    def all(self):
        self.queries = 0
        with self.torch.inference_mode():
            out = [self.one(t) for t in self.texts]
        return sum(o[0] for o in out), self.queries, sum(o[1] for o in out)


def make(peer, workload, threads):
    attack = Attack()
    return attack.all(), attack.all, TEXTS


if __name__ == "__main__":
    main(__doc__, load, make)
