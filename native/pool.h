// A few threads that stay, for work of milliseconds. A worker that has nothing to do looks for a moment, then sleeps:
// longer looking would take the processor from other programs.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace tinysight {

class Pool {
 public:
  // Work has as many parts as there are `threads`, the caller's among them.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Calls work(0) .. work(threads - 1), the last of them here, and returns when all are done. One caller at a time.
  template <class Work>
  void run(const Work& work) {
    run(Job{[](const void* it, int part) { (*static_cast<const Work*>(it))(part); }, &work});
  }

 private:
  struct Job {  // a std::function would take memory in every pass
    void (*call)(const void* work, int part);
    const void* work;
  };
  void run(Job job);
  void begin();
  void serve(int index);

  const int parts_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job job_{};
  std::atomic<unsigned> round_{0};
  std::atomic<int> busy_{0}, asleep_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace tinysight
