#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/internal/fork.h>
#include <regrad/engine/internal/profiling.h>
#include <regrad/engine/ops/op.h>
#include <regrad/engine/profile.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace regrad {
namespace detail {

std::atomic<bool> profiling{false};

namespace {

// Shapes of a call of an op, and what follows from them.
struct Signature {
  std::string shapes;                             // fields of JSON
  int64_t read = 0, written = 0, operations = 0;  // bytes; additions and multiplications
};
struct Event {
  const char* name;
  int64_t start, end;  // ns
  enum Kind : int8_t { op, phase, blocks } kind;
  int order;                   // of an op
  const Signature* signature;  // of an op
  int64_t count;               // of blocks
};
struct Sum {
  int64_t calls = 0, time = 0, bytes = 0, operations = 0;
};
// A phase that has not ended. `at`: where the last one inside has.
struct Open {
  const char* name;
  int64_t start, inside, at;
};

constexpr size_t most_events = 400'000;

// What one thread has seen; its mutex is contended only while somebody reads.
struct Book {
  std::mutex mutex{};
  int thread = 0;
  bool worker = false;
  std::vector<Event> events{};
  std::map<std::pair<const Op*, int>, Sum> sums{};
  std::unordered_map<uint64_t, Signature> signatures{};
  std::vector<Open> open{};
  std::map<const char*, Sum> phases{};
  int64_t first = 0, last = 0;                         // ns; 0: nothing yet
  int64_t in_ops = 0;                                  // ns, of ops that lie in no other
  std::vector<std::pair<int64_t, int64_t>> covered{};  // start and length of the latest of these
  void see(int64_t start, int64_t end) {
    if (first == 0 || start < first) first = start;
    last = std::max(last, end);
  }
  void clear() {
    events.clear(), sums.clear(), signatures.clear(), phases.clear(), covered.clear();
    first = last = in_ops = 0;
  }
};
struct Library {
  std::mutex mutex{};
  std::vector<std::shared_ptr<Book>> books{};
  std::atomic<size_t> events{0};
  std::atomic<int64_t> begun{0};
  bool taken = false;
};
Library& library() {
  static auto* l = new Library;  // threads may end after static destructors
  return *l;
}
[[maybe_unused]] const Library& made_before_main = library();  // so that no fork cuts its making

Book& book() {
  thread_local std::shared_ptr<Book> mine;
  if (!mine) {
    mine = std::make_shared<Book>();
    const detail::NoFork uncut;
    std::lock_guard lock(library().mutex);
    mine->thread = static_cast<int>(library().books.size()) + 1;
    library().books.push_back(mine);
  }
  return *mine;
}

thread_local const Op* running = nullptr;

uint64_t mixed(uint64_t h, uint64_t v) { return (h ^ v) * 0x9E3779B97F4A7C15u + (h >> 29); }

uint64_t hash_of(const Shape& s, DType t, uint64_t h) {
  h = mixed(h, static_cast<uint64_t>(s.size()) * 16 + static_cast<uint64_t>(t));
  for (const int64_t d : s) h = mixed(h, static_cast<uint64_t>(d));
  return h;
}

uint64_t hash_of(const Op& op, const Node* y) {
  uint64_t h = hash_of(y->shape, y->dtype, reinterpret_cast<uintptr_t>(&op));
  for (int i = 0; i < y->n_in; ++i) h = hash_of(y->in(i).shape(), y->in(i).dtype(), h);
  return h;
}

int64_t last_three(const Shape& s) {
  return s.size() < 3 ? 0 : s[-1] * s[-2] * s[-3];  // channels and kernel of a weight
}

int64_t operations_of(const Op& op, const Node* y) {
  const auto is = [&](const char* name) { return std::strcmp(op.name, name) == 0; };
  const int64_t n = y->shape.numel();
  const auto length = [&](int i) { return y->in(i).shape()[-1]; };
  if (is("matmul") || is("linear_rows")) return 2 * n * length(0);
  if (is("addmm")) return 2 * n * length(1) + n;
  if (is("conv2d")) return 2 * n * last_three(y->in(1).shape());
  if (is("conv2d_input")) return 2 * y->in(0).numel() * last_three(y->in(1).shape());
  if (is("conv2d_weight")) return 2 * y->in(1).numel() * last_three(y->shape);
  return op.layout == Layout::elementwise ? n : 0;
}

std::string shape_text(const Shape& s) {
  std::string out = "[";
  for (int i = 0; i < s.size(); ++i) out += (i ? "," : "") + std::to_string(s[i]);
  return out + "]";
}

Signature signature_of(const Op& op, const Node* y) {
  Signature s;
  s.shapes = "\"in\": [";
  for (int i = 0; i < y->n_in; ++i) {
    s.shapes += (i ? ", " : "") + shape_text(y->in(i).shape());
    if (op.layout != Layout::view) s.read += y->in(i).numel() * item_size(y->in(i).dtype());
  }
  s.shapes += "], \"out\": " + shape_text(y->shape);
  if (op.layout != Layout::view) s.written = y->shape.numel() * item_size(y->dtype);
  s.operations = operations_of(op, y);
  return s;
}

// Under the book's mutex.
void keep(Book& b, const Event& e) {
  if (library().events.fetch_add(1, std::memory_order_relaxed) < most_events) b.events.push_back(e);
}

// An op has ended: those that it evaluated inside are its own.
void cover(Book& b, int64_t start, int64_t end) {
  constexpr size_t most = 1 << 16;
  while (!b.covered.empty() && b.covered.back().first >= start) {
    b.in_ops -= b.covered.back().second;
    b.covered.pop_back();
  }
  if (b.covered.size() == most) b.covered.clear();
  b.covered.emplace_back(start, end - start);
  b.in_ops += end - start;
}

void end_phase(Book& b, const char* name, int64_t start, int64_t end, int64_t inside) {
  Sum& s = b.phases[name];
  ++s.calls, s.time += end - start - inside;
  keep(b, {name, start, end, Event::phase, 0, nullptr, 0});
  b.see(start, end);
  if (b.open.empty()) return;
  b.open.back().inside += end - start;
  b.open.back().at = end;
}

}  // namespace

int64_t profile_start(const Op& op) {
  running = &op;
  return profile_clock();
}
const Op* profiled_op() { return running; }

void profile_blocks(const Op* op, int64_t start, int64_t blocks) {
  const int64_t end = profile_clock();
  Book& b = book();
  const detail::NoFork uncut;
  const std::lock_guard lock(b.mutex);
  b.worker = true;
  keep(b, {op ? op->name : "blocks", start, end, Event::blocks, 0, nullptr, blocks});
}

void open_scope(const char* name) {
  const int64_t now = profile_clock();
  Book& b = book();
  const detail::NoFork uncut;
  const std::lock_guard lock(b.mutex);
  if (!b.open.empty() && std::strcmp(b.open.back().name, "step") == 0 &&
      std::strcmp(name, "backward") == 0)
    end_phase(b, "forward", b.open.back().at, now, 0);
  b.open.push_back({name, now, 0, now});
}

void close_scope() {
  const int64_t end = profile_clock();
  Book& b = book();
  const detail::NoFork uncut;
  const std::lock_guard lock(b.mutex);
  const Open o = b.open.back();
  b.open.pop_back();
  // of a Profile that ended before, or began since: not its own
  if (detail::profiling.load(std::memory_order_relaxed) && o.start >= library().begun)
    end_phase(b, o.name, o.start, end, o.inside);
}

int64_t profile_clock() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void profile_op(const Op& op, const Node* y, int64_t start) {
  const int64_t end = profile_clock();
  Book& b = book();
  const detail::NoFork uncut;
  const std::lock_guard lock(b.mutex);
  running = nullptr;
  Signature& signature = b.signatures[hash_of(op, y)];
  if (signature.shapes.empty()) signature = signature_of(op, y);
  Sum& s = b.sums[{&op, mode.order}];
  ++s.calls;
  s.time += end - start;
  s.bytes += signature.written, s.operations += signature.operations;
  keep(b, {op.name, start, end, Event::op, mode.order, &signature, 0});
  cover(b, start, end);
  b.see(start, end);
}

}  // namespace detail

using detail::library;

Profile::Profile() {
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  if (std::exchange(library().taken, true))
    throw Error("Profile: another one lives; there is one clock for the process");
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    b->clear();
  }
  library().events = 0;
  library().begun = detail::profile_clock();
  detail::profiling = true;
}
Profile::~Profile() {
  detail::profiling = false;
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  library().taken = false;
}

std::vector<ProfileRow> Profile::rows() const {
  std::map<std::pair<const Op*, int>, detail::Sum> total;
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    for (const auto& [key, s] : b->sums) {
      detail::Sum& t = total[key];
      t.calls += s.calls, t.time += s.time, t.bytes += s.bytes, t.operations += s.operations;
    }
  }
  std::vector<ProfileRow> out;
  for (const auto& [key, s] : total)
    out.push_back({key.first->name, key.second, s.calls, static_cast<double>(s.time) * 1e-9,
                   s.bytes, s.operations});
  std::stable_sort(out.begin(), out.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return out;
}

std::vector<ProfilePhase> Profile::phases() const {
  std::map<std::string, detail::Sum> total;
  {
    const detail::NoFork uncut;
    const std::lock_guard lock(library().mutex);
    for (const auto& b : library().books) {
      const std::lock_guard hold(b->mutex);
      for (const auto& [name, s] : b->phases) {
        detail::Sum& t = total[name];
        t.calls += s.calls, t.time += s.time;
      }
    }
  }
  std::vector<ProfilePhase> out;
  for (const auto& [name, s] : total)
    out.push_back({name, s.calls, static_cast<double>(s.time) * 1e-9});
  std::stable_sort(out.begin(), out.end(), [](const ProfilePhase& a, const ProfilePhase& b) {
    return a.seconds > b.seconds;
  });
  return out;
}

double Profile::seconds_outside_ops() const {
  int64_t out = 0;
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    out += b->last - b->first - b->in_ops;
  }
  return static_cast<double>(out) * 1e-9;
}

std::string Profile::table() const {
  const std::vector<ProfileRow> all = rows();
  double seconds = 0;
  for (const ProfileRow& r : all) seconds += r.seconds;
  char line[160];
  std::snprintf(line, sizeof line, "%-16s %5s %10s %10s %6s %9s %10s %8s\n", "op", "order", "calls",
                "ms", "%", "us/call", "MB", "Gop/s");
  std::string out = line;
  for (const ProfileRow& r : all) {
    const double rate = static_cast<double>(r.operations) / 1e9 / std::max(r.seconds, 1e-12);
    std::snprintf(line, sizeof line, "%-16s %5d %10lld %10s %6s %9s %10s %8s\n", r.op.c_str(),
                  r.order, static_cast<long long>(r.calls), fixed(r.seconds * 1e3, 2).c_str(),
                  fixed(seconds > 0 ? 100 * r.seconds / seconds : 0.0, 1).c_str(),
                  fixed(r.seconds * 1e6 / static_cast<double>(r.calls), 2).c_str(),
                  fixed(static_cast<double>(r.bytes) / 1e6, 1).c_str(),
                  r.operations > 0 ? fixed(rate, 2).c_str() : "");
    out += line;
  }
  const std::vector<ProfilePhase> of = phases();
  double together = 0;
  for (const ProfilePhase& p : of) together += p.seconds;
  if (!of.empty()) out += "\nphase, without those inside      calls         ms      %\n";
  for (const ProfilePhase& p : of) {
    std::snprintf(line, sizeof line, "%-22s %15lld %10s %6s\n",
                  p.name == "step" ? "step, the rest of it" : p.name.c_str(),
                  static_cast<long long>(p.calls), fixed(p.seconds * 1e3, 2).c_str(),
                  fixed(together > 0 ? 100 * p.seconds / together : 0.0, 1).c_str());
    out += line;
  }
  return out + "\noutside ops: " + fixed(seconds_outside_ops() * 1e3, 2) + " ms\n";
}

namespace {

std::string event_text(const detail::Event& e, int thread) {
  using detail::Event;
  std::string out = std::string("{\"name\": \"") + e.name + "\", \"cat\": \"" +
                    (e.kind == Event::phase    ? "phase"
                     : e.kind == Event::blocks ? "blocks"
                                               : "order " + std::to_string(e.order)) +
                    "\", \"ph\": \"X\", \"pid\": 1, \"tid\": " + std::to_string(thread) +
                    ", \"ts\": " + fixed(static_cast<double>(e.start) / 1e3, 3) +
                    ", \"dur\": " + fixed(static_cast<double>(e.end - e.start) / 1e3, 3);
  if (e.kind == Event::blocks) out += ", \"args\": {\"blocks\": " + std::to_string(e.count) + "}";
  if (const detail::Signature* s = e.signature) {
    out += ", \"args\": {" + s->shapes + ", \"bytes_read\": " + std::to_string(s->read) +
           ", \"bytes_written\": " + std::to_string(s->written);
    if (s->operations > 0) out += ", \"operations\": " + std::to_string(s->operations);
    out += "}";
  }
  return out + "}";
}

}  // namespace

std::string Profile::trace() const {
  std::string out = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
  const char* between = "\n";
  const auto add = [&](const std::string& event) { out += between + event, between = ",\n"; };
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    if (b->events.empty()) continue;
    const std::string id = std::to_string(b->thread);
    add("{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": " + id +
        ", \"args\": {\"name\": \"" + (b->worker ? "worker " : "thread ") + id + "\"}}");
    for (const detail::Event& e : b->events) add(event_text(e, b->thread));
  }
  return out + "\n]}\n";
}

}  // namespace regrad
