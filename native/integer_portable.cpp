// Integer kernels in plain C++: run everywhere, and define what the others must give to the bit.
#include "kernels.h"

namespace tinysight {
namespace {

constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves no place for fractions, halves go to even

template <class C>
inline C rescaled(std::int32_t sum, const Rescale& r, int at) {
  const float scaled = static_cast<float>(sum) * r.multiplier[at];
  float value = scaled + r.addend[at];
  if constexpr (std::is_same_v<C, float>) return value;
  value = value < r.highest ? value : r.highest;
  value = value > 0.0f ? value : 0.0f;
  return static_cast<C>((value + kRound) - kRound);
}

template <class A, class W, class C>
void product(const IntegerProduct<A, W, C>& p) {
  constexpr int kEach = kGroupBytes / sizeof(W);
  for (int column = 0; column < p.columns; column += kPanel) {
    const W* panel = p.packed + static_cast<std::ptrdiff_t>(column) * p.groups * kEach;
    for (int row = 0; row < p.rows; ++row) {
      const W* b = panel;
      std::int32_t sums[kPanel] = {};
      for (int segment = 0; segment < p.segments.count; ++segment) {
        const A* a = p.a + row * p.a_stride + segment * p.segments.stride;
        for (int group = 0; group < p.groups / p.segments.count; ++group, a += kEach, b += kPanel * kEach) {
          for (int n = 0; n < kPanel; ++n) {
            for (int i = 0; i < kEach; ++i) sums[n] += static_cast<std::int32_t>(a[i]) * b[n * kEach + i];
          }
        }
      }
      C* c = p.c + row * p.c_stride + column;
      for (int n = 0; n < kPanel; ++n) c[n] = rescaled<C>(sums[n], p.rescale, column + n);
    }
  }
}

template <class T>
void depthwise(const IntegerDepthwise<T>& d) {
  T* output = d.output;
  for (int at = d.first; at < d.last; ++at, output += d.channels) {
    const int top = at / d.out_width * d.stride - d.pad, left = at % d.out_width * d.stride - d.pad;
    for (int panel = 0; panel < d.channels; panel += kPanel) {
      std::int32_t sums[kPanel] = {};
      const std::int16_t* weights = d.weights + static_cast<std::ptrdiff_t>(panel / kPanel) * kDepthwiseWeights;
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) {
          if (top + i < 0 || top + i >= d.height || left + j < 0 || left + j >= d.width) continue;
          const T* in = d.input + (static_cast<std::ptrdiff_t>(top + i) * d.width + left + j) * d.channels + panel;
          const std::int16_t* w = weights + pair_place(i, j).pair * kPairWeights + pair_place(i, j).half;
          for (int n = 0; n < kPanel; ++n) sums[n] += static_cast<std::int32_t>(in[n]) * w[n * 2];
        }
      }
      for (int n = 0; n < kPanel; ++n) output[panel + n] = rescaled<T>(sums[n], d.rescale, panel + n);
    }
  }
}

}  // namespace

const IntegerKernels kIntegerPortable{product, product, product, product, depthwise, depthwise, false};

}  // namespace tinysight
