// Convolution in f32 by oneDNN, on the calling thread alone: primitives are made and run with one thread, so that neither the machine nor a setting of
// the host's cuts their sums.
#include "conv.h"

#include "one_thread.h"

#include <regrad/engine/error.h>

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <string>

namespace regrad::kernels {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

const dnnl::engine& engine() {
  static const auto* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: plans may outlive static objects
  return *e;
}
dnnl::stream& stream() {
  static thread_local dnnl::stream s(engine());
  return s;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr a;
  a.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return a;
}

memory::desc images(int64_t n, int64_t c, int64_t h, int64_t w) { return {{n, c, h, w}, memory::data_type::f32, Tag::nhwc}; }
memory::dims weight_dims(const Conv& s) {
  if (s.groups == 1) return {s.o, s.c, s.kh, s.kw};
  return {s.groups, s.o / s.groups, s.c / s.groups, s.kh, s.kw};
}
memory::desc weights(const Conv& s, Tag tag) { return {weight_dims(s), memory::data_type::f32, tag}; }

// The three primitive descriptors, in the spelling of either version.
struct Shapes {
  memory::desc x, y, weight;
  memory::dims stride, dilation, pad;
};

dnnl::convolution_forward::primitive_desc describe_y(const Shapes& s) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad,
          attributes()};
#else
  return {{dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad},
          attributes(),
          engine()};
#endif
}
dnnl::convolution_backward_data::primitive_desc describe_x(const Shapes& s, const dnnl::convolution_forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad, hint, attributes()};
#else
  return {{dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad}, attributes(), engine(), hint};
#endif
}
dnnl::convolution_backward_weights::primitive_desc describe_weight(const Shapes& s, const dnnl::convolution_forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad, hint, attributes()};
#else
  return {{dnnl::algorithm::convolution_direct, s.x, s.weight, s.y, s.stride, s.dilation, s.pad, s.pad}, attributes(), engine(), hint};
#endif
}

// One block size.
struct Block {
  dnnl::primitive primitive;
  memory::desc x, y, weight, scratch;
};

Block block_of(ConvPass pass, const Conv& s, const memory::desc& weight) {
  const Shapes shapes{images(s.n, s.c, s.h, s.w), images(s.n, s.o, s.oh, s.ow),      weight, {s.stride_h, s.stride_w},
                      {s.dilation_h - 1, s.dilation_w - 1}, {s.pad_h, s.pad_w}};
  if (pass == ConvPass::y) {
    const auto d = describe_y(shapes);
    return {dnnl::convolution_forward(d), shapes.x, shapes.y, d.weights_desc(), d.scratchpad_desc()};
  }
  Shapes free = shapes;  // the hint's own format does not matter
  free.weight = weights(s, Tag::any);
  const auto hint = describe_y(free);
  if (pass == ConvPass::x) {
    const auto d = describe_x(shapes, hint);
    return {dnnl::convolution_backward_data(d), shapes.x, shapes.y, d.weights_desc(), d.scratchpad_desc()};
  }
  const auto d = describe_weight(shapes, hint);
  return {dnnl::convolution_backward_weights(d), shapes.x, shapes.y, d.diff_weights_desc(), d.scratchpad_desc()};
}

dnnl::reorder reorder_of(const memory::desc& from, const memory::desc& to) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

class Plan : public ConvPlan {
 public:
  Plan(ConvPass pass, const Conv& whole, int64_t block) : pass_(pass), whole_blocks_(whole.n / block) {
    Conv s = whole;
    s.n = std::min(block, whole.n);
    plain_ = weights(s, s.groups == 1 ? Tag::oihw : Tag::goihw);
    main_ = block_of(pass, s, weights(s, Tag::any));
    if (s.n * whole_blocks_ != whole.n && whole_blocks_ > 0) {
      s.n = whole.n % block;
      last_ = block_of(pass, s, main_.weight);
    }
    pack_ = reorder_of(plain_, main_.weight);
    unpack_ = reorder_of(main_.weight, plain_);
    packed_bytes = static_cast<int64_t>(main_.weight.get_size());
    scratch_bytes = static_cast<int64_t>(std::max(main_.scratch.get_size(), last_.primitive ? last_.scratch.get_size() : 0));
  }
  void pack(const float* weight, void* packed) const override {
    const OneThread one;
    memory from(plain_, engine(), const_cast<float*>(weight)), to(main_.weight, engine(), packed);
    pack_.execute(stream(), from, to);
  }
  void unpack(const void* packed, float* weight) const override {
    const OneThread one;
    memory from(main_.weight, engine(), const_cast<void*>(packed)), to(plain_, engine(), weight);
    unpack_.execute(stream(), from, to);
  }
  void run(int64_t b, const float* x, const float* y, const void* packed, void* scratch) const override {
    const Block& k = last_.primitive && b == whole_blocks_ ? last_ : main_;
    const auto at = [](const memory::desc& d, const void* p) { return memory(d, engine(), const_cast<void*>(p)); };
    const memory xm = at(k.x, x), ym = at(k.y, y), wm = at(k.weight, packed), sm = at(k.scratch, scratch);
    const OneThread one;
    if (pass_ == ConvPass::y) {
      k.primitive.execute(stream(), {{DNNL_ARG_SRC, xm}, {DNNL_ARG_WEIGHTS, wm}, {DNNL_ARG_DST, ym}, {DNNL_ARG_SCRATCHPAD, sm}});
    } else if (pass_ == ConvPass::x) {
      k.primitive.execute(stream(), {{DNNL_ARG_DIFF_SRC, xm}, {DNNL_ARG_WEIGHTS, wm}, {DNNL_ARG_DIFF_DST, ym}, {DNNL_ARG_SCRATCHPAD, sm}});
    } else {
      k.primitive.execute(stream(), {{DNNL_ARG_SRC, xm}, {DNNL_ARG_DIFF_WEIGHTS, wm}, {DNNL_ARG_DIFF_DST, ym}, {DNNL_ARG_SCRATCHPAD, sm}});
    }
  }

 private:
  ConvPass pass_;
  int64_t whole_blocks_;
  memory::desc plain_;
  Block main_, last_;
  mutable dnnl::reorder pack_, unpack_;
};

struct Key {
  Conv shape;
  int64_t block;
  ConvPass pass;
  bool operator==(const Key& o) const { return pass == o.pass && block == o.block && std::memcmp(&shape, &o.shape, sizeof(Conv)) == 0; }
};
struct Cache {
  std::mutex mutex;
  std::list<std::pair<Key, std::shared_ptr<const ConvPlan>>> plans;  // the one used last comes first
};
Cache& cache() {
  static auto* c = new Cache;
  return *c;
}

[[noreturn]] void translate(const dnnl::error& e, const Conv& s) {
  if (e.status == dnnl_out_of_memory) throw OutOfMemory("out of memory: a convolution by oneDNN");
  throw Error("convolution of [" + std::to_string(s.n) + "," + std::to_string(s.c) + "," + std::to_string(s.h) + "," + std::to_string(s.w) +
              "]: oneDNN says '" + e.what() + "'");
}

}  // namespace

std::shared_ptr<const ConvPlan> conv_plan(ConvPass pass, const Conv& whole, int64_t block) {
  const Key key{whole, block, pass};
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
    const std::lock_guard lock(c.mutex);
    if (auto found = find()) return found;
  }
  std::shared_ptr<const ConvPlan> made;
  try {
    const OneThread one;
    made = std::make_shared<Plan>(pass, whole, block);
  } catch (const dnnl::error& e) {
    translate(e, whole);
  }
  const std::lock_guard lock(c.mutex);
  if (auto found = find()) return found;
  c.plans.emplace_front(key, made);
  if (c.plans.size() > conv_plans_kept) c.plans.pop_back();
  return made;
}

int conv_plans() {
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  return static_cast<int>(c.plans.size());
}

const char* dnn_description() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  }();
  return text.c_str();
}

}  // namespace regrad::kernels
