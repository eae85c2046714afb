#include "packing.h"

#include <limits>

namespace tinysight {
namespace {

// Sums of the positive and of the negative weights of kPanel columns, which inputs at their ends reach.
struct Ends {
  std::int32_t positive[kPanel] = {}, negative[kPanel] = {};
  void add(int n, int weight) {
    positive[n] += std::max(weight, 0);
    negative[n] += std::max(-weight, 0);
  }
};

void require(const Ends& ends, Range range, std::int64_t largest, const char* what, int first_channel) {
  for (int n = 0; n < kPanel; ++n) {
    const std::int64_t positive = ends.positive[n], negative = ends.negative[n];
    const std::int64_t worst = (range.is_signed ? positive + negative : std::max(positive, negative)) * range.highest;
    if (worst > largest) {
      throw std::overflow_error("output channel " + std::to_string(first_channel + n) + ": a sum can reach " +
                                std::to_string(worst) + ", " + what + " hold at most " + std::to_string(largest));
    }
  }
}

// The u8 x s8 product adds inputs 0, 1, 4, 5 and 2, 3, 6, 7 of each eight in int16.
void prove_lanes(const std::int8_t* panel, int depth, Range range, int first_channel) {
  constexpr int kEach = Dense<std::int8_t>::kEach, kNext = kPanel * kEach;
  std::int16_t worst[kPanel] = {};
  for (int k = 0; k < depth; k += 2 * kEach, panel += 2 * kNext) {
    for (int lane = 0; lane < 4; lane += 2) {
      for (int n = 0; n < kPanel; ++n) {
        std::int16_t positive = 0, negative = 0;
        for (const int at : {0, 1, kNext, kNext + 1}) {
          const std::int16_t weight = panel[n * kEach + lane + at];
          positive = static_cast<std::int16_t>(positive + std::max<std::int16_t>(weight, 0));
          negative = static_cast<std::int16_t>(negative + std::max<std::int16_t>(static_cast<std::int16_t>(-weight), 0));
        }
        worst[n] = std::max({worst[n], positive, negative});
      }
    }
  }
  Ends ends;
  std::copy(worst, worst + kPanel, ends.positive);
  require(ends, range, std::numeric_limits<std::int16_t>::max(), "16-bit lanes", first_channel);
}

}  // namespace

template <class W>
void prove(const Dense<W>& dense, Range range) {
  constexpr int kEach = Dense<W>::kEach;
  for (int column = 0; column < dense.columns; column += kPanel) {
    const W* panel = dense.weights.data() + static_cast<std::size_t>(column) * dense.depth;
    Ends ends;  // 2^16 weights of 15 bits fit
    const W* at = panel;
    for (int k = 0; k < dense.depth; k += kEach, at += kPanel * kEach) {
      for (int n = 0; n < kPanel; ++n) {
        for (int i = 0; i < kEach; ++i) ends.add(n, at[n * kEach + i]);
      }
    }
    require(ends, range, std::numeric_limits<std::int32_t>::max(), "32-bit sums", column);
    if constexpr (sizeof(W) == 1) prove_lanes(panel, dense.depth, range, column);
  }
}
template void prove(const Dense<std::int8_t>&, Range);
template void prove(const Dense<std::int16_t>&, Range);

Buffer<std::int16_t> pack_depthwise(const std::int16_t* kernel, int channels, bool interleaved) {
  Buffer<std::int16_t> packed(static_cast<std::size_t>(padded(channels)) / kPanel * kDepthwiseWeights);
  for (int channel = 0; channel < channels; ++channel) {
    std::int16_t* panel = packed.data() + static_cast<std::size_t>(channel / kPanel) * kDepthwiseWeights;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        const int at = j * kTapWeights + i / 2 * 2 * kPanel + place(channel % kPanel, interleaved) * 2 + i % 2;
        panel[at] = kernel[static_cast<std::size_t>(3 * i + j) * channels + channel];
      }
    }
  }
  return packed;
}

Buffer<float> pack_rescale(const float* values, int channels, bool interleaved) {
  Buffer<float> ordered(padded(channels));
  for (int channel = 0; channel < channels; ++channel) {
    ordered.data()[channel / kPanel * kPanel + place(channel % kPanel, interleaved)] = values[channel];
  }
  return ordered;
}

void prove_depthwise(const std::int16_t* kernel, int channels, Range range) {
  for (int first = 0; first < channels; first += kPanel) {
    Ends ends;
    for (int tap = 0; tap < 9; ++tap) {
      const std::int16_t* row = kernel + static_cast<std::size_t>(tap) * channels + first;
      for (int n = 0; n < std::min(kPanel, channels - first); ++n) ends.add(n, row[n]);
    }
    require(ends, range, std::numeric_limits<std::int32_t>::max(), "32-bit sums", first);
  }
}

}  // namespace tinysight
