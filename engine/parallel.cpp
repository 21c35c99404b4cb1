#include <regrad/engine/internal/fork.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/internal/profiling.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

namespace regrad {
namespace {

int processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

thread_local bool inside_block = false;

// One call of run_blocks.
struct Job {
  int64_t blocks;
  void (*run)(void*, int64_t);
  void* context;
  detail::Mode mode;
  const Op* op;  // that these are blocks of, while a Profile lives
  std::atomic<int64_t> next{0};
  std::mutex mutex{};
  int64_t failed_block = std::numeric_limits<int64_t>::max();
  std::exception_ptr failure{};

  // How many blocks the calling thread has run.
  int64_t work() {
    int64_t mine = 0;
    const bool outer = std::exchange(inside_block, true);
    const detail::Mode before = std::exchange(detail::mode, mode);
    for (int64_t b; (b = next.fetch_add(1, std::memory_order_relaxed)) < blocks; ++mine) {
      try {
        run(context, b);
      } catch (...) {
        std::lock_guard lock(mutex);
        if (b < failed_block) {
          failed_block = b;
          failure = std::current_exception();
        }
      }
    }
    detail::mode = before;
    inside_block = outer;
    return mine;
  }
};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits until a changes from `old`: a short spin (a sleeping thread takes some microseconds to
// wake), then a sleep.
void wait_for_change(const std::atomic<uint32_t>& a, uint32_t old) {
  for (int i = 0; i < 2000; ++i) {
    if (a.load(std::memory_order_acquire) != old) return;
    relax();
  }
  a.wait(old, std::memory_order_acquire);
}

// Threads that sleep between jobs. A job is done when its blocks are: whoever has not come by then,
// for lack of a processor, is not waited for.
class Workers {
 public:
  explicit Workers(int count) {
    threads_.reserve(static_cast<size_t>(count));
    try {
      for (int i = 0; i < count; ++i) threads_.emplace_back([this] { loop(); });
    } catch (const std::exception&) {
      // The system has no more threads or memory for them. Fewer do the same work, to the same
      // bits.
    }
  }
  ~Workers() {
    stop_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    for (auto& t : threads_) t.join();
  }
  void run(Job& job) {
    job_ = &job;
    inside_.store(0, std::memory_order_release);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    job.work();
    inside_.fetch_or(closed, std::memory_order_acq_rel);
    for (uint32_t n; (n = inside_.load(std::memory_order_acquire)) != closed;)
      wait_for_change(inside_, n);
  }

 private:
  static constexpr uint32_t closed = uint32_t{1} << 31;

  bool enter() {
    uint32_t n = inside_.load(std::memory_order_relaxed);
    while (!(n & closed)) {
      if (inside_.compare_exchange_weak(n, n + 1, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return true;
    }
    return false;
  }

  void work_profiled() {
    if (!detail::profiling.load(std::memory_order_relaxed)) return void(job_->work());
    const int64_t start = detail::profile_clock();
    if (const int64_t blocks = job_->work()) detail::profile_blocks(job_->op, start, blocks);
  }

  void loop() {
    for (uint32_t seen = 0;;) {
      wait_for_change(generation_, seen);
      seen = generation_.load(std::memory_order_acquire);
      if (stop_.load(std::memory_order_relaxed)) return;
      if (!enter()) continue;
      work_profiled();
      if (inside_.fetch_sub(1, std::memory_order_acq_rel) == closed + 1) inside_.notify_all();
    }
  }

  Job* job_ = nullptr;
  std::atomic<uint32_t> generation_{0};
  std::atomic<uint32_t> inside_{closed};  // workers at the job; and whether no more may come
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

struct ThreadPool {
  std::mutex mutex;  // held by the caller whose blocks the workers run
  int threads = processors();
  std::unique_ptr<Workers> workers{};
};
ThreadPool& thread_pool() {
  static ThreadPool p;
  return p;
}
// so that no fork cuts its making
[[maybe_unused]] const ThreadPool& made_before_main = thread_pool();

}  // namespace

int num_threads() {
  std::lock_guard lock(thread_pool().mutex);
  return thread_pool().threads;
}

void set_num_threads(int n) {
  if (n < 1)
    throw ConfigError("set_num_threads: " + std::to_string(n) +
                      " threads; at least 1, the caller's own");
  ThreadPool& p = thread_pool();
  std::lock_guard lock(p.mutex);
  if (n == p.threads) return;
  p.workers.reset();
  p.threads = n;
}

namespace detail {

void forget_workers() {
  ThreadPool& p = thread_pool();
  new (&p.mutex) std::mutex;  // a thread that is not here may have held it
  (void)p.workers.release();  // joining them would wait for ever
}

void run_blocks(int64_t blocks, void (*run)(void*, int64_t), void* context) {
  if (blocks <= 0) return;
  Job job{blocks, run, context, mode, profiled_op()};
  ThreadPool& p = thread_pool();
  std::unique_lock<std::mutex> lock;
  if (!inside_block) lock = std::unique_lock(p.mutex, std::try_to_lock);
  if (!lock.owns_lock() || p.threads == 1) {
    lock = {};
    job.work();
  } else {
    if (!p.workers) p.workers = std::make_unique<Workers>(p.threads - 1);
    p.workers->run(job);
  }
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace detail
}  // namespace regrad
