// Weights in the order in which the kernels read them, and the proof that whole sums fit.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "buffer.h"
#include "kernels.h"

namespace tinysight {

inline int padded(int channels) { return (channels + kPanel - 1) / kPanel * kPanel; }

// A dense layer (pointwise, stem or head), packed for a product over W. Float layers have no multiplier.
template <class W>
struct Dense {
  static constexpr int kEach = std::is_same_v<W, float> ? 1 : kGroupBytes / static_cast<int>(sizeof(W));
  int depth = 0, columns = 0, used_columns = 0;
  bool bounded = false;  // see Rescale
  Buffer<W> weights;
  Buffer<float> multiplier, addend;
};

// One layer's numbers as Python hands them over; multiplier is null for float32.
template <class W>
struct Numbers {
  const W* kernel;
  const float* multiplier;
  const float* addend;
  int outputs;
};

struct Range {
  int highest;
  bool is_signed;  // whether inputs may be -highest..highest; else 0..highest
};

// Whether a sum of 31 bits times each multiplier, plus the addend, fits an int32.
bool bounded(const float* multiplier, const float* addend, int outputs);

// Columns first..first + count of kEach rows, side by side.
template <int kEach, class W>
inline void interleave(const W* const (&row)[kEach], int first, int count, W* to) {
  if (count == kPanel) {  // known to the compiler
    for (int n = 0; n < kPanel; ++n) {
      for (int i = 0; i < kEach; ++i) to[n * kEach + i] = row[i][first + n];
    }
  } else {
    for (int n = 0; n < count; ++n) {
      for (int i = 0; i < kEach; ++i) to[n * kEach + i] = row[i][first + n];
    }
  }
}

// [rows][outputs] to [columns / kPanel][depth / kEach][kPanel][kEach]; what is beyond the rows or the outputs is zero.
template <class W>
Dense<W> pack(const Numbers<W>& numbers, int rows, int depth) {
  constexpr int kEach = Dense<W>::kEach;
  Dense<W> dense;
  dense.depth = depth;
  dense.used_columns = numbers.outputs;
  dense.columns = padded(numbers.outputs);
  dense.weights = Buffer<W>(static_cast<std::size_t>(dense.columns) * depth);
  dense.addend = Buffer<float>(dense.columns);
  std::copy(numbers.addend, numbers.addend + numbers.outputs, dense.addend.data());
  if (numbers.multiplier != nullptr) {
    dense.multiplier = Buffer<float>(dense.columns);
    std::copy(numbers.multiplier, numbers.multiplier + numbers.outputs, dense.multiplier.data());
    dense.bounded = bounded(numbers.multiplier, numbers.addend, numbers.outputs);
  }
  const std::vector<W> nothing(numbers.outputs);
  for (int k = 0; k < rows; k += kEach) {
    const W* row[kEach];
    for (int i = 0; i < kEach; ++i) {
      row[i] = k + i < rows ? numbers.kernel + static_cast<std::size_t>(k + i) * numbers.outputs : nothing.data();
    }
    W* to = dense.weights.data() + static_cast<std::size_t>(k) * kPanel;
    for (int first = 0; first < numbers.outputs; first += kPanel, to += static_cast<std::size_t>(depth) * kPanel) {
      interleave(row, first, std::min(kPanel, numbers.outputs - first), to);
    }
  }
  return dense;
}

// Throws std::overflow_error where some input would overflow a sum: of a whole column, which must fit int32, or of the
// int16 lanes in which the u8 x s8 product adds before it widens.
template <class W>
void prove(const Numbers<W>& numbers, int rows, Range range);

// Depthwise weights [9][channels], and what belongs to their channels, in the order of IntegerDepthwise.
Buffer<std::int16_t> pack_depthwise(const std::int16_t* kernel, int channels, bool interleaved);
Buffer<float> pack_rescale(const float* values, int channels, bool interleaved);

}  // namespace tinysight
