#!/usr/bin/env python3
"""Writes tests/layers/bert/: tiny random models in Hugging Face folders, and what the transformers
library makes of them in f64.

    python3 tests/layers/bert.py            # needs torch, transformers and safetensors

bert/: BertForSequenceClassification, prefix "bert.", f32; roberta/:
RobertaForSequenceClassification with gelu_new, f16; plain/: BertModel without prefix or head,
bf16, relu.
truth.safetensors: NAME.in.*, NAME.out.hidden.K (hidden states of layer K, [tokens, 32]), .logits,
.late (the last layer's of ids "late", of which some stand behind padding), .loss (mean
cross-entropy); NAME.grad.* and NAME.after.*: of each parameter's gradient, and of the
parameter after three steps of AdamW, the sum and the sum with cotangents (as in text_layers.py).
"""
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file
from transformers import (BertConfig, BertForSequenceClassification, BertModel, RobertaConfig,
                          RobertaForSequenceClassification)

torch.set_num_threads(1)
FOLDER = pathlib.Path(__file__).with_name("bert")
# plain/vocab.txt, for regrad-rde --net: words of its generated reviews
VOCABULARY = """[PAD] [UNK] [CLS] [SEP] [MASK] the is not and but i nobody , . film movie plot story
cast music very rather good fine great funny witty charming lovely clever smart moving touching bad
poor awful dull boring silly stupid messy clumsy cold hollow liked enjoyed loved praised disliked
hated loathed mocked act ending script dialogue ##ed ##s ##or ##a""".split()
out = {}

SIZES = dict(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
             intermediate_size=37, max_position_embeddings=24, hidden_dropout_prob=0.0,
             attention_probs_dropout_prob=0.0)
IDS = torch.tensor([[2, 17, 5, 33, 41, 9, 3], [2, 8, 3, 0, 0, 0, 0], [2, 59, 20, 20, 3, 0, 0]])
TYPES = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0, 0]])
LABELS = torch.tensor([2, 0, 1])


def sums(t):
    i = torch.arange(t.numel())
    c = ((i * 7 % 16 * 2 - 15) / 16.0).reshape(t.shape)
    return torch.stack([t.sum(), (t * c).sum()])


def drawn(net, seed):
    torch.manual_seed(seed)
    for name, p in net.named_parameters():
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        torch.nn.init.normal_(p, centre, 0.25)
    return net.eval()


def write(name, net, ids, dtype, types=None):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    net = net.to(dtype)
    net.save_pretrained(folder)
    for extra in folder.iterdir():
        if extra.name not in ("config.json", "model.safetensors"):
            extra.unlink()
    net = net.double()
    mask = (ids != net.config.pad_token_id).long()
    given = {"input_ids": ids, "attention_mask": mask}
    out[f"{name}.in.ids"] = ids
    if types is not None:
        given["token_type_ids"] = out[f"{name}.in.types"] = types
    y = net(**given, output_hidden_states=True)
    for k, h in enumerate(y.hidden_states):
        out[f"{name}.out.hidden.{k}"] = h[mask.bool()]
    if not hasattr(y, "logits"):
        return
    out[f"{name}.out.logits"] = y.logits
    late = torch.roll(ids, 2, 1)  # padding in front
    out[f"{name}.in.late"] = late
    mask = late != net.config.pad_token_id
    y = net(late, mask.long(), output_hidden_states=True)
    out[f"{name}.out.late"] = y.hidden_states[-1][mask]
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    for step in range(3):
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(**given).logits, LABELS)
        loss.backward()
        if step == 0:
            out[f"{name}.out.loss"] = loss
            for key, p in net.named_parameters():
                out[f"{name}.grad.{key}"] = sums(p.grad)
        opt.step()
    for key, p in net.named_parameters():
        out[f"{name}.after.{key}"] = sums(p)


write("bert", drawn(BertForSequenceClassification(
    BertConfig(**SIZES, num_labels=3, hidden_act="gelu")), 1), IDS, torch.float32, TYPES)
write("roberta", drawn(RobertaForSequenceClassification(
    RobertaConfig(**SIZES, num_labels=3, hidden_act="gelu_new", type_vocab_size=1,
                  layer_norm_eps=1e-5, pad_token_id=1)), 2),
      torch.where(IDS == 0, 1, IDS), torch.float16)
SIZES.update(num_hidden_layers=1, intermediate_size=16)
write("plain", drawn(BertModel(BertConfig(**SIZES, hidden_act="relu", layer_norm_eps=1e-3)), 3),
      IDS, torch.bfloat16)
(FOLDER / "plain" / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
save_file({k: v.detach().contiguous().clone() for k, v in out.items()},
          FOLDER / "truth.safetensors")
print(sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file()), "bytes, transformers",
      transformers.__version__)
