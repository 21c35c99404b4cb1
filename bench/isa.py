"""Instruction sets: what this CPU has, and the environment that holds regrad and its peers to less
(bench/compare --isa)."""

# avx512 is that of servers since 2019: F, DQ, BW, VL and VNNI. MKL's variable has its effect on
# Intel's CPUs only: on AMD its f32 products run at 50 GF/s (Zen 5, one thread) under each setting,
# which AVX2 or less can do.
HELD = {
    "baseline": {
        "REGRAD_ISA": "baseline", "ONEDNN_MAX_CPU_ISA": "SSE41", "OPENBLAS_CORETYPE": "Nehalem",
        "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "TORCHINDUCTOR_CPP_MARCH": "x86-64-v2", "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
    "avx2": {
        "REGRAD_ISA": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "TORCHINDUCTOR_CPP_MARCH": "haswell", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
    "avx512": {
        "REGRAD_ISA": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI",
        "OPENBLAS_CORETYPE": "SkylakeX", "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512", "TORCHINDUCTOR_CPP_MARCH": "cascadelake",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX512"},
}

# By the first word of a peer's name: why the environment does not hold it. ONNX Runtime reads the
# CPU alone; OpenVINO's convolutions and products obey oneDNN's variable, but not its fused
# elementwise code nor its MLAS products (compiled.get_runtime_model() names them); XLA's variable
# is for what XLA compiles, and its dense products take the same time under each.
NOT_HELD = {"onnxruntime": "not held", "openvino": "held in part", "jax": "held in part"}


def environment(isa, given):
    """`given` with what holds everything to `isa`; as it is where isa is empty."""
    env = dict(given)
    for name, value in HELD.get(isa, {}).items():
        more = name == "XLA_FLAGS" and env.get(name)
        env[name] = f"{env['XLA_FLAGS']} {value}" if more else value
    return env


def not_held(peer, isa):
    """Why `peer` may use more than `isa`; empty where it is held, or nothing is."""
    return NOT_HELD.get(peer.split()[0], "") if isa else ""


def cpu():
    """'AMD EPYC (family 26, model 2): avx2 avx512f avx512_vnni', of this machine."""
    try:
        with open("/proc/cpuinfo") as f:
            of = dict((k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in f))
    except OSError:
        of = {}
    flags = set(of.get("flags", "").split())
    wide = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"]
    return (f"{of.get('model name', 'a CPU without a name')} (family {of.get('cpu family', '?')}, "
            f"model {of.get('model', '?')}): {' '.join(x for x in wide if x in flags)}")
