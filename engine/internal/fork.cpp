#include <regrad/engine/internal/fork.h>

#include <new>
#include <shared_mutex>

#include <pthread.h>

namespace regrad::detail {
namespace {

// Shared by who must not be cut, exclusive for who forks. Never destroyed: threads may end after
// static destructors.
std::shared_mutex& gate() {
  static auto* g = new std::shared_mutex;
  return *g;
}

void before() { gate().lock(); }
void in_parent() { gate().unlock(); }
void in_child() {
  new (&gate()) std::shared_mutex;  // the parent's would hold waiting threads that are not here
  forget_workers();
}

// Before main: the first fork may come from a program that has not called the engine yet.
[[maybe_unused]] const int handlers = (gate(), pthread_atfork(before, in_parent, in_child));

}  // namespace

NoFork::NoFork() { gate().lock_shared(); }
NoFork::~NoFork() { gate().unlock_shared(); }

}  // namespace regrad::detail
