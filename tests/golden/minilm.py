#!/usr/bin/env python3
"""Writes minilm.safetensors: what the transformers library makes of real texts with all-MiniLM-L6-v2.

    tests/golden/minilm.py FOLDER ../shared/data    # the model's folder (fetch_minilm.py)

Texts: the first 25 of SST-2's dev part, then the first 25 of AG-News' test file (title, blank,
description). ids, lengths: of each its ids with [CLS] and [SEP], at most 64, one behind the other.
Of texts 0, 2, 25 and 26 in f32: first.N, [CLS]'s hidden state behind the embeddings and behind each
layer [7,384]; all.0: every token's last state. Needs torch, transformers (5.24 made it).
"""
import csv
import gzip
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import BertModel, BertTokenizerFast

folder, data = sys.argv[1], pathlib.Path(sys.argv[2])
with gzip.open(data / "sst2_dev.tsv.gz", "rt", encoding="utf-8") as file:
    texts = [line.rsplit("\t", 1)[0] for line in file][:25]
with gzip.open(data / "ag_news_test.csv.gz", "rt", encoding="utf-8", newline="") as file:
    texts += [row[1] + " " + row[2] for row, _ in zip(csv.reader(file), range(25))]

tokenizer = BertTokenizerFast.from_pretrained(folder)
assert len(tokenizer) == 30522, len(tokenizer)
net = BertModel.from_pretrained(folder).double().eval()
ids = [tokenizer(t, truncation=True, max_length=64)["input_ids"] for t in texts]
out = {"ids": torch.tensor(sum(ids, [])), "lengths": torch.tensor([len(i) for i in ids])}
with torch.no_grad():
    for n in (0, 2, 25, 26):
        states = net(torch.tensor([ids[n]]), output_hidden_states=True).hidden_states
        out[f"first.{n}"] = torch.stack([s[0, 0] for s in states]).float()
        if n == 0:
            out["all.0"] = states[-1][0].float()
file = pathlib.Path(__file__).with_name("minilm.safetensors")
save_file(out, file)
print(file.stat().st_size, "bytes;", " ".join(map(str, out["lengths"].tolist())))
