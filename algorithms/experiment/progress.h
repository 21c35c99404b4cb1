// How far a run is: a bar on a terminal, a plain line every ten seconds elsewhere, always on
// stderr, so that stdout keeps to the result.
//
//   Progress progress(terminal_style(quiet));
//   progress.start(8 * 50000, "steps");            // how much there is, and of what
//   progress.phase("maml, seed 3 of 8");           // what is being done now
//   progress.tick(); progress.metric("mse", 0.41); // from any thread
//
// A tick costs one atomic addition and a look at the clock; drawing happens at most ten times a
// second.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace regrad::experiment {

struct ProgressStyle {
  enum Kind { off, lines, bar } kind = lines;
  bool utf8 = false;   // draw with box characters
  bool color = false;  // escapes that dim
};

// off when `quiet`; bar when stderr is a terminal, unless TERM is dumb or missing; lines otherwise.
// NO_COLOR, set and not empty, takes the colour alone.
ProgressStyle terminal_style(bool quiet);
// Does the locale (LC_ALL, LC_CTYPE, LANG: the first that is set) name UTF-8?
bool locale_is_utf8();

double steady_seconds();  // since any moment

// "3.2s", "2m10s", "4h05m".
std::string duration(double seconds);

class Progress {
 public:
  using Write = std::function<void(const std::string&)>;
  using Clock = std::function<double()>;  // seconds since any moment
  using Width = std::function<int()>;     // columns of the terminal, as they are now

  explicit Progress(ProgressStyle style);  // stderr, steady clock
  // for tests, and for programs with a display of their own
  Progress(ProgressStyle style, Write write, Clock clock, Width width);
  ~Progress();  // takes the bar away
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // done: by an earlier part of the same run
  void start(int64_t total, const std::string& unit, int64_t done = 0);
  void phase(const std::string& what);
  void tick(int64_t count = 1);
  void metric(const std::string& name, double value);
  void say(const std::string& line);  // a line of its own, above the bar; silent when off
  void finish();                      // takes the bar away; drawing starts again with start()

 private:
  void draw(double now);
  std::string line(int width) const;
  void erase();

  const ProgressStyle style_;
  const Write write_;
  const Clock clock_;
  const Width width_;
  std::atomic<int64_t> done_{0};
  std::atomic<double> next_{0};  // when to draw again
  std::mutex mutex_;             // guards what follows
  std::string unit_, phase_, metric_;
  double metric_value_ = 0, last_time_ = 0, rate_ = 0;
  int64_t total_ = 0, last_done_ = 0;
  int drawn_ = 0;  // columns of the bar that stands on the terminal
};

}  // namespace regrad::experiment
