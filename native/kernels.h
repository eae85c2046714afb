// What an instruction set has to provide. Activations are NHWC float32 whose channel count is a multiple of kPanel;
// channels beyond the network's own are zero and stay zero, because their weights and biases are.
#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>

namespace tinysight {

constexpr int kPanel = 16;  // columns of the packed weights that one register tile covers

// One matrix product: c[row][column] = clip(bias[column] + sum over depth of a[row][k] * b[k][column], low, high).
struct Product {
  const float* a;
  std::ptrdiff_t a_stride;  // floats from one row to the next
  const float* packed;      // [columns / kPanel][depth][kPanel]
  const float* bias;        // [columns]
  float* c;
  std::ptrdiff_t c_stride;
  int rows, depth, columns;  // columns: a multiple of kPanel
  float low, high;
};

// Some output pixels of one depthwise 3x3 layer, batch norm folded in, clipped to 0..6.
struct Depthwise {
  const float* input;  // [height][width][channels]
  int height, width, channels;
  const float* weights;  // [9][channels]
  const float* bias;     // [channels]
  int stride, pad;       // rows and columns of zeros before the input
  int out_width;
  int first, last;  // output pixels, counted row by row
  float* output;    // [last - first][channels]
};

struct Kernels {
  const char* isa;
  void (*product)(const Product&);
  void (*depthwise)(const Depthwise&);
};

extern const Kernels kPortable;
#if defined(TINYSIGHT_AVX2)
extern const Kernels kAvx2;
#endif

}  // namespace tinysight
