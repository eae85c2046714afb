// AMX: products of u8 x s8 in tiles of 16 x 64 bytes; the packed weights are such tiles already. Everything else, and
// products whose depth is above 64 and no multiple of it, is done as for AVX-512.
#include <immintrin.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels.h"
#include "rescale_512.h"

namespace tinysight {
namespace {

constexpr int kDepth = 64;  // bytes of a tile's row: inputs that one step takes
constexpr int kTile = 16;   // rows of a tile at most, and columns of its sums

// Tiles 0..3 hold sums (upper and lower rows by two panels), 4 and 5 inputs, 6 and 7 weights.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

// `depth` is what one step takes: a row of the inputs, and a row of the weights for each four bytes of it.
void configure(int upper, int lower, int depth) {
  TileConfig config;
  const int weights = depth / kGroupBytes, rows[8] = {upper, upper, lower, lower, upper, lower, weights, weights};
  for (int tile = 0; tile < 8; ++tile) {
    const bool inputs = tile == 4 || tile == 5;
    config.row_bytes[tile] = static_cast<std::uint16_t>(inputs ? depth : kDepth);
    config.rows[tile] = static_cast<std::uint8_t>(rows[tile]);
  }
  asm volatile("" : : "r"(&config) : "memory");  // GCC 12's intrinsic names 8 of its 64 bytes as read
  _tile_loadconfig(&config);
}

using Product = IntegerProduct<std::uint8_t, std::int8_t, std::uint8_t>;

void finish_rows(const std::int32_t* sums, int rows, const Product& p, int row, int column) {
  for (int i = 0; i < rows; ++i) {
    finish(_mm512_load_si512(sums + i * kTile), p.rescale, column, p.c + (row + i) * p.c_stride + column);
  }
}

// `upper` + `lower` rows from `row` by one or two panels from `column`.
template <int panels>
void block(const Product& p, int row, int upper, int lower, int column) {
  const std::uint8_t* a = p.a + row * p.a_stride;
  const std::uint8_t* below = a + (lower == 0 ? 0 : upper) * p.a_stride;
  const std::ptrdiff_t next = static_cast<std::ptrdiff_t>(p.groups) * kPanel * kGroupBytes;
  const std::int8_t* b = p.packed + static_cast<std::ptrdiff_t>(column) * p.groups * kGroupBytes;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int group = 0; group < p.groups; group += kDepth / kGroupBytes, a += kDepth, below += kDepth) {
    _tile_loadd(4, a, p.a_stride);
    _tile_loadd(5, below, p.a_stride);
    _tile_loadd(6, b, kDepth);
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(2, 5, 6);
    if constexpr (panels == 2) {
      _tile_loadd(7, b + next, kDepth);
      _tile_dpbusd(1, 4, 7);
      _tile_dpbusd(3, 5, 7);
    }
    b += static_cast<std::ptrdiff_t>(kDepth) * kPanel;
  }
  alignas(64) std::int32_t sums[4][kTile * kTile];
  _tile_stored(0, sums[0], kDepth);
  _tile_stored(2, sums[2], kDepth);
  finish_rows(sums[0], upper, p, row, column);
  finish_rows(sums[2], lower, p, row + upper, column);
  if constexpr (panels == 2) {
    _tile_stored(1, sums[1], kDepth);
    _tile_stored(3, sums[3], kDepth);
    finish_rows(sums[1], upper, p, row, column + kPanel);
    finish_rows(sums[3], lower, p, row + upper, column + kPanel);
  }
}

// Rows go in blocks of equal height, the last of which may begin inside the one before it: some rows are then computed
// twice, to the same result, and the tiles keep one configuration.
void product(const Product& p) {
  const int depth = std::min(p.groups * kGroupBytes, kDepth);
  if (p.groups * kGroupBytes % depth != 0 || p.rows < 2) return kIntegerAvx512.product_u8(p);
  const int blocks = (p.rows + 2 * kTile - 1) / (2 * kTile), height = (p.rows + blocks - 1) / blocks;
  const int upper = (height + 1) / 2, lower = height / 2;
  configure(upper, lower, depth);
  int column = 0;
  for (; column + 2 * kPanel <= p.columns; column += 2 * kPanel) {
    for (int i = 0; i < blocks; ++i) block<2>(p, std::min(i * height, p.rows - height), upper, lower, column);
  }
  if (column < p.columns) {
    for (int i = 0; i < blocks; ++i) block<1>(p, std::min(i * height, p.rows - height), upper, lower, column);
  }
  _tile_release();
}

}  // namespace

// Linux lets a process use the tiles when it has asked.
bool may_use_amx() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

const IntegerKernels kIntegerAmx{
    [](const IntegerProduct<std::int16_t, std::int16_t, std::int16_t>& p) { kIntegerAvx512.product_i16(p); },
    [](const IntegerProduct<std::int16_t, std::int16_t, std::uint8_t>& p) { kIntegerAvx512.product_i16_u8(p); },
    [](const IntegerProduct<std::int16_t, std::int16_t, float>& p) { kIntegerAvx512.product_i16_float(p); },
    product,
    [](const IntegerDepthwise<std::int16_t>& d) { kIntegerAvx512.depthwise_i16(d); },
    [](const IntegerDepthwise<std::uint8_t>& d) { kIntegerAvx512.depthwise_u8(d); },
    false,
};

}  // namespace tinysight
