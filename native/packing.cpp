#include "packing.h"

#include <cmath>
#include <limits>

namespace tinysight {
namespace {

constexpr int kStrip = 64;  // outputs that are looked at together

// Sums of the positive and of the negative weights of some outputs, which inputs at their ends reach.
struct Ends {
  std::int64_t positive[kStrip] = {}, negative[kStrip] = {};

  void require(int count, Range range, std::int64_t largest, const char* what, int first) const {
    for (int n = 0; n < count; ++n) {
      const std::int64_t sum =
          range.is_signed ? positive[n] + negative[n] : std::max(positive[n], negative[n]);
      if (sum * range.highest <= largest) continue;
      throw std::overflow_error("output channel " + std::to_string(first + n) + ": a sum can reach " +
                                std::to_string(sum * range.highest) + ", " + what + " hold at most " +
                                std::to_string(largest));
    }
  }
};

void prove_strip(const Numbers<std::int16_t>& numbers, int rows, Range, int first, int count, Ends& ends) {
  for (int k = 0; k < rows; ++k) {
    const std::int16_t* row = numbers.kernel + static_cast<std::size_t>(k) * numbers.outputs + first;
    for (int n = 0; n < count; ++n) {
      const std::int32_t weight = row[n];
      ends.positive[n] += std::max(weight, 0);
      ends.negative[n] += std::max(-weight, 0);
    }
  }
}

// The u8 x s8 product adds inputs 0, 1, 4, 5 and 2, 3, 6, 7 of each eight in int16.
void prove_strip(const Numbers<std::int8_t>& numbers, int rows, Range range, int first, int count, Ends& ends) {
  using Lanes = std::int16_t[kStrip];
  Lanes worst_positive = {}, worst_negative = {};
  for (int run = 0; run < rows; run += 8) {
    Lanes positive[2] = {}, negative[2] = {};
    for (int k = run; k < std::min(run + 8, rows); ++k) {
      const std::int8_t* row = numbers.kernel + static_cast<std::size_t>(k) * numbers.outputs + first;
      Lanes &plus = positive[k >> 1 & 1], &minus = negative[k >> 1 & 1];
      for (int n = 0; n < count; ++n) {
        const std::int16_t weight = row[n], opposite = static_cast<std::int16_t>(-weight);
        plus[n] = static_cast<std::int16_t>(plus[n] + std::max<std::int16_t>(weight, 0));
        minus[n] = static_cast<std::int16_t>(minus[n] + std::max<std::int16_t>(opposite, 0));
      }
    }
    for (int n = 0; n < count; ++n) {
      worst_positive[n] = std::max(worst_positive[n], std::max(positive[0][n], positive[1][n]));
      worst_negative[n] = std::max(worst_negative[n], std::max(negative[0][n], negative[1][n]));
      ends.positive[n] += positive[0][n] + positive[1][n];
      ends.negative[n] += negative[0][n] + negative[1][n];
    }
  }
  Ends lanes;
  std::copy(worst_positive, worst_positive + kStrip, lanes.positive);
  std::copy(worst_negative, worst_negative + kStrip, lanes.negative);
  lanes.require(count, range, std::numeric_limits<std::int16_t>::max(), "16-bit lanes", first);
}

}  // namespace

template <class W>
void prove(const Numbers<W>& numbers, int rows, Range range) {
  for (int first = 0; first < numbers.outputs; first += kStrip) {
    const int count = std::min(kStrip, numbers.outputs - first);
    Ends ends;
    prove_strip(numbers, rows, range, first, count, ends);
    ends.require(count, range, std::numeric_limits<std::int32_t>::max(), "32-bit sums", first);
  }
}
template void prove(const Numbers<std::int8_t>&, int, Range);
template void prove(const Numbers<std::int16_t>&, int, Range);

bool bounded(const float* multiplier, const float* addend, int outputs) {
  constexpr float kQuarter = 1 << 30;
  for (int n = 0; n < outputs; ++n) {
    if (!(multiplier[n] < 0.25f && std::abs(addend[n]) < kQuarter)) return false;
  }
  return true;
}

Buffer<std::int16_t> pack_depthwise(const std::int16_t* kernel, int channels, bool interleaved) {
  Buffer<std::int16_t> packed(static_cast<std::size_t>(padded(channels)) / kPanel * kDepthwiseWeights);
  for (int channel = 0; channel < channels; ++channel) {
    std::int16_t* panel = packed.data() + static_cast<std::size_t>(channel / kPanel) * kDepthwiseWeights;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        const PairPlace pair = pair_place(i, j);
        const int at = pair.pair * kPairWeights + place(channel % kPanel, interleaved) * 2 + pair.half;
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

}  // namespace tinysight
