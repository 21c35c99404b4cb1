#!/usr/bin/env python3
"""Writes byte_pair/vocab.json and merges.txt, a small byte-level BPE, and byte_pair.txt: what
transformers' RobertaTokenizer makes of texts with it.

A line of byte_pair.txt: the text's UTF-8 bytes in hexadecimal, its tokens, and its ids of at most
12 (with <s> and </s>), between tabs. Needs tokenizers and transformers (0.23 and 5.24 made it).
"""
import codecs
import contextlib
import io
import pathlib

from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaTokenizer

with contextlib.redirect_stdout(io.StringIO()):
    import this  # a text that every Python has

HERE = pathlib.Path(__file__).parent
TEXTS = [
    "", " ", "  ", "\n", "\t\t", "The movie was very good, it's the greatest!", " The movie",
    "don't won't I'm I've you're he'd we'll it's 's 'S DON'T 'll'll", "'re're 'x ''s '''",
    "beautiful is better than ugly", "a  b   c    d", "a \n b\n\nc \t\td", "end  ", "end \n", "\n\n\nstart",
    "  two in front", "a\u00a0b \u00a0 c", "wide\u3000 \u2009thin\u2028line\u2029x", "a\x85b \x85 c", "a\x0bb\x0c \x0c",
    "a\x1cb \x1c\x1d c \x00\x07", "zero\u200bwidth \u200b x\u00adsoft", "\ufeffbom", "\u180ex",
    "Café naïve résumé über Straße ÀÉ", "Cafe\u0301 nai\u0308ve e\u0301\u0301x", "\u0301alone \u0301",
    "中国電影 is good中film", "映画の film 한국 영화", "мир Мир жы", "αβγ ΣΑΣ σς", "שלום عربي",
    "\U0001F600 smile\U0001F44D\U0001F3FD \U0001F468\u200d\U0001F469\u200d\U0001F467", "x\U0001F600", "\U00020000\u9fff",
    "1 22 333 4444 3.14 1,000 $100 (20%)", "a1b2 3c 4 d", "½ ² Ⅷ ९१२ ٣ x²", "ǅ ﬁne ª º", "...--- ?!?! ;:;",
    "http://x.y/z?q=1&r=2 a@b.c #tag @user", "_under_ *star* `tick` ~ ^ | \\ {} [] <>", "<s> a </s>", "a<pad>b <unk>",
    "a <mask> b", "a<mask>b  <mask>", "<mask", "<s", "<<s>>", "</s></s>", "< s >", "<S>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ababababab bababa", "Now is better than never. Although never is often better",
    "Namespaces are one honking great idea", "--", " -- ", "Flat is\tbetter\r\nthan nested.\r\n", "\r\n\r\n", "x\ufffdy",
]


def main():
    t = ByteLevelBPETokenizer(add_prefix_space=False)
    corpus = codecs.decode(this.s, "rot13").split("\n") + TEXTS
    t.train_from_iterator(corpus, vocab_size=5 + 256 + 400, min_frequency=1, show_progress=False,
                          special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    folder = HERE / "byte_pair"
    folder.mkdir(exist_ok=True)
    t.save_model(str(folder))
    reference = RobertaTokenizer.from_pretrained(str(folder))
    lines = []
    for text in TEXTS:
        ids = reference(text, truncation=True, max_length=12)["input_ids"]
        lines.append("\t".join([text.encode().hex(), " ".join(reference.tokenize(text)),
                                " ".join(map(str, ids))]))
    (HERE / "byte_pair.txt").write_text("\n".join(lines) + "\n")
    print(len(reference), "tokens,", len(lines), "lines")


main()
