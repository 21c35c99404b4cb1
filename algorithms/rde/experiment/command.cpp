#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/rde/experiment/attack_file.h>
#include <regrad/algorithms/rde/experiment/attacks.h>
#include <regrad/algorithms/rde/experiment/command.h>
#include <regrad/algorithms/rde/experiment/detect_features.h>
#include <regrad/algorithms/rde/experiment/detect_logs.h>
#include <regrad/algorithms/rde/experiment/report_again.h>
#include <regrad/engine/error.h>
#include <regrad/engine/parallel.h>
#include <CLI/CLI.hpp>

namespace regrad::rde {
namespace {

constexpr int64_t largest = 1000000000;

struct All {
  AttackOptions attack;
  DetectOptions logs;
  FeatureOptions features;
  std::string folder;
};

const CLI::Validator whole_number = CLI::Range(int64_t{1}, largest);

void add_texts(CLI::App& app, std::string& task, std::string& data, std::string& text_column,
               std::string& label_column, std::string& wordnet) {
  app.add_option("--task", task, "reviews, sst2, ag_news, imdb, yelp or table: as of the table");
  app.add_option("--data", data, "where its files lie");
  app.add_option("--text-column", text_column, "of a table: the column of the texts [text]");
  app.add_option("--label-column", label_column, "of a table: the column of the labels [label]");
  app.add_option("--wordnet", wordnet, "folder of WordNet's files [Debian's]");
}

CLI::App* add_attack(CLI::App& app, AttackOptions& o) {
  CLI::App* sub = app.add_subcommand(
      "attack", "attack a classifier's texts one by one; a log in TextAttack's layout");
  sub->add_option("--model", o.model, "safetensors of models/, or the --out of regrad-rde train")
      ->required();
  sub->add_option("--out", o.out, "the log to write (.csv)")->required();
  sub->add_option("--attack", o.attack, "pwws, or another row of the table's --attacks [pwws]");
  add_texts(*sub, o.task, o.data, o.text_column, o.label_column, o.wordnet);
  sub->add_option("--texts", o.texts,
                  "a table of texts to attack, in place of the task's test part");
  sub->add_option("--attacked", o.attacked, "at most so many texts, the first ones")
      ->check(whole_number);
  sub->add_option("--confident", o.confident,
                  "go on until a wrong class has this probability [0: stop at the flip]")
      ->check(CLI::Range(0.0, 1.0));
  sub->add_option("--checkpoint-every", o.checkpoint_every, "seconds between two checkpoints [10]")
      ->check(CLI::Range(0.0, 1e9));
  sub->add_flag("--resume", o.resume, "go on where an attack was cut short, or begin it");
  sub->add_flag("--force", o.force, "replace a log that is there");
  sub->add_flag("--quiet", o.quiet, "no progress on stderr");
  return sub;
}

CLI::App* add_detect(CLI::App& app, All& all) {
  CLI::App* sub = app.add_subcommand(
      "detect", "detectors on logs of attacks (--log), or on anyone's features (--features)");
  DetectOptions& o = all.logs;
  FeatureOptions& f = all.features;
  sub->add_option("--model", o.model, "with --log: safetensors of models/, or a run's --out");
  sub->add_option("--log", o.logs, "logs in TextAttack's layout (CSV, also gz or xz)");
  add_texts(*sub, o.task, o.data, o.text_column, o.label_column, o.wordnet);
  sub->add_option("--train", o.train,
                  "a table of the training texts, in place of --task: the detectors' fit");
  sub->add_option("--by", o.by,
                  "whose outputs say which attacks succeeded: log, or model: ours [log]");
  sub->add_option("--adversarial", o.adversarial, "at most so many attacked texts (N_max) [1000]")
      ->check(whole_number);
  sub->add_option("--report", o.report, "an HTML file to write: ROC, histograms, marked texts");
  sub->add_option("--features", f.features,
                  "training rows [n,d]: .npy, or safetensors \"features\"");
  sub->add_option("--labels", f.labels, "their classes, whole numbers [n]");
  sub->add_option("--test", f.test, "rows to score [m,d]");
  sub->add_option("--predicted", f.predicted, "the classes that were predicted for them [m]");
  sub->add_option("--attacked", f.attacked, "which of them are attacked, 0 or 1 [m]: AUC, TPR, F1");
  sub->add_option("--tensors", f.tensors,
                  "safetensors with these five by name, for what no flag names");
  sub->add_option("--save", f.save, "save the fitted guard (safetensors)");
  sub->add_option("--guard", f.guard, "a guard that was saved, in place of a fit");
  sub->add_option("--scores", f.scores, "write the scores (.npy) instead of printing them");
  sub->add_option("--method", f.method, "with --features: rde, rde-plain or mle [rde]");
  sub->add_flag("--pinv", f.pinv,
                "with --features: a pseudo-inverse where a class has no covariance");
  sub->add_option("--components", f.components, "P of kernel PCA [100; of logs 50]")
      ->check(whole_number);
  sub->add_option("--fit", f.rows, "training rows of the fit, drawn [8000]")->check(whole_number);
  sub->add_option("--gamma", f.gamma, "of the RBF kernel [0: 1 / width]")
      ->check(CLI::Range(0.0, 1e9));
  sub->add_option("--seed", f.seed, "of rows, mixtures and intervals [0]")
      ->check(CLI::NonNegativeNumber);
  return sub;
}

// ConfigError where one of the flags was given, which would decide nothing.
void refuse(const CLI::App& sub, bool when, std::initializer_list<const char*> flags,
            const std::string& why) {
  if (!when) return;
  for (const char* flag : flags)
    if (sub.count(flag) > 0) throw ConfigError(std::string(flag) + " has no effect: " + why);
}

void refuse_texts(const CLI::App& sub, const std::string& task, bool own_table, bool wordnet) {
  refuse(sub, task.empty(), {"--data"}, "no --task reads it");
  refuse(sub, task == "reviews", {"--data"}, "reviews are generated");
  refuse(sub, !own_table && task != "table", {"--text-column", "--label-column"},
         "no table of your own is read");
  refuse(sub, wordnet && task == "reviews", {"--wordnet"}, "reviews have synonyms of their own");
}

void attack_of(const CLI::App& sub, const AttackOptions& o, const Print& print) {
  const bool synonyms =
      experiment::find_method(attack_rows(), o.attack).from == Substitutes::synonyms;
  refuse_texts(sub, o.task, !o.texts.empty(), synonyms);
  refuse(sub, !synonyms, {"--wordnet"}, "candidates of " + o.attack + " are not WordNet's");
  attack_texts(o, print);
}

void features_of(const CLI::App& sub, const FeatureOptions& o, const Print& print) {
  refuse(sub, !o.guard.empty(), {"--method", "--pinv", "--components", "--fit", "--gamma"},
         "--guard is fitted already");
  refuse(sub, o.method == "mle", {"--components", "--fit", "--gamma"},
         "mle has no kernel PCA, and takes all rows");
  detect_features(o, print);
}

void detect(const CLI::App& sub, All& all, const std::string& command, const Print& print) {
  DetectOptions& o = all.logs;
  const FeatureOptions& f = all.features;
  const auto given = [&](std::initializer_list<const char*> flags) {
    std::string out;
    for (const char* flag : flags)
      if (sub.count(flag) > 0) out = flag;
    return out;
  };
  const std::string on_logs = given({"--model", "--log", "--task", "--data", "--train", "--by",
                                     "--text-column", "--label-column", "--wordnet",
                                     "--adversarial", "--report"}),
                    on_features =
                        given({"--features", "--labels", "--test", "--predicted", "--attacked",
                               "--tensors", "--save", "--guard", "--scores", "--method", "--pinv"});
  if (on_logs.empty() == on_features.empty())
    throw ConfigError(on_logs.empty()
                          ? "detect: give --log (of an attack) or --features (of any classifier)"
                          : "detect: " + on_logs + " is of logs, " + on_features +
                                " of features; give one kind");
  if (on_logs.empty()) return features_of(sub, f, print);
  if (o.model.empty())
    throw ConfigError("detect: --model FILE: the classifier that reads the texts");
  refuse_texts(sub, o.task, !o.train.empty(), true);
  if (sub.count("--components")) o.components = f.components;
  o.fit = f.rows, o.gamma = f.gamma, o.seed = f.seed;
  detect_logs(o, command, print);
}

std::string joined_words(int argc, const char* const* argv) {
  std::string out = "regrad-rde";
  for (int i = 1; i < argc; ++i) out += std::string(" ") + argv[i];
  return out;
}

}  // namespace

bool run_command(int argc, const char* const* argv, const Print& print) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word != "attack" && word != "detect" && word != "report") return false;
  CLI::App app("Attacks text classifiers, and finds the attacked texts.", "regrad-rde");
  app.require_subcommand(1);
  All all;
  CLI::App *attack = add_attack(app, all.attack), *on = add_detect(app, all);
  CLI::App* again = app.add_subcommand(
      "report", "the table and report.html of a finished run, made again from its --out");
  again->add_option("DIR", all.folder, "the --out of regrad-rde, or of regrad-rde train")
      ->required();
  for (CLI::App* sub : {attack, on, again}) {
    experiment::add_common(*sub);
    for (CLI::Option* option : sub->get_options())
      if (option->get_expected_min() > 0)
        option->check([](const std::string& value) {
          return std::string(value.empty() ? "an empty value" : "");
        });
  }
  if (!experiment::parsed(app, argc, argv, print)) return true;
  if (attack->parsed()) attack_of(*attack, all.attack, print);
  if (on->parsed()) detect(*on, all, joined_words(argc, argv), print);
  if (again->parsed()) report_again(all.folder, print);
  return true;
}

const char* const commands_help =
    "\nIts parts one by one (each has a --help):\n"
    "  regrad-rde train --task T --data DIR --nets cnn --out DIR        classifiers alone\n"
    "  regrad-rde attack --model DIR --task T --data DIR --out LOG      a log of attacked texts\n"
    "  regrad-rde detect --model DIR --log LOG --task T --data DIR      detectors on such logs\n"
    "  regrad-rde detect --features F --labels F --test F --predicted F  on anyone's features\n"
    "  regrad-rde report DIR                                            a run's report, again\n";

}  // namespace regrad::rde
