/* SPDX-License-Identifier: BSD-3-Clause */
/* Options SIGNS and CONTENT: whatever a profile holds is, bit for bit, what one that holds everything has. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "forms.h"
#include "layers.h"
#include "support.h"

enum {
  MOST_SIGNS = 2 + 4 + 8 + 16,
  MOST_CONTENT = 7
};

static const int32_t threads[] = {1, 3};

/* ---- parts of profiles ---- */

static void check_part(const kldsel_tensor *tensor, const kldsel_profile *whole, int32_t signs,
                       int32_t content, const char *what) {
  set_int(KLDSEL_OPTION_SIGNS, signs);
  set_int(KLDSEL_OPTION_CONTENT, content);
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= test_highest_level(); level++)
    for (size_t t = test_quick() ? 1 : 0; t < COUNT(threads); t++) {
      set_int(KLDSEL_OPTION_CPU_LEVEL, level);
      set_int(KLDSEL_OPTION_THREADS, threads[t]);
      kldsel_profile *part = profile_of(tensor);
      char where[160];
      snprintf(where, sizeof where, "%s, level %d, %d threads", what, level, threads[t]);
      assert_part(part, whole, signs, content, where);
      kldsel_profile_free(part);
    }
}

/* Every mask, or every step-th, against the profile that holds everything. */
static void check_parts(const kldsel_tensor *tensor, int32_t step, const char *what) {
  set_int(KLDSEL_OPTION_SIGNS, 0);
  set_int(KLDSEL_OPTION_CONTENT, 0);
  set_int(KLDSEL_OPTION_CPU_LEVEL, KLDSEL_CPU_LEVEL_BASELINE);
  set_int(KLDSEL_OPTION_THREADS, 1);
  kldsel_profile *whole = profile_of(tensor);
  int32_t mask = 0;
  for (int32_t signs = 0; signs <= MOST_SIGNS; signs += 2)
    for (int32_t content = 0; content <= MOST_CONTENT; content++, mask++)
      if (mask % step == 0) check_part(tensor, whole, signs, content, what);
  kldsel_profile_free(whole);
}

/* Lines and filters that are no multiple of a vector, of four lines, of a block of sixteen or of a tile of
 * 1024; one filter, two filters, one weight. */
static const struct shape shapes[] = {
    {1, 1, 1},  {1, 3, 7},   {2, 1, 1},    {2, 2, 4},    {3, 5, 9},    {16, 1, 8},
    {17, 3, 3}, {33, 1, 31}, {5, 1, 1030}, {1027, 2, 3}, {1024, 1, 4}, {4, 4, 256},
};

START_TEST(parts_of_every_form) {
  int32_t dtype = 1 + _i;
  for (size_t s = 0; s < COUNT(shapes); s += test_quick() ? 5 : 1) {
    void *buffer = random_weights(2 * shape_weights(&shapes[s]), dtype, 201 + s);
    for (int form = 0; form < FORMS; form++)
      for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
        kldsel_tensor *tensor = form_view(buffer, &shapes[s], dtype, (enum form)form);
        set_int(KLDSEL_OPTION_GRANULARITY, granularity);
        char what[96];
        snprintf(what, sizeof what, "%lldx%lldx%lld, dtype %d, form %d, granularity %d",
                 (long long)shapes[s].filters, (long long)shapes[s].channels, (long long)shapes[s].kernel,
                 dtype, form, granularity);
        /* 11 and 23 have no factor in common with the eight contents: all masks have their turn. */
        check_parts(tensor, test_quick() ? 23 : shape_weights(&shapes[s]) > 1000 ? 11 : 1, what);
        kldsel_tensor_free(tensor);
      }
    free(buffer);
  }
}
END_TEST

/* Enough weights for several chunks, which threads share. */
START_TEST(parts_of_large_layers) {
  static const struct shape large[] = {{100, 3000, 1}, {600, 501, 1}};
  for (size_t s = 0; s < COUNT(large) && !(test_quick() && s > 0); s++)
    for (int form = 0; form < FORMS; form++) {
      int32_t dtype = 1 + (form + (int)s) % KLDSEL_DTYPE_BF16;
      void *buffer = random_weights(2 * shape_weights(&large[s]), dtype, 211 + s);
      kldsel_tensor *tensor = form_view(buffer, &large[s], dtype, (enum form)form);
      check_parts(tensor, test_quick() ? 63 : 13, "large");
      kldsel_tensor_free(tensor);
      free(buffer);
    }
}
END_TEST

/* Squares that overflow or vanish take another walk; zeros have no norm. */
START_TEST(parts_of_extreme_layers) {
  struct layer layer = layer_create((enum pattern)_i, 19, 3, 7, 221);
  kldsel_tensor *rows = layer_view(&layer), *columns = NULL;
  assert_ok(kldsel_tensor_view(layer.weights, (size_t)(19 * 21) * sizeof *layer.weights, KLDSEL_DTYPE_F64, 3,
                               (const int64_t[]){7, 3, 19}, KLDSEL_LAYOUT_HWIO, test_options, &columns));
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    check_parts(rows, test_quick() ? 23 : 1, layer.name);
    check_parts(columns, test_quick() ? 23 : 1, layer.name);
  }
  kldsel_tensor_free(rows);
  kldsel_tensor_free(columns);
  layer_free(&layer);
}
END_TEST

static size_t allocations_of(double first, int32_t content) {
  const double weights[] = {first, -2, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  set_int(KLDSEL_OPTION_CONTENT, content);
  atomic_store(&test_memory.calls, 0);
  kldsel_profile_free(profile_of(tensor));
  size_t calls = atomic_load(&test_memory.calls);
  kldsel_tensor_free(tensor);
  return calls;
}

/* Another walk takes scratch of its own; counts need no squares, and so no other walk. */
START_TEST(counts_of_extreme_weights_take_one_walk) {
  ck_assert_uint_eq(allocations_of(1e200, KLDSEL_CONTENT_COUNTS), allocations_of(1, KLDSEL_CONTENT_COUNTS));
  ck_assert_uint_gt(allocations_of(1e200, KLDSEL_CONTENT_MEANS), allocations_of(1, KLDSEL_CONTENT_MEANS));
}
END_TEST

START_TEST(parts_of_pairs_and_within) {
  for (int64_t filters = 1; filters <= 9; filters += 4) {
    struct layer layer = layer_create(PATTERN_TRAINED, filters, 2, 5, 231);
    kldsel_tensor *tensor = layer_view(&layer);
    for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
      for (int32_t distribution = 1; distribution <= KLDSEL_DISTRIBUTION_PAIRS; distribution++)
        for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_WITHIN;
             reference += 4) {
          set_int(KLDSEL_OPTION_GRANULARITY, granularity);
          set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
          set_int(KLDSEL_OPTION_REFERENCE, reference);
          check_parts(tensor, test_quick() ? 23 : 1, layer.name);
        }
    kldsel_tensor_free(tensor);
    layer_free(&layer);
  }
}
END_TEST

/* Many at once, of unlike shapes, are as one by one. */
START_TEST(parts_of_many_at_once) {
  kldsel_tensor *tensors[COUNT(shapes)];
  kldsel_profile *whole[COUNT(shapes)], *parts[COUNT(shapes)];
  void *buffers[COUNT(shapes)];
  for (size_t s = 0; s < COUNT(shapes); s++) {
    int32_t dtype = 1 + (int32_t)s % KLDSEL_DTYPE_I8;
    buffers[s] = random_weights(2 * shape_weights(&shapes[s]), dtype, 241 + s);
    tensors[s] = form_view(buffers[s], &shapes[s], dtype, (enum form)(s % FORMS));
    whole[s] = profile_of(tensors[s]);
  }
  for (int32_t signs = 0; signs <= MOST_SIGNS; signs += test_quick() ? 10 : 2)
    for (int32_t content = 0; content <= MOST_CONTENT; content++) {
      set_int(KLDSEL_OPTION_SIGNS, signs);
      set_int(KLDSEL_OPTION_CONTENT, content);
      assert_ok(kldsel_profile_create_many(tensors, COUNT(shapes), test_options, parts));
      for (size_t s = 0; s < COUNT(shapes); s++) {
        assert_part(parts[s], whole[s], signs, content, "many");
        kldsel_profile_free(parts[s]);
      }
    }
  for (size_t s = 0; s < COUNT(shapes); s++) {
    kldsel_profile_free(whole[s]);
    kldsel_tensor_free(tensors[s]);
    free(buffers[s]);
  }
}
END_TEST

/* ---- what is not held is not read ---- */

static const double weights[] = {1, -2, 3, 4, -5, 0.5};

static kldsel_profile *part_of_three(int32_t signs, int32_t content) {
  kldsel_tensor *tensor = matrix_view(weights, 3, 2);
  set_int(KLDSEL_OPTION_SIGNS, signs);
  set_int(KLDSEL_OPTION_CONTENT, content);
  kldsel_profile *part = profile_of(tensor);
  kldsel_tensor_free(tensor);
  return part;
}

START_TEST(values_that_are_not_held) {
  for (int32_t content = 1; content <= MOST_CONTENT; content++) {
    kldsel_profile *part = part_of_three(1 << KLDSEL_SIGN_POSITIVE, content);
    ck_assert_int_eq(kldsel_profile_filters(part), 3);
    ck_assert_int_eq(kldsel_profile_elements(part), 2);
    for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
      double values[3];
      size_t length = SIZE_MAX;
      poison(values, sizeof values);
      assert_ok(kldsel_profile_length(part, sign, &length));
      if (sign == KLDSEL_SIGN_POSITIVE && (content & KLDSEL_CONTENT_VALUES)) {
        ck_assert_uint_eq(length, 3);
        assert_ok(kldsel_profile_values(part, sign, values, 3));
        continue;
      }
      ck_assert_uint_eq(length, 0);
      assert_ok(kldsel_profile_values(part, sign, NULL, 0));
      assert_error(kldsel_profile_values(part, sign, values, 3), KLDSEL_ERROR_MISMATCH,
                   "count is 3; the profile has 0 values");
      assert_poisoned(values, sizeof values);
    }
    kldsel_profile_free(part);
  }
}
END_TEST

/* The message of a ranking of {whole, part}, or of it by {NULL, part} as given; NULL where it must succeed.
 */
static void assert_missing(kldsel_profile *part, bool as_given, const char *message) {
  kldsel_profile *whole = part_of_three(0, 0);
  kldsel_profile *profiles[] = {whole, as_given ? whole : part}, *given[] = {NULL, part};
  kldsel_ranking *ranking = NULL;
  if (message == NULL) {
    assert_ok(kldsel_rank_profiles(profiles, 2, as_given ? given : NULL, NULL, test_options, &ranking));
    kldsel_ranking_free(ranking);
  } else {
    assert_no_handle(
        kldsel_ranking,
        kldsel_rank_profiles(profiles, 2, as_given ? given : NULL, NULL, test_options, &POISONED),
        KLDSEL_ERROR_MISSING, message);
  }
  kldsel_profile_free(whole);
}

/* Every part for every measure, sign and reference: it serves, or the message says what it has not. */
START_TEST(rankings_that_miss_something) {
  static const char *const no_sign[] = {NULL, "all", "positive", "negative", "positive-negative"};
  for (int32_t signs = 2; signs <= MOST_SIGNS; signs += 2)
    for (int32_t content = 1; content <= MOST_CONTENT; content++) {
      kldsel_profile *part = part_of_three(signs, content);
      int32_t held = content & KLDSEL_CONTENT_VALUES ? content | KLDSEL_CONTENT_MEANS : content;
      for (int32_t measure = KLDSEL_MEASURE_COSINE; measure <= KLDSEL_MEASURE_SHARE; measure++)
        for (int32_t sign = KLDSEL_SIGN_ALL; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++)
          for (int32_t reference = 1; reference <= KLDSEL_REFERENCE_GIVEN; reference++) {
            bool share = measure == KLDSEL_MEASURE_SHARE, kl = measure == KLDSEL_MEASURE_KL;
            bool given = reference == KLDSEL_REFERENCE_GIVEN;
            if (share && sign != KLDSEL_SIGN_POSITIVE && sign != KLDSEL_SIGN_NEGATIVE) continue;
            if (kl && reference == KLDSEL_REFERENCE_WITHIN) continue;
            set_int(KLDSEL_OPTION_MEASURE, measure);
            set_int(KLDSEL_OPTION_SIGN, sign);
            set_int(KLDSEL_OPTION_REFERENCE, reference);
            int32_t needed = share ? KLDSEL_CONTENT_COUNTS
                             : kl  ? KLDSEL_CONTENT_VALUES
                                   : KLDSEL_CONTENT_MEANS;
            const char *name = kl && given ? "given" : "profiles";
            char message[96];
            snprintf(message, sizeof message, "%s[1] holds no %s; make it with them in CONTENT", name,
                     share ? "counts"
                     : kl  ? "values"
                           : "means");
            bool missing = !(held & needed);
            if (!share && !(signs >> sign & 1)) {
              missing = true;
              snprintf(message, sizeof message, "%s[1] holds nothing of sign %s; make it with that in SIGNS",
                       name, no_sign[sign]);
            }
            assert_missing(part, kl && given, missing ? message : NULL);
            /* Other measures do not read what is given. */
            if (!kl && given) assert_missing(part, true, NULL);
          }
      kldsel_profile_free(part);
    }
}
END_TEST

/* The divergence within needs the sign, but no content. */
START_TEST(within_that_misses_a_sign) {
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  kldsel_profile *part = part_of_three(1 << KLDSEL_SIGN_NEGATIVE, KLDSEL_CONTENT_COUNTS);
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_NEGATIVE);
  assert_missing(part, false, NULL);
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
  assert_missing(part, false, "profiles[1] holds nothing of sign all; make it with that in SIGNS");
  kldsel_profile_free(part);
}
END_TEST

/* The first profile is looked at, too. */
START_TEST(a_first_profile_that_misses_something) {
  kldsel_profile *whole = part_of_three(0, 0);
  kldsel_profile *profiles[] = {part_of_three(1 << KLDSEL_SIGN_ALL, KLDSEL_CONTENT_COUNTS), whole};
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_ALL);
  assert_no_handle(kldsel_ranking, kldsel_rank_profiles(profiles, 2, NULL, NULL, test_options, &POISONED),
                   KLDSEL_ERROR_MISSING, "profiles[0] holds no values; make it with them in CONTENT");
  set_int(KLDSEL_OPTION_SIGN, KLDSEL_SIGN_NEGATIVE);
  assert_no_handle(kldsel_ranking, kldsel_rank_profiles(profiles, 2, NULL, NULL, test_options, &POISONED),
                   KLDSEL_ERROR_MISSING,
                   "profiles[0] holds nothing of sign negative; make it with that in SIGNS");
  kldsel_profile_free(profiles[0]);
  kldsel_profile_free(whole);
}
END_TEST

/* ---- weights that are not finite ---- */

/* However little is asked for, they are found. */
START_TEST(not_finite_whatever_is_held) {
  static const struct shape shape = {5, 3, 9};
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_BF16; dtype++) {
    void *buffer = random_weights(2 * shape_weights(&shape), dtype, 251);
    /* Weight [1, 2, 7] of each form. */
    static const size_t at[FORMS] = {(1 * 3 + 2) * 9 + 7, (7 * 3 + 2) * 5 + 1, 2 * ((1 * 3 + 2) * 9 + 7),
                                     2 * ((7 * 3 + 2) * 5 + 1)};
    for (int form = 0; form < FORMS; form++) {
      unsigned char before[8];
      void *element = (unsigned char *)buffer + at[form] * dtype_bytes(dtype);
      memcpy(before, element, dtype_bytes(dtype));
      store_not_finite(buffer, dtype, at[form], _i == 0 ? (double)NAN : _i == 1 ? HUGE_VAL : -HUGE_VAL);
      kldsel_tensor *tensor = form_view(buffer, &shape, dtype, (enum form)form);
      char message[64];
      snprintf(message, sizeof message, "tensor: weight at [%s] is %s", form % 2 == 0 ? "1, 2, 7" : "7, 2, 1",
               _i == 0   ? "nan"
               : _i == 1 ? "inf"
                         : "-inf");
      for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
        for (int32_t signs = 2; signs <= MOST_SIGNS; signs += 2)
          for (int32_t content = 1; content <= MOST_CONTENT; content++) {
            set_int(KLDSEL_OPTION_GRANULARITY, granularity);
            set_int(KLDSEL_OPTION_SIGNS, signs);
            set_int(KLDSEL_OPTION_CONTENT, content);
            assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                             KLDSEL_ERROR_NOT_FINITE, message);
          }
      kldsel_tensor_free(tensor);
      memcpy(element, before, dtype_bytes(dtype));
    }
    free(buffer);
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("content");
  TCase *tests = add_case(suite, "parts");
  tcase_add_loop_test(tests, parts_of_every_form, 0, KLDSEL_DTYPE_I8);
  tcase_add_test(tests, parts_of_large_layers);
  tcase_add_loop_test(tests, parts_of_extreme_layers, PATTERN_TRAINED, PATTERN_COUNT);
  tcase_add_test(tests, counts_of_extreme_weights_take_one_walk);
  tcase_add_test(tests, parts_of_pairs_and_within);
  tcase_add_test(tests, parts_of_many_at_once);
  tests = add_case(suite, "what is not held");
  tcase_add_test(tests, values_that_are_not_held);
  tcase_add_test(tests, rankings_that_miss_something);
  tcase_add_test(tests, within_that_misses_a_sign);
  tcase_add_test(tests, a_first_profile_that_misses_something);
  tcase_add_loop_test(tests, not_finite_whatever_is_held, 0, 3);
  return suite;
}
