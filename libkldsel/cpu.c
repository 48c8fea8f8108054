/* SPDX-License-Identifier: BSD-3-Clause */
#include "cpu.h"

#include <inttypes.h>

#include "check.h"

/* Every level of this build; each has what the ones before it have. */
static const struct {
  const char *name;
  const struct kernels *kernels;
} levels[] = {
#ifdef __aarch64__
    [KLDSEL_CPU_LEVEL_BASELINE] = {"neon", &kldsel_kernels_baseline},
#else
    [KLDSEL_CPU_LEVEL_BASELINE] = {"baseline", &kldsel_kernels_baseline},
#endif
#ifdef KLDSEL_HAVE_X86_LEVELS
    [KLDSEL_CPU_LEVEL_AVX2] = {"avx2", &kldsel_kernels_avx2},
    [KLDSEL_CPU_LEVEL_AVX512] = {"avx512", &kldsel_kernels_avx512},
#endif
};

/* 1 or 0 */
#define SUPPORTS(feature) (__builtin_cpu_supports(feature) != 0)

int32_t kldsel_cpu_level(void) {
#ifdef KLDSEL_HAVE_X86_LEVELS
  __builtin_cpu_init();
  /* Compilers differ in whether they can ask for F16C, which every processor with FMA has. */
  int avx2 = SUPPORTS("avx2") & SUPPORTS("fma");
  int avx512 =
      avx2 & SUPPORTS("avx512f") & SUPPORTS("avx512bw") & SUPPORTS("avx512dq") & SUPPORTS("avx512vl");
  return KLDSEL_CPU_LEVEL_BASELINE + avx2 + avx512;
#else
  return KLDSEL_CPU_LEVEL_BASELINE;
#endif
}

const char *kldsel_cpu_level_name(int32_t level) {
  return levels[level].name;
}

const struct kernels *kldsel_cpu_highest_kernels(void) {
  return levels[kldsel_cpu_level()].kernels;
}

kldsel_status kldsel_cpu_kernels(int64_t level, const struct kernels **kernels) {
  int32_t highest = kldsel_cpu_level();
  if (level == 0) level = highest;
  if (level > highest)
    return kldsel_fail(KLDSEL_ERROR_UNSUPPORTED,
                       "CPU_LEVEL is %" PRId64 "; the highest here is %" PRId32 " (%s)", level, highest,
                       kldsel_cpu_level_name(highest));
  *kernels = levels[level].kernels;
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
