// The network as a chain of fused layers: stem, blocks (depthwise and pointwise in one pass), pool, head.
#pragma once
#include <chrono>

#include "context.h"
#include "engine.h"
#include "precision.h"

namespace tinysight {

template <class P>
class Network final : public Engine {
 public:
  using Activation = typename P::Activation;
  // int16 wherever weights are whole numbers but the pointwise ones of int8
  using SmallWeight = typename P::StemWeight;

  struct Options {
    int resolution, threads;
    typename P::Scale scale;
    int highest, stem_highest;  // largest activation and largest magnitude at the stem; 0 in float32
    float pool_units;           // of the mean, for one of an activation
  };
  Network(const Kernels& kernels, const Options& options) : kernels_(kernels), options_(options) {}

  // Kernels in the network's own layout (HWIO), batch norm folded in; called in the network's order, then `finish`.
  // Throw std::overflow_error where a whole sum could overflow.
  void set_stem(const Numbers<SmallWeight>& numbers, Geometry geometry);
  void add_block(const Numbers<SmallWeight>& depthwise, const Numbers<typename P::Weight>& pointwise, Geometry geometry);
  void set_head(const Numbers<SmallWeight>& numbers);
  // What features are multiplied with to leave units; null in float32.
  void finish(const float* feature_steps);

  const char* isa() const { return kernels_.isa; }
  int threads() const { return options_.threads; }
  void run(const Request& request) override;

 private:
  struct Block {
    Geometry geometry;
    Depthwise<SmallWeight> depthwise;
    Dense<typename P::Weight> pointwise;
  };

  void one(Context& context, const std::uint8_t* pixels, const float* values, float* logits, float* features,
           std::int64_t* stage_ns) const;
  void stem(Context& context, const std::uint8_t* pixels, const float* values, Activation* output) const;
  template <class Source, class Convert>
  void convert_row(const Source* picture, Convert convert, int from, typename P::Stem* row) const;
  void block(Context& context, const Block& block, const Activation* input, Activation* output) const;
  void head(Context& context, const Activation* features, float* logits) const;
  void copy_features(const Activation* from, float* to) const;
  int feature_side() const { return blocks_.back().geometry.out_side; }
  int feature_channels() const { return blocks_.back().pointwise.used_columns; }

  const Kernels& kernels_;
  Options options_;
  Geometry stem_geometry_{};
  Dense<SmallWeight> stem_, head_;
  std::vector<Block> blocks_;
  Buffer<Activation> zeros_;
  Buffer<float> feature_steps_;
  std::size_t activation_bytes_ = 0, panel_bytes_ = 0;
  Contexts contexts_;
};

extern template class Network<Float32>;
extern template class Network<Int16>;
extern template class Network<Int8>;

}  // namespace tinysight
