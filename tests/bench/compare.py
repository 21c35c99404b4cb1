"""bench/compare itself, with a program and peers of paper: compare.py BENCH_FOLDER. A case each of
what it must report, leave out, hold and write."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
import unittest

BENCH = sys.argv.pop(1)
# regrad's binary and the peers' script in one: writes who was run, with which environment, and
# prints what the case needs.
PROGRAM = r"""#!{python}
import json, os, sys, time
flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if sys.argv[1:] == ["--version"]:
    if os.environ.get("REGRAD_ISA") == "avx512":
        sys.exit("REGRAD_ISA=avx512: not an instruction set that this build and this CPU have")
    print("regrad 0.1.0, kernels for " + os.environ.get("REGRAD_ISA", "avx2"))
    sys.exit(0)
peer, name = flags.get("--peer", "regrad"), flags["--workload"]
with open(os.environ["FAKE_LOG"], "a") as f:
    f.write(json.dumps([peer, name, dict(os.environ)]) + "\n")
if name == "bf16":
    print(json.dumps(dict(workload=name, left_out="this CPU does not multiply bf16")))
    sys.exit(0)
if peer == "torch compile" and name == "slow":
    os.fork()  # torch.compile has workers too, which keep the pipe open
    time.sleep(30)
if peer == "jax jit" and name == "breaks":
    sys.exit("out of luck")
times = {{"regrad": 2.0, "torch eager": 4.0, "onnxruntime f32": 1.0, "onnxruntime int8": 0.5}}
ms = times.get(peer, 8.0)
value = 1.5 if name == "wrong" and peer == "torch eager" else 1.03 if peer.endswith("int8") else 1.0
print(json.dumps(dict(workload=name, threads=1, wall_ms=ms, cpu_ms=ms, checksum=[value],
                      peak_mb=3, prepare_s=7)))
"""
FIELDS = {
    "workload", "threads", "isa", "ours_ms", "peers", "fastest_peer", "ratio_to_fastest",
    "ratio_to_torch_eager", "checksum", "ours_peak_mb", "peers_peak_mb"}


def load_compare():
    loader = importlib.machinery.SourceFileLoader("compare", os.path.join(BENCH, "compare"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(module)
    return module


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compare = load_compare()
        for name in cls.compare.isa.HELD["avx2"]:
            os.environ.pop(name, None)
        cls.compare.MODULES = {
            "torch": ["json"], "jax": ["json"], "onnxruntime": ["json"],
            "openvino": ["a_module_that_nobody_has"]}
        common = dict(binary="fake", script="fake", tolerance=1e-3)
        cls.compare.WORKLOADS.clear()
        cls.compare.WORKLOADS.update({
            "right": dict(common, peers=["torch eager", "torch compile", "onnxruntime f32",
                                         "onnxruntime int8", "openvino f32"], reference=[1.0]),
            "wrong": dict(common, peers=["torch eager", "jax jit"]),
            "breaks": dict(common, peers=["torch eager", "jax jit"]),
            "slow": dict(common, peers=["torch eager", "torch compile"]),
            "bf16": dict(common, peers=["torch eager"])})

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        path = os.path.join(self.folder.name, "fake")
        with open(path, "w") as f:
            f.write(PROGRAM.format(python=sys.executable))
        os.chmod(path, 0o755)
        self.compare.PEERS = self.folder.name
        self.log = os.environ["FAKE_LOG"] = os.path.join(self.folder.name, "log")

    def run_it(self, *flags):
        """(exit code or message, stdout, stderr, entries by workload)."""
        path, out, err = os.path.join(self.folder.name, "out.json"), io.StringIO(), io.StringIO()
        sys.argv = [
            "compare", "--bin", self.folder.name, "--threads", "1", "--rounds", "1", "--json", path,
            *flags]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = self.compare.main()
            except SystemExit as e:
                code = e.code
        entries = []
        if os.path.exists(path):
            with open(path) as f:
                entries = json.load(f)
        return code, out.getvalue(), err.getvalue(), {e["workload"]: e for e in entries}

    def calls(self):
        with open(self.log) as f:
            return [json.loads(line) for line in f]

    def test_fields(self):
        code, out, err, entries = self.run_it("--only", "right")
        self.assertEqual(code, 0, err)
        e = entries["right"]
        self.assertEqual(set(e), FIELDS)
        self.assertEqual((e["isa"], e["ours_ms"], e["fastest_peer"], e["ratio_to_fastest"],
                          e["ratio_to_torch_eager"], e["checksum"]),
                         ("avx2", 2.0, "onnxruntime int8", 4.0, 0.5, "agree"))
        self.assertIn("regrad kernels for avx2", out)
        self.assertIn("workload 1 of 1, ", err)

    def test_missing_library_and_compile(self):
        _, _, err, entries = self.run_it("--only", "right")
        self.assertEqual(set(entries["right"]["peers"]),
                         {"torch eager", "onnxruntime f32", "onnxruntime int8"})
        self.assertIn("a_module_that_nobody_has not installed", err)
        _, out, _, entries = self.run_it("--only", "right", "--peers", "all")
        self.assertIn("torch compile", entries["right"]["peers"])
        self.assertIn("torch compile 8 ms, 3 MB; 7 s before that to compile", out)

    def test_checksum(self):
        code, out, err, entries = self.run_it("--only", "wrong")
        self.assertEqual((code, entries["wrong"]["checksum"]), (1, "differ"))
        self.assertIn("checksums differ: regrad [1.0], torch eager [1.5]", err)
        self.assertIn("checksums differ", out)

    def test_reference(self):
        self.compare.WORKLOADS["right"]["reference"] = [1.1]
        self.addCleanup(self.compare.WORKLOADS["right"].update, reference=[1.0])
        code, _, err, _ = self.run_it("--only", "right", "--peers", "none")
        self.assertEqual(code, 1)
        self.assertIn("reference [1.1]", err)

    def test_peer_that_fails(self):
        code, _, err, entries = self.run_it("--only", "breaks", "--rounds", "3")
        self.assertEqual((code, set(entries["breaks"]["peers"])), (0, {"torch eager"}))
        self.assertIn("jax jit failed: out of luck", err)
        self.assertEqual(sum(peer == "jax jit" for peer, _, _ in self.calls()), 1)

    def test_cut_off(self):
        start = time.monotonic()
        code, _, err, entries = self.run_it("--only", "slow", "--peers", "compile", "--timeout",
                                            "2")
        self.assertEqual((code, entries["slow"]["peers"]), (0, {}))
        self.assertIn("slow: torch compile was cut off after 2 s", err)
        # Its child, asleep for 30 s and holding the pipe, is ended too.
        self.assertLess(time.monotonic() - start, 20)

    def test_left_out(self):
        code, _, err, entries = self.run_it("--only", "bf16,right")
        self.assertEqual((code, set(entries)), (0, {"right"}))
        self.assertIn("bf16 is left out: this CPU does not multiply bf16", err)
        self.assertEqual([peer for peer, name, _ in self.calls() if name == "bf16"], ["regrad"])

    def test_isa(self):
        os.environ["XLA_FLAGS"] = "--xla_of_the_user=1"
        self.addCleanup(os.environ.pop, "XLA_FLAGS")
        code, out, _, entries = self.run_it("--only", "right", "--isa", "baseline")
        self.assertEqual(code, 0)
        for _, _, env in self.calls():
            self.assertEqual((env["REGRAD_ISA"], env["ONEDNN_MAX_CPU_ISA"],
                              env["OPENBLAS_CORETYPE"], env["ATEN_CPU_CAPABILITY"]),
                             ("baseline", "SSE41", "Nehalem", "default"))
            self.assertEqual(env["XLA_FLAGS"], "--xla_of_the_user=1 --xla_cpu_max_isa=SSE4_2")
        e = entries["right"]
        self.assertEqual((e["isa"], e["fastest_peer"]), ("baseline", "torch eager"))
        self.assertIn("onnxruntime f32", e["peers"])
        self.assertIn("onnxruntime f32 1 ms, 3 MB; not held to baseline", out)

    def own(self, **changed):
        """The path of a file with a workload of one's own: a program that prints its number."""
        program = ("import json,sys; print(json.dumps(dict(wall_ms=float(sys.argv[1]), cpu_ms=1, "
                   "peak_mb=2, checksum=[1.0], at=sys.argv[2:])))")
        w = dict(name="mine", ours=[sys.executable, "-c", program, "3", "{threads}", "{seconds}"],
                 peers={"other": [sys.executable, "-c", program, "6"],
                        "poor": [sys.executable, "-c", "print('{}')"]}, tolerance=1e-6)
        w.update(changed)
        path = os.path.join(self.folder.name, "mine.json")
        with open(path, "w") as f:
            json.dump({k: v for k, v in w.items() if v is not None}, f)
        self.addCleanup(self.compare.WORKLOADS.pop, "mine", None)
        return path

    def test_own_workload(self):
        code, out, err, entries = self.run_it("--workload", self.own(), "--threads", "2")
        self.assertEqual((code, set(entries)), (0, {"mine"}), err)
        e = entries["mine"]
        self.assertEqual((e["ours_ms"], e["peers"], e["fastest_peer"], e["ratio_to_fastest"],
                          e["checksum"], e["isa"]),
                         (3.0, {"other": 6.0}, "other", 0.5, "agree", None))
        self.assertIn("mine: poor failed: its line has no wall_ms, cpu_ms, peak_mb, checksum", err)
        self.assertNotIn("not installed", err)

    def test_own_workload_beside_others(self):
        _, _, err, entries = self.run_it("--workload", self.own(), "--only", "right")
        self.assertEqual(set(entries), {"mine", "right"})
        self.assertIn("workload 2 of 2, ", err)
        self.assertRegex(err, "workload 2 of 2, .* s so far, about .* left: right")

    def test_own_workload_differs(self):
        code, _, err, _ = self.run_it("--workload", self.own(reference=[1.1]))
        self.assertEqual(code, 1)
        self.assertIn("mine: checksums differ", err)

    def test_own_workload_refused(self):
        for changed, why in [(dict(ours="a b"), "needs 'ours'"), (dict(name=None), "needs a 'name'"),
                             (dict(peers=[["a"]]), "needs 'peers' as an object"),
                             (dict(name="right"), "which is taken"),
                             (dict(peer={}), "has the key 'peer'"),
                             (dict(tolerance="1"), "needs 'tolerance' as a number")]:
            code, _, _, _ = self.run_it("--workload", self.own(**changed))
            self.assertIn(why, code)
        code, _, _, _ = self.run_it("--workload", os.path.join(self.folder.name, "none.json"))
        self.assertIn("No such file", code)

    def test_isa_that_is_not_there(self):
        code, _, _, entries = self.run_it("--only", "right", "--isa", "avx512")
        self.assertIn("REGRAD_ISA=avx512: not an instruction set", code)
        self.assertEqual(entries, {})


unittest.main()
