// Which pixels an output pixel is made of, and the way through a picture row by row.
#include "resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tinysight {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

inline std::uint8_t rounded(std::int32_t sum) { return static_cast<std::uint8_t>(std::min(sum >> kWeightBits, 255)); }

void across(const std::uint8_t* row, const std::uint8_t*, const Taps* taps, int width, std::uint8_t* out) {
  for (int x = 0; x < width; ++x, out += 3) {
    const std::uint8_t* in = row + taps[x].first * 3;
    std::int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (int t = 0; t < taps[x].count; ++t, in += 3) {
      const std::int32_t weight = taps[x].weights[t];
      red += in[0] * weight;
      green += in[1] * weight;
      blue += in[2] * weight;
    }
    out[0] = rounded(red);
    out[1] = rounded(green);
    out[2] = rounded(blue);
  }
}

void down(const std::uint8_t* const* rows, const Taps& taps, int bytes, std::uint8_t* out) {
  for (int at = 0; at < bytes; ++at) {
    std::int32_t sum = kHalf;
    for (int t = 0; t < taps.count; ++t) sum += rows[t][at] * taps.weights[t];
    out[at] = rounded(sum);
  }
}

// The taps of all outputs along one axis: a triangle as wide as two inputs, or as two outputs where those are wider.
class Axis {
 public:
  Axis(int inputs, int outputs) {
    const double scale = static_cast<double>(inputs) / outputs, reach = std::max(scale, 1.0);
    widest_ = static_cast<int>(std::ceil(reach)) * 2 + 1;
    weights_.resize(static_cast<std::size_t>(outputs) * widest_);
    for (int at = 0; at < outputs; ++at) taps_.push_back(tap(at, inputs, scale, reach));
  }
  const Taps* taps() const { return taps_.data(); }
  int widest() const { return widest_; }

 private:
  Taps tap(int at, int inputs, double scale, double reach) {
    const double centre = (at + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int last = std::min(inputs, static_cast<int>(centre + reach + 0.5));
    std::vector<double> shares(last - first);
    double sum = 0;
    for (int i = 0; i < last - first; ++i) {
      shares[i] = std::max(0.0, 1.0 - std::abs((i + first - centre + 0.5) * (1.0 / reach)));
      sum += shares[i];
    }
    std::int32_t* weights = weights_.data() + static_cast<std::size_t>(at) * widest_;
    for (int i = 0; i < last - first; ++i) {
      weights[i] = static_cast<std::int32_t>(0.5 + shares[i] / sum * (1 << kWeightBits));
    }
    return {first, last - first, weights};
  }

  int widest_;
  std::vector<std::int32_t> weights_;
  std::vector<Taps> taps_;
};

int rounded_up(int bytes) { return (bytes + kResizeBlock - 1) / kResizeBlock * kResizeBlock; }

}  // namespace

const ResizeKernels kResizePortable{across, down};

void resize(const Image& image, int height, int width, std::uint8_t* out, const ResizeKernels& kernels) {
  const Axis columns(image.width, width), rows(image.height, height);
  const int bytes = width * 3, stride = rounded_up(bytes), kept = rows.widest();
  // The last rows that were resized across; input row y stands at y % kept.
  std::vector<std::uint8_t> ring(static_cast<std::size_t>(stride) * kept), line(stride);
  std::vector<const std::uint8_t*> under(kept);
  int done = rows.taps()[0].first;
  for (int y = 0; y < height; ++y, out += bytes) {
    const Taps& taps = rows.taps()[y];
    for (done = std::max(done, taps.first); done < taps.first + taps.count; ++done) {
      const std::uint8_t* in = image.pixels + done * image.row_stride;
      kernels.across(in, in + static_cast<std::ptrdiff_t>(image.width) * 3, columns.taps(), width,
                     ring.data() + static_cast<std::size_t>(done % kept) * stride);
    }
    for (int t = 0; t < taps.count; ++t) under[t] = ring.data() + static_cast<std::size_t>((taps.first + t) % kept) * stride;
    kernels.down(under.data(), taps, stride, line.data());
    std::copy(line.begin(), line.begin() + bytes, out);
  }
}

}  // namespace tinysight
