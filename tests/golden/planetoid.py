"""Writes planetoid/ind.tiny.*: a graph of 9 nodes as Planetoid's files hold one. NumPy and SciPy
make the objects; the pickler below spells them as Python 2's did (str as SHORT_BINSTRING, bytes as
BINSTRING, the modules' old names). Run it in this folder."""
import collections
import io
import os
import pickle
import struct

import numpy as np
import scipy.sparse as sp

NAMES = {"scipy.sparse._csr": "scipy.sparse.csr", "numpy._core.multiarray": "numpy.core.multiarray"}


class Python2(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)

    def save_text(self, text):
        data = text.encode("latin1") if isinstance(text, str) else text
        head = b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))
        self.write(head + data)
        self.memoize(text)

    dispatch[str] = save_text
    dispatch[bytes] = save_text


def dumps(value):
    out = io.BytesIO()
    Python2(out, 2).dump(value)
    data = out.getvalue()
    for new, old in NAMES.items():
        data = data.replace(b"c" + new.encode() + b"\n", b"c" + old.encode() + b"\n")
    return data


rows = [[1, 0, 0, 1], [0, 1, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]]
test = [[0, 0, 0, 2], [1, 0, 0, 0], [0, 3, 0, 0]]
one_hot = np.eye(3, dtype="i4")
graph = collections.defaultdict(list)
for a, b in [(0, 1), (1, 2), (2, 2), (3, 8), (8, 0), (5, 6), (0, 1)]:
    graph[a].append(b)
    graph[b].append(a)
for node in range(9):
    graph[node]
parts = {
    "x": sp.csr_matrix(np.array(rows[:2], "f4")), "y": one_hot[[0, 1]],
    "allx": sp.csr_matrix(np.array(rows, "f4")),
    "ally": np.concatenate([one_hot[[0, 1, 2, 0]], np.zeros((1, 3), "i4")]),
    "tx": sp.csr_matrix(np.array(test, "f4")),
    "ty": np.asfortranarray(one_hot[[2, 1, 0]]),
    "graph": graph,
}
os.makedirs("planetoid", exist_ok=True)
for part, value in parts.items():
    with open(f"planetoid/ind.tiny.{part}", "wb") as f:
        f.write(dumps(value))
with open("planetoid/ind.tiny.test.index", "w") as f:
    f.write("8\n5\n7\n")  # node 6 has neither features nor label
