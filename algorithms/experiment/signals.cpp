#include <regrad/algorithms/experiment/signals.h>

#include <atomic>
#include <csignal>

namespace regrad::experiment {
namespace {

std::atomic<int> flag{0};
static_assert(std::atomic<int>::is_always_lock_free);  // else a handler may not touch it

struct sigaction before_interrupt, before_terminate;

extern "C" void take_note(int which) { flag.store(which, std::memory_order_relaxed); }

}  // namespace

Signals::Signals() {
  flag = 0;
  struct sigaction action {};
  action.sa_handler = take_note;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, nullptr, &before_interrupt);
  // A shell that starts a job in the background has it ignore SIGINT; that stays so.
  if (before_interrupt.sa_handler != SIG_IGN) ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, &before_terminate);
}

Signals::~Signals() {
  ::sigaction(SIGINT, &before_interrupt, nullptr);
  ::sigaction(SIGTERM, &before_terminate, nullptr);
}

int Signals::caught() { return flag.load(std::memory_order_relaxed); }

}  // namespace regrad::experiment
