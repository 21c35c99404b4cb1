// fork() in a process whose other threads compute: the child has the thread that forked, a pool of
// its own, and every lock of the engine free.
// (Not from inside of a parallel block: the other blocks would be nobody's.) Internal to the engine
// and what stands on it.
#pragma once

namespace regrad::detail {

// While one lives no fork begins: a thread that forks waits. For short stretches that hold a lock
// or leave shared data half changed; taken before the lock. Nests.
class NoFork {
 public:
  NoFork();
  ~NoFork();
  NoFork(const NoFork&) = delete;
  NoFork& operator=(const NoFork&) = delete;
};

// parallel.cpp: in the child, forgets the workers, which are no threads of it.
void forget_workers();

}  // namespace regrad::detail
