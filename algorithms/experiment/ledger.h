// The rows of a run in one book: what each has logged, how far it has come, what it ended with. The
// ledger writes metrics.jsonl, the checkpoints and the models; rows may run on any threads.
//
// metrics.jsonl and metrics.csv get the lines of row after row in the table's order, however the
// threads interleave: the first unfinished row's as they come, a later row's once all before it
// have ended. TensorBoard's files are of one row each, and get its lines as they come.
#pragma once

#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/tensorboard.h>

#include <memory>
#include <mutex>

namespace regrad::experiment {

class Ledger {
 public:
  // In memory only.
  explicit Ledger(const std::vector<Job>& jobs);
  // In `out`, with a checkpoint at once and then every so many seconds. Goes on from `from` where
  // its rows are (its settings were compared before); IOError where the two, or the file
  // metrics.jsonl, do not fit together. tensorboard: event files too.
  Ledger(const std::vector<Job>& jobs, const OutFolder& out, double every, Checkpoint from,
         bool tensorboard = false);

  size_t size() const { return entries_.size(); }
  // for the thread that runs it, and for all when none does
  const Row& row(size_t r) const { return entries_[r].row; }
  std::vector<Row> rows() const;
  double seconds() const;  // that the run has taken, over all its parts

  // Puts a trial that was just made where row r stands. IOError, ShapeError or DTypeError where the
  // tensors do not fit.
  void restore(size_t r, Trial& trial) const;
  void log(size_t r, Line line);
  // Whether it is time for row r to be kept.
  bool due(size_t r) const;
  // Row r with so many steps done, as the next checkpoint will have it; that is written now where
  // it is time.
  void keep(size_t r, int64_t step, Trial& trial);
  void finish(size_t r, int64_t step, Outcome outcome, const Trial& trial);
  void save();
  void close();  // after the last line

 private:
  // A row as the next checkpoint will have it.
  struct Kept {
    int64_t step = 0;
    size_t lines = 0;
    int64_t bytes = 0;  // of these lines in metrics.jsonl
    std::vector<NamedTensor> state = {};
  };
  struct Entry {
    Row row;
    Kept kept = {};
    int64_t bytes = 0;         // of its lines in metrics.jsonl
    std::string waiting = {};  // lines that are not there yet
    std::string waiting_csv = {};
    double next = 0;                              // when to keep it again
    std::unique_ptr<EventFile> events = nullptr;  // of a row that runs
    void keep(int64_t step, std::vector<NamedTensor> state) {
      kept = {step, row.lines.size(), bytes, std::move(state)};
    }
  };
  void take_up(std::vector<Row> rows, int64_t log_bytes);
  EventFile& events(Entry& e) const;
  void write_in_order();
  void save_locked();
  Checkpoint checkpoint() const;

  std::vector<Entry> entries_ = {};
  Checkpoint begun_ = {};  // settings, command and build; the tensors that restore() takes
  const OutFolder* out_ = nullptr;
  std::unique_ptr<LogFile> log_ = nullptr, csv_ = nullptr;
  bool tensorboard_ = false;
  double every_ = 0, start_ = 0, saved_ = 0;
  size_t first_open_ = 0;  // row
  std::mutex mutex_{};
};

}  // namespace regrad::experiment
