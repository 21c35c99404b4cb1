"""Tensors exchanged in memory with PyTorch and NumPy through dlpack_bridge.cpp: dlpack.py BRIDGE.
Prints why and ends with 77 where a package is missing."""
import ctypes
import gc
import sys

try:
    import numpy as np
    import torch
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

bridge = ctypes.CDLL(sys.argv[1])
bridge.bridge_make.restype = bridge.bridge_address.restype = ctypes.c_void_p
bridge.bridge_take.restype = ctypes.c_char_p
bridge.bridge_take.argtypes = [ctypes.c_void_p]
bridge.bridge_live.restype = ctypes.c_int64
api = ctypes.pythonapi
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
fresh, used = b"dltensor", b"used_dltensor"


class Ours:
    """What NumPy takes a capsule from."""

    def __init__(self, t):
        self.t = t

    def __dlpack__(self, **_):
        return api.PyCapsule_New(bridge.bridge_make(self.t), fresh, None)

    def __dlpack_device__(self):
        return (1, 0)


def take(capsule):
    words = bridge.bridge_take(api.PyCapsule_GetPointer(capsule, fresh)).decode()
    if not words.startswith("error"):
        api.PyCapsule_SetName(capsule, used)
    return words


dtypes = [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool]
want = torch.arange(6).reshape(2, 3).T
for t, dtype in enumerate(dtypes):
    expected = (want % 2 == 0) if dtype == torch.bool else want.to(dtype)
    x = torch.from_dlpack(Ours(t).__dlpack__())
    assert x.dtype == dtype and x.stride() == (1, 3) and torch.equal(x, expected), (x, expected)
    if dtype == torch.float32:
        assert x.data_ptr() == bridge.bridge_address(), "a copy"
    y = np.from_dlpack(Ours(t))
    assert np.array_equal(y, expected.numpy()), (y, expected)
    bridge.bridge_drop()
    assert torch.equal(x, expected) and np.array_equal(y, expected.numpy())  # they live on
    assert bridge.bridge_live() > 0
    del x, y
    gc.collect()
    assert bridge.bridge_live() == 0, "not given back"

names = ["f32", "f64", "i64", "u8", "b8"]
for name, dtype in zip(names, dtypes):
    values = torch.arange(6).remainder(2) if dtype == torch.bool else torch.arange(1, 7)
    x = values.to(dtype).reshape(2, 3).T
    got = take(torch.utils.dlpack.to_dlpack(x))
    assert got == f"{name} [3,2] " + " ".join(str(int(v)) for v in x.flatten()), got
x = torch.arange(4, dtype=torch.float32)
address = x.data_ptr()
take(torch.utils.dlpack.to_dlpack(x))
assert bridge.bridge_address() == address, "a copy"
del x
gc.collect()
assert bridge.bridge_live() == 1
bridge.bridge_drop()
assert take(np.arange(3.0).__dlpack__()) == "f64 [3] 0 1 2"
assert "16 bits" in take(torch.zeros(2, dtype=torch.float16).__dlpack__())
bridge.bridge_drop()
assert bridge.bridge_live() == 0
print("exchanged with PyTorch", torch.__version__, "and NumPy", np.__version__)
