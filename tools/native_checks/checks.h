// The checks themselves. Each throws std::runtime_error with what it found.
#pragma once
#include <cstdint>
#include <string>

#include "models.h"

namespace checks {

// What the checks have seen: `digest` of all whole-number answers, the same on every machine, and the largest difference
// of float32 logits from sums of doubles, for a largest logit of 1.
struct Seen {
  std::uint64_t digest = 14695981039346656037ull;
  double float_difference = 0;
};

// One random network in all precisions, on every instruction set of `isas`, with one thread and several, one picture and
// several, with and without logits and features.
void check_network(std::uint64_t seed, const std::vector<const char*>& isas, Seen& seen);
// Layers at the bound of every proof are taken, those one unit beyond it are refused.
void check_proofs(std::uint64_t seed);
// A random picture, resized on every instruction set.
void check_picture(std::uint64_t seed, const std::vector<const char*>& isas);
// Many threads call one engine, which has threads of its own; engines come and go meanwhile.
void check_callers(std::uint64_t seed, const char* isa);
// Forked processes run the engine, or only let go of it, while threads of the parent run it or sleep.
void check_forks(std::uint64_t seed, const char* isa);
// A process that cannot have all the threads it asks for has the same answers.
void check_limits(std::uint64_t seed, const char* isa);

// An engine's answers to all pictures; `what`: bit 0 logits, bit 1 features, bit 2 stage times.
template <class P>
Answer run(Network<P>& network, const Shape& shape, const Pictures& pictures, int first, int count, int what = 3);

inline void require(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

}  // namespace checks
