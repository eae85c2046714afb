// AVX2 and FMA: two loads of weights, six broadcasts and twelve products a step fill the sixteen registers.
#include <immintrin.h>

#include "cover.h"
#include "kernels.h"

namespace tinysight {
namespace {

constexpr int kWidth = 8, kTall = 6, kPanels = 1;
using Vec = __m256;

inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline Vec splat(float x) { return _mm256_set1_ps(x); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec clip(Vec v, Vec low, Vec high) { return _mm256_min_ps(_mm256_max_ps(v, low), high); }

}  // namespace

#include "float_halves.inc"
#include "float.inc"
const FloatKernels kFloatAvx2{product, depthwise};
}  // namespace tinysight
