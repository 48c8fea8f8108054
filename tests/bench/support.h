/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file support.h
 * @brief What the benchmark's C files share: ending on errors, the clock, options.
 */
#ifndef KLDSEL_BENCH_SUPPORT_H
#define KLDSEL_BENCH_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "kldsel/kldsel.h"

/** Prints one line and ends the program. */
_Noreturn void fail(const char *what, const char *detail);

/** Ends the program with the library's message unless the status is OK. */
void check(kldsel_status status);

/** Memory on huge pages where the system has them, or the end of the program. */
void *take(size_t bytes);

/** Ends the use of what take() gave for so many bytes. */
void give_back(void *memory, size_t bytes);

/** Seconds on a clock that only goes forward. */
double now(void);

/** Seconds that this process has kept processors busy: what other processes do hardly shows. */
double spent(void);

/** Options for so many threads, their memory from malloc. */
kldsel_options *options_for(int threads);

/** Sets an integer option, or ends the program. */
void set_option(kldsel_options *options, int32_t key, int64_t value);

#endif /* KLDSEL_BENCH_SUPPORT_H */
