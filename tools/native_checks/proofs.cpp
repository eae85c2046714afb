// The proofs that no sum overflows: the last layer that they must take, and the first that they must refuse.
#include <stdexcept>

#include "checks.h"

namespace checks {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();

// Whether a network is built from `model`; other errors than std::overflow_error pass on.
template <class P>
bool accepted(const Model<P>& model) {
  try {
    build(model, "portable", 1);
    return true;
  } catch (const std::overflow_error&) {
    return false;
  }
}

// Column `n` of a kernel with `rows` rows: `total` units in places chosen at random, the other columns zero.
template <class W>
void set_column(std::vector<W>& kernel, int rows, int n, std::int64_t total, int each, bool both_signs, Random& random) {
  const std::size_t outputs = kernel.size() / rows;
  std::fill(kernel.begin(), kernel.end(), W{});
  const int sign = random.chance(50) ? 1 : -1, start = random.whole(0, rows - 1);
  for (int i = 0; i < rows && total > 0; ++i) {
    const int units = static_cast<int>(std::min<std::int64_t>(total, each));
    const int own = both_signs && random.chance(50) ? -sign : sign;
    kernel[static_cast<std::size_t>((start + i) % rows) * outputs + n] = static_cast<W>(own * units);
    total -= units;
  }
  require(total == 0, "the kernel has no room for the bound");
}

// One layer of `model` at the bound and one unit beyond; `input`: the largest that a weight meets.
template <class P, class W>
void check_sums(const Model<P>& model, Layer<W>& layer, int rows, int input, bool both_signs, const char* what, Random& random) {
  const std::int64_t total = kLargest / input;
  const std::vector<W> before = layer.kernel;
  const int n = random.whole(0, static_cast<int>(layer.addend.size()) - 1);
  if (total > static_cast<std::int64_t>(rows) * 32767) {
    set_column(layer.kernel, rows, n, static_cast<std::int64_t>(rows) * 32767, 32767, both_signs, random);
    require(accepted(model), std::string(what) + " whose sums always fit is refused");
  } else {
    set_column(layer.kernel, rows, n, total, 32767, both_signs, random);
    require(accepted(model), std::string(what) + " at the bound is refused");
    set_column(layer.kernel, rows, n, total + 1, 32767, both_signs, random);
    require(!accepted(model), std::string(what) + " one unit beyond the bound is taken");
  }
  layer.kernel = before;
}

template <class P>
void check_precision(const Shape& shape, Random& random) {
  Model<P> m = random_model<P>(shape, random);
  require(accepted(m), "a random model is refused");
  const int block = random.whole(0, kBlocks - 1), highest = m.options.highest;
  check_sums(m, m.stem, 27, m.options.stem_highest, true, "a stem", random);
  check_sums(m, m.depthwise[block], 9, highest, false, "a depthwise layer", random);
  if constexpr (std::is_same_v<P, Int16>) {
    check_sums(m, m.pointwise[block], shape.widths[block], highest, false, "a pointwise layer", random);
  }
  const int pooled = static_cast<int>(static_cast<float>(highest) * m.options.pool_units);
  check_sums(m, m.head, shape.widths.back(), pooled, false, "a head", random);
}

// 128 units of one sign in a lane of four inputs are 32640 at most, 129 more than an int16 holds.
void check_lanes(const Shape& shape, Random& random) {
  Model<Int8> m = random_model<Int8>(shape, random);
  const int block = random.whole(0, kBlocks - 1), rows = shape.widths[block], outputs = shape.widths[block + 1];
  std::vector<std::int8_t>& kernel = m.pointwise[block].kernel;
  const int n = random.whole(0, outputs - 1), sign = random.chance(50) ? 1 : -1;
  const int run = random.whole(0, (rows - 1) / 8) * 8, lane = random.chance(50) ? 0 : 2;
  std::vector<std::size_t> places;
  for (const int at : {0, 1, 4, 5}) {
    if (run + lane + at < rows) places.push_back(static_cast<std::size_t>(run + lane + at) * outputs + n);
  }
  if (places.size() < 2) return;
  for (const std::size_t place : places) kernel[place] = 0;
  const std::size_t first = places[random.whole(0, static_cast<int>(places.size()) - 2)], last = places.back();
  const int units = random.whole(2, 127);
  kernel[first] = static_cast<std::int8_t>(sign * units);
  kernel[last] = static_cast<std::int8_t>(sign * (128 - units));
  require(accepted(m), "lanes at the bound are refused");
  kernel[last] = static_cast<std::int8_t>(sign * (129 - units));
  require(!accepted(m), "lanes one unit beyond the bound are taken");
}

}  // namespace

void check_proofs(std::uint64_t seed) {
  Random random(seed);
  Shape shape = random_shape(random);
  shape.classes = random.whole(1, 40);
  check_precision<Int16>(shape, random);
  check_precision<Int8>(shape, random);
  check_lanes(shape, random);
}

}  // namespace checks
