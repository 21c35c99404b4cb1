#!/usr/bin/env python3
"""Writes word_piece_vocab.txt and word_piece.txt: what transformers' BertTokenizerFast makes of texts.

A line of word_piece.txt: "lower" or "cased", the text's UTF-8 bytes in hexadecimal, its pieces and
its ids of at most 12 (with [CLS] and [SEP]), between tabs. Needs transformers (5.24 made it).
"""
import pathlib
import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

HERE = pathlib.Path(__file__).parent
WORDS = """the a of un ##aff ##able una ##ffa ##ble movie film good ##ness great ##est play ##ing ##ed it
is was not very don t s cafe naive resume uber strasse ##e ##n ##s ##er ##ly re ##solution ##ary
Movie Cafe café Good ##É ß İ Ä Große 2 20 ##22 ##0 100 $ % ! ? . , ' " ( ) - _ / @ # & * + = ~ ^ ` | \\ [ ]
{ } < > : ; – — … « » 中 国 電 影 の ##の 映 画 한 ##국 α ##β ##γ σ ##σ ##ς ς м ##и ##р ж ы""".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
TEXTS = [
    "unaffable", "The movie was very good, it's the greatest!", "  spaces\tand\nlines\r\n ", "",
    "don't re-play $100 (20%) @home #1 a_b x/y", "Café naïve résumé über Straße GROSSE Große",
    "Cafe\u0301 nai\u0308ve", "İstanbul DİL ıI", "中国電影 is good中film", "映画の film 한국",
    "αβγ ΣΑΣ σς Σ", "мир Мир жы", "zero\u200bwidth soft\u00adhyphen bell\u0007 nul\u0000x bad\ufffdend",
    "no\u00a0break\u3000wide\u2009thin\u2028line", "«quotes» – — … “curly” ‘single’", "[CLS] good [SEP] [MASK]x [UNK]",
    "[cls] [ mask ]", "a" * 100, "a" * 101, "é" * 100, "goodness gracious unknownzz\u20ac \U0001F600 smile",
    "\U00020000\u9fff\u3400\uf900", "tag\U000E0041x \ue000private", "\u0301alone \u0301", "ﬁne ﬂow ½ ² Ⅷ", "ǅ Ǆ ẞ",
    "e\u0301\u0323x a\u0327", "\u1e9b\u0323", "Å Å \u212b", "a\x85b\x0bc\x0cd", "९ १२ ٣", "x\u0300\u0301\u0302y",
]


def tokenizer(vocab, lower):
    t = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True,
                                              strip_accents=None, lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.add_special_tokens(["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"])
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(s, vocab[s]) for s in ("[CLS]", "[SEP]")])
    return t


def main():
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for w in WORDS + list(LETTERS) + ["##" + c for c in LETTERS]:
        if w not in pieces:
            pieces.append(w)
    (HERE / "word_piece_vocab.txt").write_text("\n".join(pieces) + "\n")
    vocab = {p: i for i, p in enumerate(pieces)}
    lines = []
    for lower in (True, False):
        t = tokenizer(vocab, lower)
        for text in TEXTS:
            whole = t.encode(text, add_special_tokens=False)
            t.enable_truncation(12)
            ids = t.encode(text).ids
            t.no_truncation()
            lines.append("\t".join(["lower" if lower else "cased", text.encode().hex(),
                                    " ".join(whole.tokens), " ".join(map(str, ids))]))
    (HERE / "word_piece.txt").write_text("\n".join(lines) + "\n")
    print(len(pieces), "pieces,", len(lines), "lines, unicode", unicodedata.unidata_version)


main()
