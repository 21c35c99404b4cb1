// Random programs over the public API against a plain interpreter: values, gradients,
// Hessian-vector products and third derivatives.
//
//   fuzz-programs COUNT SEED [--from N] [--row NAME] [--plant NAME] [--keep-going]
//
// COUNT programs from number N on; exits 1 at the first mismatch, which it shrinks and prints as
// C++. --row: programs of one op alone. --plant: puts a wrong row in place of a right one (tanh:
// its second derivative; cumsum: its value), which must be found. --keep-going: one mismatch a kind
// and op, then a summary. --list: the ops.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#include <regrad/engine/functional.h>

#include "program.h"

using namespace regrad;
using namespace regrad::programs;

namespace {

long long current = 0, seed_now = 0;
void tell_current() {
  char text[96];
  const int n = std::snprintf(text, sizeof text, "\nin program %lld of seed %lld (--from %lld)\n",
                              current, seed_now, current);
  if (write(2, text, static_cast<size_t>(n)) < 0) return;
}
#if !defined(__SANITIZE_ADDRESS__)
void on_signal(int signal) {
  tell_current();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}
#endif

// Right by value and gradient, wrong after.
Tensor wrong_tanh(const Args& a) {
  const Tensor y = tanh(a[0].detach());
  return ste(y, a[0] * (1 - square(y)));
}
Tensor wrong_cumsum(const Args& a) {
  return a[0].size(a.i(0)) > 2 ? a[0] + 1.0 : cumsum(a[0], a.i(0));
}

Row* row_named(const char* name) {
  for (const Row* r : rows())
    if (std::strcmp(r->name, name) == 0) return const_cast<Row*>(r);
  std::fprintf(stderr, "no op '%s'\n", name);
  std::exit(2);
}

struct Options {
  int64_t count = 2000, from = 0;
  uint64_t seed = 1;
  const Row* only = nullptr;
  bool keep_going = false;
};

Options parse(int argc, char** argv) {
  Options o;
  int place = 0;
  for (int k = 1; k < argc; ++k) {
    const std::string a = argv[k];
    if (a == "--list") {
      for (const Row* r : rows()) std::printf("%s\n", r->name);
      std::exit(0);
    } else if (a == "--keep-going") {
      o.keep_going = true;
    } else if (a.rfind("--", 0) == 0) {
      if (++k == argc) std::exit(2);
      if (a == "--from") {
        o.from = std::atoll(argv[k]);
      } else if (a == "--row") {
        o.only = row_named(argv[k]);
      } else if (a == "--plant") {
        row_named(argv[k])->engine = std::strcmp(argv[k], "tanh") == 0 ? wrong_tanh : wrong_cumsum;
      } else {
        std::exit(2);
      }
    } else {
      (place++ == 0 ? void(o.count = std::atoll(argv[k]))
                    : void(o.seed = static_cast<uint64_t>(std::atoll(argv[k]))));
    }
  }
  return o;
}

std::string rows_of(const Program& p) {
  std::string out;
  for (const Node& n : p.nodes)
    if (n.row) out += (out.empty() ? "" : " ") + std::string(n.row->name);
  return out;
}

void report(const Program& p, const std::string& fault, const Options& o) {
  std::printf("program %lld of seed %llu: %s\n", current, static_cast<unsigned long long>(o.seed),
              fault.c_str());
  const Program small = shrink(p);
  std::printf("shrunk, %s: %s\n%s\n", rows_of(small).c_str(), check(small).c_str(),
              to_text(small).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const Options o = parse(argc, argv);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(tell_current);
#else
  for (int s : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS}) std::signal(s, on_signal);
#endif
  seed_now = static_cast<long long>(o.seed);
  std::map<std::string, int64_t> found;
  int64_t mismatches = 0, done = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int64_t k = o.from; k < o.from + o.count; ++k) {
    current = k;
    ++done;
    const Program p = draw_program(o.seed, k, o.only);
    const std::string fault = check(p);
    if (fault.empty()) continue;
    ++mismatches;
    if (!o.keep_going) {
      report(p, fault, o);
      break;
    }
    const Program small = shrink(p);
    if (found[kind_of(fault) + ", " + rows_of(small)]++ == 0) report(p, fault, o);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const auto& [what, times] : found)
    std::printf("%lld x %s\n", static_cast<long long>(times), what.c_str());
  const auto n = [](int64_t v) { return static_cast<long long>(v); };
  std::printf(
      "%lld programs, %lld mismatches; %lld nodes, %lld values, %lld elements of gradients and "
      "%lld derivatives compared, %lld of these to 1e-3 or "
      "better; %lld programs undecided; "
      "%.0f a second\n",
      n(done), n(mismatches), n(tally.nodes), n(tally.values), n(tally.elements),
      n(tally.derivatives), n(tally.sharp), n(tally.undecided),
      static_cast<double>(done) / seconds);
  return mismatches ? 1 : 0;
}
