// What one call needs for itself: activations, a panel for each thread, the threads. Contexts are kept for later calls.
#pragma once
#include <memory>
#include <vector>

#include "buffer.h"
#include "pool.h"

namespace tinysight {

struct Plan {
  std::size_t activation_bytes = 0, panel_bytes = 0;
  int scores = 0, threads = 1;
};

struct Context {
  explicit Context(const Plan& plan);
  Buffer<unsigned char> front, back;
  std::vector<Buffer<unsigned char>> panels;
  Buffer<float> scores;
  Pool pool;
};

class Contexts {
 public:
  Contexts();
  ~Contexts();
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  // Says how large a new one is; called before the first `borrow` and not after.
  void plan(const Plan& plan) { plan_ = plan; }
  std::unique_ptr<Context> borrow();
  void give_back(std::unique_ptr<Context> context);

 private:
  // Lets go of contexts that were made before a fork, without waiting for their threads.
  void forget_others();

  Plan plan_;
  unsigned forks_;  // threads do not survive a fork, so their contexts are not used in a child
  std::vector<std::unique_ptr<Context>> idle_;
};

}  // namespace tinysight
