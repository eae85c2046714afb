#include "context.h"

#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace tinysight {
namespace {

int process_id() {
#if defined(_WIN32)
  return 0;
#else
  return static_cast<int>(getpid());
#endif
}

}  // namespace

Context::Context(const Plan& plan)
    : front(plan.activation_bytes), back(plan.activation_bytes), scores(plan.scores), pool(plan.threads) {
  for (int i = 0; i < plan.threads; ++i) panels.emplace_back(plan.panel_bytes);
}

Contexts::Contexts() : process_(process_id()) {}

Contexts::~Contexts() { forget_others(); }

void Contexts::forget_others() {
  if (process_ == process_id()) return;
  for (std::unique_ptr<Context>& context : idle_) static_cast<void>(context.release());
  idle_.clear();
  process_ = process_id();
}

std::unique_ptr<Context> Contexts::borrow() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
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
  std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(context));
}

}  // namespace tinysight
