/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_CPU_H
#define KLDSEL_CPU_H

#include "kernels.h"
#include "kldsel/kldsel.h"

/* The kernels of a level, 0 being the highest; UNSUPPORTED if this build or machine lacks it. */
kldsel_status kldsel_cpu_kernels(int64_t level, const struct kernels **kernels);

/* Those of the highest level here. */
const struct kernels *kldsel_cpu_highest_kernels(void);

/* Whether the processor is none that the library has kernels of its own for. */
static inline int kldsel_cpu_is_baseline(const struct kernels *kernels) {
  return kernels == &kldsel_kernels_baseline;
}

const char *kldsel_cpu_level_name(int32_t level);

#endif
