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
// rows and steps: a burst would wait for memory.
class Ahead {
 public:
  template <class W>
  Ahead(const W* weights, std::ptrdiff_t count, int row, int height, int rows, int steps) {
    const std::ptrdiff_t bytes = count * static_cast<std::ptrdiff_t>(sizeof(W));
    at_ = reinterpret_cast<const char*>(weights) + bytes * row / rows;
    each_ = bytes * height / (static_cast<std::ptrdiff_t>(rows) * steps) + 1;
  }
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
