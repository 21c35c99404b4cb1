#include <regrad/layers/serialize.h>

#include <algorithm>

namespace regrad::detail {

Tensor Intake::take(const std::string& name, const Tensor& old) {
  const std::string key = prefix_ + name;
  const Tensor& t = file_[key];
  if (t.shape() != old.shape())
    throw ShapeError(file_.where + ": tensor '" + key + "' has shape " + str(t.shape()) +
                     ", the net's has " + str(old.shape()));
  if (t.dtype() != old.dtype())
    throw DTypeError(file_.where + ": tensor '" + key + "' is " + regrad::name(t.dtype()) +
                     ", the net's is " + regrad::name(old.dtype()));
  taken_.push_back(key);
  return t.detach().requires_grad_(is_floating(t.dtype()) && old.requires_grad());
}

void Intake::finish() const {
  std::vector<std::string> taken = taken_;
  std::sort(taken.begin(), taken.end());
  std::string extra;
  for (const auto& [key, t] : file_.tensors) {
    if (key.compare(0, prefix_.size(), prefix_) == 0 &&
        !std::binary_search(taken.begin(), taken.end(), key))
      extra += (extra.empty() ? "'" : ", '") + key + "'";
  }
  if (!extra.empty()) throw IOError(file_.where + ": the net has no tensor " + extra);
}

}  // namespace regrad::detail
