// Integer kernels for AVX-512 with VNNI: one instruction multiplies and adds four u8 x s8 or two int16 products a sum.
#include <immintrin.h>

#include <cstring>
#include <type_traits>

#include "cover.h"
#include "kernels.h"
#include "rescale_512.h"

namespace tinysight {
namespace {

using Splat = __m512i;
using I32x16 = __m512i;
using Group = __m512i;
constexpr int kPanels = 4, kTall16 = 6, kTall8 = 6, kQuads = 1;

inline Splat splat(const void* p) {
  std::int32_t four;
  std::memcpy(&four, p, sizeof(four));
  return _mm512_set1_epi32(four);
}
inline I32x16 zero() { return _mm512_setzero_si512(); }
inline Group load_group(const void* p) { return _mm512_loadu_si512(p); }
template <class W>
inline void dot_one(I32x16& sums, Splat a, const Group& b) {
  if constexpr (sizeof(W) == 1) {
    sums = _mm512_dpbusd_epi32(sums, a, b);
  } else {
    sums = _mm512_dpwssd_epi32(sums, a, b);
  }
}

inline __m512i widen(const std::int16_t* p) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline __m512i widen(const std::uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

using Pairs = __m512i;
struct Column {
  Pairs upper;
  __m512i lower;
};

inline Pairs pair_up(__m512i a, __m512i b) { return _mm512_or_si512(a, _mm512_slli_epi32(b, 16)); }
inline Column no_column() { return {zero(), zero()}; }
template <class T>
inline Column load_column(const T* row0, const T* row1, const T* row2) {
  return {pair_up(widen(row0), widen(row1)), widen(row2)};
}
inline I32x16 tap(const I32x16& sums, const Pairs& pairs, const std::int16_t* w) {
  return _mm512_dpwssd_epi32(sums, pairs, _mm512_loadu_si512(w));
}
template <class T>
inline void finish_channels(const I32x16& sums, const Rescale& r, int at, T* out) {
  finish(sums, r, at, out);
}

}  // namespace

#include "integer_x86.inc"

const IntegerKernels kIntegerAvx512{product, product, product, product, depthwise, depthwise, false};

}  // namespace tinysight
