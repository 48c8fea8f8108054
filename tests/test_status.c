/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
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
  bool empty_at_first, no_layer_at_first;
  bool own_message;
};

static void *look_from_another_thread(void *argument) {
  struct view_of_thread *seen = argument;
  seen->empty_at_first = kldsel_last_error() && kldsel_last_error()[0] == '\0';
  seen->no_layer_at_first = kldsel_last_error_layer() == -1;
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
  struct view_of_thread seen = {false, false, false};
  ck_assert_int_eq(pthread_create(&thread, NULL, look_from_another_thread, &seen), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert(seen.empty_at_first);
  ck_assert(seen.no_layer_at_first);
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

START_TEST(a_host_sets_the_last_error) {
  ck_assert_int_eq(kldsel_set_last_error(KLDSEL_ERROR_MISSING, "no %s"), KLDSEL_ERROR_MISSING);
  ck_assert_str_eq(kldsel_last_error(), "no %s");
  /* Its own text, or part of it, may be handed in. */
  ck_assert_int_eq(kldsel_set_last_error(-5, kldsel_last_error() + 1), -5);
  ck_assert_str_eq(kldsel_last_error(), "o %s");
  assert_error(kldsel_set_last_error(KLDSEL_OK, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "text is NULL");
  char text[600];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  kldsel_set_last_error(KLDSEL_ERROR_MISSING, text);
  ck_assert_uint_eq(strlen(kldsel_last_error()), 511);
}
END_TEST

/* Each error that is about one of several layers tells which. */
START_TEST(an_error_tells_its_layer) {
  const double good[] = {1, -2, 3, 4, 5, -6}, bad[] = {1, -2, (double)NAN, 4, 5, -6};
  kldsel_tensor *tensors[] = {matrix_view(good, 3, 2), matrix_view(good, 2, 3), matrix_view(bad, 3, 2)};
  kldsel_profile *profiles[] = {profile_of(tensors[0]), profile_of(tensors[1]), NULL};
  kldsel_tensor *given[] = {tensors[2], NULL, NULL};
  const double scores[] = {1, 2, 3};
  const int64_t parameters[] = {1, 2, -3};
  kldsel_ranking *ranking = NULL;

#define ASSERT_LAYER(call, status, layer)                                                                    \
  do {                                                                                                       \
    kldsel_set_last_error(KLDSEL_OK, "none");                                                                \
    ck_assert_int_eq(kldsel_last_error_layer(), -1);                                                         \
    ck_assert_int_eq((call), (status));                                                                      \
    ck_assert_int_eq(kldsel_last_error_layer(), (layer));                                                    \
  } while (0)

  ASSERT_LAYER(kldsel_rank_tensors(tensors, 3, NULL, NULL, test_options, &ranking), KLDSEL_ERROR_NOT_FINITE,
               2);
  ASSERT_LAYER(kldsel_profile_create_many(&tensors[1], 2, test_options, profiles), KLDSEL_ERROR_NOT_FINITE,
               1);
  ASSERT_LAYER(kldsel_profile_create(tensors[2], test_options, &profiles[2]), KLDSEL_ERROR_NOT_FINITE, -1);
  ASSERT_LAYER(kldsel_rank_tensors(given, 3, NULL, NULL, NULL, &ranking), KLDSEL_ERROR_INVALID_ARGUMENT, 1);
  ASSERT_LAYER(kldsel_profile_create_many(given, 2, NULL, profiles), KLDSEL_ERROR_INVALID_ARGUMENT, 1);
  ASSERT_LAYER(kldsel_rank_profiles(profiles, 3, NULL, NULL, NULL, &ranking), KLDSEL_ERROR_INVALID_ARGUMENT,
               2);
  ASSERT_LAYER(kldsel_rank_profiles(NULL, 3, NULL, NULL, NULL, &ranking), KLDSEL_ERROR_INVALID_ARGUMENT, -1);

  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_GIVEN);
  ASSERT_LAYER(kldsel_rank_tensors(tensors, 2, given, NULL, test_options, &ranking), KLDSEL_ERROR_NOT_FINITE,
               0);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_NEXT);
  set_int(KLDSEL_OPTION_ALIGNMENT, KLDSEL_ALIGNMENT_INDEX);
  ASSERT_LAYER(kldsel_rank_profiles(profiles, 2, NULL, NULL, test_options, &ranking), KLDSEL_ERROR_MISMATCH,
               0);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  ASSERT_LAYER(kldsel_rank_profiles(profiles, 2, NULL, NULL, test_options, &ranking), KLDSEL_ERROR_MISSING,
               0);
  kldsel_profile_free(profiles[1]);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  profiles[1] = profile_of(tensors[1]);
  set_int(KLDSEL_OPTION_GRANULARITY, 0);
  ASSERT_LAYER(kldsel_rank_profiles(profiles, 2, NULL, NULL, NULL, &ranking), KLDSEL_ERROR_MISMATCH, 1);
  kldsel_profile_free(profiles[1]);
  set_int(KLDSEL_OPTION_REFERENCE, 0);
  set_int(KLDSEL_OPTION_CONTENT, KLDSEL_CONTENT_COUNTS);
  profiles[1] = profile_of(tensors[1]);
  set_int(KLDSEL_OPTION_CONTENT, 0);
  ASSERT_LAYER(kldsel_rank_profiles(profiles, 2, NULL, NULL, NULL, &ranking), KLDSEL_ERROR_MISSING, 1);
  set_int(KLDSEL_OPTION_SELECT_PARAMETERS, 9);
  ASSERT_LAYER(kldsel_rank(scores, 3, parameters, NULL, test_options, NULL, NULL, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, 2);
  ck_assert_ptr_null(ranking);

  for (size_t i = 0; i < COUNT(tensors); i++) kldsel_tensor_free(tensors[i]);
  kldsel_profile_free(profiles[0]);
  kldsel_profile_free(profiles[1]);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("status");
  TCase *tests = add_case(suite, "status");
  tcase_add_test(tests, every_status_has_its_name);
  tcase_add_test(tests, other_numbers_are_unknown);
  tcase_add_test(tests, last_error_belongs_to_its_thread);
  tcase_add_test(tests, success_leaves_the_last_error);
  tcase_add_test(tests, a_host_sets_the_last_error);
  tcase_add_test(tests, an_error_tells_its_layer);
  return suite;
}
