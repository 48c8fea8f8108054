/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file pairwise.h
 * @brief kldsel_pairwise_cosine() beside the BLAS's own product of a matrix with itself.
 */
#ifndef KLDSEL_BENCH_PAIRWISE_H
#define KLDSEL_BENCH_PAIRWISE_H

#include <stdint.h>

/** Core type that the BLAS chose; empty without OpenBLAS. */
const char *blas_core(void);

/**
 * Times both in turn on M x K weights, f32 for the cosine and the same as f64 for dsyrk.
 * @param[out] cosine seconds of each round
 * @param[out] syrk   the same; -1 without OpenBLAS
 */
void time_pairwise(int64_t filters, int64_t elements, int threads, int rounds, double *cosine, double *syrk);

#endif /* KLDSEL_BENCH_PAIRWISE_H */
