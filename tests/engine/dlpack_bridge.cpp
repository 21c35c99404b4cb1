// What dlpack.py calls through ctypes: our side of an exchange with PyTorch and NumPy.
#include <regrad/engine/io/dlpack.h>
#include <regrad/engine/ops.h>

using namespace regrad;

namespace {
Tensor held;
std::string words;
}  // namespace

extern "C" {
// arange(0, 6) as dtype t, [2,3], seen as [3,2]; bools are its parity.
DLManagedTensor* bridge_make(int t) {
  const auto dtype = static_cast<DType>(t);
  const Tensor x = dtype == DType::b8
                       ? eq(arange(0, 6), round(arange(0, 6) / 2.0).to(DType::i64) * 2.0)
                       : arange(0, 6).to(dtype);
  held = x;
  return to_dlpack(x.reshape({2, 3}).mT());
}
// Takes a tensor and keeps it; what it is, in words: "f32 [3,2] 1 2 3 4 5 6", or the error.
const char* bridge_take(DLManagedTensor* m) {
  try {
    held = from_dlpack(m);
    words = std::string(name(held.dtype())) + " " + str(held.shape());
    for (const double v : held.to_vector()) words += " " + std::to_string(static_cast<int>(v));
  } catch (const Error& e) {
    words = std::string("error: ") + e.what();
  }
  return words.c_str();
}
const void* bridge_address() { return held.dtype() == DType::f32 ? held.data<float>() : nullptr; }
void bridge_drop() { held = Tensor(); }
int64_t bridge_live() { return memory_stats().live_nodes; }
}
