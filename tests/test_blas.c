/* SPDX-License-Identifier: BSD-3-Clause */
/* An OpenBLAS of another integer width than the library was built for: told, never called. One that runs
 * below the processor: told. What the library asks OpenBLAS about itself is answered here. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "support.h"

/* 64-bit integers if the library has 32, and the other way round. */
#define OTHER_WIDTH                                                                                          \
  (sizeof(blasint) == 4 ? "OpenBLAS 9.8.7 USE64BITINT DYNAMIC_ARCH" : "OpenBLAS 9.8.7 DYNAMIC_ARCH")
#define SAME_WIDTH (sizeof(blasint) == 4 ? "OpenBLAS 9.8.7" : "USE64BITINT")

static char config[64], core[32] = "Haswell";

char *openblas_get_config(void) {
  return config;
}

char *openblas_get_corename(void) {
  return core;
}

static void answer(const char *text) {
  snprintf(config, sizeof config, "%s", text);
}

static const double weights[] = {1, 0, 0, 1, 3, 4};
static const char message[] = "OpenBLAS uses 64-bit integers, this library was built for 32";

/* It is the BLAS that multiplies where the library has no kernels for the processor. */
static void as_on_an_unknown_processor(void) {
  set_int(KLDSEL_OPTION_CPU_LEVEL, KLDSEL_CPU_LEVEL_BASELINE);
}

START_TEST(another_width_is_refused) {
  answer(OTHER_WIDTH);
  as_on_an_unknown_processor();
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
  as_on_an_unknown_processor();
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

/* With kernels of its own the library has no need of the BLAS. */
START_TEST(own_kernels_need_no_blas) {
  answer(OTHER_WIDTH);
  kldsel_tensor *tensor = matrix_view(weights, 3, 2);
  double matrix[9];
  for (int32_t level = KLDSEL_CPU_LEVEL_AVX2; level <= kldsel_cpu_level(); level++) {
    poison(matrix, sizeof matrix);
    set_int(KLDSEL_OPTION_CPU_LEVEL, level);
    assert_ok(kldsel_pairwise_cosine(tensor, NULL, 0, 3, test_options, matrix, 9));
    ck_assert_double_le(fabs(matrix[6] - 0.6), 1e-15);
  }
  kldsel_tensor_free(tensor);
}
END_TEST

/* An extent that the BLAS's integers do not hold is refused before anything is asked of memory or of the
 * BLAS. */
START_TEST(an_extent_beyond_its_integers_is_refused) {
  if (sizeof(blasint) != 4 || sizeof(size_t) < 8) return; /* it holds all that there can be */
  answer(SAME_WIDTH);
  as_on_an_unknown_processor();
  const uint8_t one = 1;
  double matrix;
  poison(&matrix, sizeof matrix);
  for (int elements = 0; elements < 2; elements++) {
    const int64_t shape[] = {elements ? 1 : INT64_C(1) << 31, elements ? INT64_C(1) << 31 : 1};
    kldsel_tensor *tensor;
    assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2, shape, (const int64_t[]){0, 0}, 1U,
                                         0, test_options, &tensor));
    size_t calls = atomic_load(&test_memory.calls);
    assert_error(kldsel_pairwise_cosine(tensor, NULL, 0, 1, test_options, &matrix, (size_t)shape[0]),
                 KLDSEL_ERROR_TOO_LARGE, "a matrix extent of 2147483648 is more than the BLAS can take");
    ck_assert_uint_eq(atomic_load(&test_memory.calls), calls);
    kldsel_tensor_free(tensor);
  }
  assert_poisoned(&matrix, sizeof matrix);
}
END_TEST

/* The largest extent that they hold is not: of it, memory is what lacks. */
START_TEST(the_largest_of_its_integers_is_tried) {
  if (sizeof(blasint) != 4 || sizeof(size_t) < 8) return;
  answer(SAME_WIDTH);
  as_on_an_unknown_processor();
  const uint8_t one = 1;
  double matrix;
  poison(&matrix, sizeof matrix);
  test_memory.limit = 1 << 16;
  for (int elements = 0; elements < 2; elements++) {
    const int64_t shape[] = {elements ? 1 : INT32_MAX, elements ? INT32_MAX : 1};
    kldsel_tensor *tensor;
    assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2, shape, (const int64_t[]){0, 0}, 1U,
                                         0, test_options, &tensor));
    assert_error(kldsel_pairwise_cosine(tensor, NULL, 0, 1, test_options, &matrix, (size_t)shape[0]),
                 KLDSEL_ERROR_OUT_OF_MEMORY, "x: no memory for 17179869240 bytes");
    kldsel_tensor_free(tensor);
  }
  test_memory.limit = 0;
  assert_poisoned(&matrix, sizeof matrix);
}
END_TEST

/* The answers above are the ones that the library hears: with the right width it computes. */
START_TEST(the_same_width_is_used) {
  answer(SAME_WIDTH);
  as_on_an_unknown_processor();
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

/* The kinds of core types, from the weakest; how many of them this processor can run. */
static const char *const kinds[][13] = {
    {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat",
     "Nano", "Atom", NULL},
    {"Sandybridge", NULL},
    {"Haswell", "Zen", NULL},
    {"SkylakeX", "Cooperlake", "SapphireRapids", NULL},
};

static size_t kinds_here(void) {
#ifdef __x86_64__
  if (kldsel_cpu_level() == KLDSEL_CPU_LEVEL_AVX512) return 4;
  return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2") ? 3
         : __builtin_cpu_supports("avx")                                 ? 2
                                                                         : 1;
#else
  return 0;
#endif
}

START_TEST(better_core_is_the_best_kind_here) {
  answer("OpenBLAS 9.8.7 DYNAMIC_ARCH");
  size_t here = kinds_here();
  for (size_t kind = 0; kind < COUNT(kinds); kind++)
    for (const char *const *name = kinds[kind]; *name; name++) {
      snprintf(core, sizeof core, "%s", *name);
      const char *better = kind + 1 < here ? kinds[here - 1][0] : "";
      ck_assert_str_eq(kldsel_blas_better_core(), better);
      char text[256], end[64];
      size_t length = kldsel_build_info(text, sizeof text);
      snprintf(end, sizeof end, " core=%s integers=32%s%s", *name, *better ? " better=" : "", better);
      ck_assert_uint_gt(length, strlen(end));
      ck_assert_str_eq(text + length - strlen(end), end);
    }
}
END_TEST

START_TEST(no_better_core_where_none_can_be_told) {
  answer("OpenBLAS 9.8.7 DYNAMIC_ARCH");
  static const char *const unknown[] = {"", "Unknown", "prescott", "Excavator", "NextYears"};
  for (size_t i = 0; i < COUNT(unknown); i++) {
    snprintf(core, sizeof core, "%s", unknown[i]);
    ck_assert_str_eq(kldsel_blas_better_core(), "");
  }
  answer("OpenBLAS 9.8.7 NO_AFFINITY");
  snprintf(core, sizeof core, "Prescott");
  ck_assert_str_eq(kldsel_blas_better_core(), "");
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("blas");
  TCase *tests = add_case(suite, "integer width");
  tcase_add_test(tests, another_width_is_refused);
  tcase_add_test(tests, only_what_goes_through_blas_is_refused);
  tcase_add_test(tests, own_kernels_need_no_blas);
  tcase_add_test(tests, an_extent_beyond_its_integers_is_refused);
  tcase_add_test(tests, the_largest_of_its_integers_is_tried);
  tcase_add_test(tests, the_same_width_is_used);
  tcase_add_test(tests, build_info_takes_name_and_version);
  TCase *cores = add_case(suite, "core type");
  tcase_add_test(cores, better_core_is_the_best_kind_here);
  tcase_add_test(cores, no_better_core_where_none_can_be_told);
  return suite;
}
