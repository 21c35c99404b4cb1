#!/usr/bin/env python3
"""Reads the event files of a run by TensorBoard's own reader.

    tests/experiment/read_events.py build/release/bin/regrad-cml

Runs a short table with pictures and --tensorboard, kills it once, goes on by --resume DIR, and
compares what the reader finds with metrics.csv and result.json: every scalar with its step, every
picture as a PNG of its size, one series without holes or repeats. Exit code 77 where Python lacks
tensorboard.
"""
import csv
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
except ImportError:
    print("tensorboard: not installed; skipped")
    sys.exit(77)

FLAGS = ["--task", "images", "--quiet", "--size", "10", "--steps", "40", "--log-every", "2",
         "--seeds", "2", "--test-tasks", "6", "--validation-tasks", "4", "--ways", "3", "--net",
         "mlp", "--hidden", "8", "--cohead-hidden", "6", "--methods", "maml,cml,dagger",
         "--checkpoint-every", "0"]


def check(holds, what):
    if not holds:
        sys.exit(f"read_events: {what}")


def run(out, binary):
    """Begun, killed once it has logged a few moments, ended by a resume."""
    process = subprocess.Popen([binary, *FLAGS, "--tensorboard", "--out", out],
                               stdout=subprocess.DEVNULL)
    log = pathlib.Path(out) / "metrics.csv"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 30):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([binary, "--resume", out, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def rows_of(out):
    rows = {}
    with open(out / "metrics.csv", newline="") as file:
        for row in csv.DictReader(file):
            name = f"{row['method']}-{row['variant']}-seed-{row['seed']}"
            name = "".join(c if c.isalnum() else "-" for c in name)
            rows.setdefault(name, {}).setdefault(row["metric"], []).append(
                (int(row["step"]), float(row["value"])))
    return rows


def look(folder, logged):
    """One row's file; the number of pictures in it."""
    file, = folder.iterdir()
    versions = [e.file_version for e in EventFileLoader(str(file)).Load() if e.file_version]
    check(versions == ["brain.Event:2"], f"{file}: versions {versions}")
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    results = [t for t in tags["scalars"] if t.startswith("result/")]
    check(results, f"{file}: no results")
    check(sorted(tags["scalars"]) == sorted([*logged, *results]),
          f"{file}: tags {tags['scalars']}, logged {sorted(logged)}")
    for metric, points in logged.items():
        found = [(e.step, e.value) for e in events.Scalars(metric)]
        check(len(found) == len(points), f"{file}: {metric} has {len(found)} of {len(points)}")
        for (step, value), (there, other) in zip(points, found):
            check(step == there and abs(value - other) <= 1e-6 * abs(value),
                  f"{file}: {metric} is {other} at {there}, not {value} at {step}")
    times = [e.wall_time for e in EventFileLoader(str(file)).Load()]
    check(all(a <= b for a, b in zip(times, times[1:])) and abs(times[-1] - time.time()) < 600,
          f"{file}: its times are not in order, or not now")
    for tag in tags["images"]:
        image, = events.Images(tag)
        png = image.encoded_image_string
        check(png[:8] == b"\x89PNG\r\n\x1a\n", f"{file}: {tag} is no PNG")
        size = (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big"))
        check(size == (image.width, image.height), f"{file}: {tag} is {size}")
    return len(tags["images"]), {t[len("result/"):]: events.Scalars(t)[0].value for t in results}


def main():
    with tempfile.TemporaryDirectory(prefix="regrad-tensorboard-") as folder:
        out = pathlib.Path(folder) / "run"
        run(str(out), sys.argv[1])
        rows = rows_of(out)
        folders = sorted((out / "tensorboard").iterdir())
        check([f.name for f in folders] == sorted(rows),
              f"folders {[f.name for f in folders]} for rows {sorted(rows)}")
        pictures, results = 0, {}
        for f in folders:
            count, results[f.name] = look(f, rows[f.name])
            pictures += count
        check(pictures > 0, "no pictures")
        result = json.loads((out / "result.json").read_text())
        maml, metric = result["methods"][0], result["metric"]
        shots = metric.split("@")[1]
        for place, seed in enumerate(result["seeds"]):
            there = [v[metric] for k, v in results.items()
                     if k.startswith("maml-") and k.endswith(f"{shots}-seed-{seed}")]
            value = maml["metrics"][metric]["values"][place]
            check(len(there) == 1 and abs(there[0] - value) < 1e-5 * abs(value),
                  f"result/{metric} of maml, seed {seed} is {there}, not {value}")
        print(f"{len(folders)} rows, {pictures} pictures: as TensorBoard reads them")


main()
