#include "packing.h"

#include <limits>

namespace tinysight {
namespace {

// Sums of the positive and of the negative weights, which inputs at their ends reach.
struct Ends {
  std::int64_t positive = 0, negative = 0;
  void add(int weight) { (weight > 0 ? positive : negative) += weight > 0 ? weight : -weight; }
  std::int64_t worst(Range range) const {
    return (range.is_signed ? positive + negative : std::max(positive, negative)) * range.highest;
  }
};

void require(std::int64_t worst, std::int64_t largest, const char* what, int channel) {
  if (worst > largest) {
    throw std::overflow_error("output channel " + std::to_string(channel) + ": a sum can reach " +
                              std::to_string(worst) + ", " + what + " hold at most " + std::to_string(largest));
  }
}

// The u8 x s8 product adds inputs 0, 1, 4, 5 and 2, 3, 6, 7 of each eight in int16.
void prove_lanes(const Dense<std::int8_t>& dense, int column, const std::int8_t* first, Range range) {
  constexpr int kEach = 4, kNext = kPanel * kEach;
  for (int k = 0; k < dense.depth; k += 2 * kEach, first += 2 * kNext) {
    for (int lane = 0; lane < 2; ++lane) {
      Ends ends;
      for (const int at : {0, 1, kNext, kNext + 1}) ends.add(first[at + 2 * lane]);
      require(ends.worst(range), std::numeric_limits<std::int16_t>::max(), "16-bit lanes", column);
    }
  }
}

}  // namespace

template <class W>
void prove(const Dense<W>& dense, Range range) {
  constexpr int kEach = Dense<W>::kEach;
  for (int column = 0; column < dense.used_columns; ++column) {
    const W* first = dense.weights.data() + static_cast<std::size_t>(column / kPanel) * dense.depth * kPanel +
                     column % kPanel * kEach;
    Ends ends;
    const W* at = first;
    for (int k = 0; k < dense.depth; k += kEach, at += kPanel * kEach) {
      for (int i = 0; i < kEach; ++i) ends.add(at[i]);
    }
    require(ends.worst(range), std::numeric_limits<std::int32_t>::max(), "32-bit sums", column);
    if constexpr (sizeof(W) == 1) prove_lanes(dense, column, first, range);
  }
}
template void prove(const Dense<std::int8_t>&, Range);
template void prove(const Dense<std::int16_t>&, Range);

Buffer<std::int16_t> pack_depthwise(const std::int16_t* kernel, int channels) {
  Buffer<std::int16_t> packed(static_cast<std::size_t>(padded(channels)) / kPanel * kDepthwiseWeights);
  for (int channel = 0; channel < channels; ++channel) {
    std::int16_t* panel = packed.data() + static_cast<std::size_t>(channel / kPanel) * kDepthwiseWeights;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        const int at = (j * 2 + i / 2) * 2 * kPanel + half_order(channel % kPanel) * 2 + i % 2;
        panel[at] = kernel[static_cast<std::size_t>(3 * i + j) * channels + channel];
      }
    }
  }
  return packed;
}

Buffer<float> in_half_order(const float* values, int channels) {
  Buffer<float> ordered(padded(channels));
  for (int channel = 0; channel < channels; ++channel) {
    ordered.data()[channel / kPanel * kPanel + half_order(channel % kPanel)] = values[channel];
  }
  return ordered;
}

void prove_depthwise(const std::int16_t* kernel, int channels, Range range) {
  for (int channel = 0; channel < channels; ++channel) {
    Ends ends;
    for (int tap = 0; tap < 9; ++tap) ends.add(kernel[static_cast<std::size_t>(tap) * channels + channel]);
    require(ends.worst(range), std::numeric_limits<std::int32_t>::max(), "32-bit sums", channel);
  }
}

}  // namespace tinysight
