// How the rows of a product are covered by register tiles of at most kTall rows: by as few as possible, of equal height
// or one less (49 rows in tiles of at most 6: 4 x 6 + 5 x 5).
#pragma once
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

}  // namespace
}  // namespace tinysight
