// AVX-512: a tile of six rows by four panels holds 24 sums in the 32 registers.
#include <immintrin.h>

#include "cover.h"
#include "kernels.h"

namespace tinysight {
namespace {

constexpr int kWidth = 16, kTall = 6, kPanels = 4;
using Vec = __m512;
using F32x16 = __m512;

inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline Vec splat(float x) { return _mm512_set1_ps(x); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec clip(Vec v, Vec low, Vec high) { return _mm512_min_ps(_mm512_max_ps(v, low), high); }

inline F32x16 load16(const float* p) { return load(p); }
inline void fma16(F32x16& sum, Vec a, F32x16 b) { sum = fma(a, b, sum); }
inline void store16(float* p, F32x16 v, Vec low, Vec high) { store(p, clip(v, low, high)); }

}  // namespace

#include "float.inc"
const FloatKernels kFloatAvx512{product, depthwise};
}  // namespace tinysight
