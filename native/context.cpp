#include "context.h"

#include <atomic>
#include <mutex>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace tinysight {
namespace {

// One lock for all engines: a fork waits for it, so that no child begins with a lock that nobody there will open.
std::mutex lock_of_all;
std::atomic<unsigned> forks{0};

[[maybe_unused]] const bool watches_forks = [] {
#if !defined(_WIN32)
  pthread_atfork([] { lock_of_all.lock(); }, [] { lock_of_all.unlock(); },
                 [] {
                   ++forks;
                   lock_of_all.unlock();
                 });
#endif
  return true;
}();

}  // namespace

Context::Context(const Plan& plan)
    : front(plan.activation_bytes), back(plan.activation_bytes), scores(plan.scores), pool(plan.threads) {
  for (int i = 0; i < plan.threads; ++i) panels.emplace_back(plan.panel_bytes);
}

Contexts::Contexts() : forks_(forks) {}

Contexts::~Contexts() { forget_others(); }

void Contexts::forget_others() {
  if (forks_ == forks) return;
  for (std::unique_ptr<Context>& context : idle_) static_cast<void>(context.release());
  idle_.clear();
  forks_ = forks;
}

std::unique_ptr<Context> Contexts::borrow() {
  {
    std::lock_guard<std::mutex> lock(lock_of_all);
    forget_others();
    if (!idle_.empty()) {
      std::unique_ptr<Context> context = std::move(idle_.back());
      idle_.pop_back();
      return context;
    }
  }
  return std::make_unique<Context>(plan_);
}

void Contexts::give_back(std::unique_ptr<Context> context) {
  std::lock_guard<std::mutex> lock(lock_of_all);
  idle_.push_back(std::move(context));
}

}  // namespace tinysight
