/* SPDX-License-Identifier: BSD-3-Clause */
#include "cpu.h"

#include <inttypes.h>

#include "check.h"

int32_t kldsel_cpu_level(void) {
#ifdef KLDSEL_HAVE_X86_LEVELS
  __builtin_cpu_init();
  /* Compilers differ in whether they can ask for F16C, which every processor with FMA has. */
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return KLDSEL_CPU_LEVEL_BASELINE;
  int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? KLDSEL_CPU_LEVEL_AVX512 : KLDSEL_CPU_LEVEL_AVX2;
#else
  return KLDSEL_CPU_LEVEL_BASELINE;
#endif
}

const char *kldsel_cpu_level_name(int32_t level) {
  switch (level) {
  case KLDSEL_CPU_LEVEL_AVX2:
    return "avx2";
  case KLDSEL_CPU_LEVEL_AVX512:
    return "avx512";
  default:
#ifdef __aarch64__
    return "neon";
#else
    return "baseline";
#endif
  }
}

kldsel_status kldsel_cpu_kernels(int64_t level, const struct kernels **kernels) {
  int32_t highest = kldsel_cpu_level();
  if (level == 0) level = highest;
  if (level > highest)
    return kldsel_fail(KLDSEL_ERROR_UNSUPPORTED,
                       "CPU_LEVEL is %" PRId64 "; the highest here is %" PRId32 " (%s)", level, highest,
                       kldsel_cpu_level_name(highest));
  *kernels = &kldsel_kernels_baseline;
#ifdef KLDSEL_HAVE_X86_LEVELS
  if (level == KLDSEL_CPU_LEVEL_AVX2) *kernels = &kldsel_kernels_avx2;
  if (level == KLDSEL_CPU_LEVEL_AVX512) *kernels = &kldsel_kernels_avx512;
#endif
  return KLDSEL_OK;
}

const struct line_kernels *kldsel_line_kernels(const struct kernels *kernels, int32_t dtype) {
  switch (dtype) {
  case KLDSEL_DTYPE_F32:
    return &kernels->f32;
  case KLDSEL_DTYPE_F16:
    return &kernels->f16;
  case KLDSEL_DTYPE_BF16:
    return &kernels->bf16;
  default:
    return &kernels->f64;
  }
}
