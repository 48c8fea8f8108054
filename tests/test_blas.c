/* SPDX-License-Identifier: BSD-3-Clause */
/* An OpenBLAS of another integer width than the library was built for: told, never called. What the library
 * asks OpenBLAS about itself is answered here. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "support.h"

/* 64-bit integers if the library has 32, and the other way round. */
#define OTHER_WIDTH                                                                                          \
  (sizeof(blasint) == 4 ? "OpenBLAS 9.8.7 USE64BITINT DYNAMIC_ARCH" : "OpenBLAS 9.8.7 DYNAMIC_ARCH")
#define SAME_WIDTH (sizeof(blasint) == 4 ? "OpenBLAS 9.8.7" : "USE64BITINT")

static char config[64];

char *openblas_get_config(void) {
  return config;
}

static void answer(const char *text) {
  snprintf(config, sizeof config, "%s", text);
}

static const double weights[] = {1, 0, 0, 1, 3, 4};
static const char message[] = "OpenBLAS uses 64-bit integers, this library was built for 32";

START_TEST(another_width_is_refused) {
  answer(OTHER_WIDTH);
  kldsel_tensor *tensor = matrix_view(weights, 3, 2), *other = matrix_view(weights, 2, 2);
  double matrix[9];
  poison(matrix, sizeof matrix);
  if (sizeof(blasint) == 4) {
    assert_error(kldsel_pairwise_cosine(tensor, NULL, 0, 3, test_options, matrix, 9),
                 KLDSEL_ERROR_UNSUPPORTED, message);
    assert_error(kldsel_pairwise_cosine(tensor, NULL, 1, 2, test_options, matrix, 6),
                 KLDSEL_ERROR_UNSUPPORTED, message);
    assert_error(kldsel_pairwise_cosine(tensor, other, 0, 3, test_options, matrix, 6),
                 KLDSEL_ERROR_UNSUPPORTED, message);
  } else {
    ck_assert_int_eq(kldsel_pairwise_cosine(tensor, NULL, 0, 3, test_options, matrix, 9),
                     KLDSEL_ERROR_UNSUPPORTED);
  }
  assert_poisoned(matrix, sizeof matrix);
  kldsel_tensor_free(other);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(only_what_goes_through_blas_is_refused) {
  answer(OTHER_WIDTH);
  kldsel_tensor *tensor = matrix_view(weights, 3, 2);
  kldsel_profile_free(profile_of(tensor));
  kldsel_profile *profile;
  poison(&profile, sizeof profile);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  ck_assert_int_eq(kldsel_profile_create(tensor, test_options, &profile), KLDSEL_ERROR_UNSUPPORTED);
  set_int(KLDSEL_OPTION_DISTRIBUTION, 0);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  ck_assert_int_eq(kldsel_profile_create(tensor, test_options, &profile), KLDSEL_ERROR_UNSUPPORTED);
  if (sizeof(blasint) == 4)
    assert_error(kldsel_profile_create(tensor, test_options, &profile), KLDSEL_ERROR_UNSUPPORTED,
                 "tensor: OpenBLAS uses 64-bit integers, this library was built for 32");
  assert_poisoned(&profile, sizeof profile);
  kldsel_tensor_free(tensor);
}
END_TEST

/* The answers above are the ones that the library hears: with the right width it computes. */
START_TEST(the_same_width_is_used) {
  answer(SAME_WIDTH);
  kldsel_tensor *tensor = matrix_view(weights, 3, 2);
  double matrix[9];
  assert_ok(kldsel_pairwise_cosine(tensor, NULL, 0, 3, test_options, matrix, 9));
  ck_assert_double_le(fabs(matrix[6] - 0.6), 1e-15);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(build_info_takes_name_and_version) {
  static const struct {
    const char *config, *told;
  } cases[] = {
      {"OpenBLAS 9.8.7 DYNAMIC_ARCH NO_AFFINITY", "blas=OpenBLAS 9.8.7 core="},
      {"OpenBLAS 9.8.7", "blas=OpenBLAS 9.8.7 core="},
      {"OpenBLAS", "blas=OpenBLAS core="},
      {"", "blas= core="},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    answer(cases[i].config);
    char text[256];
    size_t length = kldsel_build_info(text, sizeof text);
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_msg(strstr(text, cases[i].told), "'%s' gave '%s'", cases[i].config, text);
    ck_assert_msg(strstr(text, "integers=32"), "'%s' gave '%s'", cases[i].config, text);
  }
  answer("OpenBLAS 9.8.7 USE64BITINT");
  char text[256];
  kldsel_build_info(text, sizeof text);
  ck_assert_ptr_nonnull(strstr(text, "integers=64"));
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("blas");
  TCase *tests = add_case(suite, "integer width");
  tcase_add_test(tests, another_width_is_refused);
  tcase_add_test(tests, only_what_goes_through_blas_is_refused);
  tcase_add_test(tests, the_same_width_is_used);
  tcase_add_test(tests, build_info_takes_name_and_version);
  return suite;
}
