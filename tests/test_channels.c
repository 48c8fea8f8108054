/* SPDX-License-Identifier: BSD-3-Clause */
/* Granularity kernel where channels, filters and the rest of a slice are each of several axes, in any order
 * of memory: the profile is that of the same weights laid out plainly. */
#include <math.h>
#include <stdio.h>

#include "compare.h"
#include "support.h"

enum {
  AXES = 5,
  WEIGHTS = 4 * 3 * 5 * 2 * 3,
  FILTERS = 12
};

/* Extents in the order of memory, and which axis each of them is. */
static const int64_t extents[AXES] = {4, 3, 5, 2, 3};

/* A few hundred operations, each of which rounds by 2^-53, on numbers of no more than 1. */
static const double tolerance = 512 * 0x1p-53;

static void check_axes(const void *weights, int32_t dtype, uint32_t filter_axes, uint32_t channel_axes) {
  kldsel_tensor *tensor = NULL, *plain = NULL;
  size_t bytes = WEIGHTS * dtype_bytes(dtype);
  assert_ok(kldsel_tensor_view_strided(weights, bytes, 0, dtype, AXES, extents, NULL, filter_axes,
                                       channel_axes, test_options, &tensor));
  if (dtype == KLDSEL_DTYPE_U8) {
    kldsel_tensor *view_of_bytes = tensor;
    static const double scale = 0.25, zero = 100;
    assert_ok(kldsel_tensor_quantized(view_of_bytes, &scale, &zero, 1, test_options, &tensor));
    kldsel_tensor_free(view_of_bytes);
  }
  assert_ok(kldsel_filter_matrix(tensor, test_options, &plain));
  kldsel_profile *profile = profile_of(tensor), *expected = profile_of(plain);
  double values[2][17 + 4 * WEIGHTS];
  size_t length[2];
  assert_ok(kldsel_profile_export(profile, values[0], COUNT(values[0]), &length[0]));
  assert_ok(kldsel_profile_export(expected, values[1], COUNT(values[1]), &length[1]));
  ck_assert_uint_eq(length[0], length[1]);
  ck_assert_uint_gt(length[0], 17);
  for (size_t i = 0; i < length[0]; i++) {
    if (isnan(values[0][i]) && isnan(values[1][i])) continue;
    ck_assert_msg(fabs(values[0][i] - values[1][i]) <= tolerance,
                  "filters 0x%x, channels 0x%x, dtype %d, number %zu: %.17g, not %.17g",
                  (unsigned)filter_axes, (unsigned)channel_axes, dtype, i, values[0][i], values[1][i]);
  }
  kldsel_profile_free(profile);
  kldsel_profile_free(expected);
  kldsel_tensor_free(plain);
  kldsel_tensor_free(tensor);
}

START_TEST(any_axes_may_be_channels) {
  static double f64[WEIGHTS];
  static float f32[WEIGHTS];
  static uint8_t u8[WEIGHTS];
  for (int i = 0; i < WEIGHTS; i++) {
    f64[i] = sin(i * 1.7);
    f32[i] = (float)f64[i];
    u8[i] = (uint8_t)(i * 37);
  }
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  size_t checked = 0;
  for (uint32_t filter_axes = 1; filter_axes < (1U << AXES) - 1; filter_axes++)
    for (uint32_t channel_axes = 1; channel_axes < 1U << AXES; channel_axes++) {
      if (channel_axes & filter_axes) continue;
      check_axes(f64, KLDSEL_DTYPE_F64, filter_axes, channel_axes);
      check_axes(f32, KLDSEL_DTYPE_F32, filter_axes, channel_axes);
      check_axes(u8, KLDSEL_DTYPE_U8, filter_axes, channel_axes);
      checked++;
    }
  /* Each axis is of a filter, a channel or neither; less those without a filter or a channel axis. */
  ck_assert_uint_eq(checked, 243 - 2 * 32 + 1);
}
END_TEST

/* Filters, channels, rows and columns lie in memory in every order, one weight after the other and with room
 * after each step: the bits are the same. */
START_TEST(strides_change_no_bit) {
  enum {
    STRIDED = 4,
    MOST = 20 * 22 * 4 * 6
  };
  static const int64_t shape[STRIDED] = {19, 21, 3, 5};
  static float values[19 * 21 * 3 * 5], stored[MOST];
  for (size_t i = 0; i < COUNT(values); i++) values[i] = (float)sin((double)i * 1.7);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  kldsel_profile *first = NULL;
  for (int order = 0; order < 256 * 2; order++) {
    /* Which axis is the fastest in memory, the next and so on: two bits each. */
    unsigned taken = 0;
    int64_t strides[STRIDED], step = 1;
    for (int place = 0; place < STRIDED; place++) {
      int axis = order >> 2 * place & 3;
      taken |= 1U << axis;
      strides[axis] = step * (int64_t)sizeof *stored;
      step *= shape[axis] + (order >= 256);
    }
    if (taken != (1U << STRIDED) - 1) continue;
    for (size_t i = 0; i < COUNT(values); i++) {
      int64_t rest = (int64_t)i, at = 0;
      for (int axis = STRIDED; axis-- > 0; rest /= shape[axis])
        at += rest % shape[axis] * strides[axis] / (int64_t)sizeof *stored;
      stored[at] = values[i];
    }
    kldsel_tensor *tensor = NULL;
    assert_ok(kldsel_tensor_view_strided(stored, sizeof stored, 0, KLDSEL_DTYPE_F32, STRIDED, shape, strides,
                                         1U, 2U, test_options, &tensor));
    kldsel_profile *profile = profile_of(tensor);
    char what[48];
    snprintf(what, sizeof what, "order 0x%x", (unsigned)order);
    if (first) assert_same_profile(first, profile, what);
    if (first)
      kldsel_profile_free(profile);
    else
      first = profile;
    kldsel_tensor_free(tensor);
  }
  kldsel_profile_free(first);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("channels");
  TCase *tests = add_case(suite, "axes");
  tcase_add_test(tests, any_axes_may_be_channels);
  tcase_add_test(tests, strides_change_no_bit);
  return suite;
}
