/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file peak.h
 * @brief The most memory that a call of the library holds at a time.
 */
#ifndef KLDSEL_BENCH_PEAK_H
#define KLDSEL_BENCH_PEAK_H

#include "layer_set.h"

/** What is looked at. */
enum peak_call {
  PEAK_RANK_TENSORS,       /**< views, then kldsel_rank_tensors() */
  PEAK_PROFILE_CREATE_MANY /**< views, then kldsel_profile_create_many() */
};

/** Bytes beyond what the process held before. */
struct peak {
  size_t heap;     /**< asked for by the library: exact, through its allocator callbacks */
  size_t kept;     /**< of that, what the results hold after the call, the views left out */
  size_t resident; /**< in memory by the system's account: thread stacks, the allocator's slack; 0: unknown */
};

struct peak peak_of_call(const struct layer_set *set, enum peak_call call, int threads);

#endif /* KLDSEL_BENCH_PEAK_H */
