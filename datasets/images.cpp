#include <regrad/datasets/images.h>
#include <regrad/datasets/internal/adopt.h>

#include <algorithm>

namespace regrad {

Tensor take_images(const Tensor& images, const Tensor& index) {
  return typed_memory([&] {
    if (images.dtype() != DType::u8 && images.dtype() != DType::f32)
      throw DTypeError(std::string("take_images: images are u8 or f32, not ") +
                       name(images.dtype()));
    if (index.dtype() != DType::i64)
      throw DTypeError(std::string("take_images: index is i64, not ") + name(index.dtype()));
    if (images.dim() < 1) throw ShapeError("take_images: images of shape []");
    const Tensor x = images.contiguous(), rows = index.contiguous();
    Shape sizes = rows.shape();
    for (int d = 1; d < x.dim(); ++d) sizes.push_back(x.size(d));
    const int64_t n = x.size(0), row = n ? x.numel() / n : 0, count = rows.numel();
    std::vector<float> out(static_cast<size_t>(count * row));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t from = rows.data<int64_t>()[i];
      if (from < 0 || from >= n)
        throw ShapeError("take_images: index " + std::to_string(from) + " of " + std::to_string(n) +
                         " images");
      float* to = out.data() + i * row;
      if (x.dtype() == DType::f32) {
        std::copy_n(x.data<float>() + from * row, row, to);
      } else {
        const uint8_t* p = x.data<uint8_t>() + from * row;
        for (int64_t j = 0; j < row; ++j) to[j] = static_cast<float>(p[j]) / 255.f;
      }
    }
    return detail::adopt(std::move(out), sizes);
  });
}

}  // namespace regrad
