#!/usr/bin/env python3
"""Seeds mutants in the vjps of every row and counts those that the table test kills.

    python3 tests/mutants/mutants.py build/release        # after a build; some minutes on two cores

Every c.g(), c.y(), c.x(), c.in(i) and every number beside an arithmetic sign inside a row's .vjp or
.gradients (and in the functions of a Call that the vjps of its file use) becomes a place at which a
sign is turned, a factor of 1.5 put in, the term dropped, or another input taken. One mutant lies at
a time, in one binary; it is killed where its row's own test fails. Exits 1 below 90 percent.
Survivors are printed with their place.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve()
OUT = BUILD / "mutants"


def closing(text, at):
    """The index of the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced braces")


def row_of(text, at):
    """The row that a place belongs to; of a function that makes rows, the first that it makes."""
    name, is_row = re.findall(r"(?:constinit const|consteval) Op (\w+?)(_op)?\b", text[:at])[-1]
    if is_row:
        return name
    return re.search(r"constinit const Op (\w+)_op =\s*%s<" % name, text).group(1)


def regions(text):
    """(start, end, row) of each vjp list, and of each function of a Call that a vjp calls by
    name."""
    out = []
    for m in re.finditer(r"\.vjp = \{", text):
        row = row_of(text, m.start())
        end = closing(text, m.end() - 1)
        out.append((m.end(), end, row))
        calls = re.findall(r"\b(\w+)\(c\)|\{(\w+)\b|, (\w+_vjp)\b", text[m.end() - 1:end])
        for called in set(calls):
            name = next(filter(None, called), None)
            head = r"^(?:static )?Tensor %s\(const Call& c\) \{" % re.escape(name)
            f = re.search(head, text, re.M) if name else None
            if f and not any(start == f.end() for start, _, _ in out):
                out.append((f.end(), closing(text, f.end() - 1), row))
    for m in re.finditer(r"\.gradients = (\w+)", text):  # all of a row's gradients in one function
        f = re.search(r"^void %s\(const Call& c, Tensor\* out\) \{" % re.escape(m.group(1)), text,
                      re.M)
        out.append((f.end(), closing(text, f.end() - 1), row_of(text, m.start())))
    return out


PLACES = re.compile(
    r"\bc\.g\(\)|\bc\.y\(\)|\bc\.x\(\)|\bc\.in\((\w)\)|(?<=[-+*/(] )\d+(?:\.\d+)?(?=[ ;)])"
    r"|(?<=[( ])\d+(?:\.\d+)?(?= [-+*/] )")


def mutate(path, sites):
    text = path.read_text()
    edits = []
    for start, end, row in regions(text):
        for m in PLACES.finditer(text, start, end):
            word = m.group(0)
            if re.match(r"\.(shape|size|dim|dtype|strides|numel)\b", text[m.end():]):
                continue  # asked for its shape, not for its value
            if text[:m.start()].endswith(("for (int i = ", "int i = ")):
                continue
            number = len(sites)
            line = text.count("\n", 0, m.start()) + 1
            source = text.splitlines()[line - 1].strip().replace("\\", "\\\\").replace('"', '\\"')
            if word == "c.g()":
                new = f"mutant::g({number}, c)"
            elif word == "c.y()":
                new = f"mutant::y({number}, c)"
            elif word == "c.x()":
                new = f"mutant::in({number}, c, 0)"
            elif word.startswith("c.in("):
                new = f"mutant::in({number}, c, {m.group(1)})"
            else:
                new = f"mutant::number({number}, {word})"
            sites.append((number, path.name, line, row, int("in(" in new), source))
            edits.append((m.start(), m.end(), new))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return '#include "mutant.h"\n' + text, bool(edits)


def main():
    OUT.mkdir(exist_ok=True)
    sites, sources = [], []
    for path in sorted((ROOT / "engine/ops").glob("*.cpp")):
        text, changed = mutate(path, sites)
        if changed:
            (OUT / path.name).write_text(text)
            sources.append(OUT / path.name)
    rows = ",\n".join('    {%d, "%s", %d, "%s", %d, "%s"}' % s for s in sites)
    (OUT / "sites.h").write_text(
        "struct Site {\n  int number;\n  const char* file;\n  int line;\n  const char* row;\n"
        "  bool indexed;\n  const char* text;\n};\n"
        f"inline constexpr Site sites[] = {{\n{rows}\n}};\n")
    here, tests = ROOT / "tests/mutants", ROOT / "tests"
    flags = [
        "-std=c++20", "-O1", "-w", f"-I{BUILD}/include", f"-I{here}", f"-I{OUT}",
        f"-I{ROOT}/engine/ops"]
    objects, running = [], []
    harness = sorted(p for p in tests.glob("op_*.cpp"))
    for source in sources + harness + [here / "main.cpp"]:
        objects.append(OUT / (source.stem + ".o"))
        running.append(subprocess.Popen(["g++", *flags, "-c", str(source), "-o", str(objects[-1])]))
        if len(running) == 2:
            for p in running:
                if p.wait():
                    sys.exit("a mutated file does not compile")
            running = []
    if any(p.wait() for p in running):
        sys.exit("a mutated file does not compile")
    cache = (BUILD / "CMakeCache.txt").read_text()
    blas, dnn = (re.search(rf"REGRAD_{lib}:FILEPATH=(.*)", cache).group(1)
                 for lib in ("OPENBLAS", "DNNL"))
    subprocess.run(["g++", "-o", str(OUT / "mutants"), *map(str, objects),
                    str(BUILD / "engine/libregrad-engine.a"), blas, dnn,
                    f"-Wl,-rpath,{pathlib.Path(blas).parent}", "-lgomp", "-lpthread"], check=True)
    sys.exit(subprocess.run([str(OUT / "mutants")]).returncode)


main()
