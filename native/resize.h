// Pictures made smaller or larger, bilinear, to the bit as Pillow does it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tinysight {

// Three bytes a pixel, pixels of a row one after the other.
struct Image {
  const std::uint8_t* pixels;
  std::ptrdiff_t row_stride;  // bytes from one row to the next
  int height, width;
};

// Some taps of one output pixel along an axis: `count` inputs from `first` on, weights in parts of 1 << kWeightBits.
struct Taps {
  int first, count;
  const std::int32_t* weights;
};
constexpr int kWeightBits = 22, kResizeBlock = 16;

struct ResizeKernels {
  // One input row to `width` pixels, with the taps of each.
  void (*across)(const std::uint8_t* row, const std::uint8_t* end, const Taps* taps, int width, std::uint8_t* out);
  // `bytes` of one output row, a multiple of kResizeBlock, from the rows under it.
  void (*down)(const std::uint8_t* const* rows, const Taps& taps, int bytes, std::uint8_t* out);
};
extern const ResizeKernels kResizePortable;
#if defined(TINYSIGHT_X86)
extern const ResizeKernels kResizeAvx2;
#endif

// Fills out [height][width][3]; all sides at least 1.
void resize(const Image& image, int height, int width, std::uint8_t* out, const ResizeKernels& kernels);

}  // namespace tinysight
