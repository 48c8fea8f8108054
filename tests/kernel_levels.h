/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file kernel_levels.h
 * @brief The library's kernel tables, for tests of the kernels alone.
 */
#ifndef KLDSEL_TESTS_KERNEL_LEVELS_H
#define KLDSEL_TESTS_KERNEL_LEVELS_H

#include "../libkldsel/kernels.h"
#include "kldsel/kldsel.h"

/** The table of a CPU level, from ::KLDSEL_CPU_LEVEL_BASELINE to kldsel_cpu_level(). */
static inline const struct kernels *kernels_at(int32_t level) {
#ifdef KLDSEL_HAVE_X86_LEVELS
  if (level == KLDSEL_CPU_LEVEL_AVX512) return &kldsel_kernels_avx512;
  if (level == KLDSEL_CPU_LEVEL_AVX2) return &kldsel_kernels_avx2;
#endif
  (void)level;
  return &kldsel_kernels_baseline;
}

#endif /* KLDSEL_TESTS_KERNEL_LEVELS_H */
