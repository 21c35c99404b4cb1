// Convolutions write only to what is theirs, whatever the instruction set: weights, images and the
// scratch memory they need lie between guards.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/kernels/conv.h>
#include <regrad/engine/version.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "guarded.h"

using namespace regrad;
using namespace regrad::test;
using kernels::Conv;
using kernels::ConvPass;

namespace {

// Whole numbers, which f32 and bf16 add up exactly.
void draw(std::vector<double>& exact, Guarded& given) {
  for (size_t i = 0; i < exact.size(); ++i)
    given.as<float>()[i] =
        static_cast<float>(exact[i] = static_cast<double>(i * 2654435761u / 128 % 9) - 4);
}
bool equal(const std::vector<double>& exact, const Guarded& found) {
  for (size_t i = 0; i < exact.size(); ++i)
    if (!(static_cast<double>(found.as<float>()[i]) == exact[i])) return false;
  return true;
}

struct Seen {
  int64_t cases = 0, outside = 0, wrong = 0;
};
void look(ConvPass pass, const Conv& s, int64_t block, bool bf16, Seen& seen) {
  const auto plan = kernels::conv_plan(pass, s, block, bf16);
  std::vector<double> x(static_cast<size_t>(s.n * s.c * s.h * s.w)),
      y(static_cast<size_t>(s.n * s.o * s.oh * s.ow)),
      w(static_cast<size_t>(s.o * (s.c / s.groups) * s.kh * s.kw));
  const auto room = [](const std::vector<double>& v) { return static_cast<int64_t>(v.size()) * 4; };
  Guarded gx(room(x)), gy(room(y)), gw(room(w)), packed(plan->packed_bytes),
      scratch(plan->scratch_bytes);
  if (pass != ConvPass::x) draw(x, gx);
  if (pass != ConvPass::y) draw(y, gy);
  if (pass != ConvPass::weight) {
    draw(w, gw);
    plan->pack(gw.as<float>(), packed.as<void>());
  }
  plan->run(0, gx.as<float>(), gy.as<float>(), packed.as<void>(), scratch.as<void>());
  if (pass == ConvPass::y) kernels::conv_y(s, x.data(), w.data(), y.data());
  if (pass == ConvPass::x) kernels::conv_x(s, y.data(), w.data(), x.data());
  if (pass == ConvPass::weight) {
    plan->unpack(packed.as<void>(), gw.as<float>());
    kernels::conv_weight(s, x.data(), y.data(), w.data());
  }
  ++seen.cases;
  seen.outside +=
      !(gx.intact() && gy.intact() && gw.intact() && packed.intact() && scratch.intact());
  seen.wrong += !(equal(x, gx) && equal(y, gy) && equal(w, gw));
}

}  // namespace

TEST_CASE(
    "the environment holds all three to one instruction set: our kernels, oneDNN and OpenBLAS") {
  const char* isa = std::getenv("REGRAD_ISA");
  const char* dnn = std::getenv("ONEDNN_MAX_CPU_ISA");
  const char* blas = std::getenv("OPENBLAS_CORETYPE");
  if (!isa || !dnn || !blas) {
    MESSAGE("skipped: nothing is held");
    return;
  }
  const std::string text = version_text();
  CAPTURE(text);
  CHECK(text.find(std::string("kernels for ") + isa + "\n") != std::string::npos);
  CHECK(text.find(std::string(" for ") + dnn + ",") != std::string::npos);
  CHECK(text.find(std::string(" ") + blas + " ") != std::string::npos);
  const bool by_dnn = text.find("8-bit convolutions by oneDNN (VNNI)") != std::string::npos;
  CHECK(by_dnn == (std::string(dnn).find("VNNI") != std::string::npos ||
                   std::string(dnn).find("BF16") != std::string::npos));
}

TEST_CASE(
    "convolutions with few channels, kernels of one pixel and strides stay inside their memory") {
  Seen seen;
  struct Size {
    int64_t n, h, w;
  };
  for (const bool bf16 : {false, true}) {
    if (bf16 && !kernels::has_bf16()) continue;
    for (const Size& size : {Size{1, 4, 6}, Size{2, 7, 9}, Size{4, 16, 16}, Size{2, 1, 24}})
      for (const auto& [stride_h, stride_w] :
           {std::pair<int64_t, int64_t>{1, 1}, {2, 2}, {1, 2}, {2, 1}, {3, 3}})
        for (const auto& [k, pad] : {std::pair<int64_t, int64_t>{1, 0}, {1, 1}, {3, 1}})
          for (const int64_t c : {1, 2, 3, 5, 6, 7, 8, 9, 16, 20})
            for (const int64_t o : {1, 8, 19}) {
              Conv s{size.n, c,        size.h,   size.w, o,   0, 0, k,
                     k,      stride_h, stride_w, pad,    pad, 1, 1, 1};
              s.oh = (s.h + 2 * pad - k) / stride_h + 1, s.ow = (s.w + 2 * pad - k) / stride_w + 1;
              for (const ConvPass pass : {ConvPass::y, ConvPass::x, ConvPass::weight})
                look(pass, s, s.n, bf16, seen);
            }
  }
  MESSAGE(seen.cases, " plans");
  CHECK(seen.outside == 0);
  CHECK(seen.wrong == 0);
}

TEST_CASE("the weights' gradient of a strided kernel of one pixel over three channels") {
  const Tensor w = zeros({8, 3, 1, 1}).requires_grad_();
  const Tensor g = grad(sum(conv2d(ones({16, 3, 32, 32}), w, {}, {.stride = 2})), w);
  for (const double v : g.to_vector()) CHECK(v == 4096);
  const Tensor t = zeros({8, 3, 1, 1}).requires_grad_();
  const Tensor h = grad(sum(conv_transpose2d(ones({16, 8, 16, 16}), t, {}, {.stride = 2}, 1)), t);
  for (const double v : h.to_vector()) CHECK(v == 4096);
}
