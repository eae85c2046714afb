// The three precisions. Each names its types and says how one step of the network is done with the kernels.
#pragma once
#include <cmath>
#include <limits>

#include "packing.h"

namespace tinysight {

// One depthwise layer.
template <class W>
struct Depthwise {
  int channels = 0;  // a multiple of kPanel
  bool bounded = false;
  Buffer<W> weights;
  Buffer<float> multiplier, addend;
};

// Where a depthwise layer reads and which output pixels it makes.
template <class A>
struct Tile {
  const A* input;
  int side, stride, pad, out_side, first, last;
  A* output;
};

// The stem's patches: one begins `stride` values after the other, each in three segments.
template <class S>
struct Patches {
  const S* first;
  std::ptrdiff_t stride;
  Segments segments;
};

struct Float32 {
  using Activation = float;
  using Stem = float;  // what the stem reads
  using Head = float;  // what the head reads
  using Weight = float;
  using StemWeight = float;
  static constexpr int kStemRow = 9;  // values of one kernel row in the stem's panel

  // As preprocess/scale.py, operation by operation.
  struct Scale {
    float divisor, low;
    float level(std::uint8_t pixel) const { return static_cast<float>(pixel) / divisor + low; }
    float value(float in) const { return in; }
  };

  static Depthwise<float> depthwise(const Kernels&, const Numbers<float>& n, Range) {
    Depthwise<float> d;
    d.channels = padded(n.outputs);
    d.weights = Buffer<float>(static_cast<std::size_t>(9) * d.channels);
    d.addend = Buffer<float>(d.channels);
    std::copy(n.addend, n.addend + n.outputs, d.addend.data());
    for (std::ptrdiff_t tap = 0; tap < 9; ++tap) {
      std::copy(n.kernel + tap * n.outputs, n.kernel + (tap + 1) * n.outputs, d.weights.data() + tap * d.channels);
    }
    return d;
  }
  static void run(const Kernels& k, const Depthwise<float>& d, const Tile<float>& t, const float*, int) {
    k.floats.depthwise({t.input, t.side, t.side, d.channels, d.weights.data(), d.addend.data(), t.stride, t.pad,
                        t.out_side, t.first, t.last, t.output});
  }
  static void dense(const Kernels& k, const Dense<float>& d, const float* a, int rows, float* c, int) {
    k.floats.product({a, d.depth, {1, 0}, d.weights.data(), d.addend.data(), c, d.columns, rows, d.depth, d.columns, 0.0f,
                      6.0f});
  }
  static void stem(const Kernels& k, const Dense<float>& d, const Patches<float>& p, int rows, float* c, int) {
    k.floats.product({p.first, p.stride, p.segments, d.weights.data(), d.addend.data(), c, d.columns, rows, d.depth,
                      d.columns, 0.0f, 6.0f});
  }
  static void head(const Kernels& k, const Dense<float>& d, const float* a, int first, int columns, float* c) {
    constexpr float kNoLimit = std::numeric_limits<float>::infinity();
    k.floats.product({a, d.depth, {1, 0}, d.weights.data() + static_cast<std::size_t>(first) * d.depth, d.addend.data() + first,
                      c + first, d.columns, 1, d.depth, columns, -kNoLimit, kNoLimit});
  }
  static void pool(const float* features, int cells, int channels, float, float* mean) {
    std::fill(mean, mean + channels, 0.0f);
    for (int i = 0; i < cells; ++i, features += channels) {
      for (int c = 0; c < channels; ++c) mean[c] += features[c];
    }
    for (int c = 0; c < channels; ++c) mean[c] /= static_cast<float>(cells);
  }
};

// The kernel for each combination of types.
inline void multiply(const Kernels& k, const IntegerProduct<std::int16_t, std::int16_t, std::int16_t>& p) {
  k.integers.product_i16(p);
}
inline void multiply(const Kernels& k, const IntegerProduct<std::int16_t, std::int16_t, std::uint8_t>& p) {
  k.integers.product_i16_u8(p);
}
inline void multiply(const Kernels& k, const IntegerProduct<std::int16_t, std::int16_t, float>& p) {
  k.integers.product_i16_float(p);
}
inline void multiply(const Kernels& k, const IntegerProduct<std::uint8_t, std::int8_t, std::uint8_t>& p) {
  k.integers.product_u8(p);
}
inline void convolve(const Kernels& k, const IntegerDepthwise<std::int16_t>& d) { k.integers.depthwise_i16(d); }
inline void convolve(const Kernels& k, const IntegerDepthwise<std::uint8_t>& d) { k.integers.depthwise_u8(d); }

// int16 and int8; A is the type of an activation, W of a pointwise weight.
template <class A, class W>
struct Integer {
  using Activation = A;
  using Stem = std::int16_t;
  using Head = std::int16_t;
  using Weight = W;
  using StemWeight = std::int16_t;
  static constexpr int kStemRow = 10;  // nine values, and one that meets a zero weight: pairs begin at even places

  // A level counts 32 units; values in the recipe's range are rounded to units and clipped to it.
  struct Scale {
    static constexpr int kUnits = 32;
    int offset;
    float units_per_value;
    std::int16_t level(std::uint8_t pixel) const { return static_cast<std::int16_t>(pixel * kUnits + offset); }
    std::int16_t value(float in) const {
      const float low = static_cast<float>(offset), high = static_cast<float>(offset + 255 * kUnits);
      return static_cast<std::int16_t>(std::nearbyint(std::min(high, std::max(low, in * units_per_value))));
    }
  };

  static Depthwise<std::int16_t> depthwise(const Kernels& k, const Numbers<std::int16_t>& n, Range range) {
    prove(n, 9, range);
    Depthwise<std::int16_t> d;
    d.channels = padded(n.outputs);
    const bool interleaved = k.integers.interleaved;
    d.bounded = bounded(n.multiplier, n.addend, n.outputs);
    d.weights = pack_depthwise(n.kernel, n.outputs, interleaved);
    d.multiplier = pack_rescale(n.multiplier, n.outputs, interleaved);
    d.addend = pack_rescale(n.addend, n.outputs, interleaved);
    return d;
  }
  template <class D>
  static Rescale rescale(const D& d, int highest) {
    return {d.multiplier.data(), d.addend.data(), static_cast<float>(highest), d.bounded};
  }
  template <class In, class V, class Out>
  static IntegerProduct<In, V, Out> product(const Dense<V>& d, const In* a, int rows, Out* c, int highest) {
    return {a, d.depth, {1, 0}, d.weights.data(), rescale(d, highest), c, d.columns, rows, d.depth / Dense<V>::kEach, d.columns};
  }
  template <class Out>
  static IntegerProduct<std::int16_t, std::int16_t, Out> product(const Dense<std::int16_t>& d,
                                                                 const Patches<std::int16_t>& patches, int rows, Out* c,
                                                                 int highest) {
    auto p = product(d, patches.first, rows, c, highest);
    p.a_stride = patches.stride;
    p.segments = patches.segments;
    return p;
  }
  static void head(const Kernels& k, const Dense<std::int16_t>& d, const std::int16_t* a, int first, int columns,
                   float* c) {
    auto p = product(d, a, 1, c + first, 0);
    p.packed += static_cast<std::size_t>(first) * d.depth;
    p.rescale.multiplier += first;
    p.rescale.addend += first;
    p.columns = columns;
    multiply(k, p);
  }
  static void run(const Kernels& k, const Depthwise<std::int16_t>& d, const Tile<A>& t, const A* zeros, int highest) {
    convolve(k, IntegerDepthwise<A>{t.input, t.side, t.side, d.channels, d.weights.data(), rescale(d, highest), zeros, t.stride, t.pad,
                 t.out_side, t.first, t.last, t.output});
  }
  static void dense(const Kernels& k, const Dense<W>& d, const A* a, int rows, A* c, int highest) {
    multiply(k, product(d, a, rows, c, highest));
  }
  static void stem(const Kernels& k, const Dense<std::int16_t>& d, const Patches<std::int16_t>& p, int rows, A* c,
                   int highest) {
    multiply(k, product(d, p, rows, c, highest));
  }
  static void pool(const A* features, int cells, int channels, float units, std::int16_t* mean) {
    const float each = units / static_cast<float>(cells);
    constexpr int kAtOnce = 64;
    for (int first = 0; first < channels; first += kAtOnce) {
      const int count = std::min(kAtOnce, channels - first);
      std::int32_t sums[kAtOnce] = {};
      for (int i = 0; i < cells; ++i) {
        const A* cell = features + static_cast<std::ptrdiff_t>(i) * channels + first;
        for (int c = 0; c < count; ++c) sums[c] += cell[c];
      }
      for (int c = 0; c < count; ++c) {
        mean[first + c] = static_cast<std::int16_t>(std::nearbyint(static_cast<float>(sums[c]) * each));
      }
    }
  }
};

using Int16 = Integer<std::int16_t, std::int16_t>;
using Int8 = Integer<std::uint8_t, std::int8_t>;

}  // namespace tinysight
