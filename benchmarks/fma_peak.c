/* Prints the multiply-add peak of one core in GFLOP/s, for AVX2 and, where CPUID shows it, for AVX-512: one line each.

   Twelve chains that do not wait for each other keep both multiply-add units busy for any latency up to six cycles. The
   best of many short runs counts. */

#include <immintrin.h>
#include <stdio.h>
#include <time.h>

enum { CHAINS = 12, STEPS = 20000, RUNS = 400 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#define PEAK(name, isa, vector, set, fma, lanes)                                                          \
    __attribute__((target(isa))) static double name(void) {                                               \
        vector factor = set(0.999f), a = set(1), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a,  \
               j = a, k = a, l = a;                                                                       \
        double best = 1e9;                                                                                \
        for (int run = 0; run < RUNS; run++) {                                                            \
            double start = now();                                                                         \
            for (int step = 0; step < STEPS; step++) {                                                    \
                a = fma(a, factor, factor), b = fma(b, factor, factor), c = fma(c, factor, factor);       \
                d = fma(d, factor, factor), e = fma(e, factor, factor), f = fma(f, factor, factor);       \
                g = fma(g, factor, factor), h = fma(h, factor, factor), i = fma(i, factor, factor);       \
                j = fma(j, factor, factor), k = fma(k, factor, factor), l = fma(l, factor, factor);       \
                __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f));              \
                __asm__ volatile("" : "+x"(g), "+x"(h), "+x"(i), "+x"(j), "+x"(k), "+x"(l));              \
            }                                                                                             \
            double seconds = now() - start;                                                               \
            if (seconds < best) best = seconds;                                                           \
        }                                                                                                 \
        return 2.0 * lanes * CHAINS * STEPS / best * 1e-9;                                                \
    }

PEAK(peak_avx2, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, 8)
PEAK(peak_avx512, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, 16)

int main(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) printf("avx2 %.2f\n", peak_avx2());
    if (__builtin_cpu_supports("avx512f")) printf("avx512 %.2f\n", peak_avx512());
    return 0;
}
