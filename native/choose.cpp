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

// A bit of leaf 7, for what not all compilers know by name.
enum Register { kEax, kEbx, kEcx, kEdx };
bool has(unsigned subleaf, Register where, int bit) {
  unsigned r[4] = {};
  return __get_cpuid_count(7, subleaf, &r[0], &r[1], &r[2], &r[3]) != 0 && (r[where] & 1u << bit) != 0;
}
[[maybe_unused]] bool runs_avxvnni() { return runs_avx2() && has(1, kEax, 4); }
#if defined(TINYSIGHT_AMX)
bool runs_amx() { return runs_avx512() && has(0, kEdx, 24) && has(0, kEdx, 25) && may_use_amx(); }
#endif
#endif

// Best first.
const Known kKnown[] = {
#if defined(TINYSIGHT_X86)
#if defined(TINYSIGHT_AMX)
    {{"amx", kFloatAvx512, kIntegerAmx, kResizeAvx2}, runs_amx},
#endif
    {{"avx512", kFloatAvx512, kIntegerAvx512, kResizeAvx2}, runs_avx512},
#if defined(TINYSIGHT_AVXVNNI)
    {{"avxvnni", kFloatAvx2, kIntegerAvxVnni, kResizeAvx2}, runs_avxvnni},
#endif
    {{"avx2", kFloatAvx2, kIntegerAvx2, kResizeAvx2}, runs_avx2},
#endif
    {{"portable", kFloatPortable, kIntegerPortable, kResizePortable}, [] { return true; }},
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
