// Tensors to and from other libraries in memory, without a copy, by DLPack
// (github.com/dmlc/dlpack): PyTorch, NumPy, JAX and others speak it.
//
//   DLManagedTensor* m = to_dlpack(x);  // hand it on; whoever takes it calls m->deleter(m) once
//   Tensor y = from_dlpack(m);
//       // y sees the memory, and calls the deleter when the last tensor over it is gone
//
// The memory is shared: nobody may write to it while a tensor sees it. What was handed out counts
// as used, and so is never reused in place.
// dtypes: 32 and 64 bit float, 64 bit int, 8 bit unsigned, and bool.
#pragma once

#include <regrad/engine/tensor.h>

struct DLManagedTensor;  // <dlpack/dlpack.h>

namespace regrad {

// The tensor's memory, shape and strides as they are; the memory lives until the deleter is called,
// on any thread.
// Error: a tensor that requires gradients, which DLPack cannot carry (hand out detach());
// ShapeError: an undefined tensor.
DLManagedTensor* to_dlpack(const Tensor& x);

// A leaf over the memory of m, which it then owns. Where this throws, m is still the caller's.
// Error: a null pointer, memory of another device than the CPU; DTypeError: a dtype that is not
// ours or an address that does not fit it; ShapeError: more than max_dims dimensions, negative
// sizes or strides.
Tensor from_dlpack(DLManagedTensor* m);

}  // namespace regrad
