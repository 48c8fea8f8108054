/* SPDX-License-Identifier: BSD-3-Clause */
#include "compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "tolerance.h"

/* Where fields of an exported array lie, see kldsel_profile_export(). */
enum {
  AT_FORMAT = 1,
  AT_DISTRIBUTION = 5,
  AT_POSITIVE = 7,
  AT_NEGATIVE = 8,
  AT_MEAN = 9,
  AT_WITHIN = 13,
  EXPORT_HEADER = 17,
  SIGNS = 4,
  EVERY_SIGN = 2 + 4 + 8 + 16
};

kldsel_profile *layer_profile(const struct layer *layer) {
  kldsel_tensor *tensor = layer_view(layer);
  kldsel_profile *profile = profile_of(tensor);
  kldsel_tensor_free(tensor);
  return profile;
}

double *exported(const kldsel_profile *profile, size_t *length) {
  assert_ok(kldsel_profile_export(profile, NULL, 0, length));
  double *values = malloc(*length * sizeof *values);
  ck_assert_ptr_nonnull(values);
  assert_ok(kldsel_profile_export(profile, values, *length, length));
  return values;
}

double *similarities_of(const kldsel_profile *profile, int32_t sign, size_t *n) {
  assert_ok(kldsel_profile_length(profile, sign, n));
  double *values = calloc(*n + 1, sizeof *values);
  ck_assert_ptr_nonnull(values);
  assert_ok(kldsel_profile_values(profile, sign, values, *n));
  return values;
}

size_t export_offset(const kldsel_profile *profile, int32_t sign) {
  size_t offset = EXPORT_HEADER;
  for (int32_t before = 1; before < sign; before++) {
    size_t n = 0;
    assert_ok(kldsel_profile_length(profile, before, &n));
    offset += n;
  }
  return offset;
}

void assert_same_doubles(const double *a, const double *b, size_t n, const char *what) {
  for (size_t i = 0; i < n; i++)
    if (memcmp(&a[i], &b[i], sizeof *a) != 0)
      ck_abort_msg("%s: number %zu of %zu is %a here, %a there", what, i, n, a[i], b[i]);
}

bool profiles_are_recorded(void) {
  return getenv("KLDSEL_TEST_PROFILES") != NULL;
}

void record_profile(const kldsel_profile *profile, const char *what) {
  if (!profiles_are_recorded()) return;
  const char *path = getenv("KLDSEL_TEST_PROFILES");
  size_t n = 0;
  double *values = exported(profile, &n);
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, &values[i], sizeof bits);
    /* The lowest byte first on every processor. */
    for (int shift = 0; shift < 64; shift += 8)
      hash = (hash ^ (bits >> shift & 0xFF)) * UINT64_C(0x100000001b3);
  }
  free(values);
  FILE *file = fopen(path, "a");
  ck_assert_msg(file, "cannot write %s", path);
  fprintf(file, "%s: %016" PRIx64 "\n", what, hash);
  ck_assert_int_eq(fclose(file), 0);
}

void assert_same_profile(const kldsel_profile *a, const kldsel_profile *b, const char *what) {
  size_t n_a = 0, n_b = 0;
  double *values_a = exported(a, &n_a), *values_b = exported(b, &n_b);
  ck_assert_uint_eq(n_a, n_b);
  assert_same_doubles(values_a, values_b, n_a, what);
  free(values_a);
  free(values_b);
}

/* What the part's array must be. */
static double *export_of_part(const kldsel_profile *whole, int32_t signs, int32_t content, size_t *length) {
  double *from = exported(whole, length), *part = malloc((*length + 2) * sizeof *part);
  ck_assert_ptr_nonnull(part);
  for (int i = 0; i < EXPORT_HEADER; i++) part[i] = from[i];
  size_t at = EXPORT_HEADER;
  if (signs != EVERY_SIGN ||
      content != (KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS | KLDSEL_CONTENT_COUNTS)) {
    part[AT_FORMAT] = 2;
    part[at++] = signs;
    part[at++] = content;
  }
  if (!(content & KLDSEL_CONTENT_COUNTS)) part[AT_POSITIVE] = part[AT_NEGATIVE] = 0;
  for (int32_t sign = 1; sign <= SIGNS; sign++) {
    bool held = signs >> sign & 1;
    if (!held || !(content & KLDSEL_CONTENT_MEANS)) part[AT_MEAN + sign - 1] = nan("");
    if (!held) part[AT_WITHIN + sign - 1] = nan("");
    size_t n = 0, offset = export_offset(whole, sign);
    assert_ok(kldsel_profile_length(whole, sign, &n));
    if (!held || !(content & KLDSEL_CONTENT_VALUES)) continue;
    for (size_t i = 0; i < n; i++) part[at++] = from[offset + i];
  }
  free(from);
  *length = at;
  return part;
}

void assert_part(const kldsel_profile *part, const kldsel_profile *whole, int32_t signs, int32_t content,
                 const char *what) {
  if (signs == 0) signs = EVERY_SIGN;
  if (content == 0) content = KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_COUNTS;
  if (content & KLDSEL_CONTENT_VALUES) content |= KLDSEL_CONTENT_MEANS;
  size_t n = 0, n_want = 0;
  double *got = exported(part, &n), *want = export_of_part(whole, signs, content, &n_want);
  ck_assert_msg(n == n_want, "%s, signs %d, content %d: %zu numbers, not %zu", what, signs, content, n,
                n_want);
  bool pairs = want[AT_DISTRIBUTION] == KLDSEL_DISTRIBUTION_PAIRS;
  for (size_t i = 0; i < n; i++) {
    bool by_blas = (i >= AT_WITHIN && i < EXPORT_HEADER) || (pairs && i >= EXPORT_HEADER);
    bool same = isnan(want[i]) ? isnan(got[i]) : memcmp(&got[i], &want[i], sizeof *got) == 0;
    if (!same && !(by_blas && fabs(got[i] - want[i]) <= 1e-12))
      ck_abort_msg("%s, signs %d, content %d: number %zu of %zu is %a, not %a", what, signs, content, i, n,
                   got[i], want[i]);
  }
  free(got);
  free(want);
}

void rank_scores(kldsel_profile *const *profiles, size_t count, kldsel_profile *const *given,
                 const int32_t *groups, double *scores, int64_t *order) {
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(profiles, count, given, groups, test_options, &ranking));
  ck_assert_uint_eq(kldsel_ranking_size(ranking), count);
  for (size_t l = 0; l < count; l++)
    assert_ok(kldsel_ranking_layer(ranking, l, &scores[l], NULL, NULL, NULL));
  if (order) assert_ok(kldsel_ranking_order(ranking, order, count));
  kldsel_ranking_free(ranking);
}

/* The score of one profile alone. */
static double score_alone(const kldsel_profile *profile, int32_t measure, int32_t sign) {
  set_int(KLDSEL_OPTION_MEASURE, measure);
  set_int(KLDSEL_OPTION_SIGN, sign);
  kldsel_profile *one = (kldsel_profile *)(uintptr_t)profile;
  double score = nan("");
  rank_scores(&one, 1, NULL, NULL, &score, NULL);
  return score;
}

static void assert_close_scores(const kldsel_profile *a, const kldsel_profile *b, int32_t measure,
                                int32_t sign, double bound, const char *what) {
  double score_a = score_alone(a, measure, sign), score_b = score_alone(b, measure, sign);
  ck_assert_msg(fabs(score_a - score_b) <= bound,
                "%s: measure %d, sign %d: %.17g and %.17g, %.2e apart of %.2e", what, measure, sign, score_a,
                score_b, fabs(score_a - score_b), bound);
}

void assert_close_profiles(const struct layer *layer, int32_t granularity, const kldsel_profile *a,
                           const kldsel_profile *b, const int64_t *order, const char *what) {
  /* Each profile may be off by the bound. One rounding of every weight moves an element of a unit row by
   * 2 u, a cosine's sum by 4 u of its magnitudes: less than the bound once more, which is 16 u at least. */
  enum {
    BOUNDS = 3
  };
  for (int32_t sign = KLDSEL_SIGN_ALL; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
    size_t n = 0;
    double *values_a = similarities_of(a, sign, &n), *values_b = similarities_of(b, sign, &n);
    struct similarity_bounds bounds =
        bound_similarities(layer, sign, granularity, KLDSEL_DISTRIBUTION_PROFILE, values_a, n);
    for (size_t i = 0; i < n; i++) {
      double apart = fabs(values_a[order ? (size_t)order[i] : i] - values_b[i]);
      ck_assert_msg(apart <= BOUNDS * bounds.value, "%s: sign %d, filter %zu: %.2e apart of %.2e", what, sign,
                    i, apart, BOUNDS * bounds.value);
    }
    double flat = 0;
    double kl_bound = bound_divergence(values_a, n, BOUNDS * bounds.value, &flat, 1, 0, 1);
    assert_close_scores(a, b, KLDSEL_MEASURE_COSINE, sign, BOUNDS * bounds.mean, what);
    assert_close_scores(a, b, KLDSEL_MEASURE_KL, sign, BOUNDS * kl_bound, what);
    if (sign == KLDSEL_SIGN_POSITIVE || sign == KLDSEL_SIGN_NEGATIVE)
      assert_close_scores(a, b, KLDSEL_MEASURE_SHARE, sign, 0, what);
    free(values_a);
    free(values_b);
  }
}
