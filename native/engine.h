// The network as a chain of fused layers: stem, blocks (depthwise and pointwise in one pass), pool, head.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels.h"
#include "pool.h"

namespace tinysight {

// Memory whose blocks begin at cache lines; zero when made.
class Buffer {
 public:
  explicit Buffer(std::size_t floats = 0);
  float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  std::unique_ptr<float, Free> data_;
};

struct Geometry {
  int in_side, out_side, stride, pad;
};

// A pointwise convolution or the stem, packed for `Kernels::product`.
struct Dense {
  int depth = 0, columns = 0, used_columns = 0;
  Buffer weights, bias;
};

struct Block {
  Geometry geometry;
  int channels = 0;  // of the depthwise layer, a multiple of kPanel
  Buffer depthwise_weights, depthwise_bias;
  Dense pointwise;
};

// What one call needs for itself: activations, a panel for each thread, the threads.
struct Context {
  Context(std::size_t activation_floats, std::size_t panel_floats, int threads);
  Buffer front, back;
  std::vector<Buffer> panels;
  Pool pool;
};

class Engine {
 public:
  Engine(const Kernels& kernels, int resolution, int threads, const float* levels);

  // Kernels in the network's own layout (HWIO), batch norm folded in; called in the network's order.
  void set_stem(const float* kernel, const float* bias, int filters, Geometry geometry);
  void add_block(const float* depthwise, const float* depthwise_bias, int channels, const float* pointwise,
                 const float* pointwise_bias, int filters, Geometry geometry);
  void set_head(const float* kernel, const float* bias, int classes);

  const char* isa() const { return kernels_.isa; }
  int threads() const { return threads_; }
  int resolution() const { return resolution_; }
  int classes() const { return head_.used_columns; }
  int feature_side() const { return blocks_.back().geometry.out_side; }
  int feature_channels() const { return blocks_.back().pointwise.used_columns; }

  // Pictures (count, resolution, resolution, 3), either pixels or values in range, to logits (count, classes) and
  // features (count, side, side, channels); `logits` or `features` may be null. Safe to call from many threads.
  void run(const std::uint8_t* pixels, const float* values, int count, float* logits, float* features);

 private:
  std::unique_ptr<Context> borrow();
  void give_back(std::unique_ptr<Context> context);
  void run_one(Context& context, const std::uint8_t* pixels, const float* values, float* logits, float* features);
  void stem(Context& context, const std::uint8_t* pixels, const float* values, float* output) const;
  void block(Context& context, const Block& block, const float* input, float* output) const;
  void head(Context& context, const float* features, float* logits) const;

  const Kernels& kernels_;
  int resolution_, threads_;
  float levels_[256];
  Geometry stem_geometry_{};
  Dense stem_, head_;
  std::vector<Block> blocks_;
  std::size_t activation_floats_ = 0, panel_floats_ = 0;
  std::mutex mutex_;
  int process_;  // threads do not survive a fork, so their contexts are not used in a child
  std::vector<std::unique_ptr<Context>> idle_;
};

// The best kernels that this processor runs, or those called `name`; throws std::invalid_argument for others.
const Kernels& choose_kernels(const char* name);
std::vector<const char*> available_kernels();

}  // namespace tinysight
