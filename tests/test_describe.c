/* SPDX-License-Identifier: BSD-3-Clause */
/* How a tensor lies in memory, and that it tells when it is freed; how a profile was made. */
#include "support.h"

struct described {
  const void *data;
  int32_t dtype, quantized, rank;
  int64_t shape[KLDSEL_MAX_RANK], strides_bytes[KLDSEL_MAX_RANK];
  uint32_t filter_axes, channel_axes;
};

static struct described describe(const kldsel_tensor *tensor) {
  struct described made;
  poison(&made, sizeof made);
  assert_ok(kldsel_tensor_describe(tensor, &made.data, &made.dtype, &made.quantized, &made.rank, made.shape,
                                   made.strides_bytes, &made.filter_axes, &made.channel_axes));
  return made;
}

START_TEST(a_view_is_told_as_it_was_made) {
  const float weights[2 * 3 * 4] = {0};
  const int64_t shape[] = {2, 3, 4}, strides[] = {-48, 4, 12};
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(weights, sizeof weights, 48, KLDSEL_DTYPE_F32, 3, shape, strides, 4, 2,
                                       test_options, &tensor));
  struct described told = describe(tensor);
  ck_assert_ptr_eq(told.data, &weights[12]);
  ck_assert_int_eq(told.dtype, KLDSEL_DTYPE_F32);
  ck_assert_int_eq(told.quantized, 0);
  ck_assert_int_eq(told.rank, 3);
  ck_assert_mem_eq(told.shape, shape, sizeof shape);
  ck_assert_mem_eq(told.strides_bytes, strides, sizeof strides);
  ck_assert_uint_eq(told.filter_axes, 4);
  ck_assert_uint_eq(told.channel_axes, 2);
  /* There is no more than the rank says. */
  assert_poisoned(&told.shape[3], 5 * sizeof *told.shape);
  assert_poisoned(&told.strides_bytes[3], 5 * sizeof *told.strides_bytes);
  assert_ok(kldsel_tensor_describe(tensor, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
  kldsel_tensor_free(tensor);
}
END_TEST

/* The weights of a matrix that the library made are read where it says. */
START_TEST(owned_weights_can_be_read) {
  const int64_t shape[] = {3, 2, 2, 1};
  double weights[12], values[12];
  for (int i = 0; i < 12; i++) weights[i] = i - 5;
  kldsel_tensor *tensor = view(weights, 4, shape), *matrix = NULL;
  assert_ok(kldsel_filter_matrix(tensor, test_options, &matrix));
  kldsel_tensor_free(tensor);
  struct described told = describe(matrix);
  const int64_t expected[] = {3, 2, 2}, strides[] = {32, 16, 8};
  ck_assert_int_eq(told.rank, 3);
  ck_assert_mem_eq(told.shape, expected, sizeof expected);
  ck_assert_mem_eq(told.strides_bytes, strides, sizeof strides);
  assert_ok(kldsel_tensor_values(matrix, values, COUNT(values)));
  ck_assert_mem_eq(told.data, values, sizeof values);
  kldsel_tensor_free(matrix);
}
END_TEST

START_TEST(quantised_weights_are_told_so) {
  const int8_t weights[] = {1, 2, 3, 4};
  const int64_t shape[] = {2, 2};
  const double scale = 0.5;
  kldsel_tensor *stored = NULL, *tensor = NULL;
  assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_I8, 2, shape, KLDSEL_LAYOUT_OI,
                               test_options, &stored));
  assert_ok(kldsel_tensor_quantized(stored, &scale, NULL, 1, test_options, &tensor));
  ck_assert_int_eq(describe(stored).quantized, 0);
  ck_assert_int_eq(describe(tensor).quantized, 1);
  ck_assert_int_eq(describe(tensor).dtype, KLDSEL_DTYPE_I8);
  ck_assert_ptr_eq(describe(tensor).data, weights);
  kldsel_tensor_free(stored);
  kldsel_tensor_free(tensor);
}
END_TEST

static size_t live_when_freed;
static int times_freed;

static void note(void *user) {
  ck_assert_ptr_eq(user, &times_freed);
  times_freed++;
  live_when_freed = atomic_load(&test_memory.live);
}

START_TEST(told_once_after_it_was_freed) {
  const uint8_t weights[] = {1, 2, 3, 4};
  const int64_t shape[] = {2, 2};
  const double scale = 0.5;
  kldsel_tensor *tensor = NULL, *quantized = NULL, *copy = NULL;
  assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_U8, 2, shape, KLDSEL_LAYOUT_OI,
                               test_options, &tensor));
  assert_error(kldsel_tensor_on_free(NULL, note, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_error(kldsel_tensor_on_free(tensor, NULL, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "freed is NULL");
  assert_ok(kldsel_tensor_on_free(tensor, note, &times_freed));
  assert_error(kldsel_tensor_on_free(tensor, note, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "tensor has a function to call when it is freed already");
  /* What is made of it does not tell. */
  assert_ok(kldsel_tensor_quantized(tensor, &scale, NULL, 1, test_options, &quantized));
  assert_ok(kldsel_tensor_copy(tensor, test_options, &copy));
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(copy);
  ck_assert_int_eq(times_freed, 0);
  size_t live = atomic_load(&test_memory.live);
  kldsel_tensor_free(tensor);
  ck_assert_int_eq(times_freed, 1);
  /* Nothing of the tensor is left by then: what is told may take the allocator down. */
  ck_assert_uint_eq(live_when_freed, live - 1);
}
END_TEST

struct form {
  int32_t granularity, distribution, signs, content;
  double temperature;
};

static void assert_form(const kldsel_profile *profile, struct form expected) {
  struct form told;
  poison(&told, sizeof told);
  assert_ok(kldsel_profile_describe(profile, &told.granularity, &told.distribution, &told.signs,
                                    &told.content, &told.temperature));
  ck_assert_int_eq(told.granularity, expected.granularity);
  ck_assert_int_eq(told.distribution, expected.distribution);
  ck_assert_int_eq(told.signs, expected.signs);
  ck_assert_int_eq(told.content, expected.content);
  ck_assert_double_eq(told.temperature, expected.temperature);
  assert_ok(kldsel_profile_describe(profile, NULL, NULL, NULL, NULL, NULL));
}

/* The same after a journey as numbers. */
static void check_form(const kldsel_tensor *tensor, struct form expected) {
  kldsel_profile *profile = NULL, *back = NULL;
  double numbers[64];
  size_t length = 0;
  assert_ok(kldsel_profile_create(tensor, test_options, &profile));
  assert_form(profile, expected);
  assert_ok(kldsel_profile_export(profile, numbers, COUNT(numbers), &length));
  assert_ok(kldsel_profile_import(numbers, length, test_options, &back));
  assert_form(back, expected);
  kldsel_profile_free(profile);
  kldsel_profile_free(back);
}

START_TEST(a_profile_tells_how_it_was_made) {
  const double weights[] = {1, -2, 3, -1, 2, 5};
  kldsel_tensor *tensor = view(weights, 3, (const int64_t[]){3, 2, 1});
  check_form(tensor, (struct form){KLDSEL_GRANULARITY_FILTER, KLDSEL_DISTRIBUTION_PROFILE, 30, 7, 0});
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  set_int(KLDSEL_OPTION_SIGNS, 1 << KLDSEL_SIGN_POSITIVE | 1 << KLDSEL_SIGN_NEGATIVE);
  set_int(KLDSEL_OPTION_CONTENT, KLDSEL_CONTENT_COUNTS);
  check_form(tensor, (struct form){KLDSEL_GRANULARITY_KERNEL, KLDSEL_DISTRIBUTION_PROFILE, 12,
                                   KLDSEL_CONTENT_COUNTS, 0});
  /* Means come with values. */
  set_int(KLDSEL_OPTION_CONTENT, KLDSEL_CONTENT_VALUES);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  assert_ok(kldsel_options_set_double(test_options, KLDSEL_OPTION_TEMPERATURE, 0.25));
  check_form(tensor, (struct form){KLDSEL_GRANULARITY_KERNEL, KLDSEL_DISTRIBUTION_PAIRS, 12,
                                   KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS, 0.25});
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(describe_refuses) {
  int32_t signs = -7;
  assert_error(kldsel_profile_describe(NULL, NULL, NULL, &signs, NULL, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profile is NULL");
  ck_assert_int_eq(signs, -7);
  const void *data = &times_freed;
  assert_error(kldsel_tensor_describe(NULL, &data, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  ck_assert_ptr_eq(data, &times_freed);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("describe");
  TCase *tests = add_case(suite, "describe");
  tcase_add_test(tests, a_view_is_told_as_it_was_made);
  tcase_add_test(tests, owned_weights_can_be_read);
  tcase_add_test(tests, quantised_weights_are_told_so);
  tcase_add_test(tests, told_once_after_it_was_freed);
  tcase_add_test(tests, a_profile_tells_how_it_was_made);
  tcase_add_test(tests, describe_refuses);
  return suite;
}
