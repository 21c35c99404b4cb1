#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/rde/experiment/detect_features.h>
#include <regrad/algorithms/rde/experiment/measures.h>
#include <regrad/algorithms/rde/experiment/same_file.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/npy.h>

#include <optional>

namespace regrad::rde {
namespace {

using experiment::need;

bool is_npy(const std::string& bytes) { return bytes.rfind("\x93NUMPY", 0) == 0; }

// Tensors by name, each from the flag's file or from --tensors.
class Given {
 public:
  explicit Given(const FeatureOptions& o) : o_(o) {
    if (!o.tensors.empty()) all_ = load_safetensors(o.tensors);
  }
  bool has(const std::string& file, const std::string& name) const {
    return !file.empty() || (all_ && all_->contains(name));
  }
  Tensor of(const std::string& file, const std::string& name) const {
    if (file.empty()) {
      need(all_.has_value(), "--" + name + " FILE: .npy or safetensors");
      return (*all_)[name];
    }
    const std::string bytes = read_file(file);
    return is_npy(bytes) ? parse_npy(bytes, file) : parse_safetensors(bytes, file)[name];
  }
  // "test.npy", or "all.safetensors: test"
  std::string where(const std::string& file, const std::string& name) const {
    return file.empty() ? o_.tensors + ": " + name : file;
  }
  Tensor whole(const std::string& file, const std::string& name) const {
    const Tensor x = of(file, name);
    if (is_floating(x.dtype()) || x.dim() != 1)
      throw IOError(where(file, name) + ": is " + regrad::name(x.dtype()) + " " + str(x.shape()) +
                    ", not whole numbers, one for each row");
    return x.to(DType::i64);
  }
  Tensor matrix(const std::string& file, const std::string& name) const {
    const Tensor x = of(file, name);
    if (!is_floating(x.dtype()) || x.dim() != 2 || x.numel() == 0)
      throw IOError(where(file, name) + ": is " + regrad::name(x.dtype()) + " " + str(x.shape()) +
                    ", not a matrix of f32 or f64, a row for each text");
    return x;
  }

 private:
  const FeatureOptions& o_;
  std::optional<TensorFile> all_ = {};
};

// What does not fit together is told with the files that it came from.
template <class F>
auto of_files(const std::string& where, F&& f) {
  try {
    return f();
  } catch (const ShapeError& e) {
    throw IOError(where + ": " + e.what());
  } catch (const DTypeError& e) {
    throw IOError(where + ": " + e.what());
  }
}

Settings settings_of(const FeatureOptions& o) {
  Settings s;
  s.method = o.method == "rde" ? Method::rde : o.method == "mle" ? Method::mle : Method::plain;
  s.components = o.components, s.rows = o.rows, s.gamma = o.gamma, s.seed = o.seed;
  s.singular = o.pinv ? Singular::pinv : Singular::refuse;
  return s;
}

Rde fitted(const FeatureOptions& o, const Given& given, std::string& told) {
  const Tensor x = given.matrix(o.features, "features"), y = given.whole(o.labels, "labels");
  const std::string where =
      given.where(o.features, "features") + ", " + given.where(o.labels, "labels");
  Rde out = of_files(where, [&] { return Rde::fit(x, y, settings_of(o)); });
  told = fmt::format("{}: fitted on {} rows of {} features, {} classes\n", o.method, x.size(0),
                     x.size(1), out.classes().size());
  return out;
}

void check(const FeatureOptions& o) {
  need(o.guard.empty() || (o.features.empty() && o.labels.empty() && o.save.empty()),
       "--guard: is fitted already; leave out --features, --labels and --save");
  need(experiment::among(o.method, {"rde", "rde-plain", "mle"}),
       "--method " + o.method + ": rde, rde-plain or mle");
  for (const std::string* in :
       {&o.tensors, &o.features, &o.labels, &o.test, &o.predicted, &o.attacked, &o.guard})
    for (const std::string* out : {&o.save, &o.scores})
      need(!same_file(*in, *out), *out + ": is read and written");
  need(!same_file(o.save, o.scores), o.save + ": --save and --scores are one file");
}

Mixture flagged(const Tensor& attacked, int64_t rows, const std::string& where) {
  Mixture out;
  for (const int64_t v : attacked.to_vector<int64_t>()) {
    if (v != 0 && v != 1) throw IOError(where + ": holds " + std::to_string(v) + ", not 0 or 1");
    out.attacked.push_back(v == 1);
    out.id.push_back(static_cast<int64_t>(out.id.size()));
  }
  if (static_cast<int64_t>(out.id.size()) != rows)
    throw IOError(where + ": " + std::to_string(out.id.size()) + " flags of " +
                  std::to_string(rows) + " rows");
  for (const bool side : {false, true})
    if (std::count(out.attacked.begin(), out.attacked.end(), side) == 0)
      throw IOError(where + ": no row is " + (side ? "attacked" : "clean"));
  return out;
}

}  // namespace

void detect_features(const FeatureOptions& o, const Print& print) {
  check(o);
  experiment::check_file("--save", o.save), experiment::check_file("--scores", o.scores);
  const Given given(o);
  std::string told;
  const Rde guard = o.guard.empty() ? fitted(o, given, told) : Rde::load(o.guard);
  Tensor scores;
  if (given.has(o.test, "test")) {
    const Tensor x = given.matrix(o.test, "test"), y = given.whole(o.predicted, "predicted");
    scores = of_files(given.where(o.test, "test") + ", " + given.where(o.predicted, "predicted"),
                      [&] { return guard.score(x, y); });
  } else {
    need(!o.save.empty(), "--test FILE: rows to score; or --save FILE to fit a guard alone");
    need(o.scores.empty() && o.attacked.empty() && o.predicted.empty(),
         "--scores, --predicted and --attacked need --test FILE");
  }
  const bool flags = scores.defined() && given.has(o.attacked, "attacked");
  if (flags) {
    const Mixture m = flagged(given.whole(o.attacked, "attacked"), scores.size(0),
                              given.where(o.attacked, "attacked"));
    const std::vector<Measures> rows = {
        measures(scores.to_vector(), m, Random(o.seed) / "intervals")};
    told += table_of({o.guard.empty() ? o.method : "guard"}, rows) +
            "In %, with 95% intervals by resamples of the rows.\n";
  }
  if (!o.save.empty()) guard.save(o.save), told += o.save + ": written\n";
  if (!o.scores.empty())
    save_npy(o.scores, scores), told += fmt::format("{}: {} scores\n", o.scores, scores.size(0));
  if (scores.defined() && o.scores.empty() && !flags)
    for (const double v : scores.to_vector()) told += fmt::format("{}\n", v);
  print(told);
}

}  // namespace regrad::rde
