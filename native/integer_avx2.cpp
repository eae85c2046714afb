// Integer kernels for AVX2. A product's tile keeps its sums in registers: up to six rows by sixteen columns of int16
// pairs, four by sixteen of u8 x s8 quads.
#include <immintrin.h>

#include <cstring>
#include <type_traits>

#include "kernels.h"

namespace tinysight {
namespace {

// Tells the compiler that a sum lives in a register at this point; without it some are kept in memory, which costs
// a third of the speed.
#define TINYSIGHT_KEEP(sum) asm volatile("" : "+x"(sum))

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline __m256i splat(const void* p) {
  std::int32_t four;
  std::memcpy(&four, p, sizeof(four));
  return _mm256_set1_epi32(four);
}

// Sixteen sums in two registers to sixteen outputs. `order` says whether the registers hold neighbours (a product's
// columns) or interleaved halves (a depthwise layer's channels).
enum class Order { kColumns, kHalves };

template <class C, Order order>
inline void store(__m256i left, __m256i right, const Rescale& r, int at, C* c) {
  __m256 l = _mm256_mul_ps(_mm256_cvtepi32_ps(left), _mm256_loadu_ps(r.multiplier + at));
  __m256 h = _mm256_mul_ps(_mm256_cvtepi32_ps(right), _mm256_loadu_ps(r.multiplier + at + 8));
  l = _mm256_add_ps(l, _mm256_loadu_ps(r.addend + at));
  h = _mm256_add_ps(h, _mm256_loadu_ps(r.addend + at + 8));
  if constexpr (std::is_same_v<C, float>) {
    _mm256_storeu_ps(c, l);
    _mm256_storeu_ps(c + 8, h);
    return;
  }
  const __m256 highest = _mm256_set1_ps(r.highest);
  const __m256i a = _mm256_cvtps_epi32(_mm256_min_ps(l, highest)), b = _mm256_cvtps_epi32(_mm256_min_ps(h, highest));
  __m256i packed = _mm256_packus_epi32(a, b);  // negative becomes zero
  if constexpr (order == Order::kColumns) packed = _mm256_permute4x64_epi64(packed, 0xD8);
  if constexpr (sizeof(C) == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), packed);
  } else {
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(c), bytes);
  }
}

// Rows I... of int16 pairs times sixteen columns.
template <class C, std::size_t... I>
inline void tile(std::index_sequence<I...>, const IntegerProduct<std::int16_t, std::int16_t, C>& p, int row,
                 const std::int16_t* b, int column) {
  const std::int16_t* a = p.a + row * p.a_stride;
  __m256i left[] = {((void)I, _mm256_setzero_si256())...};
  __m256i right[] = {((void)I, _mm256_setzero_si256())...};
  const int groups = p.groups / p.segments.count;
  for (int segment = 0; segment < p.segments.count; ++segment, a += p.segments.stride) {
    for (int group = 0; group < groups; ++group, b += kPanel * 2) {
      const __m256i b0 = load(b), b1 = load(b + 16);
      const auto step = [&](__m256i& l, __m256i& r, std::ptrdiff_t i) {
        const __m256i pair = splat(a + i * p.a_stride + group * 2);
        l = _mm256_add_epi32(l, _mm256_madd_epi16(pair, b0));
        r = _mm256_add_epi32(r, _mm256_madd_epi16(pair, b1));
        TINYSIGHT_KEEP(l);
        TINYSIGHT_KEEP(r);
      };
      (step(left[I], right[I], I), ...);
    }
  }
  (store<C, Order::kColumns>(left[I], right[I], p.rescale, column,
                             p.c + (row + static_cast<std::ptrdiff_t>(I)) * p.c_stride + column),
   ...);
}

// Rows I... of u8 quads times sixteen columns of s8, two quads a step: their products are added in int16, which
// packing has proved large enough, and then widened. Always one segment.
template <class C, std::size_t... I>
inline void tile(std::index_sequence<I...>, const IntegerProduct<std::uint8_t, std::int8_t, C>& p, int row,
                 const std::int8_t* b, int column) {
  const std::uint8_t* a[] = {p.a + (row + static_cast<std::ptrdiff_t>(I)) * p.a_stride...};
  __m256i left[] = {((void)I, _mm256_setzero_si256())...};
  __m256i right[] = {((void)I, _mm256_setzero_si256())...};
  const __m256i ones = _mm256_set1_epi16(1);
  for (int group = 0; group < p.groups; group += 2, b += 2 * kPanel * 4) {
    const __m256i b0 = load(b), b1 = load(b + 32), b2 = load(b + 64), b3 = load(b + 96);
    const auto step = [&](__m256i& l, __m256i& r, const std::uint8_t* in) {
      const __m256i first = splat(in + group * 4), second = splat(in + group * 4 + 4);
      const __m256i x = _mm256_add_epi16(_mm256_maddubs_epi16(first, b0), _mm256_maddubs_epi16(second, b2));
      const __m256i y = _mm256_add_epi16(_mm256_maddubs_epi16(first, b1), _mm256_maddubs_epi16(second, b3));
      l = _mm256_add_epi32(l, _mm256_madd_epi16(x, ones));
      r = _mm256_add_epi32(r, _mm256_madd_epi16(y, ones));
      TINYSIGHT_KEEP(l);
      TINYSIGHT_KEEP(r);
    };
    (step(left[I], right[I], a[I]), ...);
  }
  (store<C, Order::kColumns>(left[I], right[I], p.rescale, column,
                             p.c + (row + static_cast<std::ptrdiff_t>(I)) * p.c_stride + column),
   ...);
}

template <std::size_t R, class A, class W, class C>
inline int tiles(const IntegerProduct<A, W, C>& p, int row, int count, const W* b, int column) {
  for (; count > 0; --count, row += R) tile(std::make_index_sequence<R>{}, p, row, b, column);
  return row;
}

// Rows are covered by tiles of R and R - 1 where that leaves no rest, else by R and one tile of what remains.
template <std::size_t R, class A, class W, class C>
inline void product(const IntegerProduct<A, W, C>& p) {
  constexpr int kTall = R, kLow = R - 1;
  int lows = (kTall - p.rows % kTall) % kTall;
  if (p.rows < kLow * lows) lows = 0;
  const int talls = (p.rows - kLow * lows) / kTall, rest = p.rows - kLow * lows - kTall * talls;
  for (int column = 0; column < p.columns; column += kPanel) {
    const W* b = p.packed + static_cast<std::ptrdiff_t>(column) * p.groups * (kGroupBytes / sizeof(W));
    int row = tiles<R>(p, 0, talls, b, column);
    row = tiles<R - 1>(p, row, lows, b, column);
    for (int left = rest; left > 0;) {
      if (left >= 3) { row = tiles<3>(p, row, 1, b, column); left -= 3; }
      else if (left == 2) { row = tiles<2>(p, row, 1, b, column); left = 0; }
      else { row = tiles<1>(p, row, 1, b, column); left = 0; }
    }
  }
}

inline __m256i widen(const std::int16_t* p) { return load(p); }
inline __m256i widen(const std::uint8_t* p) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

// One column of the input under the kernel: rows 0 and 1 interleaved, row 2 with nothing, each in two halves.
struct Column {
  __m256i low, high, low2, high2;
};

template <class T>
struct Rows {
  const T* row[3];
  std::ptrdiff_t pixel[3];  // 0 for a row outside the input, so that every pixel is the same zeros
  int width;

  Column column(int x) const {
    const __m256i zero = _mm256_setzero_si256();
    if (x < 0 || x >= width) return {zero, zero, zero, zero};
    const __m256i r0 = widen(row[0] + x * pixel[0]), r1 = widen(row[1] + x * pixel[1]);
    const __m256i r2 = widen(row[2] + x * pixel[2]);
    return {_mm256_unpacklo_epi16(r0, r1), _mm256_unpackhi_epi16(r0, r1), _mm256_unpacklo_epi16(r2, zero),
            _mm256_unpackhi_epi16(r2, zero)};
  }
};

struct Sums {
  __m256i low, high;
};

inline Sums tap(const Column& c, const std::int16_t* w) {
  return {_mm256_add_epi32(_mm256_madd_epi16(c.low, load(w)), _mm256_madd_epi16(c.low2, load(w + 32))),
          _mm256_add_epi32(_mm256_madd_epi16(c.high, load(w + 16)), _mm256_madd_epi16(c.high2, load(w + 48)))};
}
inline Sums operator+(const Sums& a, const Sums& b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}

// One output row from x0 to x1 of kPanel channels. With stride 1 each input column is read once and serves three
// outputs; with stride 2 the last column of one output is the first of the next.
template <int stride, class T>
inline void depthwise_row(const IntegerDepthwise<T>& d, const Rows<T>& in, const std::int16_t* w, int channel, int x0,
                          int x1, T* output) {
  constexpr int kTap = kDepthwiseWeights / 3;
  int x = x0 * stride - d.pad;
  Column first = in.column(x), second = in.column(x + 1);
  if constexpr (stride == 1) {
    Sums two = tap(first, w) + tap(second, w + kTap), one = tap(second, w);
    for (; x0 < x1; ++x0, ++x, output += d.channels) {
      const Column third = in.column(x + 2);
      const Sums sums = two + tap(third, w + 2 * kTap);
      store<T, Order::kHalves>(sums.low, sums.high, d.rescale, channel, output);
      two = one + tap(third, w + kTap);
      one = tap(third, w);
    }
  } else {
    for (; x0 < x1; ++x0, x += 2, output += d.channels) {
      const Column third = in.column(x + 2);
      const Sums sums = tap(first, w) + tap(second, w + kTap) + tap(third, w + 2 * kTap);
      store<T, Order::kHalves>(sums.low, sums.high, d.rescale, channel, output);
      first = third;
      second = in.column(x + 3);
    }
  }
}

template <class T>
void depthwise(const IntegerDepthwise<T>& d) {
  T* output = d.output;
  for (int at = d.first; at < d.last;) {
    const int y = at / d.out_width, x0 = at % d.out_width, x1 = std::min(d.out_width, x0 + d.last - at);
    for (int channel = 0; channel < d.channels; channel += kPanel) {
      Rows<T> in{};
      in.width = d.width;
      for (int i = 0; i < 3; ++i) {
        const int row = y * d.stride - d.pad + i;
        const bool inside = row >= 0 && row < d.height;
        in.row[i] = inside ? d.input + static_cast<std::ptrdiff_t>(row) * d.width * d.channels + channel : d.zeros;
        in.pixel[i] = inside ? d.channels : 0;
      }
      const std::int16_t* w = d.weights + static_cast<std::ptrdiff_t>(channel / kPanel) * kDepthwiseWeights;
      if (d.stride == 1) {
        depthwise_row<1>(d, in, w, channel, x0, x1, output + channel);
      } else {
        depthwise_row<2>(d, in, w, channel, x0, x1, output + channel);
      }
    }
    output += static_cast<std::ptrdiff_t>(x1 - x0) * d.channels;
    at += x1 - x0;
  }
}

}  // namespace

const IntegerKernels kIntegerAvx2{
    [](const auto& p) { product<6>(p); },
    [](const auto& p) { product<6>(p); },
    [](const auto& p) { product<6>(p); },
    [](const auto& p) { product<4>(p); },
    depthwise,
    depthwise,
};

}  // namespace tinysight
