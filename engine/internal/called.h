// The public function that was called: errors of the ops that it is composed of begin with its name
// and show its arguments.
//
//   Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias) {
//     const detail::Called as("conv1d(x, weight, bias?)", x, weight, bias);  // ?: may be undefined
//     return conv2d(..);
//   }
//   // conv1d: x [2,3,5], weight [4,2,3] (conv2d: channels of x and weight differ, ..)
//
// The outermost one counts. A function that is one row of the same name needs none. Internal to the
// engine.
#pragma once

#include <regrad/engine/internal/node.h>

namespace regrad::detail {

class Called {
 public:
  // signature: "name(argument, argument?, ..)", with a name for each of the tensors (or lists of
  // them) that follow. All of them outlive this.
  template <class... T>
  explicit Called(const char* signature, const T&... tensors) noexcept {
    static_assert(sizeof...(T) <= most);
    if (mode.called) return;
    mode.called = this;
    signature_ = signature;
    n_ = 0;
    (put(tensors), ...);
  }
  ~Called() {
    if (mode.called == this) mode.called = nullptr;
  }
  Called(const Called&) = delete;
  Called& operator=(const Called&) = delete;

  // An error's words with this function's name and arguments in front.
  std::string told(const std::string& words) const;
  // ShapeError where an argument that must be there is undefined.
  void need_arguments() const;

 private:
  static constexpr int most = 6;
  struct Argument {
    const Tensor* first;
    int64_t count;  // -1: one tensor, no list
  };
  void put(const Tensor& t) { arguments_[n_++] = {&t, -1}; }
  void put(const TensorList& l) { arguments_[n_++] = {l.begin(), l.size()}; }
  std::string name() const;
  std::string arguments() const;

  // Set where this is the outermost one.
  const char* signature_;
  int n_;
  Argument arguments_[most];
};

// ShapeError about a tensor that has no value: argument `which` of op, in the words of the function
// that was called.
[[noreturn]] void undefined_tensor(const char* op, int which);

}  // namespace regrad::detail
