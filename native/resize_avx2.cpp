// Both passes of a resize for AVX2.
#include <immintrin.h>

#include <cstring>

#include "resize.h"

namespace tinysight {
namespace {

constexpr int kHalf = 1 << (kWeightBits - 1);

// A pixel in 32-bit lanes; the fourth is the next byte, which nobody reads.
inline __m128i pixel(const std::uint8_t* in) {
  std::int32_t four;
  std::memcpy(&four, in, 4);
  return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(four));
}

// The same where no byte comes after it.
inline __m128i last_pixel(const std::uint8_t* in) {
  std::int32_t three = 0;
  std::memcpy(&three, in, 3);
  return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(three));
}

inline __m128i weighted(__m128i pixel, std::int32_t weight) { return _mm_mullo_epi32(pixel, _mm_set1_epi32(weight)); }

void across(const std::uint8_t* row, const std::uint8_t* end, const Taps* taps, int width, std::uint8_t* out) {
  for (int x = 0; x < width; ++x, out += 3) {
    const std::uint8_t* in = row + taps[x].first * 3;
    const std::int32_t* weights = taps[x].weights;
    const int rest = taps[x].count - 1;
    __m128i sums = _mm_set1_epi32(kHalf);
    for (int t = 0; t < rest; ++t, in += 3) sums = _mm_add_epi32(sums, weighted(pixel(in), weights[t]));
    sums = _mm_add_epi32(sums, weighted(end - in > 3 ? pixel(in) : last_pixel(in), weights[rest]));
    const __m128i words = _mm_packs_epi32(_mm_srai_epi32(sums, kWeightBits), sums);
    const int bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(out, &bytes, 3);
  }
}

void down(const std::uint8_t* const* rows, const Taps& taps, int bytes, std::uint8_t* out) {
  for (int first = 0; first < bytes; first += kResizeBlock) {
    __m256i low = _mm256_set1_epi32(kHalf), high = low;
    for (int t = 0; t < taps.count; ++t) {
      const std::uint8_t* in = rows[t] + first;
      const __m256i weight = _mm256_set1_epi32(taps.weights[t]);
      const auto eight = [](const std::uint8_t* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); };
      low = _mm256_add_epi32(low, _mm256_mullo_epi32(eight(in), weight));
      high = _mm256_add_epi32(high, _mm256_mullo_epi32(eight(in + 8), weight));
    }
    __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(low, kWeightBits), _mm256_srai_epi32(high, kWeightBits));
    words = _mm256_permute4x64_epi64(words, 0xD8);
    const __m128i packed = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + first), packed);
  }
}

}  // namespace

const ResizeKernels kResizeAvx2{across, down};

}  // namespace tinysight
