/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "support.h"

/* The table of the header, in numbers. 2^63 is INT64_MAX told as a double. */
static const struct {
  int32_t key, type;
  double lowest, highest;
} keys[] = {
    {100, 1, 0, 3},      {110, 1, 0, 4}, {120, 1, 0, 6},          {130, 1, 0, 2},    {140, 1, 0, 2},
    {150, 1, 0, 2},      {160, 1, 0, 2}, {170, 2, 1e-300, 1e300}, {180, 1, 0, 30},   {190, 1, 0, 7},
    {200, 1, 0, 0x1p63}, {210, 2, 0, 1}, {220, 1, 0, 0x1p63},     {300, 1, 0, 1024}, {310, 1, 0, 3},
};

START_TEST(bounds_are_as_documented) {
  for (size_t i = 0; i < COUNT(keys); i++) {
    int32_t type = 0;
    double lowest = nan(""), highest = nan("");
    assert_ok(kldsel_options_bounds(keys[i].key, &type, &lowest, &highest));
    ck_assert_msg(type == keys[i].type, "type of key %d is %d", keys[i].key, type);
    ck_assert_msg(lowest == keys[i].lowest, "lowest of key %d is %g", keys[i].key, lowest);
    ck_assert_msg(highest == keys[i].highest, "highest of key %d is %g", keys[i].key, highest);
    assert_ok(kldsel_options_bounds(keys[i].key, NULL, NULL, NULL));
    type = 0;
    assert_ok(kldsel_options_bounds(keys[i].key, &type, NULL, NULL));
    ck_assert_int_eq(type, keys[i].type);
    lowest = nan("");
    assert_ok(kldsel_options_bounds(keys[i].key, NULL, &lowest, NULL));
    ck_assert_double_eq(lowest, keys[i].lowest);
    highest = nan("");
    assert_ok(kldsel_options_bounds(keys[i].key, NULL, NULL, &highest));
    ck_assert_double_eq(highest, keys[i].highest);
  }
}
END_TEST

/* Every other number up to 1000 is no key; a new key must be added to the table above. */
START_TEST(no_other_keys) {
  for (int32_t key = -1; key <= 1000; key++) {
    bool known = false;
    for (size_t i = 0; i < COUNT(keys); i++) known = known || keys[i].key == key;
    struct {
      int32_t type;
      double lowest, highest;
    } out;
    poison(&out, sizeof out);
    if (!known) {
      ck_assert_int_eq(kldsel_options_bounds(key, &out.type, &out.lowest, &out.highest),
                       KLDSEL_ERROR_INVALID_ARGUMENT);
      assert_poisoned(&out, sizeof out);
      ck_assert_int_eq(kldsel_options_set_int(test_options, key, 0), KLDSEL_ERROR_INVALID_ARGUMENT);
      ck_assert_int_eq(kldsel_options_set_double(test_options, key, 0.5), KLDSEL_ERROR_INVALID_ARGUMENT);
    }
  }
  assert_error(kldsel_options_bounds(999, NULL, NULL, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "key 999 is not an option");
  assert_error(kldsel_options_set_int(test_options, INT32_MAX, 1), KLDSEL_ERROR_INVALID_ARGUMENT,
               "key 2147483647 is not an option");
  assert_error(kldsel_options_set_double(test_options, INT32_MIN, 1), KLDSEL_ERROR_INVALID_ARGUMENT,
               "key -2147483648 is not an option");
}
END_TEST

/* Bit 0 would stand for a sign 0. */
START_TEST(signs_are_a_mask) {
  for (int64_t mask = 2; mask <= 30; mask += 2) set_int(KLDSEL_OPTION_SIGNS, mask);
  assert_error(kldsel_options_set_int(test_options, KLDSEL_OPTION_SIGNS, 5), KLDSEL_ERROR_INVALID_ARGUMENT,
               "value of SIGNS is 5; must be a sum of 2, 4, 8 and 16");
}
END_TEST

START_TEST(bounds_hold) {
  for (size_t i = 0; i < COUNT(keys); i++) {
    int32_t key = keys[i].key;
    double highest = keys[i].highest;
    if (keys[i].type == KLDSEL_OPTION_TYPE_INT) {
      int64_t top = highest == 0x1p63 ? INT64_MAX : (int64_t)highest;
      set_int(key, 0);
      set_int(key, key == KLDSEL_OPTION_SIGNS ? 2 : 1);
      set_int(key, top);
      ck_assert_int_eq(kldsel_options_set_int(test_options, key, -1), KLDSEL_ERROR_INVALID_ARGUMENT);
      ck_assert_int_eq(kldsel_options_set_int(test_options, key, INT64_MIN), KLDSEL_ERROR_INVALID_ARGUMENT);
      if (top < INT64_MAX) {
        ck_assert_int_eq(kldsel_options_set_int(test_options, key, top + 1), KLDSEL_ERROR_INVALID_ARGUMENT);
        ck_assert_int_eq(kldsel_options_set_int(test_options, key, INT64_MAX), KLDSEL_ERROR_INVALID_ARGUMENT);
      }
    } else {
      set_double(key, keys[i].lowest);
      set_double(key, highest);
      double below = nextafter(keys[i].lowest, -HUGE_VAL), above = nextafter(highest, HUGE_VAL);
      ck_assert_int_eq(kldsel_options_set_double(test_options, key, below), KLDSEL_ERROR_INVALID_ARGUMENT);
      ck_assert_int_eq(kldsel_options_set_double(test_options, key, above), KLDSEL_ERROR_INVALID_ARGUMENT);
      ck_assert_int_eq(kldsel_options_set_double(test_options, key, -HUGE_VAL),
                       KLDSEL_ERROR_INVALID_ARGUMENT);
      ck_assert_int_eq(kldsel_options_set_double(test_options, key, HUGE_VAL), KLDSEL_ERROR_INVALID_ARGUMENT);
      ck_assert_int_eq(kldsel_options_set_double(test_options, key, nan("")), KLDSEL_ERROR_INVALID_ARGUMENT);
    }
  }
}
END_TEST

START_TEST(messages_name_key_and_value) {
  assert_error(kldsel_options_set_int(test_options, KLDSEL_OPTION_MEASURE, 4), KLDSEL_ERROR_INVALID_ARGUMENT,
               "value of MEASURE is 4; must be 0 to 3");
  assert_error(kldsel_options_set_int(test_options, KLDSEL_OPTION_THREADS, 1025),
               KLDSEL_ERROR_INVALID_ARGUMENT, "value of THREADS is 1025; must be 0 to 1024");
  assert_error(kldsel_options_set_int(test_options, KLDSEL_OPTION_SELECT_COUNT, -7),
               KLDSEL_ERROR_INVALID_ARGUMENT,
               "value of SELECT_COUNT is -7; must be 0 to 9223372036854775807");
  assert_error(kldsel_options_set_double(test_options, KLDSEL_OPTION_SELECT_SHARE, 1.5),
               KLDSEL_ERROR_INVALID_ARGUMENT, "value of SELECT_SHARE is 1.5; must be 0 to 1");
  assert_error(kldsel_options_set_double(test_options, KLDSEL_OPTION_TEMPERATURE, 0),
               KLDSEL_ERROR_INVALID_ARGUMENT,
               "value of TEMPERATURE is 0; must be 1e-300 to 1.0000000000000001e+300");
  assert_error(kldsel_options_set_double(test_options, KLDSEL_OPTION_TEMPERATURE, nan("")),
               KLDSEL_ERROR_INVALID_ARGUMENT,
               "value of TEMPERATURE is nan; must be 1e-300 to 1.0000000000000001e+300");
  assert_error(kldsel_options_set_int(test_options, KLDSEL_OPTION_TEMPERATURE, 1),
               KLDSEL_ERROR_INVALID_ARGUMENT, "key 170 (TEMPERATURE) takes a double, not an integer");
  assert_error(kldsel_options_set_double(test_options, KLDSEL_OPTION_MEASURE, 1),
               KLDSEL_ERROR_INVALID_ARGUMENT, "key 100 (MEASURE) takes an integer, not a double");
}
END_TEST

START_TEST(null_options) {
  assert_error(kldsel_options_set_int(NULL, KLDSEL_OPTION_MEASURE, 1), KLDSEL_ERROR_INVALID_ARGUMENT,
               "options is NULL");
  assert_error(kldsel_options_set_double(NULL, KLDSEL_OPTION_TEMPERATURE, 1), KLDSEL_ERROR_INVALID_ARGUMENT,
               "options is NULL");
  assert_error(kldsel_options_set_progress(NULL, NULL, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "options is NULL");
  kldsel_options_free(NULL);
}
END_TEST

START_TEST(create_wants_both_functions_or_none) {
  assert_no_handle(kldsel_options, kldsel_options_create(memory_allocate, NULL, &test_memory, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "release is NULL, but allocate is not");
  assert_no_handle(kldsel_options, kldsel_options_create(NULL, memory_release, &test_memory, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "allocate is NULL, but release is not");
  assert_error(kldsel_options_create(memory_allocate, memory_release, &test_memory, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, "options is NULL");
  kldsel_options *options = NULL;
  assert_ok(kldsel_options_create(NULL, NULL, NULL, &options));
  ck_assert_ptr_nonnull(options);
  kldsel_options_free(options);
}
END_TEST

/* A value that was refused must not have been taken: the share of all weights would be an error. */
START_TEST(a_refused_value_changes_nothing) {
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_HIGH);
  ck_assert_int_ne(kldsel_options_set_int(test_options, KLDSEL_OPTION_ORDER, 3), KLDSEL_OK);
  const double scores[] = {1, 2};
  int64_t order[2] = {-1, -1};
  assert_ok(kldsel_rank(scores, 2, NULL, NULL, test_options, order, NULL, NULL));
  ck_assert_int_eq(order[0], 1);
  ck_assert_int_eq(order[1], 0);
}
END_TEST

START_TEST(zero_gives_the_default_back) {
  const double scores[] = {1, 2};
  int64_t order[2] = {-1, -1};
  set_int(KLDSEL_OPTION_ORDER, KLDSEL_ORDER_HIGH);
  set_int(KLDSEL_OPTION_ORDER, 0);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 2);
  set_int(KLDSEL_OPTION_SELECT_COUNT, 0);
  int32_t selected[2] = {-1, -1};
  assert_ok(kldsel_rank(scores, 2, NULL, NULL, test_options, order, NULL, selected));
  ck_assert_int_eq(order[0], 0);
  ck_assert_int_eq(selected[0], 0);
  ck_assert_int_eq(selected[1], 0);
}
END_TEST

START_TEST(handles_outlive_their_options) {
  const double values[] = {1, 2, 3, 4};
  kldsel_options *options = NULL;
  kldsel_tensor *tensor = NULL, *copy = NULL;
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_options_create(memory_allocate, memory_release, &test_memory, &options));
  assert_ok(kldsel_tensor_view(values, sizeof values, KLDSEL_DTYPE_F64, 2, (const int64_t[]){2, 2}, 0,
                               options, &tensor));
  assert_ok(kldsel_tensor_copy(tensor, options, &copy));
  assert_ok(kldsel_profile_create(copy, options, &profile));
  kldsel_options_free(options);
  ck_assert_int_eq(kldsel_tensor_filters(tensor), 2);
  ck_assert_int_eq(kldsel_profile_filters(profile), 2);
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(copy);
  kldsel_profile_free(profile);
}
END_TEST

static int64_t effective(int32_t key) {
  int64_t value = -1;
  assert_ok(kldsel_options_get_int(test_options, key, &value));
  return value;
}

/* What was set comes back; what was not is what a ranking shows when it is set. */
START_TEST(what_calls_will_use) {
  static const int32_t measures[] = {KLDSEL_MEASURE_COSINE, KLDSEL_MEASURE_KL, KLDSEL_MEASURE_SHARE};
  const double scores[] = {2, 1, 3};
  for (size_t m = 0; m < COUNT(measures); m++)
    for (int32_t sign = 0; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
      set_int(KLDSEL_OPTION_MEASURE, measures[m]);
      set_int(KLDSEL_OPTION_SIGN, sign);
      set_int(KLDSEL_OPTION_ORDER, 0);
      int64_t by_default[3], by_value[3], order = effective(KLDSEL_OPTION_ORDER);
      assert_ok(kldsel_rank(scores, 3, NULL, NULL, test_options, by_default, NULL, NULL));
      set_int(KLDSEL_OPTION_ORDER, order);
      assert_ok(kldsel_rank(scores, 3, NULL, NULL, test_options, by_value, NULL, NULL));
      ck_assert_mem_eq(by_default, by_value, sizeof by_value);
      ck_assert_int_eq(by_value[0], order == KLDSEL_ORDER_LOW ? 1 : 2);
      int32_t default_sign =
          measures[m] == KLDSEL_MEASURE_SHARE ? KLDSEL_SIGN_POSITIVE : KLDSEL_SIGN_POSITIVE_NEGATIVE;
      ck_assert_int_eq(effective(KLDSEL_OPTION_SIGN), sign == 0 ? default_sign : sign);
      ck_assert_int_eq(effective(KLDSEL_OPTION_MEASURE), measures[m]);
    }
}
END_TEST

START_TEST(numbers_come_back) {
  static const int32_t numbers[] = {KLDSEL_OPTION_SELECT_COUNT, KLDSEL_OPTION_SELECT_PARAMETERS,
                                    KLDSEL_OPTION_THREADS};
  for (size_t i = 0; i < COUNT(numbers); i++)
    for (int64_t value = 3; value >= 1; value--) {
      set_int(numbers[i], value);
      ck_assert_int_eq(effective(numbers[i]), value);
    }
}
END_TEST

START_TEST(defaults_are_as_documented) {
  const struct {
    int32_t key;
    int64_t value;
  } defaults[] = {
      {KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_KL},
      {KLDSEL_OPTION_SIGN, KLDSEL_SIGN_POSITIVE_NEGATIVE},
      {KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_UNIFORM},
      {KLDSEL_OPTION_ORDER, KLDSEL_ORDER_LOW},
      {KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_FILTER},
      {KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PROFILE},
      {KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_QUANTILE},
      {KLDSEL_OPTION_SIGNS, 2 + 4 + 8 + 16},
      {KLDSEL_OPTION_CONTENT, 1 + 2 + 4},
      {KLDSEL_OPTION_SELECT_COUNT, 0},
      {KLDSEL_OPTION_SELECT_PARAMETERS, 0},
      {KLDSEL_OPTION_THREADS, 0},
      {KLDSEL_OPTION_CPU_LEVEL, kldsel_cpu_level()},
  };
  set_int(KLDSEL_OPTION_CPU_LEVEL, 0); /* where tests begin with another */
  for (size_t i = 0; i < COUNT(defaults); i++) {
    int64_t value = -1;
    assert_ok(kldsel_options_get_int(NULL, defaults[i].key, &value));
    ck_assert_int_eq(value, defaults[i].value);
    ck_assert_int_eq(effective(defaults[i].key), defaults[i].value);
    /* As far as it is no default of "none", setting it is setting what is there. */
    set_int(defaults[i].key, defaults[i].value);
    ck_assert_int_eq(effective(defaults[i].key), defaults[i].value);
  }
  set_int(KLDSEL_OPTION_CONTENT, KLDSEL_CONTENT_VALUES);
  ck_assert_int_eq(effective(KLDSEL_OPTION_CONTENT), KLDSEL_CONTENT_VALUES + KLDSEL_CONTENT_MEANS);
  double value = -1;
  assert_ok(kldsel_options_get_double(NULL, KLDSEL_OPTION_TEMPERATURE, &value));
  ck_assert_double_eq(value, 1);
  set_double(KLDSEL_OPTION_SELECT_SHARE, 0.25);
  assert_ok(kldsel_options_get_double(test_options, KLDSEL_OPTION_SELECT_SHARE, &value));
  ck_assert_double_eq(value, 0.25);
}
END_TEST

START_TEST(getters_refuse) {
  int64_t value = 77;
  double real = 77;
  assert_error(kldsel_options_get_int(NULL, 5, &value), KLDSEL_ERROR_INVALID_ARGUMENT,
               "key 5 is not an option");
  assert_error(kldsel_options_get_int(NULL, KLDSEL_OPTION_TEMPERATURE, &value), KLDSEL_ERROR_INVALID_ARGUMENT,
               "key 170 (TEMPERATURE) takes a double, not an integer");
  assert_error(kldsel_options_get_double(NULL, KLDSEL_OPTION_SIGN, &real), KLDSEL_ERROR_INVALID_ARGUMENT,
               "key 110 (SIGN) takes an integer, not a double");
  assert_error(kldsel_options_get_int(NULL, KLDSEL_OPTION_SIGN, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "value is NULL");
  assert_error(kldsel_options_get_double(NULL, KLDSEL_OPTION_TEMPERATURE, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, "value is NULL");
  ck_assert(value == 77 && real == 77);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("options");
  TCase *tests = add_case(suite, "options");
  tcase_add_test(tests, bounds_are_as_documented);
  tcase_add_test(tests, no_other_keys);
  tcase_add_test(tests, signs_are_a_mask);
  tcase_add_test(tests, bounds_hold);
  tcase_add_test(tests, messages_name_key_and_value);
  tcase_add_test(tests, null_options);
  tcase_add_test(tests, create_wants_both_functions_or_none);
  tcase_add_test(tests, a_refused_value_changes_nothing);
  tcase_add_test(tests, zero_gives_the_default_back);
  tcase_add_test(tests, handles_outlive_their_options);
  tcase_add_test(tests, what_calls_will_use);
  tcase_add_test(tests, numbers_come_back);
  tcase_add_test(tests, defaults_are_as_documented);
  tcase_add_test(tests, getters_refuse);
  return suite;
}
