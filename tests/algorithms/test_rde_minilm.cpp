// A real pretrained net, all-MiniLM-L6-v2 (datasets/text/fetch_minilm.py), against what the
// reference library makes of real texts (tests/golden/minilm.py). The folder: REGRAD_MINILM, or
// ../shared/data/all-MiniLM-L6-v2; skipped where there is none.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/experiment/pretrained.h>
#include <regrad/datasets/text/texts.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/ops.h>

#include <cstdlib>

#include "../datasets/shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

// Empty where there is none.
std::string minilm() {
  const char* given = std::getenv("REGRAD_MINILM");
  const std::string folder = given ? given : shared_data("all-MiniLM-L6-v2");
  if (given || std::filesystem::exists(folder)) return folder;
  MESSAGE("skipped: neither REGRAD_MINILM nor " << folder << " is there");
  ++skipped();
  return "";
}

}  // namespace

TEST_CASE("MiniLM: word pieces and hidden states of real texts are the reference's" *
          doctest::test_suite("shared data")) {
  if (!has_shared_data("sst2_dev.tsv.gz") || !has_shared_data("ag_news_test.csv.gz")) return;
  const std::string folder = minilm();
  if (folder.empty()) return;
  const TensorFile golden = load_safetensors(REGRAD_GOLDEN_MINILM);
  const rde::Pretrained p = rde::load_pretrained(folder, 2);
  CHECK(p.net.new_classifier);
  std::vector<std::string> texts = first_of(load_sst2(shared_data(""), Part::validation), 25).texts;
  for (const std::string& t :
       first_of(load_news(News::ag_news, shared_data(""), Part::test), 25).texts)
    texts.push_back(t);
  std::vector<std::vector<int64_t>> ids;
  const std::vector<int64_t> all = golden["ids"].to_vector<int64_t>(),
                             lengths = golden["lengths"].to_vector<int64_t>();
  REQUIRE(lengths.size() == 50);
  auto from = all.begin();
  for (size_t i = 0; i < 50; ++i) {
    CAPTURE(texts[i]);
    const auto to = from + static_cast<std::ptrdiff_t>(lengths[i]);
    ids.emplace_back(from, to);
    CHECK((*p.tokenizer)(texts[i], 64) == ids.back());
    from = to;
  }
  for (const size_t n : {0, 2, 25, 26}) {
    CAPTURE(n);
    const BertInput row{tensor(ids[n]).reshape({1, lengths[n]})};
    Context ctx;
    const Packed text = p.net.packed(row);
    const std::vector<Tensor> states = p.net.hidden_states(row, text, ctx);
    const Tensor first = golden["first." + std::to_string(n)];
    REQUIRE(first.shape() == Shape{7, 384});
    REQUIRE(states.size() == 7);
    for (int64_t k = 0; k < 7; ++k)
      CHECK(amax(abs(states[static_cast<size_t>(k)][0] - first[k])).item() < 1e-4);
    if (n == 0) CHECK(amax(abs(states.back() - golden["all.0"])).item() < 1e-4);
  }
}
