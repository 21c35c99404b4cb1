// Convolution of 8-bit integers by oneDNN; primitives are made and run with one thread
// (conv_dnn.cpp has the reason).
#include "int8.h"

#include "kernels.h"
#include "one_thread.h"

#include <regrad/engine/error.h>

#include "dnn.h"

#include <string>

namespace regrad::kernels {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

int64_t aligned(size_t bytes) { return (static_cast<int64_t>(bytes) + 63) / 64 * 64; }

memory::desc weights(const Conv& s, bool any) {
  const Tag tag = any ? Tag::any : s.groups == 1 ? Tag::oihw : Tag::goihw;
  if (s.groups == 1) return {{s.o, s.c, s.kh, s.kw}, Type::s8, tag};
  return {{s.groups, s.o / s.groups, s.c / s.groups, s.kh, s.kw}, Type::s8, tag};
}

dnnl::convolution_forward::primitive_desc describe(const Conv& s, const memory::desc& x,
                                                   const memory::desc& y) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const memory::dims stride{s.stride_h, s.stride_w}, dilation{s.dilation_h - 1, s.dilation_w - 1},
      pad{s.pad_h, s.pad_w};
#if DNNL_VERSION_MAJOR >= 3
  return {engine(),
          dnnl::prop_kind::forward_inference,
          dnnl::algorithm::convolution_direct,
          x,
          weights(s, true),
          y,
          stride,
          dilation,
          pad,
          pad,
          attributes};
#else
  return {{dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x,
           weights(s, true), y, stride, dilation, pad, pad},
          attributes,
          engine()};
#endif
}

class Plan : public Int8Plan {
 public:
  Plan(const Conv& s, bool signed_x)
      : x_({1, s.c, s.h, s.w}, signed_x ? Type::s8 : Type::u8, Tag::nhwc),
        y_({1, s.o, s.oh, s.ow}, Type::s32, Tag::nhwc),
        plain_(weights(s, false)) {
    const auto d = describe(s, x_, y_);
    primitive_ = dnnl::convolution_forward(d);
    packed_ = d.weights_desc();
    scratch_ = d.scratchpad_desc();
    reorder_ = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), plain_, engine(), packed_));
    x_row = s.w * s.c;
    x_bytes = s.h * x_row;
    packed_bytes = aligned(packed_.get_size());
    scratch_bytes = aligned(scratch_.get_size());
  }
  void pack(const int8_t* weight, void* packed) const override {
    const OneThread one;
    memory from(plain_, engine(), const_cast<int8_t*>(weight)), to(packed_, engine(), packed);
    dnnl::reorder(reorder_).execute(stream(), from, to);
  }
  void run(const void* x, const void* packed, void* scratch, int32_t* y) const override {
    const OneThread one;
    primitive_.execute(stream(),
                       {{DNNL_ARG_SRC, memory(x_, engine(), const_cast<void*>(x))},
                        {DNNL_ARG_WEIGHTS, memory(packed_, engine(), const_cast<void*>(packed))},
                        {DNNL_ARG_DST, memory(y_, engine(), y)},
                        {DNNL_ARG_SCRATCHPAD, memory(scratch_, engine(), scratch)}});
  }

 private:
  memory::desc x_, y_, plain_, packed_, scratch_;
  dnnl::convolution_forward primitive_;
  dnnl::reorder reorder_;
};

}  // namespace

Int8Way int8_way() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
    case dnnl::cpu_isa::avx2_vnni: return Int8Way::vnni;
    default: return Int8Way::wide;
  }
}

const char* int8_description() {
  static const std::string text =
      int8_way() == Int8Way::vnni
          ? "8-bit convolutions by oneDNN (VNNI)"
          : "8-bit convolutions by 16-bit products (no VNNI), " + std::string(table().name);
  return text.c_str();
}

// Signed inputs go in with 128 added, and packing sums the weights to take that out again. oneDNN
// 2.6.3 packs 8 outputs of 8 weights, in groups, by a transposition of 8 x 8 bytes that leaves
// those sums out.
static bool lacks_sums(const Conv& s, bool signed_x) {
  return signed_x && s.groups > 1 && s.o == 8 && s.c / s.groups * s.kh * s.kw == 8;
}

std::shared_ptr<const Int8Plan> int8_plan(const Conv& s, bool signed_x, Int8Way way) try {
  if (way == Int8Way::wide || lacks_sums(s, signed_x)) return int8_wide_plan(s);
  const OneThread one;
  return std::make_shared<Plan>(s, signed_x);
} catch (const dnnl::error& e) {
  if (e.status == dnnl_out_of_memory)
    throw OutOfMemory("out of memory: an 8-bit convolution by oneDNN");
  throw Error(std::string("8-bit convolution: oneDNN: '") + e.what() + "'");
}

}  // namespace regrad::kernels
