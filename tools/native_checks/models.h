// Random networks for the checks: shapes of the family, weights that fill the proofs' bounds, pictures.
#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "network.h"

namespace checks {

using namespace tinysight;

// The same numbers on every machine: only whole numbers, sums and products, no functions of a C library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  int whole(int low, int high) { return low + static_cast<int>(engine_() % static_cast<std::uint64_t>(high - low + 1)); }
  float between(float low, float high) { return low + (high - low) * static_cast<float>(engine_() >> 40) / 16777216.0f; }
  bool chance(int percent) { return whole(1, 100) <= percent; }
  float normal() {
    float sum = -6.0f;
    for (int i = 0; i < 12; ++i) sum += between(0.0f, 1.0f);
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

constexpr int kBlocks = 13;

struct Shape {
  int resolution = 0, classes = 0;    // no classes: no head
  std::vector<int> widths;            // of the stem and of every block
  std::vector<Geometry> geometries;   // the same
  int side() const { return geometries.back().out_side; }
  int cells() const { return side() * side(); }
};
Shape random_shape(Random& random);

// One convolution in the network's own layout; no multipliers in float32.
template <class W>
struct Layer {
  std::vector<W> kernel;
  std::vector<float> multiplier, addend;
  Numbers<W> numbers() const {
    return {kernel.data(), multiplier.empty() ? nullptr : multiplier.data(), addend.data(), static_cast<int>(addend.size())};
  }
};

template <class P>
struct Model {
  using Small = typename P::StemWeight;
  Shape shape;
  typename Network<P>::Options options;  // with one thread
  Layer<Small> stem, head;
  std::vector<Layer<Small>> depthwise;
  std::vector<Layer<typename P::Weight>> pointwise;
  std::vector<float> steps;
};
template <class P>
Model<P> random_model(const Shape& shape, Random& random);

template <class P>
std::unique_ptr<Network<P>> build(const Model<P>& model, const char* isa, int threads);

// Pixels or values in -1..1 (some beyond), `count` pictures of them.
struct Pictures {
  int count;
  std::vector<std::uint8_t> pixels;
  std::vector<float> values;
};
Pictures random_pictures(const Shape& shape, Random& random);

struct Answer {
  std::vector<float> logits, features;
};

}  // namespace checks
