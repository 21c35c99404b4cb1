"""ONNX Runtime and OpenVINO: peers 'onnxruntime f32', 'onnxruntime int8', 'openvino f32' and
'openvino int8' of a net in onnx_nets.py.

int8: u8 activations and s8 weights per channel, ranges from the very input that is measured (static
QDQ by onnxruntime.quantization); OpenVINO runs the same file. Weights have 7 bits where the CPU, or
oneDNN as it is held, adds products in pairs of 16 bits that saturate: without VNNI, full weights
make OpenVINO's logits wrong by 15%. A process of its own writes the file, so that neither the time
nor the memory of that counts.
"""
import multiprocessing
import os
import shutil
import tempfile

FILE = {"f32": "net.onnx", "int8": "net.int8.onnx"}


def write(folder, name, batch, kind):
    import numpy as np
    import onnx
    from onnx_nets import build
    model, x = build(name, batch)
    path = os.path.join(folder, FILE["f32"])
    onnx.save(model, path)
    np.save(os.path.join(folder, "x.npy"), x)
    if kind == "int8":
        quantize(path, os.path.join(folder, FILE["int8"]), x)


def saturates():
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in ("SSE41", "AVX", "AVX2", "AVX512_CORE"):
        return True
    with open("/proc/cpuinfo") as f:
        flags = next((line.split() for line in f if line.startswith("flags")), [])
    return not {"avx512_vnni", "avx_vnni"} & set(flags)


def quantize(path, out, x):
    import logging
    from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType,
                                          quantize_static)

    class Reader(CalibrationDataReader):
        left = [{"x": x}]

        def get_next(self):
            return self.left.pop() if self.left else None
    logging.disable(logging.WARNING)
    quantize_static(path, out, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                    reduce_range=saturates())


def onnxruntime_step(path, x, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {"x": x}
    return lambda: session.run(None, given)[0]


def openvino_step(path, x, threads):
    """Precision f32 also where the CPU multiplies bf16, which OpenVINO would take by itself; layers
    quantized in the file are int8 all the same."""
    import openvino
    hints = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(path, "CPU", hints).create_infer_request()
    return lambda: request.infer([x], share_inputs=True, share_outputs=True)[0]


def load(peer):
    if peer.startswith("openvino"):
        import openvino  # noqa: F401
    else:
        import onnxruntime  # noqa: F401


def step_of(peer, name, batch, threads):
    """() -> the net's output, a numpy array, for the input that onnx_nets.build made."""
    import numpy as np
    library, kind = peer.split()
    folder = tempfile.mkdtemp()
    try:
        writer = multiprocessing.get_context("spawn").Process(target=write,
                                                              args=(folder, name, batch, kind))
        writer.start()
        writer.join()
        if writer.exitcode:
            raise SystemExit(f"{peer}: the ONNX file of {name} was not written")
        make = openvino_step if library == "openvino" else onnxruntime_step
        return make(os.path.join(folder, FILE[kind]), np.load(os.path.join(folder, "x.npy")),
                    threads)
    finally:
        shutil.rmtree(folder)
