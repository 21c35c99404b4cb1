#!/usr/bin/env python3
"""Kills an experiment at random moments and resumes it, by --resume DIR and no other setting, until
it ends; then it must have left the same bytes as a run that nobody disturbed. So must a run that is
repeated by --config DIR/config.json alone, from another folder.

    tests/experiment/kill.py build/release/bin/regrad-cml --kills 100 [--seed 1] [--seconds 0.4]
    tests/experiment/kill.py build/release/bin/regrad-rde --net tests/layers/bert/plain

Each part runs on another number of threads. Compared are config.json, metrics.jsonl, metrics.csv and
every file of models/, byte for byte, the records of TensorBoard's files but for their times, and
result.json but for time, memory and threads. Exit code 0: all equal; 1: they differ.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

CML = [
    "--quiet", "--seeds", "2", "--shots", "5,10", "--methods", "maml,cml,dagger,cl", "--steps",
    "400", "--hidden", "20,20", "--cohead-hidden", "20", "--test-tasks", "20", "--test-points",
    "20", "--validation-tasks", "10", "--log-every", "10", "--checkpoint-every", "0.01"]
# Masks every 7th step, MAP's phases change at step 100, DCIL's distillation begins at step 30: most
# kills fall between two of these.
PRUNING = [
    "--quiet", "--seeds", "2", "--methods", "map,dcil,dpf,gmp,rigl", "--epochs", "12", "--train",
    "200", "--test", "100", "--curve", "50", "--batch", "20", "--refresh", "7", "--sparsities",
    "0.9", "--checkpoint-every", "0.01"]
# Translation to step 12, then the scene net, pruning, fine-tuning without and with distillation:
# most kills fall between two of these.
ASC = [
    "--quiet", "--seeds", "1", "--methods", "resnorm,resnorm-g", "--epochs", "3",
    "--generated.train", "8", "--generated.test", "2", "--log-every", "1", "--translation.steps",
    "12", "--compress", "--compression.epochs", "3", "--checkpoint-every", "0.01"]
# Phases change at step 60, of pq-kd at 180, whose teacher is done at 120.
PQK = [
    "--quiet", "--seeds", "2", "--methods", "pq,pq-kd,pqk,pqk-mutual", "--epochs", "12", "--train",
    "200", "--test", "100", "--curve", "50", "--batch", "20", "--refresh", "7", "--sparsities",
    "0.9", "--bits", "4", "--corner", "0", "--checkpoint-every", "0.01"]
# A net for all persons, then one without each in turn: most kills fall between two of these.
PPP = [
    "--quiet", "--seeds", "2", "--methods", "full,aig,ppp,norm-tuned", "--people", "4", "--held",
    "0", "--leave-out", "--train", "12", "--validation", "4", "--test", "8", "--width", "4",
    "--epochs", "12", "--persons", "3", "--samples", "4", "--log-every", "2", "--checkpoint-every",
    "0.01"]
# Four rows; most kills fall into a training.
SDSSL = [
    "--quiet", "--seeds", "2", "--base", "mocov3", "--methods", "base,sd,sd-no-pred,random",
    "--train", "64", "--test", "32", "--steps", "30", "--batch", "8", "--depth", "2", "--width",
    "8", "--heads", "2", "--k", "5", "--probe-epochs", "3", "--log-every", "7",
    "--checkpoint-every", "0.01"]
# Training to step 32, then a text a step: most kills fall into the attack.
TEXTS = [
    "--quiet", "--seeds", "2", "--train", "128", "--validation", "20", "--test", "150",
    "--attacked", "150", "--batch", "16", "--components", "4", "--confident", "0.55",
    "--adversarial", "20",
    "--checkpoint-every", "0.01"]
RDE = TEXTS + ["--epochs", "4", "--lr", "0.01", "--width", "16"]
PRETRAINED = TEXTS + ["--most", "20", "--fine-tuning.epochs", "4", "--fine-tuning.lr", "0.002"]
# Two rows in turn.
RFN = [
    "--quiet", "--seeds", "2", "--methods", "none,rfn", "--epochs", "3", "--generated.train", "8",
    "--generated.test", "2", "--log-every", "2", "--checkpoint-every", "0.01"]
FLAGS = {"regrad-cml": CML, "regrad-rfn": RFN, "regrad-map": PRUNING, "regrad-dcil": PRUNING, "regrad-asc": ASC,
         "regrad-pqk": PQK, "regrad-ppp": PPP, "regrad-sdssl": SDSSL,
         "regrad-rde": RDE}


def events(path):
    """The events of a TensorBoard file, each without its time (its first nine bytes)."""
    data, at, out = path.read_bytes(), 0, []
    while at < len(data):
        length = struct.unpack_from("<Q", data, at)[0]
        out.append(data[at + 12 + 9:at + 12 + length])
        at += 16 + length
    return repr(out).encode()


def left_in(folder):
    out = {}
    for name in ("config.json", "metrics.jsonl", "metrics.csv"):
        out[name] = (folder / name).read_bytes()
    for file in sorted((folder / "tensorboard").glob("*/*")):
        out[f"tensorboard/{file.parent.name}"] = events(file)
    for model in sorted((folder / "models").iterdir()):
        out["models/" + model.name] = model.read_bytes()
    result = json.loads((folder / "result.json").read_text())
    for key in ("seconds", "peak_bytes", "threads"):
        del result[key]
    out["result.json"] = json.dumps(result).encode()
    return out


def part(binary, flags, out, threads, kill_after):
    """Runs or goes on; True where it ended by itself. Flags begin a run; the folder alone goes on."""
    begun = (out / "config.json").exists()
    words = ["--resume", str(out), "--quiet", "--checkpoint-every", "0.01"] if begun else \
        [*flags, "--tensorboard", "--out", str(out), "--resume"]
    command = [binary, *words, "--threads", str(threads)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               cwd="/" if begun else None)
    try:
        errors = process.communicate(timeout=kill_after)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        errors = process.communicate()[1]
    if process.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"kill: a part ended with {process.returncode}: {errors.decode()}")
    return process.returncode == 0


def repeat(binary, run, out):
    done = subprocess.run(
        [binary, "--config", str(run / "config.json"), "--quiet", "--tensorboard", "--out",
         str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")
    if done.returncode or done.stderr:
        sys.exit(f"kill: --config ended with {done.returncode}: {done.stderr.decode()}")


def check(what, whole, left):
    differ = sorted(name for name in set(whole) | set(left) if whole.get(name) != left.get(name))
    if differ:
        sys.exit(f"kill: {what} differs in {', '.join(differ)}")


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary")
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--seconds", type=float, default=0.4,
                         help="the longest life of a run's first part; later ones live longer")
    options.add_argument("--net", help="regrad-rde: a pretrained one's folder")
    given = options.parse_args()
    binary = str(pathlib.Path(given.binary).resolve())
    command = FLAGS[pathlib.Path(given.binary).name]
    if given.net:
        command = [*PRETRAINED, "--net", os.path.relpath(given.net)]
    draw = random.Random(given.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="regrad-kill-"))
    kills = runs = 0
    try:
        start = time.monotonic()
        part(binary, command, folder / "whole", 1, None)
        whole = left_in(folder / "whole")
        print(f"undisturbed: {time.monotonic() - start:.1f} s, {len(whole)} files", flush=True)
        repeat(binary, folder / "whole", folder / "again")
        check("the run repeated by --config", whole, left_in(folder / "again"))
        while kills < given.kills:
            out, before = folder / f"run-{runs}", kills
            # Some die while they start, some while they write a checkpoint, some within a row.
            life = given.seconds
            while not part(binary, command, out, draw.choice([1, 2, 3, 4]),
                           draw.uniform(0, life) if kills < given.kills else None):
                kills += 1
                life *= 1.2  # so that the run ends, and another begins
            check(f"run {runs}, after {kills - before} kills,", whole, left_in(out))
            print(f"run {runs}: {kills - before} kills, all bytes equal", flush=True)
            shutil.rmtree(out)
            runs += 1
        print(f"{kills} kills in {runs} runs, seed {given.seed}: parameters and logs equal to the "
              "undisturbed run's, byte for byte")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
