// Many threads and several processes on one engine.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "checks.h"

namespace checks {
namespace {

constexpr int kCallers = 8, kCalls = 12, kSeconds = 10, kBusyForks = 5;

struct Case {
  Shape shape;
  Pictures pictures;
  Model<Int8> model;
  Answer expected;
};

Case make_case(std::uint64_t seed, const char* isa) {
  Random random(seed);
  Case c;
  do {
    c.shape = random_shape(random);
  } while (c.shape.classes == 0);
  c.pictures = random_pictures(c.shape, random);
  c.model = random_model<Int8>(c.shape, random);
  c.expected = run(*build(c.model, isa, 1), c.shape, c.pictures, 0, c.pictures.count);
  return c;
}

bool answers(const Case& c, Network<Int8>& network) {
  return run(network, c.shape, c.pictures, 0, c.pictures.count).logits == c.expected.logits;
}

// Runs `work` in a forked process that has kSeconds for it.
template <class Work>
void in_child(const char* what, const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    _exit(work() ? 0 : 3);
  }
  require(child > 0, "no process could be forked");
  int status = 0;
  waitpid(child, &status, 0);
  require(!WIFSIGNALED(status), std::string(what) + ": ended by signal " + std::to_string(WTERMSIG(status)) +
                                    " (14: it hung for " + std::to_string(kSeconds) + " s)");
  require(WEXITSTATUS(status) == 0, std::string(what) + ": other answers");
}

// A process is forked at any moment of a run, whatever the runner holds then.
void check_busy_forks(const Case& c, Network<Int8>& network) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) answers(c, network);
  });
  std::string failure;
  for (int i = 0; i < kBusyForks && failure.empty(); ++i) {
    try {
      in_child("a child while a thread of the parent runs", [&] { return answers(c, network); });
    } catch (const std::runtime_error& error) {
      failure = error.what();
    }
  }
  stop = true;
  busy.join();
  require(failure.empty(), failure);
}

// Leaves this process room for few stacks of 8 MB.
void limit_memory() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t bytes = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (rlim_t{40} << 20);
  const rlimit limit{bytes, bytes};
  require(setrlimit(RLIMIT_AS, &limit) == 0, "memory cannot be limited");
}

}  // namespace

void check_callers(std::uint64_t seed, const char* isa) {
  const Case c = make_case(seed, isa);
  const std::unique_ptr<Network<Int8>> shared = build(c.model, isa, 2);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kCalls; ++i) {
        if (!answers(c, *shared)) ++wrong;
        if (caller % 4 == 0 && !answers(c, *build(c.model, isa, 3))) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  require(wrong == 0, std::to_string(wrong) + " calls of many threads have other answers");
}

void check_limits(std::uint64_t seed, const char* isa) {
  const Case c = make_case(seed, isa);
  in_child("a process that gets fewer threads than it asks for", [&] {
    limit_memory();
    return answers(c, *build(c.model, isa, 32));
  });
}

void check_forks(std::uint64_t seed, const char* isa) {
  const Case c = make_case(seed, isa);
  std::unique_ptr<Network<Int8>> network = build(c.model, isa, 3);
  in_child("a child of a process that has not run yet", [&] { return answers(c, *network); });
  require(answers(c, *network), "other answers");
  in_child("a child after a run", [&] { return answers(c, *network) && answers(c, *network); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // workers sleep
  in_child("a child while workers sleep", [&] { return answers(c, *network); });
  in_child("a child that only lets go of the engine", [&] {
    network.reset();
    return true;
  });
  in_child("a child that runs the engine and lets go of it", [&] {
    const bool right = answers(c, *network);
    network.reset();
    return right;
  });
  in_child("a grandchild", [&] {
    in_child("a child's child", [&] { return answers(c, *network); });
    return answers(c, *network);
  });
  check_busy_forks(c, *network);
  require(answers(c, *network), "other answers after the forks");
}

}  // namespace checks
