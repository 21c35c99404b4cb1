#include <regrad/algorithms/sdssl/evaluation.h>
#include <regrad/algorithms/sdssl/experiment/measure.h>
#include <regrad/algorithms/sdssl/experiment/trial.h>

#include <string>

namespace regrad::sdssl {
namespace {

using namespace experiment;

constexpr int64_t aligned = 1000;  // test images behind the alignments

std::vector<double> hits(const Tensor& predicted, const Tensor& y) {
  std::vector<double> out = eq(predicted, y).to(DType::f64).to_vector();
  for (double& h : out) h *= 100;
  return out;
}

struct Parts {
  Tensor x, y;
};
Parts all_of(const Images& images, Split part, int64_t first) {
  const Loader loader =
      loader_of(images, part, first, Random(0), {.batch = 250, .shuffle = false, .ahead = 0});
  std::vector<Tensor> x, y;
  for (int64_t b = 0; b < loader.batches(); ++b) {
    const Batch batch = loader.at(0, b);
    x.push_back(batch.x), y.push_back(batch.y);
  }
  return {cat(x, 0).contiguous(), cat(y, 0).contiguous()};
}

Tensor by_layers(const Vit& net, const Tensor& x) {
  const NoGrad quiet;
  std::vector<Tensor> out;
  for (int64_t at = 0; at < x.size(0); at += 250) {
    Context ctx;
    out.push_back(
        stack(net.features(slice(x, 0, at, std::min(at + 250, x.size(0))).contiguous(), ctx), 1));
  }
  return cat(out, 0).contiguous();
}

void add(const Job& job, const std::string& metric, const std::vector<double>& of, Outcome& out) {
  add_score(job, metric, mean(of), out);
  add_items(job, metric, of, out);
}

// Each layer's hits, and the lower layers' mean.
void add_layers(const Job& job, const std::string& how,
                const std::vector<std::vector<double>>& layers, Outcome& out) {
  std::vector<double> lower(layers[0].size(), 0.0);
  const double share = 1.0 / static_cast<double>(layers.size() - 1);
  for (size_t l = 0; l < layers.size(); ++l) {
    add(job, how + ", layer " + std::to_string(l + 1), layers[l], out);
    for (size_t i = 0; l + 1 < layers.size() && i < lower.size(); ++i)
      lower[i] += share * layers[l][i];
  }
  add(job, how + ", lower layers", lower, out);
}

// f32 [n,L,d] of both parts -> what k-NN and the probe get right, layer by layer.
using Hits = std::vector<std::vector<double>>;
Hits knn_hits(const Tensor& bank, const Tensor& queries, const Parts& train, const Parts& test,
              int64_t classes, const Settings& s) {
  Hits out;
  for (int64_t l = 0; l < bank.size(1); ++l)
    out.push_back(hits(
        knn_predict(select(bank, 1, l).contiguous(), train.y, classes,
                    select(queries, 1, l).contiguous(), {.k = s.k, .temperature = s.temperature}),
        test.y));
  return out;
}
Hits probe_hits(const Job& job, const Tensor& bank, const Tensor& queries, const Parts& train,
                const Parts& test, int64_t classes, const Settings& s) {
  const LinearProbe probe = linear_probe(bank, train.y, classes,
                                         {.epochs = s.probe_epochs,
                                          .batch = std::min<int64_t>(256, train.y.size(0)),
                                          .lr = s.probe_lr,
                                          .random = Random(job.seed) / "probe"});
  const Tensor logits = probe(queries);
  Hits out;
  for (int64_t l = 0; l < logits.size(0); ++l) out.push_back(hits(argmax(logits[l], -1), test.y));
  return out;
}

// Two views of each of the first test images, by what training takes with jitter less often (2.3
// [code]); normalized features, and as they are.
void add_alignment(const Job& job, const Vit& net, const Images& images, const Settings& s,
                   Outcome& out) {
  if (images.disk) return;
  ViewRecipe view = recipes(s)[1];
  view.jitter = 0.3;
  const int64_t n = std::min<int64_t>({aligned, s.test, images.count(Split::test)});
  const std::vector<Tensor> two = image_views(images.test.images, arange(0, static_cast<double>(n)),
                                              {view, view}, Random(job.seed) / "alignment");
  const Tensor a = by_layers(net, normalized(images, two[0])),
               b = by_layers(net, normalized(images, two[1]));
  const Alignment at = alignment(a, b), raw = alignment(a, b, false);
  Chart picture{"Alignments of " + job.method + " at each layer", "layer", "squared distance"};
  const auto line = [&](const char* name, const std::vector<double>& values) {
    Series of{name, {}, values};
    for (size_t l = 1; l <= values.size(); ++l) of.x.push_back(static_cast<double>(l));
    picture.series.push_back(std::move(of));
  };
  line("positive", at.positive), line("negative", at.negative);
  line("negative / positive", at.ratio);
  line("negative / positive, features as they are", raw.ratio);
  out.figures.push_back(std::move(picture));
  for (size_t l = 0; l < at.ratio.size(); ++l)
    add_score(job, "negative / positive, layer " + std::to_string(l + 1), at.ratio[l], out);
}

Chart map_of(const std::string& method, const Tensor& features, const Parts& test,
             const std::vector<std::string>& classes) {
  const Tensor at = pca_map(features);
  const std::vector<double> xy = at.to_vector();
  const std::vector<int64_t> y = test.y.to_vector<int64_t>();
  Chart out{"Test images by " + method + "'s last layer", "first principal component", "second"};
  for (size_t c = 0; c < classes.size(); ++c) {
    Series s{classes[c], {}, {}, Series::points};
    for (size_t i = 0; i < y.size() && i < 500; ++i)
      if (y[i] == static_cast<int64_t>(c)) s.x.push_back(xy[2 * i]), s.y.push_back(xy[2 * i + 1]);
    out.series.push_back(std::move(s));
  }
  return out;
}

}  // namespace

Tensor features(const Vit& net, const Images& images, Split part, int64_t first) {
  return by_layers(net, all_of(images, part, first).x);
}

void measure(const Job& job, const Vit& net, const Images& images, const Settings& s,
             Outcome& out) {
  const Parts train = all_of(images, Split::train, s.train),
              test = all_of(images, Split::test, s.test);
  const Tensor bank = by_layers(net, train.x), queries = by_layers(net, test.x);
  const auto classes = static_cast<int64_t>(images.classes().size());
  add_layers(job, "k-NN", knn_hits(bank, queries, train, test, classes, s), out);
  add_layers(job, "linear", probe_hits(job, bank, queries, train, test, classes, s), out);
  add_alignment(job, net, images, s, out);
  const int64_t last = bank.size(1) - 1;
  add_score(job, "effective rank of the last layer",
            effective_rank(select(queries, 1, last).contiguous()), out);
  out.figures.push_back(
      map_of(job.method, select(queries, 1, last).contiguous(), test, images.classes()));
}

void measure_pixels(const Job& job, const Images& images, const Settings& s, Outcome& out) {
  const auto part = [](const ImageSet& set, int64_t first) {
    const ImageSet some = first_of(set, first);
    return Parts{pixel_features(some.images), some.labels};
  };
  const Parts train = part(images.train, s.train), test = part(images.test, s.test);
  const auto classes = static_cast<int64_t>(images.classes().size());
  const auto layer = [](const Tensor& x) { return reshape(x, {x.size(0), 1, -1}); };
  const Tensor bank = layer(train.x), queries = layer(test.x);
  const Standardizer same = standardizer(select(bank, 1, 0).contiguous());
  const auto standard = [&](const Tensor& x) {
    return reshape(same(select(x, 1, 0).contiguous()), x.shape());
  };
  const Tensor even = standard(bank), asked = standard(queries);
  add(job, "k-NN, cosine of pixels", knn_hits(bank, queries, train, test, classes, s)[0], out);
  add(job, "k-NN, standardized pixels", knn_hits(even, asked, train, test, classes, s)[0], out);
  add(job, "linear, pixels", probe_hits(job, even, asked, train, test, classes, s)[0], out);
}

}  // namespace regrad::sdssl
