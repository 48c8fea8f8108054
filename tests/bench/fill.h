/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file fill.h
 * @brief Seeded weights of any size, made fast: the same on every machine.
 */
#ifndef KLDSEL_BENCH_FILL_H
#define KLDSEL_BENCH_FILL_H

#include <stddef.h>
#include <stdint.h>

/**
 * Writes a layer of f32, f16 or bf16 weights: bell-shaped noise and a part that all filters have in common,
 * so that cosines are not those of noise alone.
 * @param weights room for @p count elements of @p dtype
 * @param period  elements per filter, where filters follow one another
 */
void fill_weights(void *weights, int32_t dtype, size_t count, size_t period, uint64_t seed);

/** Bytes of an element of f32, f16 or bf16. */
size_t fill_bytes(int32_t dtype);

#endif /* KLDSEL_BENCH_FILL_H */
