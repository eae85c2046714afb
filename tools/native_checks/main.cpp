// Checks of the native engine without Python, for sanitizers and other processors:
//   native_checks [networks|proofs|pictures|callers|forks|limits|all] [--count N] [--seed N] [--isa NAME]
// A failure prints the seed; `--seed N --count 1` runs it again.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "checks.h"

namespace {

using namespace checks;

struct Options {
  std::string mode = "all";
  std::uint64_t seed = 0;
  int count = 100;
  std::vector<const char*> isas;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const bool more = i + 1 < argc;
    if (std::strcmp(argv[i], "--count") == 0 && more) {
      options.count = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--seed") == 0 && more) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--isa") == 0 && more) {
      options.isas.push_back(choose_kernels(argv[++i]).isa);
    } else if (argv[i][0] != '-') {
      options.mode = argv[i];
    } else {
      throw std::invalid_argument(std::string("unknown option ") + argv[i]);
    }
  }
  if (options.isas.empty()) options.isas = available_kernels();
  return options;
}

// Calls check(seed) `count` times and says which one failed.
template <class Check>
bool repeat(const char* mode, const Options& options, int count, const Check& check) {
  const bool wanted = options.mode == mode || options.mode == "all";
  for (int i = 0; wanted && i < count; ++i) {
    try {
      check(options.seed + i);
    } catch (const std::exception& error) {
      std::printf("FAILED %s --seed %llu --count 1: %s\n", mode, static_cast<unsigned long long>(options.seed + i), error.what());
      return false;
    }
  }
  if (wanted) std::printf("%s: %d without a failure\n", mode, count);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = read_options(argc, argv);
    Seen seen;
    bool good = repeat("networks", options, options.count, [&](std::uint64_t seed) { check_network(seed, options.isas, seen); });
    if (options.mode == "networks" || options.mode == "all") {
      std::printf("digest %016llx, float32 logits within %.1e\n", static_cast<unsigned long long>(seen.digest),
                  seen.float_difference);
    }
    good &= repeat("proofs", options, options.count, check_proofs);
    good &= repeat("pictures", options, options.count, [&](std::uint64_t seed) { check_picture(seed, options.isas); });
    const auto isa = [&](std::uint64_t seed) { return options.isas[seed % options.isas.size()]; };
    const int few = options.mode == "all" ? options.count / 20 + 1 : options.count;
    good &= repeat("callers", options, few, [&](std::uint64_t seed) { check_callers(seed, isa(seed)); });
    good &= repeat("forks", options, few, [&](std::uint64_t seed) { check_forks(seed, isa(seed)); });
    good &= repeat("limits", options, few, [&](std::uint64_t seed) { check_limits(seed, isa(seed)); });
    std::printf("instruction sets:");
    for (const char* name : options.isas) std::printf(" %s", name);
    std::printf("\n");
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
}
