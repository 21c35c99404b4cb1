"""The other half of test_interchange.cpp: NumPy's and the safetensors package's view of the files.

interchange.py make FOLDER    writes reference.safetensors, *.npy and *.npz
interchange.py check FOLDER   reads what regrad wrote there (ours.*), and compares values and, where
                              the formats leave no choice, bytes
interchange.py judge FOLDER   judges forged safetensors files (mutants: length, 1 where regrad reads
                              it, bytes): none that the reference refuses is read

Ends with 77 where a package is missing.
"""
import sys

try:
    import numpy as np
    import safetensors
    import safetensors.numpy as st
except ImportError as error:
    print(error)
    sys.exit(77)


def ramp(shape, dtype):
    """Element i is (37 i mod 101 - 50) / 8, as the test in C++ makes them; unsigned ones the
    magnitude."""
    n = int(np.prod(shape))
    v = (37 * np.arange(n) % 101 - 50) / 8
    v = np.abs(v) if np.dtype(dtype).kind in "ub" else v
    return (v if np.dtype(dtype).kind == "f" else np.trunc(v)).astype(dtype).reshape(shape)


def ours():
    return {
        "w": ramp((3, 4), "f4"), "v": ramp((2, 0, 2), "f8"), "a/i": ramp((5,), "i8"),
        "u": ramp((2, 1, 3), "u1"), "m": ramp((7,), "?"), "s": ramp((), "f8"),
        "ß": ramp((1,), "f4")}


def make(folder):
    st.save_file(ours(), f"{folder}/reference.safetensors", metadata={"format": "ß\n"})
    more = {t: ramp((6,), t) for t in ("f2", "i1", "i2", "u2", "i4", "u4")}
    st.save_file(more, f"{folder}/more.safetensors")
    for name, a in {**ours(), **more}.items():
        np.save(f"{folder}/{name.replace('/', '_')}.npy", a)
    np.save(f"{folder}/fortran.npy", np.asfortranarray(ramp((2, 3, 4), "f8")))
    for version in (1, 2, 3):
        with open(f"{folder}/version{version}.npy", "wb") as f:
            np.lib.format.write_array(f, ramp((4, 2), "f4"), version=(version, 0))
    np.save(f"{folder}/object.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    np.save(f"{folder}/record.npy", np.zeros(2, dtype=[("a", "f4"), ("b", "i8")]))
    np.save(f"{folder}/big.npy", ramp((3,), ">f4"))
    np.save(f"{folder}/complex.npy", np.zeros(2, "c16"))
    np.savez(f"{folder}/stored.npz", **ours())
    np.savez_compressed(f"{folder}/deflated.npz", **ours(), large=ramp((300, 100), "f4"))


def equal(a, b, what):
    assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b), what


def check(folder):
    want = ours()
    got = st.load_file(f"{folder}/ours.safetensors")
    assert set(got) == set(want)
    for name in want:
        equal(got[name], want[name], name)
    with (open(f"{folder}/ours.safetensors", "rb") as a,
          open(f"{folder}/reference.safetensors", "rb") as b):
        assert a.read() == b.read(), "safetensors: other bytes than the reference's"
    for name in want:
        file = name.replace("/", "_")
        equal(np.load(f"{folder}/ours_{file}.npy"), want[name], name)
        with open(f"{folder}/ours_{file}.npy", "rb") as a, open(f"{folder}/{file}.npy", "rb") as b:
            assert a.read() == b.read(), f"{file}.npy: other bytes than NumPy's"
    for kind in ("stored", "deflated"):
        with np.load(f"{folder}/ours_{kind}.npz") as z:
            assert set(z.files) == set(want), z.files
            for name in want:
                equal(z[name], want[name], name)


def judge(folder):
    with open(f"{folder}/mutants", "rb") as f:
        rest = f.read()
    counts = {(ours, theirs): 0 for ours in (0, 1) for theirs in (0, 1)}
    while rest:
        length, ours = int.from_bytes(rest[:4], "little"), rest[4]
        forged, rest = rest[5 : 5 + length], rest[5 + length :]
        try:
            safetensors.deserialize(forged)
            theirs = 1
        except safetensors.SafetensorError:
            theirs = 0
        assert ours <= theirs, f"regrad reads what the reference refuses: {forged!r}"
        counts[ours, theirs] += 1
    print(f"forged files: {counts[1, 1]} read by both, {counts[0, 0]} by neither, "
          f"{counts[0, 1]} by the reference alone")
    assert counts[1, 1] > 100 and counts[0, 0] > 100, counts


{"make": make, "check": check, "judge": judge}[sys.argv[1]](sys.argv[2])
