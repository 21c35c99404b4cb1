// Convolution in f32 by oneDNN, on the calling thread alone: primitives are made and run with one
// thread, so that neither the machine nor a setting of the host's cuts their sums.
#include "conv.h"

#include "one_thread.h"

#include <regrad/engine/error.h>
#include <regrad/engine/internal/fork.h>

#include "dnn.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <string>

namespace regrad::kernels {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr a;
  a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return a;
}

using Type = memory::data_type;

memory::desc images(int64_t n, int64_t c, int64_t h, int64_t w, Type t) {
  return {{n, c, h, w}, t, Tag::nhwc};
}
memory::dims weight_dims(const Conv& s) {
  if (s.groups == 1) return {s.o, s.c, s.kh, s.kw};
  return {s.groups, s.o / s.groups, s.c / s.groups, s.kh, s.kw};
}
memory::desc weights(const Conv& s, Tag tag, Type t) { return {weight_dims(s), t, tag}; }

// The three primitive descriptors, in the spelling of either version.
struct Shapes {
  memory::desc x, y, weight;
  memory::dims stride, dilation, pad;
};

dnnl::convolution_forward::primitive_desc describe_y(const Shapes& s) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(),
          dnnl::prop_kind::forward_inference,
          dnnl::algorithm::convolution_direct,
          s.x,
          s.weight,
          s.y,
          s.stride,
          s.dilation,
          s.pad,
          s.pad,
          attributes()};
#else
  return {{dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, s.x, s.weight,
           s.y, s.stride, s.dilation, s.pad, s.pad},
          attributes(),
          engine()};
#endif
}
dnnl::convolution_backward_data::primitive_desc describe_x(
    const Shapes& s, const dnnl::convolution_forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(),    dnnl::algorithm::convolution_direct,
          s.x,         s.weight,
          s.y,         s.stride,
          s.dilation,  s.pad,
          s.pad,       hint,
          attributes()};
#else
  return {
      {dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad},
      attributes(),
      engine(),
      hint};
#endif
}
dnnl::convolution_backward_weights::primitive_desc describe_weight(
    const Shapes& s, const dnnl::convolution_forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(),    dnnl::algorithm::convolution_direct,
          s.x,         s.weight,
          s.y,         s.stride,
          s.dilation,  s.pad,
          s.pad,       hint,
          attributes()};
#else
  return {
      {dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad},
      attributes(),
      engine(),
      hint};
#endif
}

dnnl::reorder reorder_of(const memory::desc& from, const memory::desc& to) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

int64_t aligned(size_t bytes) { return (static_cast<int64_t>(bytes) + 63) / 64 * 64; }

// Images as the caller has them (f32) and as the primitive takes them: rounded to bf16, or only
// those of its pixels that it reads.
struct Operand {
  memory::desc outside, inside;
  dnnl::reorder reading;  // where they differ
  Operand() = default;
  Operand(const memory::desc& given, const memory::desc& taken) : outside(given), inside(taken) {
    if (outside != inside) reading = reorder_of(outside, inside);
  }
  int64_t room() const { return reading ? aligned(inside.get_size()) : 0; }
  // The operand's memory; `room` is used up where it is read first.
  memory at(const float* p, char*& free) const {
    memory given(outside, engine(), const_cast<float*>(p));
    if (!reading) return given;
    memory taken(inside, engine(), free);
    free += room();
    dnnl::reorder(reading).execute(stream(), given, taken);
    return taken;
  }
};

// A 1x1 kernel reads every stride-th pixel only. Where strides divide the image oneDNN gathers
// those first; for the weights' gradient of less than 8 channels its AVX2 kernel (2.6.3) then
// writes past the scratchpad that it asks for. Gathered here, the gradient is one of stride 1.
bool skips_pixels(ConvPass pass, const Conv& s) {
  return pass == ConvPass::weight && s.c / s.groups < 16 && s.kh == 1 && s.kw == 1 &&
         (s.stride_h > 1 || s.stride_w > 1) && s.h == s.oh * s.stride_h && s.w == s.ow * s.stride_w;
}
memory::desc read_pixels(const Conv& s) {
  return {{s.n, s.c, s.oh, s.ow},
          Type::f32,
          memory::dims{s.h * s.w * s.c, 1, s.stride_h * s.w * s.c, s.stride_w * s.c}};
}

// One block size.
struct Block {
  dnnl::primitive primitive;
  Operand x, y;
  memory::desc weight, scratch;
  int64_t scratch_bytes() const { return aligned(scratch.get_size()) + x.room() + y.room(); }
};

Block block_of(ConvPass pass, const Conv& whole, const memory::desc& weight, bool bf16) {
  Conv s = whole;
  memory::desc given = images(s.n, s.c, s.h, s.w, Type::f32);
  if (skips_pixels(pass, s)) {
    given = read_pixels(s);
    s.h = s.oh, s.w = s.ow, s.stride_h = s.stride_w = 1;
  }
  const Type of_x = bf16 && pass != ConvPass::x ? Type::bf16 : Type::f32,
             of_y = bf16 && pass != ConvPass::y ? Type::bf16 : Type::f32;
  const Operand x(given, images(s.n, s.c, s.h, s.w, of_x)),
      y(images(s.n, s.o, s.oh, s.ow, Type::f32), images(s.n, s.o, s.oh, s.ow, of_y));
  const Shapes shapes{x.inside,
                      y.inside,
                      weight,
                      {s.stride_h, s.stride_w},
                      {s.dilation_h - 1, s.dilation_w - 1},
                      {s.pad_h, s.pad_w}};
  if (pass == ConvPass::y) {
    const auto d = describe_y(shapes);
    return {dnnl::convolution_forward(d), x, y, d.weights_desc(), d.scratchpad_desc()};
  }
  // The hint is the forward pass whose gradient this is, in formats of its own.
  const Type t = bf16 ? Type::bf16 : Type::f32;
  const Shapes forward{images(s.n, s.c, s.h, s.w, t),
                       images(s.n, s.o, s.oh, s.ow, t),
                       weights(s, Tag::any, t),
                       shapes.stride,
                       shapes.dilation,
                       shapes.pad};
  const auto hint = describe_y(forward);
  if (pass == ConvPass::x) {
    const auto d = describe_x(shapes, hint);
    return {dnnl::convolution_backward_data(d), x, y, d.weights_desc(), d.scratchpad_desc()};
  }
  const auto d = describe_weight(shapes, hint);
  return {dnnl::convolution_backward_weights(d), x, y, d.diff_weights_desc(), d.scratchpad_desc()};
}

class Plan : public ConvPlan {
 public:
  Plan(ConvPass pass, const Conv& whole, int64_t block, bool bf16)
      : pass_(pass), whole_blocks_(whole.n / block) {
    Conv s = whole;
    s.n = std::min(block, whole.n);
    plain_ = weights(s, s.groups == 1 ? Tag::oihw : Tag::goihw, Type::f32);
    main_ = block_of(
        pass, s, weights(s, Tag::any, bf16 && pass != ConvPass::weight ? Type::bf16 : Type::f32),
        bf16);
    scratch_bytes = main_.scratch_bytes();
    if (s.n * whole_blocks_ != whole.n && whole_blocks_ > 0) {
      s.n = whole.n % block;
      last_ = block_of(pass, s, main_.weight, bf16);
      scratch_bytes = std::max(scratch_bytes, last_.scratch_bytes());
    }
    if (pass == ConvPass::weight) {
      reorder_ = reorder_of(main_.weight, plain_);
    } else {
      reorder_ = reorder_of(plain_, main_.weight);
    }
    packed_bytes = static_cast<int64_t>(main_.weight.get_size());
  }
  void pack(const float* weight, void* packed) const override {
    copy(plain_, weight, main_.weight, packed);
  }
  void unpack(const void* packed, float* weight) const override {
    copy(main_.weight, packed, plain_, weight);
  }
  void run(int64_t b, const float* x, const float* y, const void* packed,
           void* scratch) const override {
    const Block& k = last_.primitive && b == whole_blocks_ ? last_ : main_;
    const OneThread one;
    char* free = static_cast<char*>(scratch) + aligned(k.scratch.get_size());
    const memory xm = k.x.at(x, free), ym = k.y.at(y, free);
    const memory wm(k.weight, engine(), const_cast<void*>(packed)),
        sm(k.scratch, engine(), scratch);
    const bool back = pass_ != ConvPass::y;
    k.primitive.execute(stream(),
                        {{pass_ == ConvPass::x ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, xm},
                         {back ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, ym},
                         {pass_ == ConvPass::weight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, wm},
                         {DNNL_ARG_SCRATCHPAD, sm}});
  }

 private:
  void copy(const memory::desc& from, const void* source, const memory::desc& to,
            void* target) const {
    const OneThread one;
    memory a(from, engine(), const_cast<void*>(source)), b(to, engine(), target);
    dnnl::reorder(reorder_).execute(stream(), a, b);
  }

  ConvPass pass_;
  int64_t whole_blocks_;
  memory::desc plain_;
  Block main_, last_;
  dnnl::reorder reorder_;
};

struct Key {
  Conv shape;
  int64_t block;
  ConvPass pass;
  bool bf16;
  bool operator==(const Key& o) const {
    return pass == o.pass && bf16 == o.bf16 && block == o.block &&
           std::memcmp(&shape, &o.shape, sizeof(Conv)) == 0;
  }
};
struct Cache {
  std::mutex mutex;
  // the one used last comes first
  std::list<std::pair<Key, std::shared_ptr<const ConvPlan>>> plans;
};
Cache& cache() {
  static auto* c = new Cache;
  return *c;
}
[[maybe_unused]] const Cache& made_before_main = cache();  // so that no fork cuts its making

[[noreturn]] void translate(const dnnl::error& e, const Conv& s) {
  if (e.status == dnnl_out_of_memory) throw OutOfMemory("out of memory: a convolution by oneDNN");
  throw Error("convolution of [" + std::to_string(s.n) + "," + std::to_string(s.c) + "," +
              std::to_string(s.h) + "," + std::to_string(s.w) + "]: oneDNN: '" + e.what() + "'");
}

}  // namespace

std::shared_ptr<const ConvPlan> conv_plan(ConvPass pass, const Conv& whole, int64_t block,
                                          bool bf16) {
  const Key key{whole, block, pass, bf16};
  Cache& c = cache();
  const auto find = [&]() -> std::shared_ptr<const ConvPlan> {
    for (auto it = c.plans.begin(); it != c.plans.end(); ++it) {
      if (!(it->first == key)) continue;
      c.plans.splice(c.plans.begin(), c.plans, it);
      return it->second;
    }
    return nullptr;
  };
  {
    const detail::NoFork uncut;
    const std::lock_guard lock(c.mutex);
    if (auto found = find()) return found;
  }
  std::shared_ptr<const ConvPlan> made;
  try {
    const detail::NoFork uncut;  // oneDNN locks a cache of its own
    const OneThread one;
    made = std::make_shared<Plan>(pass, whole, block, bf16);
  } catch (const dnnl::error& e) {
    translate(e, whole);
  }
  const detail::NoFork uncut;
  const std::lock_guard lock(c.mutex);
  if (auto found = find()) return found;
  c.plans.emplace_front(key, made);
  if (c.plans.size() > conv_plans_kept) c.plans.pop_back();
  return made;
}

bool has_bf16() {
  const auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

int conv_plans() {
  Cache& c = cache();
  const detail::NoFork uncut;
  const std::lock_guard lock(c.mutex);
  return static_cast<int>(c.plans.size());
}

namespace {

// As the environment's ONEDNN_MAX_CPU_ISA spells it.
const char* isa_name(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41: return "SSE41";
    case dnnl::cpu_isa::avx: return "AVX";
    case dnnl::cpu_isa::avx2: return "AVX2";
    case dnnl::cpu_isa::avx2_vnni: return "AVX2_VNNI";
    case dnnl::cpu_isa::avx512_core: return "AVX512_CORE";
    case dnnl::cpu_isa::avx512_core_vnni: return "AVX512_CORE_VNNI";
    case dnnl::cpu_isa::avx512_core_bf16: return "AVX512_CORE_BF16";
    case dnnl::cpu_isa::avx512_core_amx: return "AVX512_CORE_AMX";
    default: return "this CPU";
  }
}

}  // namespace

const char* dnn_description() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch) + " for " + isa_name(dnnl::get_effective_cpu_isa());
  }();
  return text.c_str();
}

}  // namespace regrad::kernels
