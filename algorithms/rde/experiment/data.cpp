#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/rde/experiment/data.h>
#include <regrad/datasets/text/sentences.h>
#include <regrad/datasets/text/wordnet.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace regrad::rde {
namespace {

namespace fs = std::filesystem;

constexpr int64_t held_at_most = 600, pilot_train = 6600, pilot_test = 1000;

using Synonyms = std::function<std::vector<std::string>(const std::string&)>;

Synonyms of_reviews() {
  std::map<std::string, std::vector<std::string>> groups;
  for (const auto& g : Sentences::synonyms())
    for (const std::string& w : g)
      for (const std::string& other : g)
        if (other != w) groups[w].push_back(other);
  return [groups = std::move(groups)](const std::string& word) {
    const auto at = groups.find(word);
    return at == groups.end() ? std::vector<std::string>() : at->second;
  };
}

// Where files lie by class, the first texts would be of one.
TextSet mixed(const TextSet& set, const char* part) {
  return some_of(set, randperm(Random(0) / "imdb" / part, set.size()).to_vector<int64_t>());
}

// A tenth of the training texts, at most 600, drawn.
void hold_some(TextData& data, const std::string& where) {
  if (data.train.size() < 10)
    throw IOError(where + ": " + std::to_string(data.train.size()) +
                  " training texts; at least 10 are needed, a tenth of which validates");
  const int64_t n = data.train.size(), held = std::min(held_at_most, n / 10);
  std::vector<int64_t> order = randperm(Random(0) / "validation", n).to_vector<int64_t>();
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(held);
  std::sort(order.begin(), middle), std::sort(middle, order.end());
  const TextSet all = std::move(data.train);
  data.validation = some_of(all, {order.begin(), middle});
  data.train = some_of(all, {middle, order.end()});
}

TextData reviews(const TableSettings& s) {
  const Sentences sentences;
  const auto sample = [&](const char* part, int count) {
    return sentences.sample(Random(0) / "reviews" / part, std::min(count, 100000));
  };
  return {sample("train", s.train), sample("validation", std::min(s.validation, 600)),
          sample("test", s.test), of_reviews()};
}

// The test file alone, where there is no other.
TextData ag_news(const std::string& folder) {
  TextData out;
  out.test = load_news(News::ag_news, folder, Part::test);
  bool has_train = false;
  for (const char* name : {"train.csv", "ag_news_train.csv"})
    for (const char* ending : {"", ".gz", ".xz"})
      has_train = has_train || fs::exists(folder + "/" + name + ending);
  if (has_train) {
    out.train = load_news(News::ag_news, folder, Part::train);
    return out;
  }
  const int64_t n = out.test.size();
  if (n < 2 * pilot_test)
    throw IOError(folder + ": AG-News without train.csv, and a test file of " + std::to_string(n) +
                  " texts; the last 1,000 of it would test");
  std::vector<int64_t> train, test;
  for (int64_t i = 0; i < n; ++i) (i < n - pilot_test ? train : test).push_back(i);
  train.resize(std::min<size_t>(train.size(), pilot_train));
  const TextSet all = std::move(out.test);
  out.train = some_of(all, train), out.test = some_of(all, test);
  return out;
}

TextSet own(const std::string& folder, const char* part, const TextTable& columns) {
  for (const char* ending : {".csv", ".tsv", ".csv.gz", ".tsv.gz"})
    if (const std::string path = folder + "/" + part + ending; fs::exists(path))
      return load_text_table(path, columns);
  throw IOError(folder + ": holds no " + part + ".csv or " + part + ".tsv");
}

TextData of_files(const std::string& task, const std::string& folder, const TableSettings& s) {
  if (folder.empty())
    throw IOError("--task " + task + ": give --data DIR; --task reviews needs no data");
  TextData out;
  if (task == "sst2")
    return {load_sst2(folder, Part::train),
            load_sst2(folder, Part::validation),
            load_sst2(folder, Part::test),
            {},
            true};
  if (task == "ag_news") out = ag_news(folder);
  if (task == "imdb")
    out.train = mixed(load_imdb(folder, Part::train), "train"),
    out.test = mixed(load_imdb(folder, Part::test), "test");
  if (task == "yelp") {
    out.train = load_news(News::yelp, folder, Part::train);
    out.test = load_news(News::yelp, folder, Part::test);
  }
  if (task == "table") {
    TextTable columns{s.text_column, s.label_column};
    out.train = own(folder, "train", columns);
    columns.classes = out.train.classes;
    out.test = own(folder, "test", columns);
  }
  hold_some(out, folder);
  return out;
}

}  // namespace

std::function<std::vector<std::string>(const std::string&)> wordnet_synonyms(
    const std::string& folder) {
  const auto net = std::make_shared<const WordNet>(folder.empty() ? WordNet::installed()
                                                                  : WordNet::load(folder));
  return [net](const std::string& word) { return net->synonyms(word); };
}

const std::vector<std::string>& text_tasks() {
  static const std::vector<std::string> names = {"reviews", "sst2", "ag_news",
                                                 "imdb",    "yelp", "table"};
  return names;
}

TextData load_data(const std::string& task, const std::string& folder, const TableSettings& s) {
  if (!experiment::among(task, text_tasks()))
    throw ConfigError("no task is called '" + task + "'" +
                      experiment::did_you_mean(task, text_tasks(), "", ""));
  TextData out = task == "reviews" ? reviews(s) : of_files(task, folder, s);
  out.train = first_of(out.train, s.train);
  out.validation = first_of(out.validation, s.validation);
  out.test = first_of(out.test, s.test);
  if (task != "reviews" && !s.attacks.empty()) out.synonyms = wordnet_synonyms(s.wordnet);
  if (out.train.classes.size() < 2)
    throw IOError("--task " + task + ": the texts are of one class");
  const std::vector<int64_t>& labels = out.train.labels;
  if (std::count(labels.begin(), labels.end(), labels[0]) == out.train.size())
    throw IOError("--task " + task + ": the first " + std::to_string(labels.size()) +
                  " training texts are of one class, '" +
                  out.train.classes[static_cast<size_t>(labels[0])] +
                  "': give more (train), or texts that are not sorted by class");
  return out;
}

}  // namespace regrad::rde
