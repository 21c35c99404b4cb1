#!/usr/bin/env python3
"""Fails every write, fsync, rename, link and close of an experiment's files once, and looks at what
is left.

    tests/experiment/faults.py build/release/bin/regrad-cml \\
        build/release/tests/libregrad-fault-shim.so [--every 7]

A run that was interrupted goes on under the fault. It must end with 5 and a message that names the
file (and, for a write, the bytes it needs), its newest or older checkpoint must be whole, and a
resume without the fault must leave the same bytes as a run that nobody disturbed. A short write is
no fault: the run ends with 0. So is a link that cannot be made, for there are file systems without.
--every N looks at every N-th call only.
"""
import argparse
import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FLAGS = [
    "--quiet", "--threads", "1", "--seeds", "1", "--shots", "5", "--methods", "maml,cml", "--steps",
    "6", "--hidden", "8,8", "--cohead-hidden", "8", "--test-tasks", "5", "--test-points", "5",
    "--validation-tasks", "5", "--log-every", "2", "--checkpoint-every", "0"]


def left_in(folder):
    result = json.loads((folder / "result.json").read_text())
    for key in ("seconds", "peak_bytes"):
        del result[key]
    models = {m.name: m.read_bytes() for m in (folder / "models").iterdir()}
    logs = [(folder / name).read_bytes() for name in ("metrics.jsonl", "metrics.csv")]
    return logs, models, result


class Faults:
    def __init__(self, binary, shim, folder):
        self.binary, self.shim, self.folder = binary, shim, folder
        self.out, self.begun = folder / "out", folder / "begun"
        self.tried = 0

    def run(self, *flags, fault=None):
        environment = dict(os.environ)
        if fault:
            # The sanitizers want to be loaded first.
            preload = ":".join(p for p in (environment.get("LD_PRELOAD"), self.shim) if p)
            environment |= {
                "LD_PRELOAD": preload, "REGRAD_FAULT": fault, "REGRAD_FAULT_UNDER": str(self.out),
                "REGRAD_FAULT_LOG": str(self.folder / "happened")}
        return subprocess.run([self.binary, *FLAGS, "--out", str(self.out), *flags],
                              env=environment, capture_output=True, text=True)

    def prepare(self):
        """A run that died in its second row, and what the undisturbed one leaves."""
        done = self.run()
        if done.returncode:
            sys.exit(f"faults: the undisturbed run ended with {done.returncode}: {done.stderr}")
        self.whole = left_in(self.out)
        shutil.rmtree(self.out)
        # The write of row 2's second line fails: the checkpoint stands after its third step.
        done = self.run(fault=f"write:{self.writes_until_second_row()}:{errno.EIO}")
        if done.returncode != 5:
            sys.exit(f"faults: the run to go on from ended with {done.returncode}: {done.stderr}")
        self.out.rename(self.begun)

    def writes_until_second_row(self):
        for call in range(1, 1000):
            self.run(fault=f"write:{call}:{errno.EIO}")
            log = self.out / "metrics.jsonl"
            reached = log.exists() and log.read_text().count('"cml"') > 0
            shutil.rmtree(self.out)
            if reached:
                return call
        sys.exit("faults: no write brought the run to its second row")

    def look(self, call, number, error):
        """False where the run makes fewer such calls."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.begun, self.out)
        happened = self.folder / "happened"
        happened.unlink(missing_ok=True)
        done = self.run("--resume", fault=f"{call}:{number}:{error}")
        what = f"{call} {number}, {error if error == 'short' else errno.errorcode[error]}"
        if not happened.exists():
            return False
        self.tried += 1
        harmless = error == "short" or call == "link"
        if done.returncode != (0 if harmless else 5):
            sys.exit(f"faults: {what}: ended with {done.returncode}: {done.stderr}")
        if not harmless and str(self.out) not in done.stderr:
            sys.exit(f"faults: {what}: the message names no file: {done.stderr}")
        if call == "write" and not harmless and not re.search(r"\d+ bytes are needed", done.stderr):
            sys.exit(f"faults: {what}: the message names no number of bytes: {done.stderr}")
        done = self.run("--resume")
        if done.returncode or left_in(self.out) != self.whole:
            sys.exit(f"faults: {what}: the resume ended with {done.returncode} and "
                     f"{'other' if not done.returncode else 'no'} bytes: {done.stderr}")
        return True


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary")
    options.add_argument("shim")
    options.add_argument("--every", type=int, default=1)
    given = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="regrad-faults-"))
    try:
        faults = Faults(given.binary, given.shim, folder)
        faults.prepare()
        for call, errors in {
                "write": [errno.ENOSPC, errno.EIO, "short"], "fsync": [errno.EIO, errno.ENOSPC],
                "rename": [errno.EIO, errno.ENOSPC], "link": [errno.EPERM],
                "close": [errno.EIO, errno.ENOSPC]}.items():
            for error in errors:
                number = 1
                while faults.look(call, number, error):
                    number += given.every
                if number == 1:
                    sys.exit(f"faults: the run makes no call of {call}")
                name = error if error == "short" else errno.errorcode[error]
                print(f"{call}, {name}: calls 1 to {number - given.every}", flush=True)
        print(f"{faults.tried} faults: exit codes, messages and checkpoints as they should be; "
              "every resume left the undisturbed run's bytes")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
