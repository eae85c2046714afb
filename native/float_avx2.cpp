// AVX2 and FMA: two loads of weights, six broadcasts and twelve products a step fill the sixteen registers.
#include <immintrin.h>

#include "kernels.h"

namespace tinysight {
namespace {

using Vec8 = __m256;

inline Vec8 load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec8 v) { _mm256_storeu_ps(p, v); }
inline Vec8 splat(float x) { return _mm256_set1_ps(x); }
inline Vec8 fma(Vec8 a, Vec8 b, Vec8 c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec8 clip(Vec8 v, Vec8 low, Vec8 high) { return _mm256_min_ps(_mm256_max_ps(v, low), high); }

}  // namespace

#include "float.inc"
const FloatKernels kFloatAvx2{product, depthwise};
}  // namespace tinysight
