#include <fmt/format.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/rde/experiment/detect_logs.h>
#include <regrad/algorithms/rde/experiment/known_texts.h>
#include <regrad/algorithms/rde/experiment/measures.h>
#include <regrad/algorithms/rde/experiment/pictures.h>
#include <regrad/algorithms/rde/experiment/same_file.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/version.h>

#include <algorithm>

namespace regrad::rde {
namespace {

using experiment::need;

std::vector<std::string> detector_names() {
  std::vector<std::string> out;
  for (const DetectorRow& d : detector_rows()) out.emplace_back(d.name);
  return out;
}

TableSettings settings_of(const DetectOptions& o, const Model& model) {
  TableSettings s = preset_of(o.task.empty() ? "table" : o.task, "small");
  s.attacks = {"pwws"};  // no vectors are made; FGWS asks for synonyms
  s.most = static_cast<int>(model.classifier.most), s.wordnet = o.wordnet;
  s.text_column = o.text_column, s.label_column = o.label_column;
  s.components = o.components, s.fit = o.fit, s.gamma = o.gamma, s.adversarial = o.adversarial;
  return s;
}

TextData training_texts(const DetectOptions& o, const Model& model, const TableSettings& s) {
  if (o.task.empty()) {
    TextData out;
    out.train = load_text_table(o.train, {o.text_column, o.label_column, model.classes});
    out.synonyms = wordnet_synonyms(o.wordnet);
    return out;
  }
  TextData out = load_data(o.task, o.data, s);
  check_classes(model, out.train.classes, "--task " + o.task);
  return out;
}

Mixture mixture_of(const ReadLog& log, const std::vector<Sample>& samples) {
  Mixture out;
  for (const Sample& s : samples) {
    const Attacked& a = log.rows[static_cast<size_t>(s.id)];
    out.texts.push_back(s.adversarial ? a.perturbed() : a.original());
    out.attacked.push_back(s.adversarial);
    out.id.push_back(s.id);
    out.before.push_back(s.adversarial ? a.original_marked : "");
    out.after.push_back(s.adversarial ? a.perturbed_marked : "");
  }
  return out;
}

std::vector<LogRow> some(const std::vector<LogRow>& rows, const std::vector<int64_t>& at) {
  std::vector<LogRow> out;
  for (const int64_t i : at) out.push_back(rows[static_cast<size_t>(i)]);
  return out;
}

Mixture all_of(const ReadLog& log, const std::vector<LogRow>& rows) {
  std::vector<Sample> samples;
  for (const LogRow& r : rows) {
    samples.push_back({r.id, false});
    if (r.result == Result::success) samples.push_back({r.id, true});
  }
  return mixture_of(log, samples);
}

std::string about(const std::string& path, const ReadLog& log) {
  return fmt::format(
      "{}: {} texts, {} of them attacked with success, by the log. Our classifier: {:.1f}% of the "
      "originals right; of the attacked ones it predicts another class for {} ({:.1f}%).\n",
      path, log.rows.size(), log.attacked, log.accuracy, log.turned,
      log.attacked ? 100.0 * static_cast<double>(log.turned) / static_cast<double>(log.attacked)
                   : 0.0);
}

// All mixtures of one classifier, and what a report shows of them.
class Detection {
 public:
  Detection(const DetectOptions& o, const Model& model, const Guards& guards)
      : o_(o), model_(model), guards_(guards) {}

  std::string of(const std::string& path, const ReadLog& log) {
    const std::vector<LogRow> rows = rows_of(log, o_.by == "model");
    const Random random = Random(o_.seed) / "mixtures";
    const Split split = split_log(static_cast<int64_t>(rows.size()), random / "split");
    need(!split.validation.empty(),
         fmt::format("{}: {} texts are too few to draw any for choices", path, rows.size()));
    const Fgws fgws = guards_.tuned_fgws(all_of(log, some(rows, split.validation)));
    const std::vector<LogRow> test = some(rows, split.test);
    std::string out = about(path, log);
    try {
      const ScenarioOptions most{.most = o_.adversarial};
      out += mixed(path, "S1", log, scenario_1(test, most, random / "S1"), fgws);
      out += mixed(path, "S2", log, scenario_2(test, most, random / "S2"), fgws);
    } catch (const ConfigError& e) {
      throw ConfigError(path + ": " + e.what());
    }
    return out + "\n";
  }
  const experiment::Outcome& outcome() const { return outcome_; }

 private:
  std::string mixed(const std::string& path, const std::string& scenario, const ReadLog& log,
                    const Scenario& drawn, const Fgws& fgws) {
    const Mixture m = mixture_of(log, drawn.samples);
    const std::vector<Scores> scores = guards_.scores(m, fgws);
    std::vector<Measures> all;
    for (size_t d = 0; d < scores.size(); ++d) {
      all.push_back(measures(scores[d], m, Random(o_.seed) / "intervals" / scenario));
      const std::string& name = detector_rows()[d].name;
      for (const auto& [metric, v] : {std::pair<std::string, double>{"AUC", all[d].auc.value},
                                      {"TPR at FPR 0.1", all[d].tpr.value},
                                      {"F1", all[d].f1.value}})
        outcome_.scores.push_back({name, metric + ", " + path + ", " + scenario, v});
    }
    const std::string title = path + ", " + scenario;
    if (scenario == "S1") {
      outcome_.figures.push_back(roc_chart(title, scores, m.attacked));
      for (size_t d = 0; d < scores.size(); ++d)
        outcome_.figures.push_back(
            histogram(std::string(detector_rows()[d].name) + ", " + title, scores[d], m.attacked));
      outcome_.listings.push_back(
          texts_of(title + " (*: flagged at 10% false alarms)", m, scores, 20));
    }
    return fmt::format("{}: {} attacked texts, {} clean ones\n{}", scenario, drawn.adversarial,
                       drawn.clean, table_of(detector_names(), all));
  }

  const DetectOptions& o_;
  const Model& model_;
  const Guards& guards_;
  experiment::Outcome outcome_ = {};
};

std::string html(const DetectOptions& o, const Model& model, const experiment::Outcome& outcome,
                 const std::string& command, double seconds) {
  experiment::Card card{"rde detect",
                        "Detectors of attacked texts on logs of attacks. The texts are read by a "
                        "classifier of ours; nothing is assumed of the model that was attacked.",
                        {"logs"},
                        {},
                        outcome.scores[0].metric,
                        experiment::Better::higher,
                        "max-softmax"};
  experiment::Result r;
  r.regrad = version(), r.experiment = "rde", r.task = experiment::joined(o.logs, ", "),
  r.preset = model.net, r.seeds = {o.seed}, r.threads = num_threads(), r.seconds = seconds;
  r.metric = card.metric, r.better = card.better, r.baseline = card.baseline;
  for (const DetectorRow& d : detector_rows()) {
    experiment::MethodResult m{d.name, {}, 0};
    for (const experiment::Score& s : outcome.scores)
      if (s.method == d.name) m.metrics.push_back({s.metric, {s.value}});
    r.methods.push_back(std::move(m));
  }
  const std::vector<experiment::Row> rows = {
      {.job = {"detectors", model.net, o.seed}, .finished = true, .outcome = outcome}};
  return experiment::to_html({card, r, rows, "{}", command});
}

void check(const DetectOptions& o) {
  need(!o.logs.empty(), "--log FILE: a log in TextAttack's layout");
  need(o.task.empty() != o.train.empty(),
       "--task NAME or --train FILE: the training texts, which detectors are fitted on");
  need(o.by == "log" || o.by == "model", "--by " + o.by + ": log or model");
  std::vector<std::string> read = o.logs;
  read.insert(read.end(), {o.model, o.train});
  for (const std::string& in : read)
    need(!same_file(in, o.report), "--report " + o.report + ": is read and written");
  experiment::check_file("--report", o.report);
}

}  // namespace

ReadLog read_log(std::vector<Attacked> rows, const Classifier& classifier, int64_t classes,
                 const std::string& where) {
  ReadLog out{std::move(rows)};
  std::vector<std::string> before, after;
  for (size_t i = 0; i < out.rows.size(); ++i) {
    const Attacked& a = out.rows[i];
    if (a.ground_truth >= classes)
      throw IOError(fmt::format("{}: row {} is of class {}, the model has {}", where, i + 1,
                                a.ground_truth, classes));
    before.push_back(a.original()), after.push_back(a.perturbed());
  }
  out.original = classifier.read(before).predicted();
  out.perturbed = classifier.read(after).predicted();
  for (size_t i = 0; i < out.rows.size(); ++i) {
    out.accuracy += out.original[i] == out.rows[i].ground_truth;
    if (out.rows[i].result != AttackResult::successful) continue;
    ++out.attacked;
    out.turned += out.perturbed[i] != out.original[i];
  }
  out.accuracy *= 100 / static_cast<double>(out.rows.size());
  return out;
}

std::vector<LogRow> rows_of(const ReadLog& log, bool by_model) {
  std::vector<int64_t> truth, before, after;
  for (size_t i = 0; i < log.rows.size(); ++i) {
    const Attacked& a = log.rows[i];
    truth.push_back(a.ground_truth);
    before.push_back(by_model ? log.original[i] : a.original_output);
    after.push_back(by_model ? log.perturbed[i] : a.perturbed_output);
  }
  return log_of(truth, before, after);
}

void detect_logs(const DetectOptions& o, const std::string& command, const Print& print) {
  check(o);
  const double start = experiment::steady_seconds();
  const Model model = load_model(o.model);
  const auto classes = static_cast<int64_t>(model.classes.size());
  std::vector<ReadLog> logs;
  std::set<std::string> originals;
  for (const std::string& path : o.logs) {
    logs.push_back(read_log(load_attack_log(path), model.classifier, classes, path));
    originals.merge(originals_of(logs.back().rows));
  }
  const TableSettings s = settings_of(o, model);
  TextData data = training_texts(o, model, s);
  const int64_t before = data.train.size();
  data.train = without_texts(std::move(data.train), originals);
  const int64_t seen = before - data.train.size();
  need(s.components < std::min<int64_t>(s.fit, data.train.size()),
       fmt::format("--components {}: of fewer training texts", s.components));
  const std::shared_ptr<const Corpus> corpus = corpus_of(std::move(data), s);
  const Guards guards({"rde", model.net, o.seed}, s, *corpus, model.classifier);
  Detection detection(o, model, guards);
  std::string out = "The texts are read by our classifier (" + model.net +
                    "), not by the model that was attacked, of which nothing is assumed.\n";
  if (seen > 0)
    out += fmt::format(
        "{} training texts are in the logs: the detectors are not fitted on them; {}\n", seen,
        model.without.empty() ? "the classifier must not have seen them either, so train it with "
                                "--without LOG"
                              : "the classifier was trained without the texts of " + model.without);
  out += "\n";
  for (size_t i = 0; i < logs.size(); ++i) out += detection.of(o.logs[i], logs[i]);
  out += "In %, with 95% intervals by resamples of the texts.\n";
  if (!o.report.empty())
    write_file(o.report,
               html(o, model, detection.outcome(), command, experiment::steady_seconds() - start));
  print(out);
}

}  // namespace regrad::rde
