// attack/pwws_cnn: PWWS on a convolutional text classifier (Kim's: words of 128 numbers, 64 kernels
// of widths 3, 4 and 5), by the attack that regrad-rde runs; a unit of work is a text.
//
// 40 texts; text n has 8 + floor(25 unit(300)[n]) words, word t is number floor(2000 unit(301 +
// n)[t]); number k has the substitutes (31 k + 97 (j + 1)) mod 2000, j < k mod 11, but itself.
// Weights: fill(1, [2002,128], 1) of the words, fill(2 + i, [64,128,w], 1 / sqrt(128 w)) of the
// kernels, fill(5, [2,192], 0.5) of the last layer; biases 0, but the second of the last layer, for
// which half of the texts are of each class. The truth is what is predicted. Checksums: successes,
// queries, sum of the last 1 - p(truth).
#include <regrad/algorithms/rde/attack.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/nets/text_cnn.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

constexpr int64_t words = 2000, texts = 40;

std::string word(int64_t k) { return "w" + std::to_string(k); }

std::vector<rde::Words> all_texts() {
  std::vector<rde::Words> out(texts);
  for (uint32_t n = 0; n < texts; ++n) {
    const auto size = static_cast<uint32_t>(8 + 25 * static_cast<double>(unit(300, n)));
    for (uint32_t t = 0; t < size; ++t)
      out[n].push_back(word(static_cast<int64_t>(words * static_cast<double>(unit(301 + n, t)))));
  }
  return out;
}

rde::Words substitutes(const std::string& of) {
  const int64_t k = std::stoll(of.substr(1));
  rde::Words out;
  for (int64_t j = 0; j < k % 11; ++j) out.push_back(word((k * 31 + 97 * (j + 1)) % words));
  return out;
}

TextCnn initial() {
  const TextCnn net(Random(0), {.words = words + 2});
  std::vector<Tensor> values = parameters(net);  // words; weight and bias of each width, of fc
  values[0] = fill(1, values[0].shape(), 1);
  for (uint32_t i = 0; i < 3; ++i) {
    Tensor &w = values[1 + 2 * i], &b = values[2 + 2 * i];
    w = fill(2 + i, w.shape(), std::pow(static_cast<float>(128 * (i + 3)), -0.5F));
    b = zeros(b.shape());
  }
  values[7] = fill(5, values[7].shape(), 0.5F), values[8] = zeros({2});
  return at(net, values);
}

class Attacked {
 public:
  Attacked() : net_(initial()), texts_(all_texts()) {
    std::vector<std::string> tokens;
    for (int64_t k = 0; k < words; ++k) tokens.push_back(word(k));
    vocabulary_ = Vocabulary(std::move(tokens), std::vector<int64_t>(words, 1));
    how_ = {.name = "pwws",
            .candidates = [](const rde::Words& text, size_t i) { return substitutes(text[i]); }};
    std::vector<double> difference;
    for (const rde::Words& t : texts_) {
      const Tensor z = logits({t});
      difference.push_back(z[0][0].item() - z[0][1].item());
      truth_.push_back(0);
    }
    std::vector<double> sorted = difference;
    std::sort(sorted.begin(), sorted.end());
    const double middle = (sorted[texts / 2 - 1] + sorted[texts / 2]) / 2;
    net_.fc.bias = tensor({0.0, middle}, DType::f32);
    for (size_t n = 0; n < texts; ++n) truth_[n] = difference[n] > middle ? 0 : 1;
  }

  std::vector<double> all() const {
    double won = 0, queries = 0, scores = 0;
    const rde::Victim victim = [this](const std::vector<rde::Words>& asked) {
      const Tensor p = softmax(logits(asked), -1);
      std::vector<std::vector<double>> out;
      for (int64_t i = 0; i < p.size(0); ++i)
        out.push_back({p.data<float>()[2 * i], p.data<float>()[2 * i + 1]});
      return out;
    };
    for (size_t n = 0; n < texts; ++n) {
      const rde::AttackedText a = rde::attacked(victim, texts_[n], truth_[n], how_);
      won += a.won(false), queries += static_cast<double>(a.end.queries), scores += a.end.score;
    }
    return {won, queries, scores};
  }

 private:
  Tensor logits(const std::vector<rde::Words>& asked) const {
    const NoGrad quiet;
    const size_t length = asked[0].size();  // a text's words are replaced, never left out
    std::vector<int64_t> ids;
    for (const rde::Words& t : asked)
      for (const std::string& w : t)
        ids.push_back(w == "[UNK]" ? Vocabulary::unknown : vocabulary_.id(w));
    Context ctx;
    return net_(tensor(ids, {static_cast<int64_t>(asked.size()), static_cast<int64_t>(length)}),
                ctx);
  }

  TextCnn net_;
  std::vector<rde::Words> texts_;
  Vocabulary vocabulary_;
  rde::Attack how_;
  std::vector<int64_t> truth_;
};

Run pwws_cnn() {
  const auto attacked = std::make_shared<Attacked>();
  return {attacked->all(), [attacked] { attacked->all(); }, texts};
}

}  // namespace

int main(int argc, char** argv) { return run_program(argc, argv, {{"attack/pwws_cnn", pwws_cnn}}); }
