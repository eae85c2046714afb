// Plain C++: runs everywhere, and is the honest baseline for the others.
#include "cover.h"
#include "kernels.h"

namespace tinysight {
namespace {

constexpr int kWidth = 8, kTall = 6, kPanels = 1;

struct Vec {
  float lane[kWidth];
};

inline Vec load(const float* p) {
  Vec v;
  for (int i = 0; i < kWidth; ++i) v.lane[i] = p[i];
  return v;
}
inline void store(float* p, Vec v) {
  for (int i = 0; i < kWidth; ++i) p[i] = v.lane[i];
}
inline Vec splat(float x) {
  Vec v;
  for (float& lane : v.lane) lane = x;
  return v;
}
inline Vec fma(Vec a, Vec b, Vec c) {
  for (int i = 0; i < kWidth; ++i) c.lane[i] += a.lane[i] * b.lane[i];
  return c;
}
inline Vec clip(Vec v, Vec low, Vec high) {
  for (int i = 0; i < kWidth; ++i) {
    const float x = v.lane[i] > low.lane[i] ? v.lane[i] : low.lane[i];
    v.lane[i] = x < high.lane[i] ? x : high.lane[i];
  }
  return v;
}

}  // namespace

#include "float_halves.inc"
#include "float.inc"
const FloatKernels kFloatPortable{product, depthwise};
}  // namespace tinysight
