/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles as plain arrays: what is written, and that nothing else is read. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

enum {
  HEAD = 17,
  MOST = 64
};

/* Four filters of two weights: profile 4 * 4 values, pairs 3 * 6 + 12. */
static const double weights[] = {1, -1, 3, 4, -1, 1, 2, 0};

static size_t export(int32_t distribution, int32_t reference, double *values) {
  kldsel_tensor *tensor = matrix_view(weights, 4, 2);
  set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
  set_int(KLDSEL_OPTION_REFERENCE, reference);
  kldsel_profile *profile = profile_of(tensor);
  size_t length = 0;
  assert_ok(kldsel_profile_export(profile, values, MOST, &length));
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
  return length;
}

START_TEST(layout_of_the_array) {
  /* (1, -1) and (-1, 1): opposite, P0 on N1 and the other way round. */
  static const double two[] = {1, -1, -1, 1};
  kldsel_tensor *tensor = matrix_view(two, 2, 2);
  kldsel_profile *profile = profile_of(tensor);
  double values[HEAD + 8 + 1];
  size_t length = 0;
  poison(values, sizeof values);
  assert_ok(kldsel_profile_export(profile, values, HEAD + 8, &length));
  ck_assert_uint_eq(length, HEAD + 8);
  static const double head[] = {1802265715, 1, 2, 2, 1, 1, 0, 2, 2, -1, 0, 0, -1};
  for (size_t i = 0; i < COUNT(head); i++)
    ck_assert_msg(fabs(values[i] - head[i]) <= 4 * DBL_EPSILON, "field %zu is %.17g", i, values[i]);
  for (int i = 0; i < 9; i++) ck_assert_msg(values[i] == head[i], "field %d is %.17g", i, values[i]);
  for (int i = 13; i < HEAD; i++) ck_assert_msg(isnan(values[i]), "field %d is %g", i, values[i]);
  static const double similarities[] = {-1, -1, 0, 0, 0, 0, -1, -1};
  for (int i = 0; i < 8; i++) ck_assert_double_le(fabs(values[HEAD + i] - similarities[i]), 4 * DBL_EPSILON);
  assert_poisoned(values + HEAD + 8, sizeof *values);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(there_and_back) {
  for (int32_t distribution = 1; distribution <= 2; distribution++)
    for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_WITHIN; reference += 4) {
      double values[MOST], again[MOST];
      size_t length = export(distribution, reference, values), again_length = 0;
      ck_assert_uint_eq(length, HEAD + (distribution == 1 ? 16U : 30U));
      kldsel_profile *profile = NULL;
      assert_ok(kldsel_profile_import(values, length, test_options, &profile));
      assert_ok(kldsel_profile_export(profile, again, MOST, &again_length));
      ck_assert_uint_eq(again_length, length);
      ck_assert_mem_eq(values, again, length * sizeof *values);
      ck_assert_int_eq(kldsel_profile_filters(profile), 4);
      ck_assert_int_eq(kldsel_profile_elements(profile), 2);
      double c[12];
      size_t count = 0;
      assert_ok(kldsel_profile_length(profile, KLDSEL_SIGN_POSITIVE_NEGATIVE, &count));
      assert_ok(kldsel_profile_values(profile, KLDSEL_SIGN_POSITIVE_NEGATIVE, c, count));
      ck_assert_mem_eq(c, values + length - count, count * sizeof *c);
      kldsel_profile_free(profile);
    }
}
END_TEST

/* What the library makes itself it must take back, though parallel rows can come out just above 1. */
START_TEST(own_exports_are_in_range) {
  enum {
    ROWS = 3,
    MOST_COLUMNS = 40
  };
  for (int columns = 1; columns <= MOST_COLUMNS; columns += test_quick() ? 7 : 1)
    for (int32_t granularity = 1; granularity <= 2; granularity++)
      for (int32_t distribution = 1; distribution <= 2; distribution++) {
        double rows[ROWS * MOST_COLUMNS], values[MOST];
        for (int r = 0; r < ROWS; r++)
          for (int c = 0; c < columns; c++)
            rows[r * columns + c] = (r == 1 ? -0.7 : 1 + r) * (0.1 + sin(c + columns));
        kldsel_tensor *tensor = view(rows, 3, (const int64_t[]){ROWS, columns, 1});
        set_int(KLDSEL_OPTION_GRANULARITY, granularity);
        set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
        kldsel_profile *profile = profile_of(tensor), *again = NULL;
        size_t length = 0;
        assert_ok(kldsel_profile_export(profile, values, MOST, &length));
        assert_ok(kldsel_profile_import(values, length, test_options, &again));
        kldsel_profile_free(again);
        kldsel_profile_free(profile);
        kldsel_tensor_free(tensor);
      }
}
END_TEST

START_TEST(the_length_can_be_asked_for) {
  kldsel_tensor *tensor = matrix_view(weights, 4, 2);
  kldsel_profile *profile = profile_of(tensor);
  size_t length = 0;
  assert_ok(kldsel_profile_export(profile, NULL, 0, &length));
  ck_assert_uint_eq(length, HEAD + 16);
  double values[HEAD + 16];
  poison(values, sizeof values);
  length = 0;
  assert_ok(kldsel_profile_export(profile, values, 0, &length));
  ck_assert_uint_eq(length, HEAD + 16);
  assert_poisoned(values, sizeof values);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(export_refuses) {
  kldsel_tensor *tensor = matrix_view(weights, 4, 2);
  kldsel_profile *profile = profile_of(tensor);
  double values[HEAD + 16];
  size_t length;
  poison(values, sizeof values);
  poison(&length, sizeof length);
  assert_error(kldsel_profile_export(NULL, values, 33, &length), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profile is NULL");
  assert_error(kldsel_profile_export(profile, NULL, 33, &length), KLDSEL_ERROR_INVALID_ARGUMENT,
               "values is NULL");
  assert_error(kldsel_profile_export(profile, values, 32, &length), KLDSEL_ERROR_MISMATCH,
               "capacity is 32; the profile needs 33");
  assert_error(kldsel_profile_export(profile, values, 1, &length), KLDSEL_ERROR_MISMATCH,
               "capacity is 1; the profile needs 33");
  assert_poisoned(&length, sizeof length);
  assert_error(kldsel_profile_export(profile, values, 33, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "length is NULL");
  assert_poisoned(values, sizeof values);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

/* ---- every field corrupted in turn ---- */

/* A message that a bad value at a place must give: it names the place and the value. */
static void assert_corrupt(const double *values, size_t length, size_t at, double bad,
                           kldsel_status expected) {
  double copy[MOST];
  for (size_t i = 0; i < length; i++) copy[i] = values[i];
  copy[at] = bad;
  kldsel_profile *profile;
  poison(&profile, sizeof profile);
  size_t live = atomic_load(&test_memory.live);
  mark_error();
  kldsel_status status = kldsel_profile_import(copy, length, test_options, &profile);
  const char *error = kldsel_last_error();
  ck_assert_msg(status == expected, "values[%zu] = %g: got %s: %s; expected %s", at, bad,
                kldsel_status_name(status), error, kldsel_status_name(expected));
  assert_poisoned(&profile, sizeof profile);
  ck_assert_uint_eq(atomic_load(&test_memory.live), live);
  char place[32], value[32];
  snprintf(place, sizeof place, "values[%zu]", at);
  snprintf(value, sizeof value, "%.17g", bad);
  if (expected == KLDSEL_ERROR_INVALID_ARGUMENT)
    ck_assert_msg(strstr(error, place) && strstr(error, value), "values[%zu] = %g: message is: %s", at, bad,
                  error);
}

START_TEST(every_field_corrupted) {
  static const struct {
    size_t at;
    double bad[8];
    size_t count;
  } fields[] = {
      {0, {0, 1802265714, 1802265716, -1802265715, (double)NAN, HUGE_VAL}, 6},
      {1, {0, 3, 1.5, -1, (double)NAN, HUGE_VAL}, 6},
      {2, {0, -1, -4, 3.5, 4.000001, (double)NAN, HUGE_VAL, -HUGE_VAL}, 8},
      {3, {0, -1, 1.5, (double)NAN, HUGE_VAL, -HUGE_VAL}, 6},
      {4, {0, 3, -1, 1.5, (double)NAN, HUGE_VAL}, 6},
      {5, {0, 3, -1, 1.5, (double)NAN, HUGE_VAL}, 6},
      {6, {-1, (double)NAN, HUGE_VAL, -HUGE_VAL}, 4},
      {7, {-1, 0.5, 9, (double)NAN, HUGE_VAL}, 5},
      {8, {-1, 0.5, 9, (double)NAN, HUGE_VAL}, 5},
      {9, {-1.125, 1.125, (double)NAN, HUGE_VAL, -HUGE_VAL}, 5},
      {10, {-0.125, 1.125, (double)NAN, HUGE_VAL, -HUGE_VAL}, 5},
      {11, {-0.125, 1.125, (double)NAN, HUGE_VAL, -HUGE_VAL}, 5},
      {12, {-1.125, 0.125, (double)NAN, HUGE_VAL, -HUGE_VAL}, 5},
  };
  for (int32_t distribution = 1; distribution <= 2; distribution++)
    for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_WITHIN; reference += 4) {
      double values[MOST];
      size_t length = export(distribution, reference, values);
      for (size_t f = 0; f < COUNT(fields); f++)
        for (size_t i = 0; i < fields[f].count; i++)
          assert_corrupt(values, length, fields[f].at, fields[f].bad[i], KLDSEL_ERROR_INVALID_ARGUMENT);
      /* Divergences within: all or none, and none below 0. */
      for (size_t at = 13; at < HEAD; at++) {
        if (reference == KLDSEL_REFERENCE_WITHIN)
          assert_corrupt(values, length, at, nan(""), KLDSEL_ERROR_INVALID_ARGUMENT);
        else
          assert_corrupt(values, length, at, 0.5, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, at, -0.5, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, at, -HUGE_VAL, KLDSEL_ERROR_INVALID_ARGUMENT);
      }
      if (reference == KLDSEL_REFERENCE_WITHIN) {
        assert_corrupt(values, length, 6, 1e-301, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, 6, 1e301, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, 6, nextafter(1e-300, 0), KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, 6, nextafter(1e300, HUGE_VAL), KLDSEL_ERROR_INVALID_ARGUMENT);
      }
      /* Similarities: within the range of their sign. */
      size_t per_sign = distribution == 1 ? 4 : 6;
      for (size_t at = HEAD; at < length; at++) {
        size_t sign = at < HEAD + 3 * per_sign ? (at - HEAD) / per_sign + 1 : 4;
        double low = nextafter(sign == 2 || sign == 3 ? 0 : -1, -2), high = nextafter(sign == 4 ? 0 : 1, 2);
        assert_corrupt(values, length, at, nan(""), KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, at, HUGE_VAL, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, at, -HUGE_VAL, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, at, low, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_corrupt(values, length, at, high, KLDSEL_ERROR_INVALID_ARGUMENT);
      }
    }
}
END_TEST

/* What lies on a bound is in range. */
START_TEST(temperatures_on_their_bounds) {
  static const double bounds[] = {1e-300, 1e300};
  double values[MOST], again[MOST];
  size_t length = export(KLDSEL_DISTRIBUTION_PROFILE, KLDSEL_REFERENCE_WITHIN, values);
  for (size_t i = 0; i < COUNT(bounds); i++) {
    kldsel_profile *profile = NULL;
    values[6] = bounds[i];
    assert_ok(kldsel_profile_import(values, length, test_options, &profile));
    assert_ok(kldsel_profile_export(profile, again, length, &length));
    ck_assert_mem_eq(again, values, length * sizeof *values);
    kldsel_profile_free(profile);
  }
}
END_TEST

/* ---- format 2: parts of profiles ---- */

enum {
  PART_HEAD = HEAD + 2,
  EVERY_SIGN = 2 + 4 + 8 + 16
};

static size_t export_part(int32_t signs, int32_t content, int32_t distribution, int32_t reference,
                          double *values) {
  set_int(KLDSEL_OPTION_SIGNS, signs);
  set_int(KLDSEL_OPTION_CONTENT, content);
  size_t length = export(distribution, reference, values);
  set_int(KLDSEL_OPTION_SIGNS, 0);
  set_int(KLDSEL_OPTION_CONTENT, 0);
  return length;
}

START_TEST(layout_of_a_part) {
  double values[MOST], whole[MOST];
  export(1, KLDSEL_REFERENCE_UNIFORM, whole);
  /* Sign negative alone, without counts; the means come with the values. */
  size_t length = export_part(8, KLDSEL_CONTENT_VALUES, 1, KLDSEL_REFERENCE_UNIFORM, values);
  ck_assert_uint_eq(length, PART_HEAD + 4);
  static const double head[] = {1802265715, 2, 4, 2, 1, 1, 0, 0, 0};
  for (size_t i = 0; i < COUNT(head); i++)
    ck_assert_msg(values[i] == head[i], "field %zu is %.17g", i, values[i]);
  for (size_t at = COUNT(head); at < HEAD; at++)
    ck_assert_msg(at == 11 ? values[at] == whole[at] : isnan(values[at]), "field %zu is %g", at, values[at]);
  ck_assert_double_eq(values[HEAD], 8);
  ck_assert_double_eq(values[HEAD + 1], KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS);
  ck_assert_mem_eq(values + PART_HEAD, whole + HEAD + 8, 4 * sizeof *values);
}
END_TEST

START_TEST(parts_there_and_back) {
  for (int32_t distribution = 1; distribution <= 2; distribution++)
    for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_WITHIN; reference += 4)
      for (int32_t signs = 2; signs <= EVERY_SIGN; signs += 2)
        for (int32_t content = 1; content <= 7; content++) {
          double values[MOST], again[MOST];
          size_t length = export_part(signs, content, distribution, reference, values), again_length = 0;
          kldsel_profile *profile = NULL;
          assert_ok(kldsel_profile_import(values, length, test_options, &profile));
          assert_ok(kldsel_profile_export(profile, again, MOST, &again_length));
          ck_assert_uint_eq(again_length, length);
          ck_assert_mem_eq(values, again, length * sizeof *values);
          poison(again, sizeof again);
          ck_assert_int_eq(kldsel_profile_export(profile, again, length - 1, &again_length),
                           KLDSEL_ERROR_MISMATCH);
          assert_poisoned(again, sizeof again);
          kldsel_profile_free(profile);
        }
}
END_TEST

/* Every field of every part: what format 1 refuses, what the part does not hold, and the masks. */
static void corrupt_part(int32_t signs, int32_t content, int32_t distribution, int32_t reference) {
  double values[MOST];
  size_t length = export_part(signs, content, distribution, reference, values), at = PART_HEAD;
  const kldsel_status invalid = KLDSEL_ERROR_INVALID_ARGUMENT;
  bool has_values = content & KLDSEL_CONTENT_VALUES,
       has_means = has_values || (content & KLDSEL_CONTENT_MEANS);
  static const double never[] = {-1, 0.5, (double)NAN, HUGE_VAL, -HUGE_VAL};
  for (size_t i = 0; i < COUNT(never); i++) {
    for (size_t field = 0; field <= 8; field++)
      /* A temperature of 0.5 is one; then it is the divergences within that are wrong. */
      if (field != 6 || never[i] != 0.5) assert_corrupt(values, length, field, never[i], invalid);
    assert_corrupt(values, length, HEAD, never[i], invalid);
    assert_corrupt(values, length, HEAD + 1, never[i], invalid);
  }
  assert_corrupt(values, length, 7, 9, invalid);
  if (!(content & KLDSEL_CONTENT_COUNTS)) {
    assert_corrupt(values, length, 7, 1, invalid);
    assert_corrupt(values, length, 8, 1, invalid);
  }
  for (size_t sign = 1; sign <= 4; sign++) {
    bool held = (signs >> sign & 1) != 0, within = held && reference == KLDSEL_REFERENCE_WITHIN;
    double low = nextafter(sign == 2 || sign == 3 ? 0 : -1, -2), high = nextafter(sign == 4 ? 0 : 1, 2);
    assert_corrupt(values, length, 8 + sign, held && has_means ? nan("") : 0, invalid);
    assert_corrupt(values, length, 8 + sign, low, invalid);
    assert_corrupt(values, length, 8 + sign, high, invalid);
    assert_corrupt(values, length, 12 + sign, within ? nan("") : 0.5, invalid);
    assert_corrupt(values, length, 12 + sign, -0.5, invalid);
    size_t n = !held || !has_values ? 0 : distribution == 1 ? 4 : sign == 4 ? 12 : 6;
    for (size_t i = 0; i < n; i++, at++) {
      assert_corrupt(values, length, at, nan(""), invalid);
      assert_corrupt(values, length, at, low, invalid);
      assert_corrupt(values, length, at, high, invalid);
    }
  }
  ck_assert_uint_eq(at, length);
  /* Masks of what is none, of everything, of values without means; other masks have other lengths. */
  static const double no_signs[] = {0, 1, 3, 5, 29, 31, 32}, no_content[] = {0, 1, 5, 8};
  for (size_t i = 0; i < COUNT(no_signs); i++) assert_corrupt(values, length, HEAD, no_signs[i], invalid);
  for (size_t i = 0; i < COUNT(no_content); i++)
    assert_corrupt(values, length, HEAD + 1, no_content[i], invalid);
  for (int32_t other = 2; other <= EVERY_SIGN && has_values && distribution == 1; other += 2)
    if (__builtin_popcount((unsigned)other) != __builtin_popcount((unsigned)signs) &&
        (other != EVERY_SIGN || !(content & KLDSEL_CONTENT_COUNTS)))
      assert_corrupt(values, length, HEAD, other, KLDSEL_ERROR_MISMATCH);
  /* As format 1 the masks would be values, and too few or out of range. */
  assert_corrupt(values, length, 1, 1, KLDSEL_ERROR_MISMATCH);
  for (size_t shorter = 0; shorter < length; shorter++) {
    kldsel_profile *profile;
    poison(&profile, sizeof profile);
    ck_assert_int_eq(kldsel_profile_import(values, shorter, test_options, &profile), KLDSEL_ERROR_MISMATCH);
    assert_poisoned(&profile, sizeof profile);
  }
}

START_TEST(every_field_of_a_part_corrupted) {
  for (int32_t distribution = 1; distribution <= 2; distribution++)
    for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_WITHIN; reference += 4)
      for (int32_t signs = 2; signs <= EVERY_SIGN; signs += 2)
        for (int32_t content = 1; content <= 7; content++)
          if (signs != EVERY_SIGN || (content != 5 && content != 7))
            corrupt_part(signs, content, distribution, reference);
}
END_TEST

START_TEST(parts_that_are_none) {
  double values[MOST];
  size_t length = export_part(EVERY_SIGN, KLDSEL_CONTENT_MEANS | KLDSEL_CONTENT_COUNTS, 1,
                              KLDSEL_REFERENCE_UNIFORM, values);
  ck_assert_uint_eq(length, PART_HEAD);
#define PART_REFUSED(status, message)                                                                        \
  assert_no_handle(kldsel_profile, kldsel_profile_import(values, length, test_options, &POISONED), status,   \
                   message)
  values[HEAD + 1] = 7;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT,
               "values[1] (format) is 2, but the profile holds everything, which is format 1");
  values[HEAD + 1] = 5;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "values[18] (content) is 5: values go with means");
  values[HEAD + 1] = 1;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "values[18] (content) is 1: values go with means");
  values[HEAD + 1] = 0;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "values[18] (content) is 0; must be an integer from 1 to 7");
  values[HEAD + 1] = 6;
  values[HEAD] = 7;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "values[17] (signs) is 7; must be a sum of 2, 4, 8 and 16");
  values[HEAD] = 32;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "values[17] (signs) is 32; must be an integer from 2 to 30");
  values[HEAD] = EVERY_SIGN;
  values[HEAD + 1] = 2;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT,
               "values[7] (positive weights) is 5; must be 0, as the profile has none");
  values[7] = 0;
  PART_REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT,
               "values[8] (negative weights) is 2; must be 0, as the profile has none");
  values[8] = 0;
  length--;
  PART_REFUSED(KLDSEL_ERROR_MISMATCH, "length is 18; a profile of format 2 has 19 at least");
  length = PART_HEAD + 1;
  values[PART_HEAD] = 0;
  PART_REFUSED(KLDSEL_ERROR_MISMATCH, "length is 20; a profile of 4 filters has 19");
#undef PART_REFUSED
}
END_TEST

/* A layer of one filter has neither means nor divergences. */
START_TEST(fields_that_a_single_filter_has_not) {
  kldsel_tensor *tensor = matrix_view(weights, 1, 8);
  double values[HEAD];
  size_t length = 0;
  static const int32_t references[] = {KLDSEL_REFERENCE_WITHIN, KLDSEL_REFERENCE_UNIFORM};
  for (size_t r = 0; r < COUNT(references); r++) {
    set_int(KLDSEL_OPTION_REFERENCE, references[r]);
    kldsel_profile *profile = profile_of(tensor);
    assert_ok(kldsel_profile_export(profile, values, HEAD, &length));
    kldsel_profile_free(profile);
    assert_ok(kldsel_profile_import(values, length, test_options, &profile));
    kldsel_profile_free(profile);
  }
  kldsel_tensor_free(tensor);
  for (size_t at = 9; at < HEAD; at++) assert_corrupt(values, length, at, 0, KLDSEL_ERROR_INVALID_ARGUMENT);
}
END_TEST

START_TEST(counts_must_fit_together) {
  double values[MOST];
  size_t length = export(1, KLDSEL_REFERENCE_UNIFORM, values);
  /* Five positive and two negative of eight weights. */
  ck_assert_double_eq(values[7], 5);
  ck_assert_double_eq(values[8], 2);
  assert_corrupt(values, length, 8, 4, KLDSEL_ERROR_INVALID_ARGUMENT);
  values[7] = 7;
  assert_corrupt(values, length, 8, 2, KLDSEL_ERROR_INVALID_ARGUMENT);
  values[7] = 6;
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_profile_import(values, length, test_options, &profile));
  kldsel_profile_free(profile);
}
END_TEST

START_TEST(lengths_must_fit) {
  double values[MOST];
  size_t length = export(1, KLDSEL_REFERENCE_UNIFORM, values);
  for (size_t i = length; i < MOST; i++) values[i] = 0;
  for (size_t other = 0; other < MOST; other++) {
    if (other == length) continue;
    kldsel_profile *profile;
    poison(&profile, sizeof profile);
    ck_assert_int_eq(kldsel_profile_import(values, other, test_options, &profile), KLDSEL_ERROR_MISMATCH);
    assert_poisoned(&profile, sizeof profile);
  }
  /* The other distribution needs other lengths, and so do other filter counts, be there enough weights. */
  values[7] = values[8] = 1;
  assert_corrupt(values, length, 5, 2, KLDSEL_ERROR_MISMATCH);
  static const double filters[] = {1, 2, 3, 5, 1e6, 0x1p50, 0x1p53};
  for (size_t i = 0; i < COUNT(filters); i++)
    assert_corrupt(values, length, 2, filters[i],
                   filters[i] > UINT32_MAX ? KLDSEL_ERROR_TOO_LARGE : KLDSEL_ERROR_MISMATCH);
  assert_no_handle(kldsel_profile, kldsel_profile_import(values, length - 1, test_options, &POISONED),
                   KLDSEL_ERROR_MISMATCH, "length is 32; a profile of 4 filters has 33");
  assert_no_handle(kldsel_profile, kldsel_profile_import(values, 16, test_options, &POISONED),
                   KLDSEL_ERROR_MISMATCH, "length is 16; a profile has 17 at least");
}
END_TEST

START_TEST(sizes_must_be_countable) {
  double values[MOST];
  /* Doubles hold integers up to 2^53. */
  size_t length = export(1, KLDSEL_REFERENCE_UNIFORM, values);
  assert_corrupt(values, length, 2, 0x1p54, KLDSEL_ERROR_INVALID_ARGUMENT);
  assert_corrupt(values, length, 3, 0x1p54, KLDSEL_ERROR_INVALID_ARGUMENT);
  /* The number of pairs must not overflow on the way to being told wrong. */
  length = export(2, KLDSEL_REFERENCE_UNIFORM, values);
  assert_corrupt(values, length, 2, 0x1p50, KLDSEL_ERROR_TOO_LARGE);
}
END_TEST

START_TEST(import_refuses) {
  double values[MOST];
  size_t length = export(1, KLDSEL_REFERENCE_UNIFORM, values);
  assert_no_handle(kldsel_profile, kldsel_profile_import(NULL, length, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "values is NULL");
  assert_error(kldsel_profile_import(values, length, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profile is NULL");
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_profile_import(values, length, NULL, &profile));
  kldsel_profile_free(profile);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("transfer");
  TCase *tests = add_case(suite, "export");
  tcase_add_test(tests, layout_of_the_array);
  tcase_add_test(tests, the_length_can_be_asked_for);
  tcase_add_test(tests, export_refuses);
  tests = add_case(suite, "import");
  tcase_add_test(tests, there_and_back);
  tcase_add_test(tests, own_exports_are_in_range);
  tcase_add_test(tests, every_field_corrupted);
  tcase_add_test(tests, temperatures_on_their_bounds);
  tcase_add_test(tests, fields_that_a_single_filter_has_not);
  tcase_add_test(tests, counts_must_fit_together);
  tcase_add_test(tests, lengths_must_fit);
  tcase_add_test(tests, sizes_must_be_countable);
  tcase_add_test(tests, import_refuses);
  tests = add_case(suite, "parts");
  tcase_add_test(tests, layout_of_a_part);
  tcase_add_test(tests, parts_there_and_back);
  tcase_add_test(tests, every_field_of_a_part_corrupted);
  tcase_add_test(tests, parts_that_are_none);
  return suite;
}
