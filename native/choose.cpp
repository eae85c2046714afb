// Which kernels this processor runs.
#include <stdexcept>
#include <string>

#include "kernels.h"

#if defined(TINYSIGHT_X86)
#include <cpuid.h>
#endif

namespace tinysight {
namespace {

struct Known {
  Kernels kernels;
  bool (*runs)();
};

#if defined(TINYSIGHT_X86)
bool runs_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool runs_avx512() {
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}

// Compilers do not all know its name.
bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & 1u << 4) != 0;
}
#endif

// Best first.
const Known kKnown[] = {
#if defined(TINYSIGHT_X86)
    {{"avx512", kFloatAvx512, kIntegerAvx512}, runs_avx512},
    {{"avxvnni", kFloatAvx2, kIntegerAvxVnni}, [] { return runs_avx2() && has_avx_vnni(); }},
    {{"avx2", kFloatAvx2, kIntegerAvx2}, runs_avx2},
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
