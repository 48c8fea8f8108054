/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <string.h>

#include "support.h"

START_TEST(every_status_has_its_name) {
  static const struct {
    kldsel_status status;
    const char *name;
  } table[] = {
      {KLDSEL_OK, "KLDSEL_OK"},
      {KLDSEL_ERROR_INVALID_ARGUMENT, "KLDSEL_ERROR_INVALID_ARGUMENT"},
      {KLDSEL_ERROR_OUT_OF_MEMORY, "KLDSEL_ERROR_OUT_OF_MEMORY"},
      {KLDSEL_ERROR_NOT_FINITE, "KLDSEL_ERROR_NOT_FINITE"},
      {KLDSEL_ERROR_TOO_LARGE, "KLDSEL_ERROR_TOO_LARGE"},
      {KLDSEL_ERROR_MISMATCH, "KLDSEL_ERROR_MISMATCH"},
      {KLDSEL_ERROR_MISSING, "KLDSEL_ERROR_MISSING"},
      {KLDSEL_ERROR_CANCELLED, "KLDSEL_ERROR_CANCELLED"},
      {KLDSEL_ERROR_UNSUPPORTED, "KLDSEL_ERROR_UNSUPPORTED"},
  };
  for (size_t i = 0; i < COUNT(table); i++) {
    ck_assert_str_eq(kldsel_status_name(table[i].status), table[i].name);
    ck_assert_ptr_eq(kldsel_status_name(table[i].status), kldsel_status_name(table[i].status));
  }
}
END_TEST

START_TEST(other_numbers_are_unknown) {
  static const kldsel_status numbers[] = {INT32_MIN, -1, 1, 9, 11, 79, 81, 90, INT32_MAX};
  for (size_t i = 0; i < COUNT(numbers); i++)
    ck_assert_str_eq(kldsel_status_name(numbers[i]), "unknown status");
}
END_TEST

/* What a thread of its own sees; it must not assert, for Check knows only the main thread. */
struct view_of_thread {
  bool empty_at_first;
  bool own_message;
};

static void *look_from_another_thread(void *argument) {
  struct view_of_thread *seen = argument;
  seen->empty_at_first = kldsel_last_error() && kldsel_last_error()[0] == '\0';
  int64_t shape = -31;
  int32_t kind = 0;
  kldsel_layer_kind(1, &shape, &kind);
  seen->own_message = strstr(kldsel_last_error(), "-31") != NULL;
  return NULL;
}

START_TEST(last_error_belongs_to_its_thread) {
  int64_t shape = -17;
  int32_t kind = 0;
  assert_error(kldsel_layer_kind(1, &shape, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "shape[0] is -17; must be > 0");
  pthread_t thread;
  struct view_of_thread seen = {false, false};
  ck_assert_int_eq(pthread_create(&thread, NULL, look_from_another_thread, &seen), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert(seen.empty_at_first);
  ck_assert(seen.own_message);
  ck_assert_str_eq(kldsel_last_error(), "shape[0] is -17; must be > 0");
}
END_TEST

START_TEST(success_leaves_the_last_error) {
  int64_t shape = -17;
  int32_t kind = 0;
  kldsel_layer_kind(1, &shape, &kind);
  shape = 17;
  ck_assert_int_eq(kldsel_layer_kind(1, &shape, &kind), KLDSEL_OK);
  ck_assert_str_eq(kldsel_last_error(), "shape[0] is -17; must be > 0");
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("status");
  TCase *tests = add_case(suite, "status");
  tcase_add_test(tests, every_status_has_its_name);
  tcase_add_test(tests, other_numbers_are_unknown);
  tcase_add_test(tests, last_error_belongs_to_its_thread);
  tcase_add_test(tests, success_leaves_the_last_error);
  return suite;
}
