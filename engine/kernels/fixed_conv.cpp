#include "fixed_conv.h"

#include "one_thread.h"

#include <regrad/engine/error.h>

#include "dnn.h"

#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace regrad::kernels {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

constexpr int64_t line = 64;

// Memory at a cache line that the object owns.
struct Bytes {
  std::vector<char> all;
  void* at = nullptr;
  explicit Bytes(size_t n) : all(n + line) {
    at = all.data() +
         (line - static_cast<int64_t>(reinterpret_cast<uintptr_t>(all.data()) % line)) % line;
  }
};

// What oneDNN is asked for. A stride over pixels of a 1 x 1 kernel is none of its: the pixels are
// picked first (its own way to do that writes past its scratchpad where channels are few). Vectors
// are the pixels of one image, as a matrix has rows.
struct Asked {
  Conv s;
  bool picks = false;
  explicit Asked(const Conv& given, int64_t n) : s(given) {
    s.n = n;
    picks = s.kh == 1 && s.kw == 1 && (s.stride_h > 1 || s.stride_w > 1) && s.pad_h == 0 &&
            s.pad_w == 0;
    if (picks) s.h = s.oh, s.w = s.ow, s.stride_h = s.stride_w = 1;
    const bool vectors = s.h == 1 && s.w == 1 && s.oh == 1 && s.ow == 1 && s.kh == 1 && s.kw == 1 &&
                         s.pad_h == 0 && s.pad_w == 0;
    if (vectors) s.h = s.oh = n, s.n = 1;
  }
};

memory::dims weight_dims(const Conv& s) {
  if (s.groups == 1) return {s.o, s.c, s.kh, s.kw};
  return {s.groups, s.o / s.groups, s.c / s.groups, s.kh, s.kw};
}

dnnl::primitive_attr attributes(bool adds) {
  dnnl::primitive_attr a;
  a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops ops;
  if (adds) ops.append_sum(1.0f);
  a.set_post_ops(ops);
  return a;
}

dnnl::convolution_forward::primitive_desc describe(const Conv& s, const memory::desc& weight,
                                                   const dnnl::primitive_attr& attr) {
  const memory::desc x({s.n, s.c, s.h, s.w}, Type::f32, Tag::nhwc),
      y({s.n, s.o, s.oh, s.ow}, Type::f32, Tag::nhwc), bias({s.o}, Type::f32, Tag::x);
  const memory::dims stride{s.stride_h, s.stride_w}, dilation{s.dilation_h - 1, s.dilation_w - 1},
      pad{s.pad_h, s.pad_w};
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto direct = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind, direct, x, weight, bias, y, stride, dilation, pad, pad, attr};
#else
  return {{kind, direct, x, weight, bias, y, stride, dilation, pad, pad}, attr, engine()};
#endif
}

int64_t whole_lines(const memory::desc& d) {
  return (static_cast<int64_t>(d.get_size()) + line - 1) / line * line;
}

// For one number of images.
struct Sized {
  dnnl::primitive primitive;
  memory::desc x, y, scratch;
};

}  // namespace

struct FixedConv::Parts {
  Conv shape;
  dnnl::primitive_attr attr;
  memory::desc weight;
  Bytes packed;
  std::vector<float> bias;
  mutable std::mutex mutex = {};
  mutable std::map<int64_t, Sized> sized = {};

  Parts(const Conv& s, const memory::desc& w, const dnnl::primitive_attr& a, const float* b)
      : shape(s), attr(a), weight(w), packed(w.get_size()), bias(b, b + s.o) {}

  const Sized& of(int64_t n) const {
    const std::lock_guard lock(mutex);
    const auto found = sized.find(n);
    if (found != sized.end()) return found->second;
    const auto d = describe(Asked(shape, n).s, weight, attr);
    return sized
        .emplace(
            n, Sized{dnnl::convolution_forward(d), d.src_desc(), d.dst_desc(), d.scratchpad_desc()})
        .first->second;
  }
};

FixedConv::FixedConv(const Conv& shape, const float* weight, const float* bias, bool adds) {
  const OneThread one;
  try {
    const Conv s = Asked(shape, shape.n).s;
    const dnnl::primitive_attr attr = attributes(adds);
    const auto d = describe(s, {weight_dims(s), Type::f32, Tag::any}, attr);
    auto parts = std::make_shared<Parts>(shape, d.weights_desc(), attr, bias);
    const memory::desc plain(weight_dims(s), Type::f32, s.groups == 1 ? Tag::oihw : Tag::goihw);
    memory from(plain, engine(), const_cast<float*>(weight)),
        to(parts->weight, engine(), parts->packed.at);
    dnnl::reorder(from, to).execute(stream(), from, to);
    parts->of(shape.n);
    parts_ = std::move(parts);
  } catch (const dnnl::error& e) {
    if (e.status == dnnl_out_of_memory) throw OutOfMemory("out of memory: a convolution by oneDNN");
    throw Error(std::string("a convolution of ") + std::to_string(shape.c) + " to " +
                std::to_string(shape.o) + " channels: oneDNN: '" + e.what() + "'");
  }
}

int64_t FixedConv::scratch_bytes(int64_t n) const {
  const OneThread one;
  const Conv& s = parts_->shape;
  return whole_lines(parts_->of(n).scratch) + (Asked(s, n).picks ? n * s.oh * s.ow * s.c * 4 : 0) +
         line;
}

void FixedConv::run(int64_t n, const float* x, float* y, void* scratch) const {
  const OneThread one;
  const Parts& p = *parts_;
  const Conv& s = p.shape;
  const Sized& k = p.of(n);
  const bool picks = Asked(s, n).picks;
  if (picks) {
    float* to = reinterpret_cast<float*>(static_cast<char*>(scratch) + whole_lines(k.scratch));
    const float* from = x;
    x = to;
    for (int64_t i = 0; i < n * s.oh; ++i)
      for (int64_t j = 0; j < s.ow; ++j, to += s.c)
        std::memcpy(to,
                    from + ((i / s.oh * s.h + i % s.oh * s.stride_h) * s.w + j * s.stride_w) * s.c,
                    static_cast<size_t>(s.c) * 4);
  }
  const auto at = [](const memory::desc& d, const void* where) {
    return memory(d, engine(), const_cast<void*>(where));
  };
  k.primitive.execute(stream(), {{DNNL_ARG_SRC, at(k.x, x)},
                                 {DNNL_ARG_WEIGHTS, at(p.weight, p.packed.at)},
                                 {DNNL_ARG_BIAS, at({{s.o}, Type::f32, Tag::x}, p.bias.data())},
                                 {DNNL_ARG_DST, at(k.y, y)},
                                 {DNNL_ARG_SCRATCHPAD, at(k.scratch, scratch)}});
}

}  // namespace regrad::kernels
