// Sixteen sums in a register of 512 bits to sixteen outputs, for the files that are compiled for AVX-512.
#pragma once
#include <immintrin.h>

#include <type_traits>

#include "kernels.h"

namespace tinysight {
namespace {

template <class C>
inline void finish(__m512i sums, const Rescale& r, int at, C* c) {
  __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(r.multiplier + at));
  value = _mm512_add_ps(value, _mm512_loadu_ps(r.addend + at));
  if constexpr (std::is_same_v<C, float>) {
    _mm512_storeu_ps(c, value);
    return;
  }
  value = _mm512_max_ps(_mm512_min_ps(value, _mm512_set1_ps(r.highest)), _mm512_setzero_ps());
  const __m512i whole = _mm512_cvtps_epi32(value);
  if constexpr (sizeof(C) == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), _mm512_cvtepi32_epi16(whole));
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(c), _mm512_cvtepi32_epi8(whole));
  }
}

}  // namespace
}  // namespace tinysight
