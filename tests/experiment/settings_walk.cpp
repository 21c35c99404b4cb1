#include "settings_walk.h"

#include <doctest/doctest.h>

#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

namespace regrad::test {

using namespace experiment;

namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

// A binary's tasks. Data are read again only where one of the settings that they depend on changes;
// and nothing is refused as unused where that is asked for.
class Walked : public TaskList {
 public:
  Walked(TaskList tasks, const std::string& of_data)
      : TaskList(std::move(tasks)), of_data_(words_of(of_data)) {}
  void data(const std::string& folder) override {
    std::vector<Field> all = fields();
    std::string now = folder;
    for (const std::string& name : of_data_)
      if (const Field* field = experiment::find(all, name)) now += " " + text(*field);
    if (now == read_) return;
    TaskList::data(folder);
    read_ = now;
  }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    return refuses ? TaskList::unused(key, methods) : "";
  }
  bool refuses = true;

 private:
  Words of_data_;
  std::string read_ = "nothing";
};

void add(std::string& to, double value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  to.append(bytes, sizeof bytes);
}

// Whether a number of the log is of a row that the table has not: "validation mse, cl-dagger".
bool of_another(const std::string& logged, const Words& methods, const Card& card) {
  const size_t comma = logged.rfind(", ");
  const std::string row = comma == std::string::npos ? "" : logged.substr(comma + 2);
  return !among(row, methods) && std::any_of(card.methods.begin(), card.methods.end(),
                                             [&](const MethodCard& m) { return m.name == row; });
}

// All that a run gives: its jobs, what is logged, scored and counted.
std::string run(Experiment& tasks, const Words& words) {
  std::vector<const char*> flags{"regrad-x"};
  for (const std::string& word : words) flags.push_back(word.c_str());
  const Options o = parse_options(tasks, static_cast<int>(flags.size()), flags.data());
  std::string out;
  for (const Job& job : jobs_of(tasks, o)) {
    out += job_name(job);
    const std::unique_ptr<Trial> trial = tasks.trial(job);
    for (int64_t i = 0; i < tasks.steps(job); ++i)
      for (const auto& [name, value] : trial->step(i))
        if (!of_another(name, o.methods, tasks.card())) out += name, add(out, value);
    trial->state([&](const std::string& name, Tensor& t) {
      if (name != "last") return;        // test scores, of which only the spread is reported
      if (among(job.method, o.methods))  // the first reading's
        for (double v : t[0].to_vector()) add(out, v);
    });
    const Outcome end = trial->finish();
    const auto shown = [&](const std::string& method) { return among(method, o.methods); };
    for (const Score& s : end.scores)
      if (shown(s.method)) out += s.method + s.metric, add(out, s.value);
    for (const Items& i : end.items)
      for (double v : i.values)
        if (shown(i.method)) add(out, v);
    for (const auto& [name, count] : end.parameters)
      if (shown(name)) out += name + std::to_string(count);
  }
  return out;
}

// Other values of a field: one of them must be seen. By name where any others would not do: what is
// far enough to be seen in a few steps, or what other settings allow.
Words others_of(const Field& f, const std::string& nets) {
  const std::map<std::string, std::string> by_name = {
      {"net", nets},
      {"nets", "bilstm"},
      {"gate", "block channel"},
      {"depth", "14"},
      {"tune_lr", "0.5 2"},
      {"tau", "2"},
      {"corpus", "commands digits"},
      {"select", "best"},
      {"dagger_by", "phi"},
      {"patience", "1"},
      {"init", "fan_out"},
      {"warmup_unit", "epoch"},
      {"second_classifier", "draw"},
      {"kd_floor", "0.01"},
      {"rigl_period", "3"},
      {"precision", "bf16"},
      {"sharp.levels", "low both"},
      {"plus_plus.lr_min", "0.1"},
      {"test_classes", "2"},
      {"last_tasks", "2 1 3"},
      {"plus_plus.epochs", "50"},
      {"plus_plus.multi_step_epochs", "60"},
      {"graph", "blocks"},
      {"ways", "2 3 4"},
      {"devices", "sd8 simulated"},
      {"schedule_unit", "step"},
      {"mask_rule", "official"},
      {"target", "0.25"},
      {"exploit", "1"},
      {"distill", "0.75"},
      {"warmup", "0.3"},
      {"milestones", "0.25"},
      {"mix_p", "1"},
      {"freq_mix_p", "1"},
      {"noise", "-20"},
      {"roll", "0.3"},
      {"seconds", "1"},
      {"mels", "64"},
      {"padding", "2"},
      {"mixup", "0.4"},
      {"weight_decay", "0.1"},
      {"size", "20"},
      {"cohead_convs", "1"},
      {"mask_mels", "20"},
      {"mask_frames", "20"},
      {"sharp.alpha_low", "0.5"},
      {"sharp.alpha_up", "0.5"},
      {"plus_plus.first_order_epochs", "60"},
      {"temperature", "4"},
      {"bits", "6"},
      {"edge_bits", "6"},
      {"second", "0.75"},
      {"threshold", "layer"},
      {"frames", "16"},
      {"str_decay", "0.5"},
      {"str_initial", "-3"},
  };
  const std::string now = text(f), type = type_name(f);
  const auto found = by_name.find(f.name);
  if (found != by_name.end()) {
    Words out = words_of(found->second);
    out.erase(std::remove(out.begin(), out.end(), now), out.end());
    return out;
  }
  REQUIRE_MESSAGE((type != "TEXT" && type != "NAME,..."), f.name << ": which others there are");
  if (type.empty()) return {now == "true" ? "false" : "true"};
  Words out;
  for (int by : {1, 2, 4}) {
    std::string& value = out.emplace_back();
    for (const std::string& item : split(now, ',')) {
      const double v = std::stod(item);
      value += (value.empty() ? "" : ",") +
               (type[0] == 'I' ? std::to_string(std::stoll(item) + by)
                               : std::to_string(v > 0 ? v * (1 - 0.2 * by) : 0.1 * by));
    }
  }
  return out;
}

// Not walked. What cuts work into pieces: numbers are the same but for the last bits of their sums.
// How many clips the curve's accuracy is of: 10% of any number after a few steps
// (test_settings_rfn.cpp counts the clips).
const std::set<std::string> not_walked = {"chunk", "test_chunk", "generated.validation"};

// Why the run with these words is not as it should be beside the one without the last, a flag;
// empty where it is.
std::string fault_of(Walked& tasks, const Words& words, const std::string& base) {
  const std::string name = words.back().substr(0, words.back().find('='));
  std::string said;
  try {
    return run(tasks, words) != base ? "" : "changes no bit, and is not refused";
  } catch (const ConfigError& e) {
    said = e.what();
  }
  // What is refused as a contradiction: other rows, more classes of a task than there are.
  for (const char* known : {"the table has no ", "ways: tasks of "})
    if (said.find(known) != std::string::npos) return "";
  if (said.find(" changes nothing here: ") == std::string::npos) return said;
  tasks.refuses = false;
  const bool nothing = run(tasks, words) == base;
  tasks.refuses = true;
  // With it, another of the words may be the one without effect.
  const bool should = said.compare(0, name.size() + 1, name + " ") == 0;
  return nothing == should ? "" : said + (nothing ? "; but it is not that" : "; but bits change");
}

// The same of a setting and its other values.
std::string fault(Walked& tasks, Words words, const std::string& name, const Words& values,
                  const std::string& base) {
  std::string why;
  words.emplace_back();
  for (const std::string& value : values) {
    words.back() = "--" + name + "=" + value;
    why = fault_of(tasks, words, base);
    if (why.empty()) return "";
  }
  return why.empty() ? "" : words.back() + ": " + why;
}

}  // namespace

void walk_settings(const Tables& tables) {
  Walked tasks(tables.tasks(), tables.of_data);
  const Words data = words_of(tables.of_data);
  const std::set<std::string> of_data(data.begin(), data.end());
  std::set<std::string> left_out = not_walked;
  for (const std::string& name : words_of(tables.left_out)) left_out.insert(name);
  for (const std::string& more : tables.others) {
    CAPTURE(more);
    const Words words = words_of(tables.small + " " + more);
    const std::string base = run(tasks, words);
    REQUIRE(base == run(tasks, words));              // else the rest shows nothing
    std::vector<std::pair<std::string, Words>> all;  // before the fields are others
    for (const Field& field : tasks.fields())
      if (!left_out.count(field.name) && (&more == &tables.others[0] || !of_data.count(field.name)))
        all.emplace_back(field.name, others_of(field, tables.nets));
    for (const auto& [name, values] : all) {
      if (name == "precision" && !bf16_available()) continue;
      if (const std::string why = fault(tasks, words, name, values, base); !why.empty())
        FAIL_CHECK(why);
    }
  }
}

}  // namespace regrad::test
