#include "network.h"

#include <cstring>

namespace tinysight {
namespace {

constexpr int kPanelBytes = 128 * 1024;  // depthwise outputs that wait for their product; half of a small L2
constexpr int kTaps = 3;

// Pixels in one pass: a multiple of twelve (the tiles are six and four high) whose depthwise outputs fit the panel.
int chunk_pixels(int depth, std::size_t size) {
  return std::clamp(kPanelBytes / static_cast<int>(size) / depth / 12 * 12, 24, 192);
}

// The share of `count` things that part `index` of `parts` does: [begin, end).
std::pair<int, int> share(int count, int index, int parts) {
  const auto at = [&](int i) { return static_cast<int>(static_cast<std::int64_t>(count) * i / parts); };
  return {at(index), at(index + 1)};
}

template <class T>
T* as(const Buffer<unsigned char>& buffer) {
  return reinterpret_cast<T*>(buffer.data());
}

using Clock = std::chrono::steady_clock;

}  // namespace

template <class P>
void Network<P>::set_stem(const Numbers<SmallWeight>& numbers, Geometry geometry) {
  stem_geometry_ = geometry;
  const int depth = kTaps * P::kStemRow;
  stem_ = pack(numbers, 27, depth, [](int k) { return k / 9 * P::kStemRow + k % 9; });
  if constexpr (!std::is_same_v<SmallWeight, float>) prove(stem_, {options_.stem_highest, true});
  activation_bytes_ = sizeof(Activation) * geometry.out_side * geometry.out_side * stem_.columns;
  const std::size_t rows = static_cast<std::size_t>(kTaps) * (geometry.in_side + 3) * 3;
  panel_bytes_ = sizeof(typename P::Stem) * (static_cast<std::size_t>(geometry.out_side) * depth + rows + 2 * kPanel);
}

template <class P>
void Network<P>::add_block(const Numbers<SmallWeight>& depthwise, const Numbers<typename P::Weight>& pointwise,
                           Geometry geometry) {
  Block block;
  block.geometry = geometry;
  const Range range{options_.highest, false};
  block.depthwise = P::depthwise(depthwise, range);
  const int channels = block.depthwise.channels;
  block.pointwise = pack(pointwise, depthwise.outputs, channels, [](int k) { return k; });
  if constexpr (!std::is_same_v<SmallWeight, float>) prove(block.pointwise, range);
  const std::size_t pixels = static_cast<std::size_t>(geometry.out_side) * geometry.out_side;
  activation_bytes_ = std::max(activation_bytes_, sizeof(Activation) * pixels * block.pointwise.columns);
  const std::size_t chunk = chunk_pixels(channels, sizeof(Activation));
  panel_bytes_ = std::max(panel_bytes_, sizeof(Activation) * chunk * channels);
  if (zeros_.size() < static_cast<std::size_t>(channels)) zeros_ = Buffer<Activation>(channels);
  blocks_.push_back(std::move(block));
}

template <class P>
void Network<P>::set_head(const Numbers<SmallWeight>& numbers) {
  head_ = pack(numbers, feature_channels(), blocks_.back().pointwise.columns, [](int k) { return k; });
  if constexpr (!std::is_same_v<SmallWeight, float>) {
    prove(head_, {static_cast<int>(options_.highest * options_.pool_units), false});
  }
  panel_bytes_ = std::max(panel_bytes_, sizeof(typename P::Head) * head_.depth);
}

template <class P>
void Network<P>::finish(const float* feature_steps) {
  if (feature_steps != nullptr) {
    feature_steps_ = Buffer<float>(feature_channels());
    std::copy(feature_steps, feature_steps + feature_channels(), feature_steps_.data());
  }
  contexts_.plan({activation_bytes_, panel_bytes_, head_.columns, options_.threads});
}

template <class P>
void Network<P>::run(const Request& request) {
  std::unique_ptr<Context> context = contexts_.borrow();
  const std::size_t picture = static_cast<std::size_t>(options_.resolution) * options_.resolution * 3;
  const std::size_t cells = static_cast<std::size_t>(feature_side()) * feature_side() * feature_channels();
  for (int i = 0; i < request.count; ++i) {
    one(*context, request.pixels == nullptr ? nullptr : request.pixels + i * picture,
        request.values == nullptr ? nullptr : request.values + i * picture,
        request.logits == nullptr ? nullptr : request.logits + static_cast<std::size_t>(i) * head_.used_columns,
        request.features == nullptr ? nullptr : request.features + i * cells, request.stage_ns);
  }
  contexts_.give_back(std::move(context));
}

template <class P>
void Network<P>::one(Context& context, const std::uint8_t* pixels, const float* values, float* logits, float* features,
                     std::int64_t* stage_ns) const {
  Clock::time_point last = Clock::now();
  const auto mark = [&](int stage) {
    if (stage_ns == nullptr) return;
    const Clock::time_point now = Clock::now();
    stage_ns[stage] += std::chrono::duration_cast<std::chrono::nanoseconds>(now - last).count();
    last = now;
  };
  Activation *input = as<Activation>(context.front), *output = as<Activation>(context.back);
  stem(context, pixels, values, input);
  mark(0);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    block(context, blocks_[i], input, output);
    std::swap(input, output);
    mark(static_cast<int>(i) + 1);
  }
  if (features != nullptr) copy_features(input, features);
  if (logits != nullptr) head(context, input, logits);
  mark(kStages - 1);
}

template <class P>
void Network<P>::copy_features(const Activation* from, float* to) const {
  const int cells = feature_side() * feature_side(), stride = blocks_.back().pointwise.columns;
  for (int i = 0; i < cells; ++i, from += stride, to += feature_channels()) {
    if constexpr (std::is_same_v<Activation, float>) {
      std::copy(from, from + feature_channels(), to);
    } else {
      for (int c = 0; c < feature_channels(); ++c) to[c] = static_cast<float>(from[c]) * feature_steps_.data()[c];
    }
  }
}

// Rows of patches for output pixels first..last of one output row. Three input rows are converted, with zeros around
// them, so that a kernel row of a patch is one run of values.
template <class P>
template <class Source, class Convert>
void Network<P>::patches(const Source* picture, Convert convert, int first, int last, typename P::Stem* rows,
                         typename P::Stem* panel) const {
  using Stem = typename P::Stem;
  const Geometry& g = stem_geometry_;
  const int y = first / g.out_side, x0 = first % g.out_side, x1 = x0 + last - first, length = (g.in_side + 3) * 3;
  for (int i = 0; i < kTaps; ++i) {
    const int from = y * g.stride - g.pad + i;
    Stem* row = rows + static_cast<std::ptrdiff_t>(i) * length;
    std::fill(row, row + length, Stem{});
    if (from < 0 || from >= g.in_side) continue;
    const Source* source = picture + static_cast<std::ptrdiff_t>(from) * g.in_side * 3;
    for (int c = 0; c < g.in_side * 3; ++c) row[g.pad * 3 + c] = convert(source[c]);
  }
  for (int x = x0; x < x1; ++x) {
    for (int i = 0; i < kTaps; ++i, panel += P::kStemRow) {
      const Stem* from = rows + static_cast<std::ptrdiff_t>(i) * length + static_cast<std::ptrdiff_t>(x) * g.stride * 3;
      std::memcpy(panel, from, sizeof(Stem) * P::kStemRow);
    }
  }
}

template <class P>
void Network<P>::stem(Context& context, const std::uint8_t* pixels, const float* values, Activation* output) const {
  using Stem = typename P::Stem;
  const Geometry& g = stem_geometry_;
  const typename P::Scale& scale = options_.scale;
  context.pool.run([&](int thread) {
    Stem* rows = as<Stem>(context.panels[thread]);
    Stem* panel = rows + static_cast<std::ptrdiff_t>(kTaps) * (g.in_side + 3) * 3 + kPanel;
    const auto [begin, end] = share(g.out_side * g.out_side, thread, options_.threads);
    for (int first = begin; first < end;) {
      const int last = std::min(end, (first / g.out_side + 1) * g.out_side);
      if (pixels != nullptr) {
        patches(pixels, [&](std::uint8_t p) { return scale.level(p); }, first, last, rows, panel);
      } else {
        patches(values, [&](float v) { return scale.value(v); }, first, last, rows, panel);
      }
      P::stem(kernels_, stem_, panel, last - first, output + static_cast<std::ptrdiff_t>(first) * stem_.columns,
              options_.highest);
      first = last;
    }
  });
}

// Some pixels at a time: their depthwise outputs go to the panel, which the product reads while it is in the cache.
template <class P>
void Network<P>::block(Context& context, const Block& block, const Activation* input, Activation* output) const {
  const Geometry& g = block.geometry;
  const int chunk = chunk_pixels(block.depthwise.channels, sizeof(Activation));
  context.pool.run([&](int thread) {
    Activation* panel = as<Activation>(context.panels[thread]);
    const auto [begin, end] = share(g.out_side * g.out_side, thread, options_.threads);
    for (int first = begin; first < end; first += chunk) {
      const int last = std::min(end, first + chunk);
      P::run(kernels_, block.depthwise, {input, g.in_side, g.stride, g.pad, g.out_side, first, last, panel},
             zeros_.data(), options_.highest);
      P::dense(kernels_, block.pointwise, panel, last - first,
               output + static_cast<std::ptrdiff_t>(first) * block.pointwise.columns, options_.highest);
    }
  });
}

template <class P>
void Network<P>::head(Context& context, const Activation* features, float* logits) const {
  using Head = typename P::Head;
  Head* mean = as<Head>(context.panels[0]);
  P::pool(features, feature_side() * feature_side(), head_.depth, options_.pool_units, mean);
  float* scores = context.scores.data();
  context.pool.run([&](int thread) {
    const auto [begin, end] = share(head_.columns / kPanel, thread, options_.threads);
    if (begin < end) P::head(kernels_, head_, mean, begin * kPanel, (end - begin) * kPanel, scores);
  });
  std::copy(scores, scores + head_.used_columns, logits);
}

template class Network<Float32>;
template class Network<Int16>;
template class Network<Int8>;

}  // namespace tinysight
