/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file placement.h
 * @brief A processor for each thread of the benchmark's worker.
 */
#ifndef KLDSEL_BENCH_PLACEMENT_H
#define KLDSEL_BENCH_PLACEMENT_H

/** Keeps the calling thread on the first processor; those that it or a library starts go to the others, in
 * turn. */
void place_first_thread(void);

#endif
