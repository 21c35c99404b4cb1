"""A workload of one's own for bench/compare, from a file (README.md has the form)."""
import json
import os
import sys

from workloads import WORKLOADS

# What a program has to print, as the last line that begins with a brace.
LINE = ["wall_ms", "cpu_ms", "peak_mb", "checksum"]
KEYS = {"name", "ours", "peers", "tolerance", "threads", "reference"}


def is_words(x):
    return isinstance(x, list) and x and all(isinstance(w, str) for w in x)


def fault(w):
    """What is wrong with a file's content; empty where nothing is."""
    if not isinstance(w, dict):
        return "is no object of JSON"
    unknown = sorted(set(w) - KEYS)
    if unknown:
        return f"has the key '{unknown[0]}', which is none of {', '.join(sorted(KEYS))}"
    if not isinstance(w.get("name"), str) or not w["name"]:
        return "needs a 'name'"
    if w["name"] in WORKLOADS:
        return f"has the name '{w['name']}', which is taken"
    if not is_words(w.get("ours")):
        return "needs 'ours', the words of a command as a list"
    peers = w.get("peers", {})
    if not isinstance(peers, dict) or not all(map(is_words, peers.values())) or "regrad" in peers:
        return "needs 'peers' as an object: of each peer's name the words of its command"
    t = w.get("tolerance", 0)
    if not all(isinstance(x, (int, float)) for x in (t if isinstance(t, list) else [t])):
        return "needs 'tolerance' as a number, or as one for each number of the checksum"
    return ""


def add(path):
    """Adds the file's workload to WORKLOADS and returns its name; ends the program with a message
    where it cannot."""
    try:
        with open(path) as f:
            w = json.load(f)
    except (OSError, ValueError) as e:
        sys.exit(f"compare: --workload {path}: {e}")
    why = fault(w)
    if why:
        sys.exit(f"compare: --workload {path}: {why}")
    peers = w.get("peers", {})
    WORKLOADS[w["name"]] = dict(
        commands=dict(peers, regrad=w["ours"]), peers=list(peers),
        tolerance=w.get("tolerance", 1e-5), folder=os.path.dirname(os.path.abspath(path)),
        **{key: w[key] for key in ("threads", "reference") if key in w})
    return w["name"]


def words(workload, who, threads, seconds):
    """The command of one process; it runs in the file's folder."""
    return [w.replace("{threads}", str(threads)).replace("{seconds}", str(seconds))
            for w in workload["commands"][who]]


def lacking(line):
    return [key for key in LINE if key not in line]
