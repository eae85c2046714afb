// Plain C++: runs everywhere, and is the honest baseline for the others.
#include "kernels.h"

namespace tinysight {
namespace {

struct Vec8 {
  float lane[8];
};

inline Vec8 load(const float* p) {
  Vec8 v;
  for (int i = 0; i < 8; ++i) v.lane[i] = p[i];
  return v;
}
inline void store(float* p, Vec8 v) {
  for (int i = 0; i < 8; ++i) p[i] = v.lane[i];
}
inline Vec8 splat(float x) {
  Vec8 v;
  for (float& lane : v.lane) lane = x;
  return v;
}
inline Vec8 fma(Vec8 a, Vec8 b, Vec8 c) {
  for (int i = 0; i < 8; ++i) c.lane[i] += a.lane[i] * b.lane[i];
  return c;
}
inline Vec8 clip(Vec8 v, Vec8 low, Vec8 high) {
  for (int i = 0; i < 8; ++i) {
    const float x = v.lane[i] > low.lane[i] ? v.lane[i] : low.lane[i];
    v.lane[i] = x < high.lane[i] ? x : high.lane[i];
  }
  return v;
}

}  // namespace

#include "float.inc"
const FloatKernels kFloatPortable{product, depthwise};
}  // namespace tinysight
