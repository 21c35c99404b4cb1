#include <fmt/format.h>
#include <regrad/algorithms/experiment/csv.h>
#include <regrad/algorithms/experiment/ledger.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <utility>

namespace regrad::experiment {
namespace {

std::string prefix_of(size_t row) { return std::to_string(row) + "."; }

// "cml-K-10-seed-0"
std::string file_name(const Job& job) {
  std::string name = fmt::format("{}{}{}-seed-{}", job.method, job.variant.empty() ? "" : "-",
                                 job.variant, job.seed);
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  std::replace_if(name.begin(), name.end(), std::not_fn(plain), '-');
  return name;
}

void write_model(const OutFolder& out, const Job& job, const std::vector<NamedTensor>& model,
                 const Trial& of) {
  if (model.empty()) return;
  Metadata about = of.about();
  about.insert(
      {{"method", job.method}, {"variant", job.variant}, {"seed", std::to_string(job.seed)}});
  out.write("models/" + file_name(job) + ".safetensors", to_safetensors(model, about));
}

}  // namespace

Ledger::Ledger(const std::vector<Job>& jobs) : start_(steady_seconds()) {
  for (const Job& job : jobs) entries_.emplace_back().row.job = job;
}

Ledger::Ledger(const std::vector<Job>& jobs, const OutFolder& out, double every, Checkpoint from,
               bool tensorboard)
    : Ledger(jobs) {
  out_ = &out;
  every_ = every;
  tensorboard_ = tensorboard;
  begun_ = std::move(from);
  if (!begun_.rows.empty()) take_up(std::exchange(begun_.rows, {}), begun_.log_bytes);
  log_ = std::make_unique<LogFile>(out.path("metrics.jsonl"), begun_.log_bytes);
  csv_ = std::make_unique<LogFile>(out.path("metrics.csv"));  // made anew of the rows' lines
  std::string csv = kCsvHeader;
  for (size_t r = 0; r <= first_open_ && r < entries_.size(); ++r)
    csv += std::exchange(entries_[r].waiting_csv, {});
  csv_->write(csv);
  for (Entry& e : entries_)  // so that rows that do not run again are whole
    if (tensorboard_ && e.row.finished) events(e).close(), e.events.reset();
  save();
}

void Ledger::take_up(std::vector<Row> rows, int64_t log_bytes) {
  const std::string& where = begun_.tensors.where;
  if (rows.size() != entries_.size())
    throw IOError(
        fmt::format("{}: has {} rows, the table {}", where, rows.size(), entries_.size()));
  int64_t in_order = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    Entry& e = entries_[r];
    const std::string name = job_name(rows[r].job), expected = job_name(e.row.job);
    if (name != expected)
      throw IOError(
          fmt::format("{}: row {} is '{}', the table's is '{}'", where, r, name, expected));
    e.row = std::move(rows[r]);
    for (const Line& line : e.row.lines) {
      e.waiting += to_json(e.row.job, line);
      e.waiting_csv += to_csv(e.row.job, line);
    }
    e.bytes = static_cast<int64_t>(e.waiting.size());
    e.keep(e.row.step, {});
    const std::string prefix = prefix_of(r);
    for (const auto& [key, t] : begun_.tensors.tensors)
      if (key.starts_with(prefix)) e.kept.state.emplace_back(key.substr(prefix.size()), t);
    if (first_open_ < r) continue;
    in_order += e.bytes;  // these lines are in the file
    e.waiting.clear();
    if (e.row.finished) ++first_open_;
  }
  begun_.tensors.tensors.clear();
  begun_.tensors.metadata.clear();
  if (in_order != log_bytes)
    throw IOError(fmt::format("{}: its rows have {} bytes of metrics.jsonl, its log_bytes are {}",
                              where, in_order, log_bytes));
}

std::vector<Row> Ledger::rows() const {
  std::vector<Row> out;
  for (const Entry& e : entries_) out.push_back(e.row);
  return out;
}

double Ledger::seconds() const { return begun_.seconds + steady_seconds() - start_; }

void Ledger::restore(size_t r, Trial& trial) const {
  const Entry& e = entries_[r];
  if (e.row.step == 0) return;
  const TensorFile mine{e.kept.state, {}, begun_.tensors.where + ", " + job_name(e.row.job)};
  const std::string prefix;
  regrad::detail::Intake intake(mine, prefix);
  trial.state([&](const std::string& name, Tensor& t) { t = intake.take(name, t); });
  intake.finish();
}

// The row's file, opened where its row stands.
EventFile& Ledger::events(Entry& e) const {
  if (!e.events) e.events = std::make_unique<EventFile>(*out_, file_name(e.row.job), e.row);
  return *e.events;
}

void Ledger::log(size_t r, Line line) {
  const std::string text = to_json(entries_[r].row.job, line);
  const std::lock_guard lock(mutex_);
  Entry& e = entries_[r];
  if (tensorboard_) events(e).log(line);
  if (log_) e.waiting_csv += to_csv(e.row.job, line);
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
    if (!e.waiting_csv.empty()) csv_->write(e.waiting_csv);
    e.waiting.clear(), e.waiting_csv.clear();
    if (!e.row.finished) return;
  }
}

// A row is kept twice as often as checkpoints are written, so that none holds a state much older
// than itself.
bool Ledger::due(size_t r) const { return out_ && steady_seconds() >= entries_[r].next; }

void Ledger::keep(size_t r, int64_t step, Trial& trial) {
  if (!out_) return;
  std::vector<NamedTensor> state;
  trial.state([&](const std::string& name, Tensor& t) { state.emplace_back(name, t); });
  const std::lock_guard lock(mutex_);
  Entry& e = entries_[r];
  e.keep(step, std::move(state));
  if (steady_seconds() >= saved_ + every_) save_locked();
  e.next = steady_seconds() + every_ / 2;
}

void Ledger::finish(size_t r, int64_t step, Outcome outcome, const Trial& trial) {
  if (out_) {
    // Before the checkpoint that has it: a run cut short between the two writes the same bytes
    // once more.
    const Job& job = entries_[r].row.job;
    write_model(*out_, job, trial.model(), trial);
    for (const auto& [method, scalars] : outcome.parameters)
      if (method != job.method)
        write_model(*out_, {method, job.variant, job.seed}, trial.model_of(method), trial);
  }
  const std::lock_guard lock(mutex_);
  Entry& e = entries_[r];
  if (tensorboard_) {
    events(e).finish(step, e.row.job.method, outcome);
    events(e).close(), e.events.reset();
  }
  e.row.step = step;
  e.row.outcome = std::move(outcome);
  e.row.finished = true;
  e.keep(step, {});
  if (!log_) return;
  write_in_order();
  if (steady_seconds() >= saved_ + every_) save_locked();
}

Checkpoint Ledger::checkpoint() const {
  Checkpoint c = begun_;
  c.seconds = seconds();
  c.log_bytes = 0;
  bool in_order = true;
  for (size_t r = 0; r < entries_.size(); ++r) {
    const Row& row = entries_[r].row;
    const Kept& kept = entries_[r].kept;
    const auto lines = row.lines.begin() + static_cast<std::ptrdiff_t>(kept.lines);
    c.rows.push_back({row.job, kept.step, {row.lines.begin(), lines}, row.finished, row.outcome});
    if (in_order) c.log_bytes += kept.bytes;
    in_order = in_order && row.finished;
    for (const auto& [name, t] : kept.state) c.tensors.tensors.emplace_back(prefix_of(r) + name, t);
  }
  return c;
}

void Ledger::save_locked() {
  log_->sync();  // a checkpoint must not speak of lines that a power cut takes away
  experiment::save(checkpoint(), *out_);
  saved_ = steady_seconds();
}

void Ledger::save() {
  const std::lock_guard lock(mutex_);
  if (out_) save_locked();
}

void Ledger::close() {
  if (csv_) csv_->sync(), csv_->close();
  if (log_) log_->close();
}

}  // namespace regrad::experiment
