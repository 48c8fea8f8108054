/* SPDX-License-Identifier: BSD-3-Clause */
/* NaN and infinity in the weights are found and named, wherever they are. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "support.h"

static const struct {
  double value;
  const char *name;
} not_finite[] = {{(double)NAN, "nan"}, {HUGE_VAL, "inf"}, {-HUGE_VAL, "-inf"}};

/* Element number at of a tensor [2, 3, width]: a plain view, and one that is transposed, backwards and
 * unaligned. */
static void check_place(int32_t dtype, size_t width, bool strided, size_t at, size_t k) {
  enum {
    A = 2,
    B = 3,
    MOST = 2
  };
  unsigned char buffer[1 + A * B * MOST * 8];
  const int64_t shape[] = {A, B, (int64_t)width};
  int64_t step = (int64_t)dtype_bytes(dtype);
  size_t used = 1 + A * B * width * dtype_bytes(dtype);
  for (size_t i = 0; i < A * B * width; i++) store(buffer + strided, dtype, i, (int)i % 7 - 3);
  size_t a = at / (B * width), b = at / width % B, c = at % width;
  /* Strided: the buffer's axes are the last, the first, the middle one, that backwards. */
  size_t place = strided ? (c * A + a) * B + (B - 1 - b) : at;
  store_not_finite(buffer + strided, dtype, place, not_finite[k].value);
  const int64_t strides[] = {B * step, -step, A * B * step};
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(buffer, used, strided ? (size_t)(1 + (B - 1) * step) : 0, dtype, 3,
                                       shape, strided ? strides : NULL, 1U, 2U, test_options, &tensor));
  char message[64];
  snprintf(message, sizeof message, "tensor: weight at [%zu, %zu, %zu] is %s", a, b, c, not_finite[k].name);
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                     KLDSEL_ERROR_NOT_FINITE, message);
  }
  kldsel_tensor_free(tensor);
}

START_TEST(not_finite_at_every_place) {
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_BF16; dtype++)
    for (size_t width = 1; width <= 2; width++)
      for (int strided = 0; strided <= 1; strided++)
        for (size_t at = 0; at < 6 * width; at++)
          for (size_t k = 0; k < COUNT(not_finite); k++) check_place(dtype, width, strided, at, k);
}
END_TEST

/* In every lane of a vector and past the last whole one, in every line of four and after them, at every level
 * and whatever the profile is to hold. */
START_TEST(not_finite_in_every_lane) {
  enum {
    LINES = 6,
    LENGTH = 27
  };
  static const int32_t contents[] = {KLDSEL_CONTENT_VALUES, KLDSEL_CONTENT_MEANS, KLDSEL_CONTENT_COUNTS};
  int32_t dtype = KLDSEL_DTYPE_F64 + _i;
  unsigned char buffer[LINES * LENGTH * 8];
  for (size_t i = 0; i < LINES * LENGTH; i++) store(buffer, dtype, i, (int)i % 7 - 3);
  for (int columns = 0; columns <= 1; columns++) {
    kldsel_tensor *tensor = NULL;
    assert_ok(kldsel_tensor_view(buffer, LINES * LENGTH * dtype_bytes(dtype), dtype, 2,
                                 (const int64_t[]){LINES, LENGTH},
                                 columns ? KLDSEL_LAYOUT_IO : KLDSEL_LAYOUT_OI, test_options, &tensor));
    for (size_t at = 0; at < LINES * LENGTH; at += test_quick() ? 13 : 1)
      for (size_t k = 0; k < COUNT(not_finite); k++) {
        char message[64];
        snprintf(message, sizeof message, "tensor: weight at [%zu, %zu] is %s", at / LENGTH, at % LENGTH,
                 not_finite[k].name);
        store_not_finite(buffer, dtype, at, not_finite[k].value);
        for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= test_highest_level(); level++)
          for (size_t c = 0; c < COUNT(contents); c++) {
            set_int(KLDSEL_OPTION_CPU_LEVEL, level);
            set_int(KLDSEL_OPTION_CONTENT, contents[c]);
            assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                             KLDSEL_ERROR_NOT_FINITE, message);
          }
        store(buffer, dtype, at, (int)at % 7 - 3);
      }
    kldsel_profile_free(profile_of(tensor));
    kldsel_tensor_free(tensor);
  }
}
END_TEST

START_TEST(not_finite_in_every_mode) {
  const double weights[] = {1, 2, (double)NAN, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  for (int32_t distribution = 1; distribution <= 2; distribution++)
    for (int32_t reference = 1; reference <= KLDSEL_REFERENCE_GIVEN; reference++) {
      set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
      set_int(KLDSEL_OPTION_REFERENCE, reference);
      assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                       KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [1, 0] is nan");
    }
  kldsel_tensor_free(tensor);
  /* A layer of one filter has no similarities, but its weights are still counted. */
  tensor = matrix_view(weights, 1, 4);
  assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [0, 2] is nan");
  kldsel_tensor_free(tensor);
}
END_TEST

/* Of several bad weights the first one is told, whatever thread comes across which one first. */
START_TEST(first_not_finite_on_any_thread) {
  enum {
    LAYERS = 8,
    ROWS = 64,
    COLUMNS = 2048,
    WEIGHTS = ROWS * COLUMNS
  };
  static float weights[LAYERS][WEIGHTS];
  kldsel_tensor *tensors[LAYERS];
  for (int l = 0; l < LAYERS; l++) {
    for (int i = 0; i < WEIGHTS; i++) weights[l][i] = (float)((i + l) % 13 - 6);
    assert_ok(kldsel_tensor_view(weights[l], sizeof weights[l], KLDSEL_DTYPE_F32, 2,
                                 (const int64_t[]){ROWS, COLUMNS}, 0, test_options, &tensors[l]));
  }
  for (int l = 3; l < LAYERS; l++)
    for (int row = ROWS - 1; row >= 5; row -= 3)
      weights[l][row * COLUMNS + (7 * row + l) % COLUMNS] = (row + l) % 2 ? NAN : INFINITY;
  /* The lowest row with one is 63 - 3 * 19 = 6; in layer 3 at column 42 + 3, row + layer being odd. */
  static const int32_t threads[] = {1, 2, 3, 8, 33, 0};
  for (size_t t = 0; t < COUNT(threads); t++)
    for (int repeat = 0; repeat < (test_quick() ? 1 : 5); repeat++) {
      set_int(KLDSEL_OPTION_THREADS, threads[t]);
      assert_no_handle(kldsel_profile, kldsel_profile_create(tensors[3], test_options, &POISONED),
                       KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [6, 45] is nan");
      kldsel_profile *profiles[LAYERS];
      poison(profiles, sizeof profiles);
      assert_error(kldsel_profile_create_many(tensors, LAYERS, test_options, profiles),
                   KLDSEL_ERROR_NOT_FINITE, "tensors[3]: weight at [6, 45] is nan");
      assert_poisoned(profiles, sizeof profiles);
    }
  for (int l = 0; l < LAYERS; l++) kldsel_tensor_free(tensors[l]);
}
END_TEST

/* One bad weight in a layer that threads share, in each of its chunks by kernel (56 channels): none that
 * another thread finds nothing in makes up for it. */
START_TEST(not_finite_in_every_chunk) {
  enum {
    FILTERS = 64,
    CHANNELS = 512,
    KERNEL = 9
  };
  static const int64_t oihw[] = {FILTERS, CHANNELS, 3, 3}, hwio[] = {3, 3, CHANNELS, FILTERS};
  static float weights[FILTERS * CHANNELS * KERNEL];
  for (size_t i = 0; i < COUNT(weights); i++) weights[i] = (float)((int)(i % 13) - 6);
  for (int columns = 0; columns <= 1; columns++) {
    kldsel_tensor *tensor = NULL;
    assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F32, 4, columns ? hwio : oihw,
                                 columns ? KLDSEL_LAYOUT_HWIO : KLDSEL_LAYOUT_OIHW, test_options, &tensor));
    for (int channel = 1; channel < CHANNELS; channel += test_quick() ? 112 : 56) {
      float *weight = &weights[columns ? channel * FILTERS + 37 : (37 * CHANNELS + channel) * KERNEL],
            kept = *weight;
      char message[64];
      snprintf(message, sizeof message, "tensor: weight at [%d, %d, %d, %d] is nan", columns ? 0 : 37,
               columns ? 0 : channel, columns ? channel : 0, columns ? 37 : 0);
      *weight = NAN;
      for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
        for (int32_t threads = test_quick() ? 3 : 2; threads <= 3; threads++) {
          set_int(KLDSEL_OPTION_GRANULARITY, granularity);
          set_int(KLDSEL_OPTION_THREADS, threads);
          assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                           KLDSEL_ERROR_NOT_FINITE, message);
        }
      *weight = kept;
    }
    kldsel_tensor_free(tensor);
  }
}
END_TEST

/* Not even where their sum is not finite. */
START_TEST(largest_numbers_are_finite) {
  enum {
    FILTERS = 9,
    CHANNELS = 40
  };
  static double weights[FILTERS * CHANNELS * 2];
  for (size_t i = 0; i < COUNT(weights); i++) weights[i] = DBL_MAX;
  for (int64_t kernel = 1; kernel <= 2; kernel++) {
    kldsel_tensor *tensor = view(weights, 3, (const int64_t[]){FILTERS, CHANNELS, kernel});
    for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      kldsel_profile_free(profile_of(tensor));
    }
    kldsel_tensor_free(tensor);
  }
}
END_TEST

static int32_t make_finite_at_the_end(void *user, uint64_t done, uint64_t total) {
  if (done == total) *(double *)user = 3;
  return 0;
}

/* A host that writes to its weights during a call has no right answer coming, but an error it must be. */
START_TEST(not_finite_and_changed_since) {
  double weights[] = {1, 2, (double)NAN, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  assert_ok(kldsel_options_set_progress(test_options, make_finite_at_the_end, &weights[2]));
  assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: a weight was nan or infinite, and has changed since");
  weights[2] = HUGE_VAL;
  assert_no_handle(kldsel_ranking, kldsel_rank_tensors(&tensor, 1, NULL, NULL, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE,
                   "tensors[0]: a weight was nan or infinite, and has changed since");
  ck_assert_int_eq(kldsel_last_error_layer(), 0);
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("finite");
  TCase *tests = add_case(suite, "finite");
  tcase_add_test(tests, not_finite_at_every_place);
  tcase_add_loop_test(tests, not_finite_in_every_lane, 0, KLDSEL_DTYPE_BF16);
  tcase_add_test(tests, not_finite_in_every_mode);
  tcase_add_test(tests, first_not_finite_on_any_thread);
  tcase_add_test(tests, not_finite_in_every_chunk);
  tcase_add_test(tests, largest_numbers_are_finite);
  tcase_add_test(tests, not_finite_and_changed_since);
  return suite;
}
