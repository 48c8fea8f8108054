/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file compare.h
 * @brief Profiles and rankings compared, to the bit or to the bounds of tolerance.h.
 */
#ifndef KLDSEL_TESTS_COMPARE_H
#define KLDSEL_TESTS_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "layers.h"

/** Profile of a layer with test_options. */
kldsel_profile *layer_profile(const struct layer *layer);

/** A profile's exported array; give it back with free(). */
double *exported(const kldsel_profile *profile, size_t *length);

/** A profile's similarities of one sign; give them back with free(). */
double *similarities_of(const kldsel_profile *profile, int32_t sign, size_t *n);

/** Where a sign's similarities start in an exported array. */
size_t export_offset(const kldsel_profile *profile, int32_t sign);

/** Asserts that two profiles are the same in every bit. */
void assert_same_profile(const kldsel_profile *a, const kldsel_profile *b, const char *what);

/** True where KLDSEL_TEST_PROFILES is set. */
bool profiles_are_recorded(void);

/** With KLDSEL_TEST_PROFILES set, appends a line to that file: @p what, and a hash of the exported profile.
 * Machines that write the same file have made the same profiles. */
void record_profile(const kldsel_profile *profile, const char *what);

/** Asserts that a profile is the part of a whole one that these options SIGNS and CONTENT leave (0: all of
 * it), in every bit, and holds nothing else. Pairs and divergences within agree to 1e-12, as BLAS promises.
 */
void assert_part(const kldsel_profile *part, const kldsel_profile *whole, int32_t signs, int32_t content,
                 const char *what);

/** Asserts that two profiles of the same layer agree: b's filter i is a's filter order[i] (NULL: i), and its
 * weights are those of a, each off by one rounding at most. Similarities, and the scores of cosine, kl
 * (uniform) and share, of all signs. Granularity as told; distribution profile. */
void assert_close_profiles(const struct layer *layer, int32_t granularity, const kldsel_profile *a,
                           const kldsel_profile *b, const int64_t *order, const char *what);

/** Ranks profiles with test_options and writes their scores, and their order if not NULL. */
void rank_scores(kldsel_profile *const *profiles, size_t count, kldsel_profile *const *given,
                 const int32_t *groups, double *scores, int64_t *order);

/** Asserts that two arrays of doubles have the same bits. */
void assert_same_doubles(const double *a, const double *b, size_t n, const char *what);

#endif /* KLDSEL_TESTS_COMPARE_H */
