// How the rows of a product are covered by register tiles of at most kTall rows: by as few as possible, of equal height
// or one less (49 rows in tiles of at most 6: 4 x 6 + 5 x 5).
#pragma once
#include <cstddef>
#include <utility>

namespace tinysight {
namespace {

// Calls tile(index_sequence of the height, row) `count` times, beginning at `row`.
template <int kHeight, class Tile>
inline void repeat(int height, int count, int row, const Tile& tile) {
  if constexpr (kHeight > 0) {
    if (height != kHeight) return repeat<kHeight - 1>(height, count, row, tile);
    for (; count > 0; --count, row += kHeight) tile(std::make_index_sequence<kHeight>{}, row);
  }
}

template <int kTall, class Tile>
inline void cover(int rows, const Tile& tile) {
  const int count = (rows + kTall - 1) / kTall;
  if (count == 0) return;
  const int low = rows / count, higher = rows % count;
  repeat<kTall>(low + 1, higher, 0, tile);
  repeat<kTall>(low, count - higher, higher * (low + 1), tile);
}

// The weights that the next column of tiles will read are asked for while this one is computed, spread evenly over its
// rows and steps: a burst would wait for memory. Addresses are in fixed point, 16 binary places; divided once a product.
struct Pace {
  std::ptrdiff_t a_row, a_row_and_step;
  Pace(std::ptrdiff_t bytes, int rows, int steps) : a_row((bytes << 16) / rows), a_row_and_step(a_row / steps) {}
};

class Ahead {
 public:
  Ahead(const void* weights, const Pace& pace, int row, int height)
      : at_(static_cast<const char*>(weights) + (pace.a_row * row >> 16)), each_((pace.a_row_and_step * height >> 16) + 1) {}
  void fetch() {
    __builtin_prefetch(at_, 0, 2);
    at_ += each_;
  }

 private:
  const char* at_;
  std::ptrdiff_t each_;
};

}  // namespace
}  // namespace tinysight
