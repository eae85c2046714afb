// What an instruction set has to provide. Activations are NHWC and their channel count is a multiple of kPanel;
// channels beyond the network's own are zero and stay zero, because their weights and biases are.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "resize.h"

namespace tinysight {

constexpr int kPanel = 16;      // columns of the packed weights that one register tile covers
constexpr int kGroupBytes = 4;  // inputs of one column that an integer product takes at a time: 2 x int16 or 4 x int8

// Where a row of a product's left side stands: in `count` segments of equal length. The stem's rows have one segment for
// each row of the kernel, the others one in all.
struct Segments {
  int count;
  std::ptrdiff_t stride;  // elements from one to the next
};

// One matrix product: c[row][column] = clip(bias[column] + sum over depth of a[row][k] * b[k][column], low, high).
struct FloatProduct {
  const float* a;
  std::ptrdiff_t a_stride;  // floats from one row to the next
  Segments segments;
  const float* packed;      // [columns / kPanel][depth][kPanel]
  const float* bias;        // [columns]
  float* c;
  std::ptrdiff_t c_stride;
  int rows, depth, columns;  // depth of all segments; columns: a multiple of kPanel
  float low, high;
};

// Some output pixels of one depthwise 3x3 layer, batch norm folded in, clipped to 0..6.
struct FloatDepthwise {
  const float* input;  // [height][width][channels]
  int height, width, channels;
  const float* weights;  // [9][channels]
  const float* bias;     // [channels]
  int stride, pad;       // rows and columns of zeros before the input
  int out_width;
  int first, last;  // output pixels, counted row by row
  float* output;    // [last - first][channels]
};

// How a whole sum becomes an output: clip(rint(float(sum) * multiplier + addend), 0, highest), each step rounded to
// float32; without rint and clip where the output is float (the head).
struct Rescale {
  const float* multiplier;
  const float* addend;
  float highest;
  bool bounded;  // whether all of them, before the clip, fit an int32
};

// One matrix product over whole numbers; strides count elements. Sums are exact: packing has proved that none overflows.
template <class A, class W, class C>
struct IntegerProduct {
  const A* a;
  std::ptrdiff_t a_stride;
  Segments segments;
  const W* packed;  // [columns / kPanel][groups][kPanel][kGroupBytes / sizeof(W)]
  Rescale rescale;  // [columns]
  C* c;
  std::ptrdiff_t c_stride;
  int rows, groups, columns;  // groups of all segments
};

// Some output pixels of one depthwise 3x3 layer. The weights stand in pairs for the multiply-add of two int16: for each
// kPanel channels [kPairs][kPanel][2]. Pairs 0..2 are rows 0 and 1 of each column, pair 3 is columns 0 and 1 of row 2,
// pair 4 is nothing and column 2 of row 2. Kernels that want it have the channels of a panel in the order 0-3, 8-11, 4-7,
// 12-15, as interleaving two registers of 256 bits leaves them, `rescale` as well.
template <class T>
struct IntegerDepthwise {
  const T* input;
  int height, width, channels;
  const std::int16_t* weights;
  Rescale rescale;
  const T* zeros;  // [channels], stands for rows outside the input
  int stride, pad, out_width, first, last;
  T* output;
};
constexpr int kPairs = 5, kPairWeights = kPanel * 2;
constexpr int kDepthwiseWeights = kPairs * kPairWeights;  // for kPanel channels

// Where the tap of row i and column j stands: its pair, and which of the two it is.
struct PairPlace {
  int pair, half;
};
constexpr PairPlace pair_place(int i, int j) {
  if (i < 2) return {j, i};
  return j < 2 ? PairPlace{3, j} : PairPlace{4, 1};
}

// Place of a channel within its kPanel.
constexpr int place(int channel, bool interleaved) {
  return interleaved ? (channel & 3) | (channel & 8) >> 1 | (channel & 4) << 1 : channel;
}

struct FloatKernels {
  void (*product)(const FloatProduct&);
  void (*depthwise)(const FloatDepthwise&);
};

struct IntegerKernels {
  using I16 = std::int16_t;
  using U8 = std::uint8_t;
  void (*product_i16)(const IntegerProduct<I16, I16, I16>&);
  void (*product_i16_u8)(const IntegerProduct<I16, I16, U8>&);
  void (*product_i16_float)(const IntegerProduct<I16, I16, float>&);
  void (*product_u8)(const IntegerProduct<U8, std::int8_t, U8>&);
  void (*depthwise_i16)(const IntegerDepthwise<I16>&);
  void (*depthwise_u8)(const IntegerDepthwise<U8>&);
  bool interleaved;  // the order of channels in depthwise weights
};

struct Kernels {
  const char* isa;
  const FloatKernels& floats;
  const IntegerKernels& integers;
  const ResizeKernels& resize;
};

extern const FloatKernels kFloatPortable;
extern const IntegerKernels kIntegerPortable;
#if defined(TINYSIGHT_X86)
extern const FloatKernels kFloatAvx2;
extern const IntegerKernels kIntegerAvx2;
extern const IntegerKernels kIntegerAvxVnni;
extern const FloatKernels kFloatAvx512;
extern const IntegerKernels kIntegerAvx512;
extern const IntegerKernels kIntegerAmx;
bool may_use_amx();  // asks the system, once for all threads
#endif

// The best kernels that this processor runs, or those called `name`; throws std::invalid_argument for others.
const Kernels& choose_kernels(const char* name);
std::vector<const char*> available_kernels();

}  // namespace tinysight
