// What the bindings see: a network that runs pictures. `Network<P>` is one, for each precision P.
#pragma once
#include <cstdint>

namespace tinysight {

struct Geometry {
  int in_side, out_side, stride, pad;
};

// Time in nanoseconds of stem, blocks 1..13 and head, added up over calls.
constexpr int kStages = 15;

struct Request {
  const std::uint8_t* pixels;  // (count, resolution, resolution, 3), or null
  const float* values;         // the same in the recipe's range, where pixels is null
  int count;
  float* logits;             // (count, classes), or null
  float* features;           // (count, side, side, channels), or null
  std::int64_t* stage_ns;    // [kStages], or null
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Safe to call from many threads.
  virtual void run(const Request& request) = 0;
};

}  // namespace tinysight
