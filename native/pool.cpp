#include "pool.h"

#include <system_error>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace tinysight {
namespace {

constexpr int kLooks = 1000;  // 10 to 40 microseconds, by processor, before a worker sleeps

inline void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

Pool::Pool(int threads) : parts_(threads) {
  workers_.reserve(threads);
  try {
    for (int index = 0; index + 1 < threads; ++index) workers_.emplace_back([this, index] { serve(index); });
  } catch (const std::system_error&) {
    // The system gives no more threads: the caller of `run` does the parts of those that are not there.
  }
}

Pool::~Pool() {
  stop_ = true;
  begin();
  for (std::thread& worker : workers_) worker.join();
}

// Whoever looks sees the new round; whoever sleeps is woken. A worker counts itself asleep before it looks for the last
// time, and both are in the one order of sequentially consistent operations, so that none can miss it.
void Pool::begin() {
  round_.fetch_add(1);
  if (asleep_.load() != 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
}

void Pool::run(Job job) {
  if (!workers_.empty()) {
    job_ = job;
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    begin();
  }
  for (int part = static_cast<int>(workers_.size()); part < parts_; ++part) job.call(job.work, part);
  for (int looks = 0; busy_.load(std::memory_order_acquire) != 0; ++looks) {
    if (looks < kLooks) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

void Pool::serve(int index) {
  unsigned seen = 0;
  while (true) {
    for (int looks = 0; round_.load(std::memory_order_acquire) == seen && looks < kLooks; ++looks) relax();
    if (round_.load() == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      asleep_.fetch_add(1);
      wake_.wait(lock, [&] { return round_.load() != seen; });
      asleep_.fetch_sub(1);
    }
    ++seen;
    if (stop_) return;
    job_.call(job_.work, index);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace tinysight
