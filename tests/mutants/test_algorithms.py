#!/usr/bin/env python3
"""Of the places that are found, and of what is counted: on a file of a few lines."""
import io
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import algorithms
import places

TOY = r"""#include <vector>
struct Options {
  double rate = 0.5, share = 0.25;
};
struct Sets {
  int train_x = 1, test_x = 2;
};
inline int below(int a, int b) { return a < b; }
inline int above(int a, int b) { return a > b; }
struct Row {
  const char *name, *help;
  int made;
};
inline std::vector<Row> list() {
  return {
      {"a", "first * second", 1},
      {"b", "the next", 2},
  };
}
inline double toy(const Options& o, const Sets& sets, int i) {
  // a * b, i + 1
  double out = o.rate * 3;
  out = out - i;
  if ((i + 1) % 4 == 0) out += sets.train_x;
  const char* said = "i + 1 < 2";
  if (said[0] == 0) throw 1;
  return out + below(i, 7) + above(i, 5);
}
inline int check(int i) { return i * 3 < 7; }
"""
USES = r"""#include "toy.h"
int main() {
  const Options o{2, 9};
  const Sets sets{100, 200};
  const double want[] = {7, 6, 5, 104, 3, 2, 2, 100};
  for (int i = 0; i < 8; ++i)
    if (toy(o, sets, i) != want[i]) return 1;
  return list()[0].made != 1;
}
"""
WANT = """algorithms/toy.h: row: '1' -> '2': {"a", "first * second", 1},
algorithms/toy.h: setting: 'o.rate' -> 'double(0.5)': double out = o.rate * 3;
algorithms/toy.h: setting: 'rate' -> 'share': double out = o.rate * 3;
algorithms/toy.h: factor: '* 3' -> '': double out = o.rate * 3;
algorithms/toy.h: line: 'out = out - i;' -> ';': out = out - i;
algorithms/toy.h: sign: '-' -> '+': out = out - i;
algorithms/toy.h: epoch: '+ 1' -> '': if ((i + 1) % 4 == 0) out += sets.train_x;
algorithms/toy.h: comparison: '==' -> '!=': if ((i + 1) % 4 == 0) out += sets.train_x;
algorithms/toy.h: sign: '+' -> '-': if ((i + 1) % 4 == 0) out += sets.train_x;
algorithms/toy.h: set: 'train_x' -> 'test_x': if ((i + 1) % 4 == 0) out += sets.train_x;
algorithms/toy.h: sign: '+' -> '-': return out + below(i, 7) + above(i, 5);
algorithms/toy.h: comparison: 'below' -> 'above': return out + below(i, 7) + above(i, 5);
algorithms/toy.h: sign: '+' -> '-': return out + below(i, 7) + above(i, 5);
algorithms/toy.h: comparison: 'above' -> 'below': return out + below(i, 7) + above(i, 5);"""


class Toy(algorithms.Tree):
    """A tree of two files, whose one test is compiled by hand."""

    def __init__(self, at, uses):
        self.at = at
        (at / "algorithms").mkdir()
        (at / "algorithms/toy.h").write_text(TOY)
        (at / "algorithms/uses.cpp").write_text(uses)

    def tried(self, place):
        built = subprocess.run(["c++", "-w", "algorithms/uses.cpp", "-o", "uses"],
                               cwd=self.at, capture_output=True)
        if built.returncode:
            return "not compiled", ""
        done = subprocess.run([self.at / "uses"], timeout=5)
        return ("killed", "uses") if done.returncode else ("survived", "")


def told(uses, chosen):
    with tempfile.TemporaryDirectory() as at:
        tree, out = Toy(pathlib.Path(at), uses), io.StringIO()
        code = algorithms.count(tree, chosen, out)
        assert (tree.at / "algorithms/toy.h").read_text() == TOY, "the file is not as it was"
        return code, out.getvalue()


def main():
    body = TOY.index("inline std::vector")  # above it: what it is made of
    found = [p for p in places.find("algorithms/toy.h", TOY, places.Fields([TOY]))
             if p.start > body]
    seen = [p.told() for p in found]
    missing = [w for w in WANT.split("\n") if w not in seen]
    more = [s for s in seen if s not in WANT and ": argument:" not in s]
    assert not missing and not more, f"missing {missing}, too many {more}"
    assert any(": argument:" in p.told() for p in places.find(
        "a.cpp", "int f() {\n  return g(left, right);\n}\n", places.Fields([])))

    some = [found[n] for n in range(len(found)) if ": line:" in seen[n] or ": row:" in seen[n]
            or ": epoch:" in seen[n] or ": set:" in seen[n]]
    wrong = places.Place("algorithms/toy.h", 1, "line", 0, 1, "#", "%", "")
    code, out = told(USES, some + [wrong])
    assert code == 0 and out.count("killed by uses") == 4 and out.count("] not compiled") == 1, out
    code, out = told("#include \"toy.h\"\nint main() { return 0; }\n", some)
    assert code == 1 and out.count("] survived: algorithms/toy.h:") == 4, out

    listed = algorithms.tests_in("""add_test([=[a-b]=] "/bin/test-a" "--test-case=x y")
set_tests_properties([=[a-b]=] PROPERTIES  ENVIRONMENT "TMPDIR=/dev/shm;A=b" _BACKTRACE_TRIPLES "1")
add_test([=[doors]=] "/doors.sh")
add_test("c" "/bin/test-c")
""")
    assert listed == {"a-b": ("test-a", ["/bin/test-a", "--test-case=x y"],
                              {"TMPDIR": "/dev/shm", "A": "b"}),
                      "c": ("test-c", ["/bin/test-c"], {})}, listed

    every = algorithms.all_places(algorithms.ROOT)
    assert len(every) > 1000, len(every)
    assert {p.kind for p in every} == {"factor", "argument", "set", "setting", "epoch",
                                       "comparison", "sign", "line", "row"}
    chosen = algorithms.spread(every, 200, 1)
    assert len(chosen) == 200 and chosen == algorithms.spread(every, 200, 1)
    assert {algorithms.folder_of(p) for p in chosen} == {algorithms.folder_of(p) for p in every}
    for place in every:  # each is concerned by some test
        assert algorithms.tests_of(place.file, [
            "pruning", "cml", "asc", "rfn", "pqk", "ppp", "rde", "sdssl", "training",
            "experiment"]), place.file
    unknown = [e for e in algorithms.judged_equivalent(algorithms.HERE / "equivalent.txt")
               if e not in {p.told() for p in every}]
    assert not unknown, f"equivalent.txt: no such place any more: {unknown}"


main()
