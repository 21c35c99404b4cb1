#!/usr/bin/env python3
"""Seeds faults in algorithms/ and counts those that the tests kill.

    python3 tests/mutants/algorithms.py                              # 200 places, spread over all
    python3 tests/mutants/algorithms.py --only algorithms/pruning    # of one folder, or one file
    python3 tests/mutants/algorithms.py --list --max 0               # every place, nothing is run

Places are found by rules over the text (places.py: dropped factors, exchanged arguments, wrong
sets, ignored settings, wrong epochs, reversed comparisons, changed signs, dropped lines, rows of
their neighbour), in what is method, trial, statistic or claim. One fault lies at a time, in a copy
of the tree in build/mutants; what depends on the file is compiled anew, and those tests run that
concern its folder (TESTS). A mutant is killed where one of them fails or takes ten times its time;
one that does not compile does not count. Exits 1 below 90 percent.

Survivors are printed. To judge one: does what a user gets differ, in any number, verdict or
refusal? Then a test is missing; write it where the folder's other tests are. Does it not, for any
input (a `max` with what is always smaller, a branch that both ways give the same)? Then it is
equivalent: its line, as it was printed without the line's number, goes into equivalent.txt beside
this script, with `  ## ` and the reason; it no longer counts, as long as that line of code stands.
What is only unlikely is not equivalent.
"""
import argparse
import collections
import itertools
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

import places

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# What is seeded: all of algorithms/ but the frame, whose own tests are of another kind, and words.
FILES = re.compile(
    r"algorithms/(?!experiment/(?!stats|claims|training/|data/))(?!sparse/)"
    r"(?!.*/(main\.cpp|settings\.\w+|pictures\.\w+|files\.\w+|table\.h|scene_model\.\w+)$)"
    r".*\.(h|cpp)$")
# The tests that concern a file, as what their names in ctest begin with: the first line that fits.
TESTS = [
    (r"algorithms/(map|dcil|pruning)/experiment/", r"pruning|map|dcil|training|claims|presets"),
    (r"algorithms/(map|dcil|pruning)/", r"pruning|map|dcil"),
    (r"algorithms/pqk/", r"pqk|claims|presets"),
    (r"algorithms/cml/experiment/", r"cml|claims|presets"),
    (r"algorithms/(cml|maml)/", r"cml|maml"),
    (r"algorithms/shared/(masks|cost|distill)", r"pruning|map|dcil|asc|cml"),
    (r"algorithms/shared/", r"maml|cml"),
    (r"algorithms/asc/", r"asc|claims|presets"),
    (r"algorithms/ppp/", r"ppp|presets"),
    (r"algorithms/rde/", r"rde"),
    (r"algorithms/sdssl/", r"sdssl|presets"),
    (r"algorithms/rfn/", r"rfn|information|claims|presets"),
    (r"algorithms/experiment/data/", r"training|scenes|rfn|asc"),
    (r"algorithms/experiment/training/", r"training|pruning|rfn|asc"),
    (r"algorithms/experiment/", r"experiment|stats|claims|rfn|asc|cml"),
]
NOT_RUN = re.compile(r"kill|faults|binary|-avx2$|-baseline$")  # slow, or the same again


def tests_of(file, names):
    pattern = next(tests for files, tests in TESTS if re.match(files, file))
    return [n for n in names if re.match(pattern, n) and not NOT_RUN.search(n)]


def tests_in(ctest_file):
    """{name: (binary, command, environment)}; ctest itself leaves out what is not built yet."""
    out = {}
    quoted = r'(?:"|\[=\[)%s(?:"|\]=\])'  # as this or that CMake writes a name
    for name, rest in re.findall(rf"^add_test\({quoted % '(.*?)'} (.*)\)$", ctest_file, re.M):
        command = re.findall(r'"((?:[^"\\]|\\.)*)"', rest)
        binary = pathlib.Path(command[0]).name
        if not binary.startswith("test-"):
            continue
        about = re.search(rf"^set_tests_properties\({quoted % re.escape(name)} PROPERTIES .*?"
                          r'\bENVIRONMENT "(.*?)"', ctest_file, re.M)
        extra = about.group(1).split(";") if about else []
        out[name] = binary, command, dict(e.split("=", 1) for e in extra)
    return out


class Tree:
    """A copy of the working tree and its build, in which a fault lies at a time."""

    def __init__(self, root, at, jobs):
        self.at, self.build, self.jobs = at / "tree", at / "tree/build/mutants", jobs
        self.env = {**os.environ, "CCACHE_BASEDIR": os.environ.get("CCACHE_BASEDIR", str(root))}
        self.copy(root)
        shared = at / "shared"
        if (root.parent / "shared").is_dir() and not shared.exists():
            shared.symlink_to(root.parent / "shared")
        if not (self.build / "build.ninja").exists():
            self.run_or_exit(["cmake", "--preset", "ci", "-B", str(self.build),
                              "-DREGRAD_BENCH=OFF"], self.at)
        self.tests, self.seconds = self.known_tests(), {}

    def copy(self, root):
        """The files that git would have, without their optimization: as they are compiled once."""
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root,
                                capture_output=True, text=True, check=True).stdout.splitlines()
        files = [f for f in listed if (root / f).is_file()]
        for f in files:
            new = (root / f).read_bytes()
            if f in ("algorithms/CMakeLists.txt", "tests/CMakeLists.txt"):
                new = b"add_compile_options(-w -O0)\n" + new.replace(b"$<$<CONFIG:Release>:-O1>",
                                                                     b"-O0")
            to = self.at / f
            if not to.exists() or to.read_bytes() != new:
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(new)
                shutil.copymode(root / f, to)
        for folder in ("algorithms", "tests"):
            for old in (self.at / folder).rglob("*"):
                if old.is_file() and str(old.relative_to(self.at)) not in files:
                    old.unlink()

    def run_or_exit(self, command, where):
        done = subprocess.run(command, cwd=where, env=self.env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout

    def known_tests(self):
        """{name: (binary, command, environment)} of the tests that are binaries of their own."""
        self.run_or_exit(["cmake", str(self.build)], self.at)
        return tests_in((self.build / "tests/CTestTestfile.cmake").read_text())

    def ready(self, names):
        """Builds what these tests need; they must pass. Measures them; the fastest come first."""
        binaries = sorted({self.tests[n][0] for n in names})
        self.run_or_exit(["ninja", f"-j{self.jobs}", *binaries], self.build)
        for name in names:
            begin = time.monotonic()
            if self.passes(name, 600) != 0:
                sys.exit(f"{name} fails without any fault")
            self.seconds[name] = time.monotonic() - begin

    def passes(self, name, limit):
        _, command, extra = self.tests[name]
        try:
            done = subprocess.run([*command, "--abort-after=1"], cwd=self.build,
                                  env={**self.env, **extra}, capture_output=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return 1
        return 0 if done.returncode == 77 else done.returncode

    def judge(self, place):
        """killed, survived, or not compiled; and by which test."""
        path = self.at / place.file
        text = path.read_text()
        path.write_text(text[:place.start] + place.new + text[place.end:])
        try:
            return self.tried(place)
        finally:
            path.write_text(text)

    def tried(self, place):
        compiled = False
        # the fastest first; but what no claim is in, those of claims seldom kill
        of_claims = "claims" in place.file or "table" in place.file
        for name in sorted(tests_of(place.file, self.seconds),
                           key=lambda n: (n == "claims" and not of_claims, self.seconds[n])):
            built = subprocess.run(["ninja", f"-j{self.jobs}", self.tests[name][0]],
                                   cwd=self.build, env=self.env, capture_output=True, text=True)
            if built.returncode:
                return "not compiled", ""
            if "no work to do" in built.stdout and not compiled:
                continue  # nothing of this test depends on the file
            compiled = True
            if self.passes(name, 10 + 10 * self.seconds[name]) != 0:
                return "killed", name
        return "survived", ""


def all_places(root):
    files = [str(p.relative_to(root)) for p in sorted((root / "algorithms").rglob("*.*"))]
    texts = {f: (root / f).read_text() for f in files if f.endswith((".h", ".cpp"))}
    fields = {}  # settings are looked for in the same paper first
    for f in texts:
        paper = f.split("/")[1]
        fields.setdefault(paper, [t for g, t in texts.items() if g.split("/")[1] == paper])
    known = {p: places.Fields(own + [t for t in texts.values() if t not in own])
             for p, own in fields.items()}
    out = []
    for f, text in texts.items():
        if FILES.match(f):
            out += places.find(f, text, known[f.split("/")[1]])
    return out


def folder_of(place):
    return place.file.rsplit("/", 1)[0]


def spread(found, count, seed):
    """So many, as evenly as can be over folders, and in each over kinds; in the text's order."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for p in found:
        groups[folder_of(p)][p.kind].append(p)
    draw, queues = random.Random(seed), []
    for folder in sorted(groups):
        kinds = [draw.sample(groups[folder][k], len(groups[folder][k]))
                 for k in draw.sample(sorted(groups[folder]), len(groups[folder]))]
        # the first of each kind, then the second of each, ..
        queues.append([p for turn in itertools.zip_longest(*kinds) for p in turn if p])
    out = [p for turn in itertools.zip_longest(*queues) for p in turn if p][:count]
    return sorted(out, key=lambda p: (p.file, p.start, p.new))


def judged_equivalent(path):
    if not path.exists():
        return set()
    return {line.split("  ## ")[0].strip() for line in path.read_text().splitlines()
            if line.strip() and not line.startswith("#")}


def table(counts, out):
    rows = sorted({f for f, _ in counts}), sorted({k for _, k in counts})
    for what, names in zip((0, 1), rows):
        for name in names:
            of = sum((c for key, c in counts.items() if key[what] == name), collections.Counter())
            judged = of["killed"] + of["survived"]
            print(f"  {name:<36} killed {of['killed']:>4} of {judged:>4}, not compiled "
                  f"{of['not compiled']}", file=out)


def count(tree, chosen, out=sys.stdout):
    """Judges them one by one. The exit code: 1 below 90 percent."""
    counts, survivors = collections.defaultdict(collections.Counter), []
    for n, place in enumerate(chosen):
        how, by = tree.judge(place)
        counts[folder_of(place), place.kind][how] += 1
        if how == "survived":
            survivors.append(place)
        print(f"[{n + 1}/{len(chosen)}] {how}{' by ' + by if by else ''}: {place}", file=out,
              flush=True)
    total = sum(counts.values(), collections.Counter())
    judged = total["killed"] + total["survived"]
    table(counts, out)
    print(f"killed {total['killed']} of {judged}, {100 * total['killed'] / max(1, judged):.1f}%; "
          f"not compiled {total['not compiled']}", file=out)
    print("survivors:" if survivors else "no survivors", file=out)
    for place in survivors:
        print(f"  {place}", file=out)
    return int(total["killed"] < 0.9 * judged)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--only", default="algorithms", help="a folder or a file")
    p.add_argument("--kind", default="", help="one kind of fault")
    p.add_argument("--max", type=int, default=200, help="places, spread evenly; 0: all")
    p.add_argument("--seed", type=int, default=1, help="which of them")
    p.add_argument("--list", action="store_true", help="prints the places and runs nothing")
    p.add_argument("-j", type=int, default=os.cpu_count(), help="compilers at once")
    p.add_argument("--at", type=pathlib.Path, default=ROOT / "build/mutants", help="its folder")
    o = p.parse_args()
    known = judged_equivalent(HERE / "equivalent.txt")
    found = [q for q in all_places(ROOT) if q.file.startswith(o.only.rstrip("/")) and
             (not o.kind or q.kind == o.kind) and q.told() not in known]
    chosen = spread(found, o.max or len(found), o.seed)
    if not chosen:
        sys.exit(f"--only {o.only} --kind {o.kind}: no place")
    if o.list:
        for place in chosen:
            print(place)
        print(f"{len(chosen)} of {len(found)} places; {len(known)} judged equivalent")
        return 0
    tree = Tree(ROOT, o.at.resolve(), o.j)
    tree.ready(sorted({t for q in chosen for t in tests_of(q.file, tree.tests)}))
    return count(tree, chosen)


if __name__ == "__main__":
    sys.exit(main())
