// The network once more, with plain loops and wide numbers: what the engines are compared with.
#pragma once
#include "models.h"

namespace checks {

// One picture of `pictures`. Integers: 64-bit sums, throws std::logic_error where one would not fit 32 bits, which the
// proofs have excluded. float32: sums of doubles.
template <class P>
Answer plain_run(const Model<P>& model, const Pictures& pictures, int index);

}  // namespace checks
