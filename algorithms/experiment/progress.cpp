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

// Columns that a text takes: no escapes, and no bytes that go on with a character of UTF-8.
int columns(const std::string& text) {
  int out = 0;
  bool escape = false;
  for (const char c : text) {
    if (c == '\x1b') escape = true;
    if (!escape && (static_cast<unsigned char>(c) & 0xC0) != 0x80) ++out;
    if (escape && c >= 'a' && c <= 'z') escape = false;
  }
  return out;
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// The first so many columns of a text without escapes.
std::string cut(const std::string& text, int width) {
  std::string out;
  for (const char c : text) {
    if (columns(out) >= width && (static_cast<unsigned char>(c) & 0xC0) != 0x80) break;
    out += c;
  }
  return out;
}

double interval(const ProgressStyle& style) { return style.kind == ProgressStyle::bar ? 0.1 : 10; }

}  // namespace

ProgressStyle terminal_style(bool quiet) {
  if (quiet) return {ProgressStyle::off};
  const std::string term = environment("TERM");
  const bool plain = ::isatty(STDERR_FILENO) == 0 || term == "dumb" || term.empty();
  return {plain ? ProgressStyle::lines : ProgressStyle::bar, locale_is_utf8(),
          !plain && environment("NO_COLOR").empty()};
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

Progress::Progress(ProgressStyle style)
    : Progress(style, write_to_stderr, steady_seconds, terminal_width) {}

Progress::Progress(ProgressStyle style, Write write, Clock clock, Width width)
    : style_(style),
      write_(std::move(write)),
      clock_(std::move(clock)),
      width_(std::move(width)),
      next_(kNever) {}

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
    const std::string bar = line(std::max(1, width_() - 1));
    erase();
    write_(bar);
    drawn_ = columns(bar);
  } else {
    write_(line(0) + "\n");
  }
}

// What a narrow terminal has no room for is left out: the metric first, then the rate, then the end
// of the phase's name, and the bar at last.
std::string Progress::line(int width) const {
  const auto done = static_cast<double>(last_done_), total = static_cast<double>(total_);
  const double part = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0;
  const std::string percent = fmt::format("{:3.0f}%", std::floor(100 * part));
  const std::string rate = fmt::format(
      "  {} {}/s", rate_ < 10 ? fmt::format("{:.1f}", rate_) : grouped(std::llround(rate_)), unit_);
  const std::string left =
      rate_ > 0 ? "  " + duration(std::max(total - done, 0.0) / rate_) + " left" : "";
  const std::string metric =
      metric_.empty() ? "" : fmt::format("  {} {:.4g}", metric_, metric_value_);
  if (width <= 0) return (phase_.empty() ? "" : phase_ + ": ") + percent + rate + left + metric;
  constexpr int least = 5;  // cells of the bar
  std::string words = percent + rate + left + metric, phase = phase_;
  const auto room = [&] { return width - columns(words) - columns(phase) - 4; };
  if (room() < least) words = percent + rate + left;
  if (room() < least) words = percent + left;
  if (room() < least) phase = cut(phase, std::max(0, width - columns(words) - 4 - least));
  if (room() < least) return cut(words, width);
  const int cells = std::min(room(), 30), full = static_cast<int>(part * cells);
  const std::string empty = repeated(style_.utf8 ? "─" : ".", cells - full);
  return phase + "  " + repeated(style_.utf8 ? "━" : "#", full) +
         (style_.color ? "\x1b[2m" + empty + "\x1b[0m" : empty) + "  " + words;
}

// A terminal that was made narrower since has broken the bar into several lines.
void Progress::erase() {
  if (drawn_ > 0) {
    const int width = std::max(1, width_()), more = (drawn_ - 1) / width;
    write_(more == 0 ? "\r\x1b[2K" : fmt::format("\r\x1b[{}A\x1b[J", more));
  }
  drawn_ = 0;
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
