#include <fmt/format.h>
#include <regrad/algorithms/experiment/metric.h>
#include <regrad/algorithms/experiment/progress.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace regrad::experiment {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void write_to_stderr(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double interval(const ProgressStyle& style) { return style.kind == ProgressStyle::bar ? 0.1 : 10; }

}  // namespace

ProgressStyle terminal_style(bool quiet) {
  if (quiet) return {ProgressStyle::off, false};
  const std::string term = environment("TERM");
  const bool plain = ::isatty(STDERR_FILENO) == 0 || !environment("NO_COLOR").empty() ||
                     term == "dumb" || term.empty();
  return {plain ? ProgressStyle::lines : ProgressStyle::bar, locale_is_utf8()};
}

bool locale_is_utf8() {
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (locale.empty()) locale = environment(name);
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(ProgressStyle style) : Progress(style, write_to_stderr, steady_seconds) {}

Progress::Progress(ProgressStyle style, Write write, Clock clock)
    : style_(style), write_(std::move(write)), clock_(std::move(clock)), next_(kNever) {}

Progress::~Progress() { finish(); }

void Progress::start(int64_t total, const std::string& unit, int64_t done) {
  const std::lock_guard guard(mutex_);
  done_ = last_done_ = done;
  total_ = total;
  unit_ = unit;
  phase_ = metric_ = "";
  rate_ = 0;
  last_time_ = clock_();
  next_ = style_.kind == ProgressStyle::off ? kNever : last_time_ + interval(style_);
}

void Progress::phase(const std::string& what) {
  const std::lock_guard guard(mutex_);
  phase_ = what;
  metric_ = "";
}

void Progress::metric(const std::string& name, double value) {
  const std::lock_guard guard(mutex_);
  metric_ = name;
  metric_value_ = value;
}

void Progress::tick(int64_t count) {
  done_.fetch_add(count, std::memory_order_relaxed);
  const double next = next_.load(std::memory_order_relaxed);
  if (next == kNever) return;
  const double now = clock_();
  if (now < next) return;
  const std::unique_lock guard(mutex_, std::try_to_lock);  // another thread is drawing: let it
  if (guard.owns_lock() && now >= next_.load(std::memory_order_relaxed)) draw(now);
}

// The rate forgets with a time constant of ten seconds, for methods differ in speed and the time
// left follows the present one.
void Progress::draw(double now) {
  const int64_t done = done_.load(std::memory_order_relaxed);
  const double passed = std::max(now - last_time_, 1e-9),
               recent = static_cast<double>(done - last_done_) / passed;
  rate_ = rate_ == 0 ? recent : rate_ + (1 - std::exp(-passed / 10)) * (recent - rate_);
  last_time_ = now;
  last_done_ = done;
  next_ = now + interval(style_);
  if (style_.kind == ProgressStyle::bar) {
    write_("\r\x1b[2K" + line(terminal_width() - 1));
    drawn_ = true;
  } else {
    write_(line(0) + "\n");
  }
}

// With a width, the bar takes what the words leave; without one there are only words.
std::string Progress::line(int width) const {
  const auto done = static_cast<double>(last_done_), total = static_cast<double>(total_);
  const double part = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0;
  std::string words =
      fmt::format("{:3.0f}%  {} {}/s", std::floor(100 * part),
                  rate_ < 10 ? fmt::format("{:.1f}", rate_) : grouped(std::llround(rate_)), unit_);
  if (rate_ > 0) words += "  " + duration(std::max(total - done, 0.0) / rate_) + " left";
  if (!metric_.empty()) words += fmt::format("  {} {:.4g}", metric_, metric_value_);
  if (width <= 0) return (phase_.empty() ? "" : phase_ + ": ") + words;
  const int room = width - static_cast<int>(words.size() + phase_.size()) - 4;
  const int cells = std::min(room, 30), full = static_cast<int>(part * cells);
  if (cells < 5) return (phase_ + " " + words).substr(0, static_cast<size_t>(width));
  const std::string bar =
      style_.utf8 ? fmt::format("{:━>{}}\x1b[2m{:─>{}}\x1b[0m", "", full, "", cells - full)
                  : fmt::format("{:#>{}}{:.>{}}", "", full, "", cells - full);
  return phase_ + "  " + bar + "  " + words;
}

void Progress::erase() {
  if (drawn_) write_("\r\x1b[2K");
  drawn_ = false;
}

void Progress::say(const std::string& line) {
  if (style_.kind == ProgressStyle::off) return;
  const std::lock_guard guard(mutex_);
  erase();
  write_(line + "\n");
}

void Progress::finish() {
  const std::lock_guard guard(mutex_);
  erase();
  next_ = kNever;
}

}  // namespace regrad::experiment
