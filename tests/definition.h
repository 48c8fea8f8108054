/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file definition.h
 * @brief docs/method.md, evaluated literally in wide precision; shares no code with the library.
 *
 * Everything here follows the method's text word by word, with the M x M matrix and loops of up to M^3
 * steps, in a long double of 113 bits. That is the compiler's own where it has one; on x86-64 it is
 * binary128 in software, since the 64 bits of its long double are too few: KL(p || uniform) =
 * ln M - entropy(p) is about var(c) / 2, 1e-10 and less on near-equal filters, and the literal
 * difference of two numbers near 5 would keep 9 digits of it. (Valgrind, besides, computes a long double
 * in 53 bits.) 113 bits leave 20 digits, and 15 bits of exponent hold the square of any double.
 */
#ifndef KLDSEL_TESTS_DEFINITION_H
#define KLDSEL_TESTS_DEFINITION_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers.h"

#if LDBL_MANT_DIG >= 113
typedef long double wide;
#elif defined(__SIZEOF_FLOAT128__)
typedef __float128 wide;
#else
#error "the definition needs a floating-point type of 113 bits"
#endif

wide wide_exponential(wide x);
wide wide_logarithm(wide x);
wide wide_square_root(wide x);
wide wide_absolute(wide x);

/** C[i][j] = <x_i, y_j> / (|x_i| |y_j|), 0 where a row has zero norm; by kernel the mean of this over the
 * channels.
 * @param[out] matrix [M, M] */
void define_matrix(const struct layer *layer, int32_t sign, int32_t granularity, wide *matrix);

/** c_i = 1/(M-1) * sum over j != i of C[i][j].
 * @param[out] profile [M] */
void define_profile(const wide *matrix, int64_t filters, wide *profile);

/** All C[i][j] with i < j, for positive-negative all with i != j, row by row.
 * @param[out] pairs M(M-1)/2 or M(M-1) values
 * @return how many */
size_t define_pairs(const wide *matrix, int64_t filters, int32_t sign, wide *pairs);

/** Arithmetic mean of n values; weight correlation if they are a profile. */
wide define_mean(const wide *values, size_t n);

/** p_i = exp(v_i / t) / sum over j of exp(v_j / t). */
void define_softmax(const wide *values, size_t n, double temperature, wide *p);

/** ln n - entropy(p), entropy(p) = - sum p ln p. */
wide define_uniform(const wide *p, size_t n);

/** KL(p || q) = sum p ln(p / q), element by element. */
wide define_by_index(const wide *p, const wide *q, size_t n);

/** A list divided by the temperature, as a step function c(u) on [0, 1], descending; z = ln(mean(exp(c))). */
struct steps {
  size_t n;
  wide *c, *density; /**< c(u) and exp(c(u) - z), n steps each */
  wide z;
};

/** Give it back with steps_free(). */
struct steps define_steps(const wide *values, size_t n, double temperature);
void steps_free(struct steps *steps);

/** KL(a || b) = integral over [0, 1] of exp(c_a(u) - z_a) (c_a(u) - c_b(u)), less z_a, plus z_b. */
wide define_by_quantile(const struct steps *a, const struct steps *b);

/** Mean over ordered pairs of filters x != y of KL(row_x || row_y), the rows being the softmax of the rows
 * of C, diagonal kept. */
wide define_within(const wide *matrix, int64_t filters, double temperature);

/** Share of the layer's weights with a sign, positive or negative. */
wide define_share(const struct layer *layer, int32_t sign);

/** Two step functions on [0, 1] laid over each other: on piece s of the given width, a is its value number
 * in_a, b its value number in_b. */
struct overlay {
  size_t pieces;
  struct piece {
    wide width;
    size_t in_a, in_b;
  } * piece;
};

/** Merges the breakpoints 0, 1/n_a, ..., 1 and 0, 1/n_b, ..., 1. Give it back with free(overlay.piece). */
struct overlay overlay_create(size_t n_a, size_t n_b);

/** Fails the test if an allocation failed. (An assertion of Check, passed or not, is a write to a file.) */
void require_memory(bool allocated);

/** An array of n; give it back with free(). */
wide *wide_array(size_t n);

#endif /* KLDSEL_TESTS_DEFINITION_H */
