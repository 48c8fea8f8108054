/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays that claim to be exported profiles: refused, or the same array again, and safe to rank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

enum {
  MOST_DOUBLES = 80,
  MOST_PROFILES = 3,
  MOST_MEMORY = 1 << 20
};

/* A profile that is in order, now and then with a few numbers changed; or numbers of any kind. */
static size_t take_array(struct input *input, double *values) {
  size_t n = 0;
  if (take_below(input, 8)) {
    double weights[24];
    int64_t filters = 1 + (int64_t)take_below(input, 4), elements = 1 + (int64_t)take_below(input, 6);
    for (size_t i = 0; i < COUNT(weights); i++) weights[i] = (double)take_below(input, 16) - 8;
    kldsel_tensor *tensor = matrix_view(weights, filters, elements);
    kldsel_profile *profile = NULL;
    set_int(KLDSEL_OPTION_THREADS, 1);
    if (attempt(kldsel_profile_create(tensor, test_options, &profile)))
      ck_assert(attempt(kldsel_profile_export(profile, values, MOST_DOUBLES, &n)));
    kldsel_profile_free(profile);
    kldsel_tensor_free(tensor);
    for (size_t changes = take_below(input, 4); changes > 0 && n > 0; changes--) {
      size_t at = take_below(input, n);
      values[at] = take_double(input);
    }
    if (take_below(input, 8) == 7) n = take_below(input, MOST_DOUBLES);
  } else {
    n = take_below(input, MOST_DOUBLES);
    for (size_t i = 0; i < n; i++) values[i] = take_double(input);
  }
  return n;
}

/* What was taken must come out again, bit for bit (a NaN is a NaN). */
static void check_export(const kldsel_profile *profile, const double *values, size_t n) {
  size_t length = 0;
  ck_assert(attempt(kldsel_profile_export(profile, NULL, 0, &length)));
  ck_assert_uint_eq(length, n);
  double *again = malloc(n * sizeof *again + 1);
  ck_assert_ptr_nonnull(again);
  ck_assert(attempt(kldsel_profile_export(profile, again, n, &length)));
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(isnan(values[i]) ? isnan(again[i]) : again[i] == values[i], "number %zu is %a, not %a", i,
                  again[i], values[i]);
  free(again);
}

static kldsel_profile *import(const double *values, size_t n) {
  /* In memory of its own, so that a look behind its end is seen. */
  double *array = malloc(n * sizeof *array + 1);
  ck_assert_ptr_nonnull(array);
  memcpy(array, values, n * sizeof *array);
  kldsel_profile *profile;
  poison(&profile, sizeof profile);
  if (attempt(kldsel_profile_import(array, n, test_options, &profile))) {
    check_export(profile, values, n);
  } else {
    assert_poisoned(&profile, sizeof profile);
    profile = NULL;
  }
  free(array);
  return profile;
}

static void check_ranking(kldsel_ranking *ranking, size_t count) {
  ck_assert_uint_eq(kldsel_ranking_size(ranking), count);
  for (size_t l = 0; l < count; l++) {
    double score = 0;
    int64_t rank = -1;
    int32_t selected = -1, reason = -1;
    ck_assert(attempt(kldsel_ranking_layer(ranking, l, &score, &rank, &selected, &reason)));
    ck_assert(isnan(score) == (reason != KLDSEL_REASON_NONE));
    ck_assert(rank >= 0 && (size_t)rank < count && (selected == 0 || selected == 1));
  }
  kldsel_ranking_free(ranking);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input input = {bytes, size};
  start_options();
  test_memory.limit = MOST_MEMORY;
  take_options(&input);
  kldsel_profile *profiles[MOST_PROFILES];
  size_t count = 0;
  for (size_t n = 1 + take_below(&input, MOST_PROFILES); n > 0; n--) {
    double values[MOST_DOUBLES];
    kldsel_profile *profile = import(values, take_array(&input, values));
    if (profile != NULL) profiles[count++] = profile;
  }
  take_options(&input);
  int32_t groups[MOST_PROFILES];
  for (size_t l = 0; l < MOST_PROFILES; l++) groups[l] = (int32_t)take_below(&input, 2);
  kldsel_profile *const *given = take_below(&input, 2) ? profiles : NULL;
  kldsel_ranking *ranking;
  poison(&ranking, sizeof ranking);
  if (attempt(kldsel_rank_profiles(profiles, count, given, take_below(&input, 2) ? groups : NULL,
                                   test_options, &ranking)))
    check_ranking(ranking, count);
  else
    assert_poisoned(&ranking, sizeof ranking);
  for (size_t l = 0; l < count; l++) kldsel_profile_free(profiles[l]);
  end_options();
  return 0;
}
