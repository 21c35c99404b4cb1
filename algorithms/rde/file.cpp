// A fitted detector in a safetensors file, and what such a file must be.
#include <regrad/algorithms/rde/products.h>
#include <regrad/algorithms/rde/rde.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace regrad::rde {
namespace {

constexpr const char* format = "regrad-rde 1";

// Takes tensors out of a file and complains of what does not fit.
class Reader {
 public:
  explicit Reader(const std::string& path) : file_(load_safetensors(path)) {
    if (metadata("format") != format)
      throw IOError(path + ": format is '" + metadata("format") + "', not '" + format + "'");
  }
  std::string metadata(const std::string& key) const {
    const auto at = file_.metadata.find(key);
    if (at == file_.metadata.end())
      throw IOError(file_.where + ": no '" + key + "' in its metadata: not a saved detector");
    return at->second;
  }
  // Of the sizes given (-1: any) and finite.
  Tensor take(const std::string& name, const std::vector<int64_t>& sizes, DType t) const {
    const Tensor& x = file_[name];
    bool fits = x.dtype() == t && x.dim() == static_cast<int>(sizes.size());
    for (size_t d = 0; fits && d < sizes.size(); ++d)
      fits = sizes[d] < 0 || x.size(static_cast<int64_t>(d)) == sizes[d];
    if (!fits) {
      std::string wanted;
      for (const int64_t s : sizes)
        wanted += (wanted.empty() ? "" : ",") + (s < 0 ? std::string("n") : std::to_string(s));
      fail(name, std::string("is ") + regrad::name(x.dtype()) + " " + str(x.shape()) + ", not " +
                     regrad::name(t) + " [" + wanted + "]");
    }
    if (is_floating(t))
      for (const double v : x.to_vector())
        if (!std::isfinite(v)) fail(name, "holds a number that is not finite");
    return x;
  }
  DType dtype(const std::string& name) const {
    const DType t = file_[name].dtype();
    if (!is_floating(t)) fail(name, "is neither f32 nor f64");
    return t;
  }
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw IOError(file_.where + ": tensor '" + name + "' " + what);
  }

 private:
  TensorFile file_;
};

const char* word(Method m) {
  return m == Method::rde ? "rde" : m == Method::plain ? "rde-plain" : "mle";
}

Kpca read_map(const Reader& r, const std::string& kernel) {
  Kpca k;
  k.kernel = kernel == "linear" ? Kernel::linear : Kernel::rbf;
  const DType t = r.dtype("kpca.points");
  k.points = r.take("kpca.points", {-1, -1}, t);
  const int64_t n = k.points.size(0), d = k.points.size(1);
  if (n < 1 || d < 1) r.fail("kpca.points", "is empty");
  k.centre = r.take("kpca.centre", {d}, t);
  k.values = r.take("kpca.values", {-1}, DType::f64);
  const int64_t p = k.values.size(0);
  if (p < 1) r.fail("kpca.values", "is empty");
  for (const double v : k.values.to_vector())
    if (v < 0) r.fail("kpca.values", "holds a negative number");
  k.projection = r.take("kpca.projection", {n, p}, DType::f64);
  k.offset = r.take("kpca.offset", {p}, DType::f64);
  k.gamma = r.take("kpca.gamma", {1}, DType::f64).item();
  if (!(k.gamma > 0)) r.fail("kpca.gamma", "is not positive");
  std::vector<double> squares;
  for (int64_t i = 0; i < n; ++i)
    squares.push_back(t == DType::f32 ? detail::square(k.points.data<float>() + i * d, d)
                                      : detail::square(k.points.data<double>() + i * d, d));
  k.squares = tensor(squares, {n}, DType::f64);
  k.vectors = k.projection * sqrt(k.values);
  return k;
}

}  // namespace

void Rde::save(const std::string& path) const {
  const NoGrad quiet;
  std::vector<NamedTensor> all = {{"classes", tensor(classes_)}};
  for (size_t c = 0; c < classes_.size(); ++c) {
    const std::string name = "class." + std::to_string(c);
    all.emplace_back(name + ".location", gaussians_[c].location);
    all.emplace_back(name + ".whitening", gaussians_[c].whitening);
    all.emplace_back(name + ".log_det", tensor({gaussians_[c].log_det}, DType::f64));
  }
  Metadata metadata = {
      {"format", format}, {"method", word(method_)}, {"log_det", log_det_ ? "true" : "false"}};
  if (method_ == Method::mle) {
    metadata["dtype"] = name(dtype_);
  } else {
    metadata["kernel"] = kpca_.kernel == Kernel::rbf ? "rbf" : "linear";
    all.insert(all.end(), {{"kpca.centre", kpca_.centre},
                           {"kpca.points", kpca_.points},
                           {"kpca.values", kpca_.values},
                           {"kpca.projection", kpca_.projection},
                           {"kpca.offset", kpca_.offset},
                           {"kpca.gamma", tensor({kpca_.gamma}, DType::f64)}});
  }
  save_safetensors(path, all, metadata);
}

Rde Rde::load(const std::string& path) {
  const NoGrad quiet;
  const Reader r(path);
  const auto one_of = [&](const char* key, std::initializer_list<const char*> words) {
    const std::string found = r.metadata(key);
    const auto at = std::find(words.begin(), words.end(), found);
    if (at == words.end())
      throw IOError(path + ": metadata '" + key + "' is '" + found + "', which is none of ours");
    return at - words.begin();
  };
  Rde out;
  constexpr Method methods[] = {Method::rde, Method::plain, Method::mle};
  out.method_ = methods[one_of("method", {word(methods[0]), word(methods[1]), word(methods[2])})];
  out.log_det_ = one_of("log_det", {"false", "true"}) == 1;
  int64_t p = -1;
  if (out.method_ != Method::mle) {
    out.kpca_ = read_map(r, one_of("kernel", {"rbf", "linear"}) ? "linear" : "rbf");
    out.dtype_ = out.kpca_.points.dtype();
    out.width_ = out.kpca_.points.size(1);
    p = out.kpca_.components();
  } else {
    out.dtype_ = one_of("dtype", {"f32", "f64"}) ? DType::f64 : DType::f32;
  }
  out.classes_ = r.take("classes", {-1}, DType::i64).to_vector<int64_t>();
  if (out.classes_.empty()) r.fail("classes", "is empty");
  for (size_t c = 0; c < out.classes_.size(); ++c) {
    if (c && out.classes_[c] <= out.classes_[c - 1]) r.fail("classes", "does not ascend");
    const std::string name = "class." + std::to_string(c);
    Gaussian g;
    g.location = r.take(name + ".location", {p}, DType::f64);
    p = g.location.size(0);
    if (p < 1) r.fail(name + ".location", "is empty");
    g.whitening = r.take(name + ".whitening", {-1, p}, DType::f64);
    g.log_det = r.take(name + ".log_det", {1}, DType::f64).item();
    out.gaussians_.push_back(g);
  }
  if (out.method_ == Method::mle) out.width_ = p;
  return out;
}

}  // namespace regrad::rde
