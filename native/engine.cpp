#include "engine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>

#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace tinysight {
namespace {

constexpr int kPanelBytes = 128 * 1024;  // depthwise outputs that wait for their product; half of a small L2
constexpr int kStemDepth = 27;
constexpr std::size_t kLine = 64;

int process_id() {
#if defined(_WIN32)
  return 0;
#else
  return static_cast<int>(getpid());
#endif
}

int padded(int channels) { return (channels + kPanel - 1) / kPanel * kPanel; }

// Pixels in one pass: a multiple of six (the height of a register tile) whose depthwise outputs fit the panel.
int chunk_pixels(int depth) {
  const int fits = kPanelBytes / static_cast<int>(sizeof(float)) / depth / 6 * 6;
  return std::clamp(fits, 24, 192);
}

// [depth][columns] to [columns / kPanel][depth][kPanel]; what is beyond `used_depth` or `used_columns` stays zero.
Dense pack(const float* kernel, const float* bias, int used_depth, int depth, int used_columns) {
  Dense dense;
  dense.depth = depth;
  dense.used_columns = used_columns;
  dense.columns = padded(used_columns);
  dense.weights = Buffer(static_cast<std::size_t>(dense.columns) * depth);
  dense.bias = Buffer(dense.columns);
  std::copy(bias, bias + used_columns, dense.bias.data());
  for (int k = 0; k < used_depth; ++k) {
    for (int n = 0; n < used_columns; ++n) {
      const std::size_t panel = static_cast<std::size_t>(n / kPanel) * depth + k;
      dense.weights.data()[panel * kPanel + n % kPanel] = kernel[static_cast<std::size_t>(k) * used_columns + n];
    }
  }
  return dense;
}

// The share of `count` things that part `index` of `parts` does: [begin, end).
std::pair<int, int> share(int count, int index, int parts) {
  const auto at = [&](int i) { return static_cast<int>(static_cast<std::int64_t>(count) * i / parts); };
  return {at(index), at(index + 1)};
}

}  // namespace

Buffer::Buffer(std::size_t floats) {
  if (floats == 0) return;
  const std::size_t bytes = (floats * sizeof(float) + kLine - 1) / kLine * kLine;
  void* memory = std::aligned_alloc(kLine, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, bytes);
  data_.reset(static_cast<float*>(memory));
}

void Buffer::Free::operator()(float* p) const { std::free(p); }

Context::Context(std::size_t activation_floats, std::size_t panel_floats, int threads)
    : front(activation_floats), back(activation_floats), pool(threads) {
  for (int i = 0; i < threads; ++i) panels.emplace_back(panel_floats);
}

Engine::Engine(const Kernels& kernels, int resolution, int threads, const float* levels)
    : kernels_(kernels), resolution_(resolution), threads_(threads), process_(process_id()) {
  std::copy(levels, levels + 256, levels_);
}

void Engine::set_stem(const float* kernel, const float* bias, int filters, Geometry geometry) {
  stem_geometry_ = geometry;
  stem_ = pack(kernel, bias, kStemDepth, kStemDepth, filters);
  activation_floats_ = static_cast<std::size_t>(geometry.out_side) * geometry.out_side * stem_.columns;
  panel_floats_ = static_cast<std::size_t>(chunk_pixels(kStemDepth)) * kStemDepth;
}

void Engine::add_block(const float* depthwise, const float* depthwise_bias, int channels, const float* pointwise,
                       const float* pointwise_bias, int filters, Geometry geometry) {
  Block block;
  block.geometry = geometry;
  block.channels = padded(channels);
  block.depthwise_weights = Buffer(static_cast<std::size_t>(9) * block.channels);
  block.depthwise_bias = Buffer(block.channels);
  std::copy(depthwise_bias, depthwise_bias + channels, block.depthwise_bias.data());
  for (int tap = 0; tap < 9; ++tap) {
    std::copy(depthwise + static_cast<std::ptrdiff_t>(tap) * channels,
              depthwise + static_cast<std::ptrdiff_t>(tap + 1) * channels,
              block.depthwise_weights.data() + static_cast<std::ptrdiff_t>(tap) * block.channels);
  }
  block.pointwise = pack(pointwise, pointwise_bias, channels, block.channels, filters);
  const std::size_t pixels = static_cast<std::size_t>(geometry.out_side) * geometry.out_side;
  activation_floats_ = std::max(activation_floats_, pixels * block.pointwise.columns);
  panel_floats_ =
      std::max(panel_floats_, static_cast<std::size_t>(chunk_pixels(block.channels)) * block.channels);
  blocks_.push_back(std::move(block));
}

void Engine::set_head(const float* kernel, const float* bias, int classes) {
  head_ = pack(kernel, bias, feature_channels(), blocks_.back().pointwise.columns, classes);
  panel_floats_ = std::max(panel_floats_, static_cast<std::size_t>(head_.depth) + head_.columns);
}

std::unique_ptr<Context> Engine::borrow() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (process_ != process_id()) {
      for (std::unique_ptr<Context>& context : idle_) static_cast<void>(context.release());
      idle_.clear();
      process_ = process_id();
    }
    if (!idle_.empty()) {
      std::unique_ptr<Context> context = std::move(idle_.back());
      idle_.pop_back();
      return context;
    }
  }
  return std::make_unique<Context>(activation_floats_, panel_floats_, threads_);
}

void Engine::give_back(std::unique_ptr<Context> context) {
  std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(context));
}

void Engine::run(const std::uint8_t* pixels, const float* values, int count, float* logits, float* features) {
  std::unique_ptr<Context> context = borrow();
  const std::size_t picture = static_cast<std::size_t>(resolution_) * resolution_ * 3;
  const std::size_t cells = static_cast<std::size_t>(feature_side()) * feature_side() * feature_channels();
  for (int i = 0; i < count; ++i) {
    run_one(*context, pixels == nullptr ? nullptr : pixels + i * picture,
            values == nullptr ? nullptr : values + i * picture,
            logits == nullptr ? nullptr : logits + static_cast<std::size_t>(i) * classes(),
            features == nullptr ? nullptr : features + i * cells);
  }
  give_back(std::move(context));
}

void Engine::run_one(Context& context, const std::uint8_t* pixels, const float* values, float* logits,
                     float* features) {
  float *input = context.front.data(), *output = context.back.data();
  stem(context, pixels, values, input);
  for (const Block& one : blocks_) {
    block(context, one, input, output);
    std::swap(input, output);
  }
  if (features != nullptr) {
    const int cells = feature_side() * feature_side(), stride = blocks_.back().pointwise.columns;
    for (int i = 0; i < cells; ++i) {
      std::copy(input + static_cast<std::ptrdiff_t>(i) * stride,
                input + static_cast<std::ptrdiff_t>(i) * stride + feature_channels(),
                features + static_cast<std::ptrdiff_t>(i) * feature_channels());
    }
  }
  if (logits != nullptr) head(context, input, logits);
}

// Gathers 3x3x3 patches of some output pixels into rows, then multiplies them with the stem's kernel.
void Engine::stem(Context& context, const std::uint8_t* pixels, const float* values, float* output) const {
  const Geometry& g = stem_geometry_;
  const int chunk = chunk_pixels(kStemDepth), row_values = g.in_side * 3;
  context.pool.run([&](int thread) {
    float* panel = context.panels[thread].data();
    const auto [begin, end] = share(g.out_side * g.out_side, thread, threads_);
    for (int first = begin; first < end; first += chunk) {
      const int last = std::min(end, first + chunk);
      float* patch = panel;
      for (int at = first; at < last; ++at) {
        const int top = at / g.out_side * g.stride - g.pad, left = at % g.out_side * g.stride - g.pad;
        for (int i = 0; i < 3; ++i) {
          for (int j = 0; j < 3; ++j, patch += 3) {
            if (top + i < 0 || top + i >= g.in_side || left + j < 0 || left + j >= g.in_side) {
              patch[0] = patch[1] = patch[2] = 0.0f;
              continue;
            }
            const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(top + i) * row_values + (left + j) * 3;
            for (int c = 0; c < 3; ++c) patch[c] = pixels == nullptr ? values[from + c] : levels_[pixels[from + c]];
          }
        }
      }
      kernels_.product({panel, kStemDepth, stem_.weights.data(), stem_.bias.data(),
                        output + static_cast<std::ptrdiff_t>(first) * stem_.columns, stem_.columns, last - first,
                        kStemDepth, stem_.columns, 0.0f, 6.0f});
    }
  });
}

// Some pixels at a time: their depthwise outputs go to the panel, which the product reads while it is in the cache.
void Engine::block(Context& context, const Block& block, const float* input, float* output) const {
  const Geometry& g = block.geometry;
  const Dense& dense = block.pointwise;
  const int chunk = chunk_pixels(block.channels);
  context.pool.run([&](int thread) {
    float* panel = context.panels[thread].data();
    const auto [begin, end] = share(g.out_side * g.out_side, thread, threads_);
    for (int first = begin; first < end; first += chunk) {
      const int last = std::min(end, first + chunk);
      kernels_.depthwise({input, g.in_side, g.in_side, block.channels, block.depthwise_weights.data(),
                          block.depthwise_bias.data(), g.stride, g.pad, g.out_side, first, last, panel});
      kernels_.product({panel, block.channels, dense.weights.data(), dense.bias.data(),
                        output + static_cast<std::ptrdiff_t>(first) * dense.columns, dense.columns, last - first,
                        block.channels, dense.columns, 0.0f, 6.0f});
    }
  });
}

void Engine::head(Context& context, const float* features, float* logits) const {
  float* mean = context.panels[0].data();
  float* scores = mean + head_.depth;
  const int cells = feature_side() * feature_side();
  std::fill(mean, mean + head_.depth, 0.0f);
  for (int i = 0; i < cells; ++i) {
    const float* cell = features + static_cast<std::ptrdiff_t>(i) * head_.depth;
    for (int c = 0; c < head_.depth; ++c) mean[c] += cell[c];
  }
  for (int c = 0; c < head_.depth; ++c) mean[c] /= static_cast<float>(cells);
  constexpr float kNoLimit = std::numeric_limits<float>::infinity();
  kernels_.product({mean, head_.depth, head_.weights.data(), head_.bias.data(), scores, head_.columns, 1, head_.depth,
                    head_.columns, -kNoLimit, kNoLimit});
  std::copy(scores, scores + classes(), logits);
}

std::vector<const char*> available_kernels() {
  std::vector<const char*> names;
#if defined(TINYSIGHT_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.push_back("avx2");
#endif
  names.push_back("portable");
  return names;
}

const Kernels& choose_kernels(const char* name) {
  const std::vector<const char*> names = available_kernels();
  const std::string wanted = name == nullptr ? names.front() : name;
  if (std::none_of(names.begin(), names.end(), [&](const char* known) { return wanted == known; })) {
    throw std::invalid_argument(wanted);
  }
#if defined(TINYSIGHT_AVX2)
  if (wanted == "avx2") return kAvx2;
#endif
  return kPortable;
}

}  // namespace tinysight
