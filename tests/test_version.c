/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "support.h"

START_TEST(number_and_text_say_the_same) {
  uint32_t number = KLDSEL_VERSION_MAJOR * 1000000U + KLDSEL_VERSION_MINOR * 1000U + KLDSEL_VERSION_PATCH;
  ck_assert_uint_eq(kldsel_version(), number);
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", KLDSEL_VERSION_MAJOR, KLDSEL_VERSION_MINOR, KLDSEL_VERSION_PATCH);
  ck_assert_str_eq(kldsel_version_string(), text);
  ck_assert_ptr_eq(kldsel_version_string(), kldsel_version_string());
}
END_TEST

START_TEST(build_info_is_one_line) {
  char text[512];
  size_t length = kldsel_build_info(text, sizeof text);
  ck_assert_uint_gt(length, 0);
  ck_assert_uint_lt(length, sizeof text);
  ck_assert_uint_eq(strlen(text), length);
  for (size_t i = 0; i < length; i++)
    ck_assert_msg(text[i] >= ' ' && text[i] <= '~', "character %d at %zu", text[i], i);
}
END_TEST

START_TEST(build_info_names_level_and_blas) {
  char text[512];
  kldsel_build_info(text, sizeof text);
  char level[32];
  snprintf(level, sizeof level, " level=%s ", cpu_level_name(kldsel_cpu_level()));
  ck_assert_msg(strstr(text, level), "no '%s' in '%s'", level, text);
  ck_assert_msg(strstr(text, "OpenBLAS") || strstr(text, "builtin"), "no BLAS in '%s'", text);
}
END_TEST

START_TEST(build_info_cuts_as_snprintf_does) {
  char whole[512];
  size_t length = kldsel_build_info(whole, sizeof whole);
  ck_assert_uint_eq(kldsel_build_info(NULL, 0), length);
  for (size_t size = 0; size <= length + 2; size++) {
    char text[512];
    poison(text, sizeof text);
    ck_assert_uint_eq(kldsel_build_info(text, size), length);
    size_t written = size < length + 1 ? size : length + 1;
    if (written > 0) {
      ck_assert_int_eq(text[written - 1], 0);
      ck_assert_mem_eq(text, whole, written - 1);
    }
    assert_poisoned(text + written, sizeof text - written);
  }
}
END_TEST

START_TEST(build_info_ends_with_a_better_core_if_there_is_one) {
  char text[512], end[128] = "";
  size_t length = kldsel_build_info(text, sizeof text);
  const char *better = kldsel_blas_better_core();
  if (*better != '\0') snprintf(end, sizeof end, " better=%s", better);
  ck_assert_uint_gt(length, strlen(end));
  ck_assert_str_eq(text + length - strlen(end), end);
  ck_assert_int_eq(strstr(text, "better") != NULL, *better != '\0');
}
END_TEST

START_TEST(cpu_level_is_one_that_is_documented) {
  int32_t level = kldsel_cpu_level();
  ck_assert_int_ge(level, KLDSEL_CPU_LEVEL_BASELINE);
  ck_assert_int_le(level, KLDSEL_CPU_LEVEL_AVX512);
  ck_assert_int_eq(kldsel_cpu_level(), level);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("version");
  TCase *tests = add_case(suite, "version");
  tcase_add_test(tests, number_and_text_say_the_same);
  tcase_add_test(tests, build_info_is_one_line);
  tcase_add_test(tests, build_info_names_level_and_blas);
  tcase_add_test(tests, build_info_cuts_as_snprintf_does);
  tcase_add_test(tests, build_info_ends_with_a_better_core_if_there_is_one);
  tcase_add_test(tests, cpu_level_is_one_that_is_documented);
  return suite;
}
