#include "network.h"

#include <cstring>

namespace tinysight {
namespace {

constexpr int kPanelBytes = 208 * 1024;  // depthwise outputs that wait for their product in the second cache
constexpr int kTaps = 3;

// Most pixels in one pass, so that their depthwise outputs fit the panel.
int chunk_pixels(int depth, std::size_t size) {
  return std::clamp(kPanelBytes / static_cast<int>(size) / depth, 24, 192);
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

// Values of a converted input row: two pixels of zeros around it at most, and room for the value after the last patch.
int row_length(const Geometry& g) { return (g.in_side + 3) * 3; }

using Clock = std::chrono::steady_clock;

}  // namespace

template <class P>
void Network<P>::set_stem(const Numbers<SmallWeight>& numbers, Geometry geometry) {
  stem_geometry_ = geometry;
  const int depth = kTaps * P::kStemRow;
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(9) * numbers.outputs;
  Buffer<SmallWeight> spread(static_cast<std::size_t>(depth) * numbers.outputs);
  for (int i = 0; i < kTaps; ++i) {
    std::copy(numbers.kernel + i * row, numbers.kernel + (i + 1) * row,
              spread.data() + static_cast<std::ptrdiff_t>(i) * P::kStemRow * numbers.outputs);
  }
  stem_ = pack(Numbers<SmallWeight>{spread.data(), numbers.multiplier, numbers.addend, numbers.outputs}, depth, depth);
  if constexpr (!std::is_same_v<SmallWeight, float>) prove(numbers, 27, {options_.stem_highest, true});
  activation_bytes_ = sizeof(Activation) * geometry.out_side * geometry.out_side * stem_.columns;
  panel_bytes_ = sizeof(typename P::Stem) * kTaps * row_length(geometry);
}

template <class P>
void Network<P>::add_block(const Numbers<SmallWeight>& depthwise, const Numbers<typename P::Weight>& pointwise,
                           Geometry geometry) {
  Block block;
  block.geometry = geometry;
  const Range range{options_.highest, false};
  block.depthwise = P::depthwise(kernels_, depthwise, range);
  const int channels = block.depthwise.channels;
  block.pointwise = pack(pointwise, depthwise.outputs, channels);
  if constexpr (!std::is_same_v<SmallWeight, float>) prove(pointwise, depthwise.outputs, range);
  const std::size_t pixels = static_cast<std::size_t>(geometry.out_side) * geometry.out_side;
  activation_bytes_ = std::max(activation_bytes_, sizeof(Activation) * pixels * block.pointwise.columns);
  const std::size_t chunk = chunk_pixels(channels, sizeof(Activation));
  panel_bytes_ = std::max(panel_bytes_, sizeof(Activation) * chunk * channels);
  if (zeros_.size() < static_cast<std::size_t>(channels)) zeros_ = Buffer<Activation>(channels);
  blocks_.push_back(std::move(block));
}

template <class P>
void Network<P>::set_head(const Numbers<SmallWeight>& numbers) {
  head_ = pack(numbers, feature_channels(), blocks_.back().pointwise.columns);
  if constexpr (!std::is_same_v<SmallWeight, float>) {
    prove(numbers, feature_channels(), {static_cast<int>(options_.highest * options_.pool_units), false});
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

// One input row as the stem reads it, with zeros around it; all zeros where it lies outside the picture.
template <class P>
template <class Source, class Convert>
void Network<P>::convert_row(const Source* picture, Convert convert, int from, typename P::Stem* row) const {
  const Geometry& g = stem_geometry_;
  const int values = g.in_side * 3, before = g.pad * 3;
  if (from < 0 || from >= g.in_side) {
    std::fill(row, row + row_length(g), typename P::Stem{});
    return;
  }
  const Source* source = picture + static_cast<std::ptrdiff_t>(from) * values;
  std::fill(row, row + before, typename P::Stem{});
  for (int i = 0; i < values; ++i) row[before + i] = convert(source[i]);
  std::fill(row + before + values, row + row_length(g), typename P::Stem{});
}

// Three converted rows serve one output row: each kernel row of a patch is a run of values in one of them.
template <class P>
void Network<P>::stem(Context& context, const std::uint8_t* pixels, const float* values, Activation* output) const {
  using Stem = typename P::Stem;
  const Geometry& g = stem_geometry_;
  const typename P::Scale scale = options_.scale;
  const int length = row_length(g);
  context.pool.run([&](int thread) {
    Stem* rows = as<Stem>(context.panels[thread]);
    const auto [begin, end] = share(g.out_side, thread, options_.threads);
    for (int y = begin; y < end; ++y) {
      const int top = y * g.stride - g.pad, kept = y == begin ? 0 : kTaps - g.stride;
      std::memmove(rows, rows + (kTaps - kept) * length, sizeof(Stem) * kept * length);
      for (int i = kept; i < kTaps; ++i) {
        Stem* row = rows + i * length;
        if (pixels != nullptr) {
          convert_row(pixels, [&](std::uint8_t p) { return scale.level(p); }, top + i, row);
        } else {
          convert_row(values, [&](float v) { return scale.value(v); }, top + i, row);
        }
      }
      P::stem(kernels_, stem_, {rows, g.stride * 3, {kTaps, length}}, g.out_side,
              output + static_cast<std::ptrdiff_t>(y) * g.out_side * stem_.columns, options_.highest);
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
    const int chunks = (end - begin + chunk - 1) / chunk;
    for (int i = 0; i < chunks; ++i) {
      const auto part = share(end - begin, i, chunks);
      const int first = begin + part.first, last = begin + part.second;
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
