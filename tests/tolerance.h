/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file tolerance.h
 * @brief How far a right evaluation in double may lie from the definition.
 *
 * **Similarities.** u = 2^-53 is the rounding unit; hats are rows divided by their norm. A norm is good to
 * (K/2 + 2) u, so an element of x^ to (K/2 + 3) u; s_k = sum_j y^_jk adds M roundings, <x^_i, s> another K.
 * In any order of summation, therefore,
 *
 *     |error of c_i| <= d u A_i / (M-1),   A_i = sum_k |x^_ik| sum_j |y^_jk|,   d = 2K + 2M + 16,
 *
 * to first order; the 16 is for the last steps and for the second order. The same d serves the mean, of
 * pairs too, as (<s_x, s_y> - sum_i C[i][i]) / (M(M-1)), with the mean of the A_i. For the signs positive,
 * negative and positive-negative no sum cancels, A_i is |sum_j C[i][j]|, and this is a bound on the relative
 * error but for the diagonal; for `all`, A_i is the condition of the sum. A cosine of the matrix itself has
 * the bound d u sum_k |x^_ik| |y^_jk|, which is d u |C| if no sum cancels, and at most d u.
 *
 * Roundings of ordinary weights do not all point one way: n of them add up to more than lambda sqrt(n) u
 * with probability at most 2 exp(-lambda^2 / 2) (Higham and Mary, SIAM J. Sci. Comput. 41, 2019). So layers
 * marked ordinary are held to min(d, 6 sqrt(d)), and every layer to d u <= 1e-12.
 *
 * **Divergences.** Let v = c / temperature be off by at most e_a in a and e_b in b, d = ln(p_a / p_b). Along
 * the line from v to the perturbed v the derivatives of KL(a || b) are
 *
 *     first:   Cov_a(error_a, d) - E_a(error_b) + E_b(error_b)
 *     second:  Var_a(error_a) + E_a((error_a - mean)^2 (d - KL)) - 2 Cov_a(error_a, error_b)
 *              + Var_b(error_b)
 *
 * (Cov_a, E_a under p_a), so that with R = max d - min d
 *
 *     |error of KL| <= e_a E_a|d - KL| + e_b |p_a - p_b|_1
 *                      + (e_a^2 (1 + R + 2 e_a + 2 e_b) + 2 e_a e_b + e_b^2) / 2.
 *
 * E_a|d - KL| and |p_a - p_b|_1 are about sqrt(2 KL): small divergences are known less well than the c they
 * come from, however they are computed. Forming d rounds by at most 4 u (max |v_a| + max |v_b|), which acts
 * as an error of b. Summing n terms that are >= 0 adds (n + 32) u KL, at most 1e-12 KL. The definition
 * itself sums terms of up to 64 in magnitude, with 113 bits: another 64 (n + 32) 2^-113.
 *
 * **One sum for all others.** The mean over other layers in linear time is E_l(c_l - S) - z_l + Z with S and
 * Z the means over the others: terms of second order in the spread s = (max c - min c) / temperature, not in
 * how little two layers differ. With p_l = 1 + e_l, E_1|e_l| <= min(expm1(s), 2); c, S and their difference
 * are at most 2 s, z and Z at most s min(expm1(s), 2); each is off by at most 2 u of that: 16 u s
 * min(expm1(s), 2) in all. What centring leaves of the mean of c, at most u / temperature, is of first order:
 * another 16 u of that. Only layers that are almost alike feel it.
 */
#ifndef KLDSEL_TESTS_TOLERANCE_H
#define KLDSEL_TESTS_TOLERANCE_H

#include <stddef.h>
#include <stdint.h>

#include "layers.h"

/** Bounds on the absolute errors of a layer's similarities. */
struct similarity_bounds {
  double value; /**< of each c_i, or of each pair */
  double mean;  /**< of the weight correlation */
};

/** Bounds for n similarities: the profile, or the pairs, of a layer with two filters or more. */
struct similarity_bounds bound_similarities(const struct layer *layer, int32_t sign, int32_t granularity,
                                            int32_t distribution, const double *values, size_t n);

/** Bound on the error of KL(a || b) where a and b are known to within e_a and e_b; all three are divided
 * by the temperature first. The lists are read as step functions: sorted for quantile alignment, as they are,
 * and of one length, for alignment by index. */
double bound_divergence(const double *a, size_t n_a, double e_a, const double *b, size_t n_b, double e_b,
                        double temperature);

/** Bound on what the linear-time mean over other layers adds, for similarities of that spread. */
double bound_shared_sum(double spread, double temperature);

/** Bound on the error of the mean divergence of pairs of rows of a matrix [M, M] known to within e. */
double bound_within(const double *matrix, int64_t filters, double e, double temperature);

#endif /* KLDSEL_TESTS_TOLERANCE_H */
