#include "models.h"

#include <cmath>

namespace checks {
namespace {

constexpr int kFilters[kBlocks + 1] = {32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
constexpr int kStrides[kBlocks + 1] = {2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
enum Padding { kKeras, kSame, kSymmetric };

Geometry geometry(int side, int stride, Padding padding) {
  const int out = (side + stride - 1) / stride, total = std::max((out - 1) * stride + 3 - side, 0);
  int before = total / 2, after = total - before;
  if (padding == kSymmetric) before = after = 1;
  if (padding == kKeras) before = stride == 1 ? 1 : 0, after = 1;
  return {side, (side + before + after - 3) / stride + 1, stride, before};
}

// How many units the weights of one output may have of each sign, and what one of them may be.
struct Bound {
  int total, each;
};

template <class P>
Bound bound(int highest) {
  return {static_cast<int>(std::numeric_limits<std::int32_t>::max() / std::max(highest, 1)), 32767};
}

// Weights of one column whose units add up to `total` at most, of one sign where `filled` (then to exactly `total` where
// that many fit).
template <class W>
void fill_column(W* kernel, int rows, int outputs, Bound bound, bool filled, Random& random) {
  const int limit = std::min(bound.each, bound.total / rows), sign = random.chance(50) ? 1 : -1;
  if (!filled) {
    const int most = std::max(1, static_cast<int>(static_cast<float>(limit) * random.between(0.02f, 1.0f)));
    for (int k = 0; k < rows; ++k) kernel[static_cast<std::ptrdiff_t>(k) * outputs] = static_cast<W>(random.whole(-most, most));
    return;
  }
  int left = bound.total - limit * rows;
  const int start = random.whole(0, rows - 1);
  for (int i = 0; i < rows; ++i) {
    const int more = std::min(bound.each - limit, left);
    left -= more;
    kernel[static_cast<std::ptrdiff_t>((start + i) % rows) * outputs] = static_cast<W>(sign * (limit + more));
  }
}

// The same for the u8 x s8 product: 128 units of each sign for inputs 0, 1, 4, 5 and 2, 3, 6, 7 of every eight.
void fill_lanes(std::int8_t* kernel, int rows, int outputs, bool filled, Random& random) {
  const int sign = random.chance(50) ? 1 : -1;
  for (int run = 0; run < rows; run += 8) {
    for (int lane = 0; lane < 4; lane += 2) {
      int left[2] = {128, 128};
      int order[4] = {0, 1, 4, 5};
      for (int i = 3; i > 0; --i) std::swap(order[i], order[random.whole(0, i)]);
      for (int i = 0; i < 4; ++i) {
        const int row = run + lane + order[i];
        const bool negative = filled ? sign < 0 : random.chance(50);
        const int most = std::min(127, left[negative]), units = filled && i > 1 ? most : random.whole(0, most);
        if (row >= rows) continue;
        left[negative] -= units;
        kernel[static_cast<std::ptrdiff_t>(row) * outputs] = static_cast<std::int8_t>(negative ? -units : units);
      }
    }
  }
}

// What the layer's sums are multiplied with: into 0..highest, with some beyond either end.
template <class W>
void rescale(Layer<W>& layer, int rows, int outputs, float input, float highest, bool filled, Random& random) {
  for (int n = 0; n < outputs; ++n) {
    double squares = 0, units = 0;
    for (int k = 0; k < rows; ++k) {
      const double w = layer.kernel[static_cast<std::size_t>(k) * outputs + n];
      squares += w * w, units += std::abs(w);
    }
    const double usual = filled ? units : std::sqrt(squares);
    const double scale = usual == 0 ? 1.0 : highest / (usual * input);
    layer.multiplier.push_back(static_cast<float>(scale) * random.between(0.3f, 1.2f));
    layer.addend.push_back(highest * (filled ? random.between(0.6f, 2.0f) : 0.2f * random.normal()));
  }
}

// `rows` weights for each output; `input`: the largest magnitude that one meets.
template <class P, class W>
Layer<W> random_layer(int rows, int outputs, int input, float highest, bool is_signed, bool filled, Random& random) {
  Layer<W> layer;
  layer.kernel.resize(static_cast<std::size_t>(rows) * outputs);
  if constexpr (std::is_same_v<P, Float32>) {
    const float spread = std::sqrt(2.0f / static_cast<float>(rows));
    for (W& w : layer.kernel) w = spread * random.normal();
    for (int n = 0; n < outputs; ++n) layer.addend.push_back(0.5f * random.normal());
  } else {
    for (int n = 0; n < outputs; ++n) {
      if constexpr (sizeof(W) == 1) {
        fill_lanes(layer.kernel.data() + n, rows, outputs, filled, random);
      } else {
        fill_column(layer.kernel.data() + n, rows, outputs, bound<P>(input), filled, random);
      }
    }
    rescale(layer, rows, outputs, static_cast<float>(is_signed ? input / 2 : input), highest, filled, random);
  }
  return layer;
}

template <class P>
typename Network<P>::Options options(const Shape& shape) {
  if constexpr (std::is_same_v<P, Float32>) {
    Network<Float32>::Options options{shape.resolution, 1, {}, 0, 0, 1.0f};
    options.scale = {127.5f, -1.0f};
    return options;
  } else {
    const bool bytes = sizeof(typename P::Activation) == 1;
    return {shape.resolution, 1, {-4080, 4080.0f}, bytes ? 255 : 8191, 4080, bytes ? 32.0f : 1.0f};
  }
}

}  // namespace

Shape random_shape(Random& random) {
  Shape shape;
  shape.resolution = random.whole(32, random.chance(20) ? 100 : 56);
  shape.classes = random.chance(85) ? random.whole(1, random.chance(20) ? 300 : 40) : 0;
  const Padding padding = static_cast<Padding>(random.whole(kKeras, kSymmetric));
  const bool one_alpha = random.chance(50);
  const float alpha = random.between(0.01f, random.chance(20) ? 0.5f : 0.2f);
  int side = shape.resolution;
  for (int i = 0; i <= kBlocks; ++i) {
    shape.widths.push_back(one_alpha ? std::max(1, static_cast<int>(static_cast<float>(kFilters[i]) * alpha))
                                     : random.whole(1, i == 0 ? 40 : 100));
    shape.geometries.push_back(geometry(side, kStrides[i], i == 0 && padding == kKeras ? kSame : padding));
    side = shape.geometries.back().out_side;
  }
  return shape;
}

template <class P>
Model<P> random_model(const Shape& shape, Random& random) {
  Model<P> m;
  m.shape = shape;
  m.options = options<P>(shape);
  const int highest = m.options.highest;
  const float top = static_cast<float>(highest);
  const bool filled = random.chance(25);
  m.stem = random_layer<P, typename P::StemWeight>(27, shape.widths[0], m.options.stem_highest, top, true, filled, random);
  for (int i = 0; i < kBlocks; ++i) {
    const int in = shape.widths[i], out = shape.widths[i + 1];
    m.depthwise.push_back(random_layer<P, typename P::StemWeight>(9, in, highest, top, false, filled, random));
    m.pointwise.push_back(random_layer<P, typename P::Weight>(in, out, highest, top, false, filled, random));
  }
  if (shape.classes > 0) {
    const int units = static_cast<int>(top * m.options.pool_units);
    m.head = random_layer<P, typename P::StemWeight>(shape.widths.back(), shape.classes, units, 5.0f, false, filled, random);
  }
  for (int c = 0; c < shape.widths.back() && highest != 0; ++c) m.steps.push_back(6.0f / top * random.between(0.5f, 1.0f));
  return m;
}

template <class P>
std::unique_ptr<Network<P>> build(const Model<P>& model, const char* isa, int threads) {
  typename Network<P>::Options options = model.options;
  options.threads = threads;
  auto network = std::make_unique<Network<P>>(choose_kernels(isa), options);
  network->set_stem(model.stem.numbers(), model.shape.geometries[0]);
  for (int i = 0; i < kBlocks; ++i) {
    network->add_block(model.depthwise[i].numbers(), model.pointwise[i].numbers(), model.shape.geometries[i + 1]);
  }
  if (model.shape.classes > 0) network->set_head(model.head.numbers());
  network->finish(model.steps.empty() ? nullptr : model.steps.data());
  return network;
}

Pictures random_pictures(const Shape& shape, Random& random) {
  Pictures pictures;
  pictures.count = random.whole(1, 3);
  const std::size_t values = static_cast<std::size_t>(pictures.count) * shape.resolution * shape.resolution * 3;
  if (random.chance(50)) {
    pictures.pixels.resize(values);
    for (std::uint8_t& pixel : pictures.pixels) pixel = static_cast<std::uint8_t>(random.whole(0, 255));
  } else {
    pictures.values.resize(values);
    for (float& value : pictures.values) value = random.between(-1.1f, 1.1f);
  }
  return pictures;
}

template Model<Float32> random_model(const Shape&, Random&);
template Model<Int16> random_model(const Shape&, Random&);
template Model<Int8> random_model(const Shape&, Random&);
template std::unique_ptr<Network<Float32>> build(const Model<Float32>&, const char*, int);
template std::unique_ptr<Network<Int16>> build(const Model<Int16>&, const char*, int);
template std::unique_ptr<Network<Int8>> build(const Model<Int8>&, const char*, int);

}  // namespace checks
