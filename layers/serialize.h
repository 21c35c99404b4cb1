// Nets in safetensors files: every tensor of parts, buffers included, under its dotted name
// ("layers.0.weight").
//
//   save(net, "net.safetensors");      net = load(net, "net.safetensors");
//
// A checkpoint that holds more than one net gives each a prefix:
//
//   std::vector<NamedTensor> all = named_tensors(net, "net.");
//       // and the optimizer's, "adam.m.0", ...
//   save_safetensors(path, all, {{"step", "100"}});
//   net = with_tensors(net, load_safetensors(path), "net.");
#pragma once

#include <regrad/engine/io/serialize.h>
#include <regrad/layers/params.h>

namespace regrad {

// Every tensor of the net, buffers included, in the order of parts.
template <class Net>
std::vector<NamedTensor> named_tensors(const Net& net, const std::string& prefix = "") {
  std::vector<NamedTensor> out;
  each(net,
       [&](const std::string& name, const Tensor& t, bool) { out.emplace_back(prefix + name, t); });
  return out;
}

namespace detail {
// Takes a net's tensors out of a file one by one, and complains of what does not fit.
class Intake {
 public:
  Intake(const TensorFile& file, const std::string& prefix) : file_(file), prefix_(prefix) {}
  // A leaf of old's shape and dtype, which requires gradients where old does.
  Tensor take(const std::string& name, const Tensor& old);
  void finish() const;  // IOError naming the tensors under the prefix that nobody took

 private:
  const TensorFile& file_;
  const std::string& prefix_;
  std::vector<std::string> taken_{};
};
}  // namespace detail

// The net with the file's tensors that begin with prefix: new leaves, which require gradients where
// the net's tensors did.
// IOError naming file and tensor where one is missing or one too many; ShapeError, DTypeError where
// one has another shape or dtype.
template <class Net>
Net with_tensors(Net net, const TensorFile& file, const std::string& prefix = "") {
  detail::Intake intake(file, prefix);
  each(net, [&](const std::string& name, Tensor& t, bool) { t = intake.take(name, t); });
  intake.finish();
  return net;
}

// Errors: those of save_safetensors and load_safetensors, and of with_tensors.
template <class Net>
void save(const Net& net, const std::string& path, const Metadata& metadata = {}) {
  save_safetensors(path, named_tensors(net), metadata);
}
template <class Net>
Net load(Net net, const std::string& path) {
  return with_tensors(std::move(net), load_safetensors(path));
}

}  // namespace regrad
