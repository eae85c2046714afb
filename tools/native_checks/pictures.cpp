// Resizing: no byte beside the picture is read, every instruction set gives the same bytes, and they are near the truth.
#include <cmath>
#include <cstring>
#include <memory>

#include "checks.h"

namespace checks {
namespace {

// A triangle over the inputs under output `at`, in doubles; weights of all inputs.
std::vector<double> triangle(int inputs, int outputs, int at) {
  const double scale = static_cast<double>(inputs) / outputs, reach = std::max(1.0, scale), centre = (at + 0.5) * scale;
  std::vector<double> weights(inputs);
  double sum = 0;
  for (int i = 0; i < inputs; ++i) sum += weights[i] = std::max(0.0, 1 - std::abs(i + 0.5 - centre) / reach);
  for (double& weight : weights) weight /= sum;
  return weights;
}

double blended(const Image& image, const std::vector<double>& down, const std::vector<double>& across, int colour) {
  double sum = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) sum += down[y] * across[x] * image.pixels[y * image.row_stride + x * 3 + colour];
  }
  return sum;
}

}  // namespace

void check_picture(std::uint64_t seed, const std::vector<const char*>& isas) {
  Random random(seed);
  const int side = random.whole(1, 90), width = random.whole(1, 90), height = random.whole(1, 60), out_width = random.whole(1, 60);
  const int gap = random.whole(0, 5);
  const std::size_t stride = static_cast<std::size_t>(width) * 3 + gap, bytes = stride * (side - 1) + width * 3;
  const std::unique_ptr<std::uint8_t[]> pixels(new std::uint8_t[bytes]);  // not one byte more
  for (std::size_t i = 0; i < bytes; ++i) pixels[i] = static_cast<std::uint8_t>(random.chance(30) ? 255 : random.whole(0, 255));
  const Image image{pixels.get(), static_cast<std::ptrdiff_t>(stride), side, width};
  const std::size_t size = static_cast<std::size_t>(height) * out_width * 3;
  std::unique_ptr<std::uint8_t[]> first, other;
  for (const char* isa : isas) {
    other.reset(new std::uint8_t[size]);
    resize(image, height, out_width, other.get(), choose_kernels(isa).resize);
    if (first == nullptr) first = std::move(other);
    else require(std::memcmp(first.get(), other.get(), size) == 0, std::string(isa) + " resizes to other bytes");
  }
  for (int i = 0; i < 10; ++i) {
    const int y = random.whole(0, height - 1), x = random.whole(0, out_width - 1), colour = random.whole(0, 2);
    const double wanted = blended(image, triangle(side, height, y), triangle(width, out_width, x), colour);
    const int given = first[(static_cast<std::size_t>(y) * out_width + x) * 3 + colour];
    require(std::abs(given - wanted) <= 1.01, "a pixel is " + std::to_string(given) + ", not " + std::to_string(wanted));
  }
}

}  // namespace checks
