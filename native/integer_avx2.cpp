// Integer kernels for AVX2, and for AVX-VNNI where this file is compiled for it. Without VNNI two groups of u8 x s8
// products are added in int16, which packing has proved large enough, and then widened.
#include <immintrin.h>

#include <cstring>
#include <type_traits>

#include "cover.h"
#include "kernels.h"

namespace tinysight {
namespace {

// Tells the compiler that a sum lives in a register at this point; without it some are kept in memory, which costs
// a third of the speed.
#define TINYSIGHT_KEEP(sum) asm volatile("" : "+x"(sum))

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline std::int32_t four_bytes(const void* p) {
  std::int32_t four;
  std::memcpy(&four, p, sizeof(four));
  return four;
}

// How two registers hold sixteen outputs: a product's columns one after the other, a depthwise layer's interleaved.
enum class Order { kColumns, kInterleaved };

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
  if (!r.bounded) {  // the conversion would make the largest numbers negative
    l = _mm256_min_ps(l, _mm256_set1_ps(r.highest));
    h = _mm256_min_ps(h, _mm256_set1_ps(r.highest));
  }
  const __m256i a = _mm256_cvtps_epi32(l), b = _mm256_cvtps_epi32(h);
  if constexpr (sizeof(C) == 2) {
    __m256i packed = _mm256_packus_epi32(a, b);  // negative becomes zero
    packed = _mm256_min_epu16(packed, _mm256_set1_epi16(static_cast<short>(r.highest)));
    if constexpr (order == Order::kColumns) packed = _mm256_permute4x64_epi64(packed, 0xD8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), packed);
  } else {  // the largest byte is the largest activation
    __m256i packed = _mm256_packs_epi32(a, b);
    if constexpr (order == Order::kColumns) packed = _mm256_permute4x64_epi64(packed, 0xD8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(c), bytes);
  }
}

using Splat = __m256i;
struct I32x16 {
  __m256i left, right;
};
using Group = I32x16;
constexpr int kPanels = 1, kTall16 = 6;

inline void keep(I32x16& sums) {
  TINYSIGHT_KEEP(sums.left);
  TINYSIGHT_KEEP(sums.right);
}
inline Splat splat(const void* p) { return _mm256_set1_epi32(four_bytes(p)); }
inline I32x16 zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline Group load_group(const void* p) { return {load(p), load(static_cast<const char*>(p) + 32)}; }
template <class C>
inline void finish(const I32x16& sums, const Rescale& r, int at, C* c) {
  store<C, Order::kColumns>(sums.left, sums.right, r, at, c);
}

#if defined(__AVXVNNI__)
constexpr int kTall8 = 6, kQuads = 1;
inline __m256i dot(__m256i sum, __m256i a, __m256i b) { return _mm256_dpwssd_avx_epi32(sum, a, b); }
inline __m256i dot_quads(__m256i sum, __m256i a, __m256i b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
#else
constexpr int kTall8 = 4, kQuads = 2;
inline __m256i dot(__m256i sum, __m256i a, __m256i b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }
#endif

template <class W>
inline void dot_one(I32x16& sums, Splat a, const Group& b) {
#if defined(__AVXVNNI__)
  if constexpr (sizeof(W) == 1) {
    sums = {dot_quads(sums.left, a, b.left), dot_quads(sums.right, a, b.right)};
    return keep(sums);
  }
#endif
  static_assert(sizeof(W) == 2 || kQuads == 1, "quads go two by two here");
  sums = {dot(sums.left, a, b.left), dot(sums.right, a, b.right)};
  keep(sums);
}

inline __m256i add_lanes(__m256i sum, Splat a0, __m256i b0, Splat a1, __m256i b1) {
  const __m256i lanes = _mm256_add_epi16(_mm256_maddubs_epi16(a0, b0), _mm256_maddubs_epi16(a1, b1));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(lanes, _mm256_set1_epi16(1)));
}
inline void dot_two(I32x16& sums, Splat a0, const Group& b0, Splat a1, const Group& b1) {
  sums.left = add_lanes(sums.left, a0, b0.left, a1, b1.left);
  sums.right = add_lanes(sums.right, a0, b0.right, a1, b1.right);
  keep(sums);
}

inline __m256i widen(const std::int16_t* p) { return load(p); }
inline __m256i widen(const std::uint8_t* p) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

using Pairs = I32x16;  // interleaved: see Order
struct Column {
  Pairs upper;
  __m256i lower;
};

inline Pairs pair_up(__m256i a, __m256i b) { return {_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)}; }
inline Column no_column() { return {zero(), _mm256_setzero_si256()}; }
template <class T>
inline Column load_column(const T* row0, const T* row1, const T* row2) {
  return {pair_up(widen(row0), widen(row1)), widen(row2)};
}
inline I32x16 tap(const I32x16& sums, const Pairs& pairs, const std::int16_t* w) {
  return {dot(sums.left, pairs.left, load(w)), dot(sums.right, pairs.right, load(w + kPanel))};
}
template <class T>
inline void finish_channels(const I32x16& sums, const Rescale& r, int at, T* out) {
  store<T, Order::kInterleaved>(sums.left, sums.right, r, at, out);
}

}  // namespace

#include "integer_x86.inc"

#if defined(__AVXVNNI__)
const IntegerKernels kIntegerAvxVnni{product, product, product, product, depthwise, depthwise, true};
#else
const IntegerKernels kIntegerAvx2{product, product, product, product, depthwise, depthwise, true};
#endif

}  // namespace tinysight
