#include <fmt/format.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/signals.h>
#include <regrad/algorithms/rde/experiment/attack_file.h>
#include <regrad/algorithms/rde/experiment/model_file.h>
#include <regrad/algorithms/rde/experiment/same_file.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/io/files.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace regrad::rde {
namespace {

namespace fs = std::filesystem;
using experiment::need;

constexpr const char* format = "regrad-rde attack 1";

// What is attacked, and by what.
struct Work {
  Model model;
  TextSet texts = {};
  std::shared_ptr<const Corpus> corpus = nullptr;  // keeps what candidates come from
  Sources sources = {};
  TableSettings settings = {};
};

// Texts of one's own, whose classes are the model's.
TextSet own_texts(const AttackOptions& o, const Model& model) {
  return load_text_table(o.texts, {o.text_column, o.label_column, model.classes});
}

Work work_of(const AttackOptions& o, const AttackRow& row) {
  Work out{.model = load_model(o.model)};
  out.settings = preset_of(o.task.empty() ? "table" : o.task, "small");
  TableSettings& s = out.settings;
  const bool synonyms = row.from == Substitutes::synonyms;
  // other candidates need no WordNet
  s.attacks = synonyms ? std::vector<std::string>{row.name} : std::vector<std::string>();
  s.confident = o.confident, s.wordnet = o.wordnet;
  s.most = static_cast<int>(out.model.classifier.most);
  s.text_column = o.text_column, s.label_column = o.label_column;
  if (o.task.empty()) {
    out.texts = own_texts(o, out.model);
    out.sources.synonyms = wordnet_synonyms(o.wordnet);
  } else {
    TextData data = load_data(o.task, o.data, s);
    check_classes(out.model, data.train.classes, "--task " + o.task);
    out.texts = o.texts.empty() ? data.test : own_texts(o, out.model);
    s.attacks = {row.name};
    out.corpus = corpus_of(std::move(data), s);
    out.sources = {out.corpus->data.synonyms, out.corpus->vocabulary, out.corpus->vectors,
                   out.corpus->masked_lm};
  }
  out.texts = first_of(out.texts, o.attacked);
  return out;
}

// FNV-1a of 64 bits.
std::string number_of(const TextSet& set) {
  uint64_t h = 0xcbf29ce484222325;
  const auto add = [&h](const std::string& s) {
    for (const char c : s + '\n') h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  for (size_t i = 0; i < set.texts.size(); ++i)
    add(set.texts[i]), add(std::to_string(set.labels[i]));
  return std::to_string(set.size()) + " of number " + std::to_string(h);
}

// What candidates come from: a checkpoint holds their numbers.
std::string sources_of(const AttackOptions& o, const Work& w) {
  if (experiment::find_method(attack_rows(), o.attack).from != Substitutes::synonyms)
    return "training texts, " + number_of(w.corpus->data.train);
  if (o.task == "reviews") return o.task;
  return o.wordnet.empty() ? "WordNet" : fs::weakly_canonical(o.wordnet).string();
}

Metadata key_of(const AttackOptions& o, const Work& w) {
  return {{"format", format},
          {"model", w.model.bytes},
          {"attack", o.attack},
          {"task", o.task},
          {"confident", decimal(o.confident)},
          {"candidates", sources_of(o, w)},
          {"texts", number_of(w.texts)}};
}

std::string kept_in(const AttackOptions& o) { return o.out + ".attack.safetensors"; }

// One process at a time writes a log: holds `path`, and takes it away at the end.
class Lock {
 public:
  Lock(std::string path, const std::string& out) : path_(std::move(path)) {
    struct stat mine {
    }, there{};
    do {  // again where whoever held it took it away meanwhile
      if (file_.fd >= 0) ::close(file_.fd);
      file_.fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
      if (file_.fd < 0) throw DiskError(path_ + ": cannot create the file");
      need(::flock(file_.fd, LOCK_EX | LOCK_NB) == 0,
           "--out " + out + ": another attack is writing it (it holds " + path_ + ")");
    } while (::fstat(file_.fd, &mine) == 0 &&
             (::stat(path_.c_str(), &there) != 0 || mine.st_ino != there.st_ino));
  }
  ~Lock() { ::unlink(path_.c_str()); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  std::string path_;
  experiment::Descriptor file_ = experiment::Descriptor();
};

class Checkpointed {
 public:
  Checkpointed(const AttackOptions& o, AttackRun& run, Metadata key)
      : path_(kept_in(o)), run_(run), key_(std::move(key)) {
    if (!o.resume || !fs::exists(path_)) return;
    const TensorFile file = load_safetensors(path_);
    for (const auto& [name, value] : key_) {
      const auto at = file.metadata.find(name);
      need(at != file.metadata.end() && at->second == value,
           path_ + ": is of another attack (its " + name + " is " +
               (at == file.metadata.end() ? "missing" : "'" + at->second + "', not '" + value) +
               "'); --force starts over");
    }
    run_.state_parts([&](const std::string& name, Tensor& t) {
      const Tensor& kept = file[name];
      if (kept.shape() != t.shape() || kept.dtype() != t.dtype())
        throw IOError(path_ + ": tensor '" + name + "' is " + str(kept.shape()) + ", not " +
                      str(t.shape()));
      t = kept;
    });
  }
  void save() {
    std::vector<NamedTensor> all;
    run_.state_parts([&](const std::string& name, Tensor& t) { all.emplace_back(name, t); });
    save_safetensors(path_, all, key_);
    saved_ = experiment::steady_seconds();
  }
  bool due(double every) const { return experiment::steady_seconds() >= saved_ + every; }
  void take_away() const { fs::remove(path_); }

 private:
  std::string path_;
  AttackRun& run_;
  Metadata key_;
  double saved_ = experiment::steady_seconds();
};

// ConfigError before anything is read.
void check(const AttackOptions& o, const AttackRow& row) {
  need(o.resume + o.force < 2, "--resume and --force: give one of them");
  need(!o.task.empty() || !o.texts.empty(), "--task or --texts FILE: which texts to attack");
  need(o.task.empty() || experiment::among(o.task, text_tasks()),
       "--task " + o.task + ": not one of " + experiment::joined(text_tasks()));
  need(row.from == Substitutes::synonyms || !o.task.empty(),
       "--attack " + o.attack +
           ": its candidates come from a corpus; give --task, whose training texts these are");
  for (const std::string* in : {&o.model, &o.texts})
    need(!same_file(*in, o.out), "--out " + o.out + ": is read and written");
  need(o.resume || o.force || !fs::exists(o.out),
       "--out " + o.out + ": is there; --force replaces it");
  need(o.resume || o.force || !fs::exists(kept_in(o)),
       "--out " + o.out + ": " + kept_in(o) +
           " holds an interrupted attack; --resume goes on with it, --force starts over");
}

std::string summary(const AttackRun& run, const std::string& out, bool far) {
  int64_t won = 0, skipped = 0;
  double queries = 0;
  for (const Attacked& a : run.log(far)) {
    skipped += a.result == AttackResult::skipped;
    if (a.result != AttackResult::successful) continue;
    ++won, queries += static_cast<double>(a.queries);
  }
  const int64_t tried = run.texts() - skipped;
  return fmt::format(
      "{}: {} texts, {} wrong before, {} of {} attacks successful ({:.1f}%), {:.0f} queries each\n",
      out, run.texts(), skipped, won, tried,
      tried > 0 ? 100.0 * static_cast<double>(won) / static_cast<double>(tried) : 0.0,
      won > 0 ? queries / static_cast<double>(won) : 0.0);
}

}  // namespace

Metadata attack_key(const AttackOptions& o) {
  return key_of(o, work_of(o, experiment::find_method(attack_rows(), o.attack)));
}

void attack_texts(const AttackOptions& o, const Print& print) {
  const AttackRow& row = experiment::find_method(attack_rows(), o.attack);
  check(o, row);
  const Lock lock(o.out + ".lock", o.out);
  if (o.resume && fs::exists(o.out)) {  // perhaps killed right behind its last step
    fs::remove(kept_in(o));
    return print(o.out + ": finished before: nothing was attacked\n");
  }
  const Work w = work_of(o, row);
  AttackRun run(row, w.sources, {w.texts, w.texts.size()}, w.model.classifier, w.settings);
  if (o.force) fs::remove(o.out), fs::remove(kept_in(o));
  Checkpointed checkpoint(o, run, key_of(o, w));
  checkpoint.save();  // what cannot be written is found before the work
  experiment::Progress progress(experiment::terminal_style(o.quiet));
  const auto& done = run.done();
  progress.start(run.texts(), "texts", std::count_if(done.begin(), done.end(), [](const auto& a) {
                   return a.has_value();
                 }));
  progress.phase(o.attack);
  const experiment::Signals signals;
  for (int64_t i = 0; i < run.texts(); ++i) {
    if (done[static_cast<size_t>(i)]) continue;
    if (const int which = experiment::Signals::caught()) {
      checkpoint.save();
      throw experiment::Interrupted(which, std::string("stopped by ") +
                                               (which == SIGINT ? "SIGINT" : "SIGTERM") +
                                               "; the same command with --resume goes on");
    }
    run.attack(i, w.model.classifier);
    progress.tick();
    progress.metric("success, %", run.success());
    if (checkpoint.due(o.checkpoint_every)) checkpoint.save();
  }
  progress.finish();
  const bool far = o.confident > 0;
  write_file(o.out, to_attack_log(run.log(far)));
  checkpoint.take_away();
  print(summary(run, o.out, far));
}

}  // namespace regrad::rde
