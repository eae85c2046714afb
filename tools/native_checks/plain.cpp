#include "plain.h"

#include <cmath>
#include <stdexcept>

namespace checks {
namespace {

template <class P>
constexpr bool is_float = std::is_same_v<P, Float32>;
// Activations and sums.
template <class P>
using Value = std::conditional_t<is_float<P>, double, std::int64_t>;
template <class P>
using Values = std::vector<Value<P>>;

template <class P, class W>
float rescaled(const Layer<W>& layer, Value<P> sum, int n) {
  if constexpr (is_float<P>) {
    return static_cast<float>(sum + layer.addend[n]);
  } else {
    if (sum > std::numeric_limits<std::int32_t>::max() || sum < std::numeric_limits<std::int32_t>::min()) {
      throw std::logic_error("a sum that the proof accepted is " + std::to_string(sum));
    }
    const float product = static_cast<float>(sum) * layer.multiplier[n];
    return product + layer.addend[n];
  }
}

template <class P>
Value<P> activation(float value, int highest) {
  if constexpr (is_float<P>) {
    return std::min(std::max(value, 0.0f), 6.0f);
  } else {
    return static_cast<std::int64_t>(std::nearbyint(std::min(std::max(value, 0.0f), static_cast<float>(highest))));
  }
}

// A convolution of `size` x `size` taps over `inputs` channels; `apart`: each channel with its own kernel.
template <class P, class W>
Values<P> convolution(const Model<P>& m, const Layer<W>& layer, const Values<P>& input, int inputs, const Geometry& g,
                      int size, bool apart) {
  const int outputs = static_cast<int>(layer.addend.size());
  Values<P> result(static_cast<std::size_t>(g.out_side) * g.out_side * outputs);
  Values<P> sums(outputs);
  for (int at = 0; at < g.out_side * g.out_side; ++at) {
    const int top = at / g.out_side * g.stride - g.pad, left = at % g.out_side * g.stride - g.pad;
    std::fill(sums.begin(), sums.end(), Value<P>{});
    for (int tap = 0; tap < size * size; ++tap) {
      const int y = top + tap / size, x = left + tap % size;
      if (y < 0 || y >= g.in_side || x < 0 || x >= g.in_side) continue;
      const Value<P>* in = input.data() + (static_cast<std::size_t>(y) * g.in_side + x) * inputs;
      for (int c = 0; c < inputs; ++c) {
        const W* w = layer.kernel.data() + (static_cast<std::size_t>(tap) * inputs + c) * (apart ? 1 : outputs);
        if (apart) {
          sums[c] += in[c] * *w;
        } else {
          for (int n = 0; n < outputs; ++n) sums[n] += in[c] * w[n];
        }
      }
    }
    for (int n = 0; n < outputs; ++n) {
      result[static_cast<std::size_t>(at) * outputs + n] = activation<P>(rescaled<P>(layer, sums[n], n), m.options.highest);
    }
  }
  return result;
}

template <class P>
Values<P> picture(const Model<P>& m, const Pictures& pictures, int index) {
  const std::size_t count = static_cast<std::size_t>(m.shape.resolution) * m.shape.resolution * 3;
  Values<P> input(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (pictures.values.empty()) {
      input[i] = m.options.scale.level(pictures.pixels[index * count + i]);
    } else {
      input[i] = m.options.scale.value(pictures.values[index * count + i]);
    }
  }
  return input;
}

template <class P>
std::vector<float> logits(const Model<P>& m, const Values<P>& features) {
  const int channels = m.shape.widths.back(), cells = m.shape.cells();
  std::vector<float> result(m.shape.classes);
  Values<P> sums(m.shape.classes);
  for (int c = 0; c < channels; ++c) {
    Value<P> mean{};
    for (int i = 0; i < cells; ++i) mean += features[static_cast<std::size_t>(i) * channels + c];
    if constexpr (is_float<P>) {
      mean /= cells;
    } else {
      const float each = m.options.pool_units / static_cast<float>(cells);
      mean = static_cast<std::int64_t>(std::nearbyint(static_cast<float>(mean) * each));
    }
    for (int n = 0; n < m.shape.classes; ++n) {
      sums[n] += mean * m.head.kernel[static_cast<std::size_t>(c) * m.shape.classes + n];
    }
  }
  for (int n = 0; n < m.shape.classes; ++n) result[n] = rescaled<P>(m.head, sums[n], n);
  return result;
}

}  // namespace

template <class P>
Answer plain_run(const Model<P>& model, const Pictures& pictures, int index) {
  const Shape& shape = model.shape;
  Values<P> values = convolution(model, model.stem, picture(model, pictures, index), 3, shape.geometries[0], 3, false);
  for (int i = 0; i < kBlocks; ++i) {
    const int side = shape.geometries[i + 1].out_side;
    values = convolution(model, model.depthwise[i], values, shape.widths[i], shape.geometries[i + 1], 3, true);
    values = convolution(model, model.pointwise[i], values, shape.widths[i], {side, side, 1, 0}, 1, false);
  }
  Answer answer;
  answer.logits = logits(model, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = static_cast<float>(values[i]);
    answer.features.push_back(is_float<P> ? value : value * model.steps[i % shape.widths.back()]);
  }
  return answer;
}

template Answer plain_run(const Model<Float32>&, const Pictures&, int);
template Answer plain_run(const Model<Int16>&, const Pictures&, int);
template Answer plain_run(const Model<Int8>&, const Pictures&, int);

}  // namespace checks
