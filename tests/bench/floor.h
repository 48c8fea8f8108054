/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file floor.h
 * @brief The floor of the measurements: reading every weight once, as fast as the machine allows.
 */
#ifndef KLDSEL_BENCH_FLOOR_H
#define KLDSEL_BENCH_FLOOR_H

#include <stddef.h>
#include <stdint.h>

enum {
  MOST_THREADS = 64
};

/**
 * Sums the 32-bit words of a buffer (a last one that is not whole left out), which keeps the compiler from
 * dropping the reads, on so many threads, the calling one among them. As in a call of the library, the others
 * are started and joined. Exits if a thread cannot be started.
 */
uint32_t read_once(const void *data, size_t bytes, int threads);

#endif /* KLDSEL_BENCH_FLOOR_H */
