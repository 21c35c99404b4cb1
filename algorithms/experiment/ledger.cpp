#include <regrad/algorithms/experiment/ledger.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cctype>
#include <chrono>

namespace regrad::experiment {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string text_of(const Job& job, const Line& line) {
  Record r{{"method", job.method}, {"seed", job.seed}};
  if (!job.variant.empty()) r.emplace_back("variant", job.variant);
  r.emplace_back("step", line.step);
  for (const auto& [name, value] : line.moment) r.emplace_back(name, value);
  return to_json(r) + "\n";
}

std::string prefix_of(size_t row) { return std::to_string(row) + "."; }

// "models/cml-K-10-seed-0.safetensors"
std::string model_file(const Job& job) {
  std::string name = job.method + (job.variant.empty() ? "" : "-" + job.variant) + "-seed-" +
                     std::to_string(job.seed);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::isalnum(c) ? static_cast<char>(c) : '-'; });
  return "models/" + name + ".safetensors";
}

}  // namespace

Ledger::Ledger(const std::vector<Job>& jobs) : start_(now()) {
  for (const Job& job : jobs) entries_.push_back({{job}});
}

Ledger::Ledger(const std::vector<Job>& jobs, const OutFolder& out, double every, Checkpoint from)
    : Ledger(jobs) {
  out_ = &out;
  every_ = every;
  begun_ = std::move(from);
  if (!begun_.rows.empty()) take_up(std::move(begun_.rows), begun_.log_bytes);
  log_ = std::make_unique<JsonLines>(out.path("metrics.jsonl"), begun_.log_bytes);
  save();
}

void Ledger::take_up(std::vector<Row> rows, int64_t log_bytes) {
  const std::string& where = begun_.tensors.where;
  if (rows.size() != entries_.size()) {
    throw IOError(where + ": has " + std::to_string(rows.size()) + " rows, the table " +
                  std::to_string(entries_.size()));
  }
  int64_t in_order = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    Entry& e = entries_[r];
    if (job_name(rows[r].job) != job_name(e.row.job)) {
      throw IOError(where + ": row " + std::to_string(r) + " is '" + job_name(rows[r].job) +
                    "', the table's is '" + job_name(e.row.job) + "'");
    }
    e.row = std::move(rows[r]);
    e.kept_step = e.row.step;
    e.kept_lines = e.row.lines.size();
    for (const Line& line : e.row.lines) e.waiting += text_of(e.row.job, line);
    e.bytes = e.kept_bytes = static_cast<int64_t>(e.waiting.size());
    for (const auto& [name, t] : begun_.tensors.tensors) {
      if (name.compare(0, prefix_of(r).size(), prefix_of(r)) == 0)
        e.kept.emplace_back(name.substr(prefix_of(r).size()), t);
    }
    if (first_open_ < r) continue;
    in_order += e.bytes;  // these lines are in the file
    e.waiting.clear();
    if (e.row.finished) ++first_open_;
  }
  begun_.tensors.tensors.clear();
  if (in_order != log_bytes) {
    throw IOError(where + ": its rows have " + std::to_string(in_order) +
                  " bytes of metrics.jsonl, its log_bytes are " + std::to_string(log_bytes));
  }
}

std::vector<Row> Ledger::rows() const {
  std::vector<Row> out;
  for (const Entry& e : entries_) out.push_back(e.row);
  return out;
}

double Ledger::seconds() const { return begun_.seconds + now() - start_; }

void Ledger::restore(size_t r, Trial& trial) const {
  const Entry& e = entries_[r];
  if (e.row.step == 0) return;
  const TensorFile mine{e.kept, {}, begun_.tensors.where + ", " + job_name(e.row.job)};
  const std::string prefix;
  regrad::detail::Intake intake(mine, prefix);
  trial.state([&](const std::string& name, Tensor& t) { t = intake.take(name, t); });
  intake.finish();
}

void Ledger::log(size_t r, Line line) {
  const std::string text = text_of(entries_[r].row.job, line);
  const std::lock_guard lock(mutex_);
  Entry& e = entries_[r];
  e.row.lines.push_back(std::move(line));
  if (!log_) return;
  e.waiting += text;
  e.bytes += static_cast<int64_t>(text.size());
  write_in_order();
}

void Ledger::write_in_order() {
  for (; first_open_ < entries_.size(); ++first_open_) {
    Entry& e = entries_[first_open_];
    if (!e.waiting.empty()) log_->write(e.waiting);
    e.waiting.clear();
    if (!e.row.finished) return;
  }
}

// A row is kept twice as often as checkpoints are written, so that none holds a state much older
// than itself.
bool Ledger::due(size_t r) const { return out_ && now() >= entries_[r].next; }

void Ledger::keep(size_t r, int64_t step, Trial& trial) {
  if (!out_) return;
  std::vector<NamedTensor> state;
  trial.state([&](const std::string& name, Tensor& t) { state.emplace_back(name, t); });
  const std::lock_guard lock(mutex_);
  Entry& e = entries_[r];
  e.kept_step = step;
  e.kept_lines = e.row.lines.size();
  e.kept_bytes = e.bytes;
  e.kept = std::move(state);
  if (now() >= saved_ + every_) save_locked();
  e.next = now() + every_ / 2;
}

void Ledger::finish(size_t r, int64_t step, Outcome outcome, const Trial& trial) {
  if (out_) {
    // Before the checkpoint that has it: a run cut short between the two writes the same bytes
    // once more.
    const Job& job = entries_[r].row.job;
    const std::vector<NamedTensor> model = trial.model();
    if (!model.empty()) {
      Metadata about = trial.about();
      about.insert(
          {{"method", job.method}, {"variant", job.variant}, {"seed", std::to_string(job.seed)}});
      out_->write(model_file(job), to_safetensors(model, about));
    }
  }
  const std::lock_guard lock(mutex_);
  Entry& e = entries_[r];
  e.row.step = e.kept_step = step;
  e.row.outcome = std::move(outcome);
  e.row.finished = true;
  e.kept_lines = e.row.lines.size();
  e.kept_bytes = e.bytes;
  e.kept.clear();
  if (!log_) return;
  write_in_order();
  if (now() >= saved_ + every_) save_locked();
}

Checkpoint Ledger::checkpoint() const {
  Checkpoint c;
  c.settings = begun_.settings;
  c.command = begun_.command;
  c.build = begun_.build;
  c.seconds = seconds();
  bool in_order = true;
  for (size_t r = 0; r < entries_.size(); ++r) {
    const Entry& e = entries_[r];
    Row row{e.row.job,
            e.kept_step,
            {e.row.lines.begin(), e.row.lines.begin() + static_cast<std::ptrdiff_t>(e.kept_lines)},
            e.row.finished,
            {}};
    if (e.row.finished) row.outcome = e.row.outcome;
    if (in_order) c.log_bytes += e.kept_bytes;
    in_order = in_order && e.row.finished;
    for (const auto& [name, t] : e.kept) c.tensors.tensors.emplace_back(prefix_of(r) + name, t);
    c.rows.push_back(std::move(row));
  }
  return c;
}

void Ledger::save_locked() {
  log_->sync();  // a checkpoint must not speak of lines that a power cut takes away
  experiment::save(checkpoint(), *out_);
  saved_ = now();
}

void Ledger::save() {
  const std::lock_guard lock(mutex_);
  if (out_) save_locked();
}

void Ledger::close() {
  if (log_) log_->close();
}

}  // namespace regrad::experiment
