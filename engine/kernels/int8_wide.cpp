// 8-bit convolution by 16-bit products (isa/int8.cpp): how images and weights are laid out for
// them.
#include "int8.h"
#include "kernels.h"

#include <algorithm>
#include <vector>

namespace regrad::kernels {
namespace {

// The image with its padding. One whose pixels are all its outputs, in turn, is a single row.
Conv as_rows(Conv s) {
  if (s.kh == 1 && s.kw == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 &&
      s.pad_w == 0) {
    s.w = s.ow = s.h * s.w;
    s.h = s.oh = 1;
  }
  return s;
}

class Wide : public Int8Plan {
 public:
  explicit Wide(const Conv& given) : s_(as_rows(given)), row_((s_.w + 2 * s_.pad_w) * s_.c) {
    x_wide = true;
    x_first = s_.pad_h * row_ + s_.pad_w * s_.c;
    x_row = s_.h == given.h ? row_ : given.w * s_.c;
    x_bytes = ((s_.h + 2 * s_.pad_h) * row_ + int8_slack) * 2;
  }

 protected:
  Conv s_;
  int64_t row_;  // elements of a row with its padding
  const Int8Kernels& kernels_ = table().int8;
  int64_t weight_at(int64_t o, int64_t c, int64_t p, int64_t q) const {
    return ((o * (s_.c / s_.groups) + c) * s_.kh + p) * s_.kw + q;
  }
  int64_t tap(int64_t p, int64_t q) const {
    return p * s_.dilation_h * row_ + q * s_.dilation_w * s_.c;
  }
};

// A segment: the channels of one tap; or, where taps along the width are neighbours too, of a row
// of them.
class WideDense : public Wide {
 public:
  explicit WideDense(const Conv& given)
      : Wide(given),
        whole_rows_(s_.groups == 1 && s_.dilation_w == 1),
        length_((whole_rows_ ? s_.kw : 1) * s_.c / s_.groups),
        pairs_((length_ + 1) / 2),
        outputs_(s_.o / s_.groups) {
    for (int64_t p = 0; p < s_.kh; ++p)
      for (int64_t q = 0; q < (whole_rows_ ? 1 : s_.kw); ++q) segments_.push_back(tap(p, q));
    padded_ = (outputs_ + kernels_.sums - 1) / kernels_.sums * kernels_.sums;
    packed_bytes = s_.groups * group_size() * 2;
  }

  void pack(const int8_t* weight, void* packed) const override {
    auto* to = static_cast<int16_t*>(packed);
    for (int64_t g = 0; g < s_.groups; ++g)
      for (int64_t o = 0; o < padded_; o += 2 * kernels_.sums) {
        const int64_t block = std::min(2 * kernels_.sums, padded_ - o);
        for (int64_t i = 0; i < segments(); ++i)
          for (int64_t k = 0; k < 2 * pairs_; k += 2)
            for (int64_t j = 0; j < block; ++j, to += 2)
              for (int64_t h = 0; h < 2; ++h)
                to[h] = o + j < outputs_ && k + h < length_
                            ? weight[element(g * outputs_ + o + j, i, k + h)]
                            : int16_t{0};
      }
  }

  void run(const void* x, const void* packed, void*, int32_t* y) const override {
    const Int8Dense d{s_.oh,      s_.ow,  s_.stride_h * row_, s_.stride_w * s_.c,
                      segments(), pairs_, segments_.data(),   outputs_,
                      s_.o};
    for (int64_t g = 0; g < s_.groups; ++g)
      kernels_.dense(d, static_cast<const int16_t*>(x) + g * (s_.c / s_.groups),
                     static_cast<const int16_t*>(packed) + g * group_size(), y + g * outputs_);
  }

 private:
  bool whole_rows_;
  int64_t length_, pairs_, outputs_, padded_ = 0;
  std::vector<int64_t> segments_;

  int64_t segments() const { return static_cast<int64_t>(segments_.size()); }
  int64_t group_size() const { return padded_ * segments() * pairs_ * 2; }
  // The k-th of segment i.
  int64_t element(int64_t o, int64_t i, int64_t k) const {
    return whole_rows_ ? weight_at(o, k % s_.c, i, k / s_.c)
                       : weight_at(o, k, i / s_.kw, i % s_.kw);
  }
};

// Runs: of several pixels where neighbours of x are neighbours of y, else of one.
class WideDepthwise : public Wide {
 public:
  explicit WideDepthwise(const Conv& given) : Wide(given) {
    constexpr int64_t wide = 512;
    const int64_t n = s_.ow * s_.c;
    const bool joined = s_.stride_w == 1;
    run_ = joined ? std::min(n, std::max(s_.c, wide / s_.c * s_.c)) : s_.c;
    runs_ = (n + run_ - 1) / run_;
    last_ = n - (runs_ - 1) * run_;
    step_ = joined ? run_ : s_.stride_w * s_.c;
    width_ = (run_ + 2 * kernels_.sums - 1) / (2 * kernels_.sums) * 2 * kernels_.sums;
    const int64_t taps = s_.kh * s_.kw;
    for (int64_t k = 0; k < (taps + 1) / 2 * 2; ++k)
      taps_.push_back(k < taps ? tap(k / s_.kw, k % s_.kw) : taps_.back());
    packed_bytes = static_cast<int64_t>(taps_.size()) * width_ * 2;
  }

  void pack(const int8_t* weight, void* packed) const override {
    auto* to = static_cast<int16_t*>(packed);
    std::vector<int16_t> pair(static_cast<size_t>(2 * width_));
    for (int64_t k = 0; k < static_cast<int64_t>(taps_.size()); k += 2, to += 2 * width_) {
      for (int64_t h = 0; h < 2; ++h)
        for (int64_t j = 0; j < run_; ++j)
          pair[static_cast<size_t>(h * width_ + j)] =
              k + h < s_.kh * s_.kw ? weight[j % s_.c * s_.kh * s_.kw + k + h] : int16_t{0};
      kernels_.depthwise_pack(pair.data(), pair.data() + width_, width_, to);
    }
  }

  void run(const void* x, const void* packed, void*, int32_t* y) const override {
    const Int8Depthwise d{s_.oh,
                          runs_,
                          run_,
                          last_,
                          s_.stride_h * row_,
                          step_,
                          width_,
                          static_cast<int64_t>(taps_.size()) / 2,
                          taps_.data()};
    kernels_.depthwise(d, static_cast<const int16_t*>(x), static_cast<const int16_t*>(packed), y);
  }

 private:
  int64_t run_, runs_, last_, step_, width_;
  std::vector<int64_t> taps_;
};

}  // namespace

std::shared_ptr<const Int8Plan> int8_wide_plan(const Conv& s) {
  if (s.groups == s.c && s.o == s.c && s.c > 1) return std::make_shared<WideDepthwise>(s);
  return std::make_shared<WideDense>(s);
}

}  // namespace regrad::kernels
