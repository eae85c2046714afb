// How the rows of a product are covered by register tiles of at most kTall rows: by as few as possible, of equal height
// or one less (49 rows in tiles of at most 6: 4 x 6 + 5 x 5).
#pragma once
#include <utility>

namespace tinysight {
namespace {

template <int height, class Tile>
inline void tile_of(int wanted, Tile&& tile) {
  if constexpr (height > 0) {
    if (wanted == height) {
      tile(std::make_index_sequence<height>{});
    } else {
      tile_of<height - 1>(wanted, std::forward<Tile>(tile));
    }
  }
}

// Calls tile(index_sequence of the height, first row) for all rows.
template <int kTall, class Tile>
inline void cover(int rows, Tile&& tile) {
  const int count = (rows + kTall - 1) / kTall;
  for (int i = 0, row = 0; i < count; ++i) {
    const int height = (rows - row) / (count - i);
    tile_of<kTall>(height, [&](auto sequence) { tile(sequence, row); });
    row += height;
  }
}

}  // namespace
}  // namespace tinysight
