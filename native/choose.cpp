// Which kernels this processor runs.
#include <stdexcept>
#include <string>

#include "kernels.h"

namespace tinysight {
namespace {

struct Known {
  Kernels kernels;
  bool (*runs)();
};

// Best first.
const Known kKnown[] = {
#if defined(TINYSIGHT_X86)
    {{"avx2", kFloatAvx2, kIntegerAvx2}, [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#endif
    {{"portable", kFloatPortable, kIntegerPortable}, [] { return true; }},
};

}  // namespace

std::vector<const char*> available_kernels() {
  std::vector<const char*> names;
  for (const Known& known : kKnown) {
    if (known.runs()) names.push_back(known.kernels.isa);
  }
  return names;
}

const Kernels& choose_kernels(const char* name) {
  for (const Known& known : kKnown) {
    if (known.runs() && (name == nullptr || std::string(name) == known.kernels.isa)) return known.kernels;
  }
  throw std::invalid_argument(name);
}

}  // namespace tinysight
