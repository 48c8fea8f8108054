/* SPDX-License-Identifier: BSD-3-Clause */
/* Every form and element type against the definition, of sizes about the edges of vectors, of lines worked on
 * together and of tiles. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "definition.h"
#include "forms.h"
#include "support.h"
#include "tolerance.h"

/* The filters of a tensor of three axes as the library reads them; storing them is checked in test_filter.c.
 */
static struct layer layer_of(const kldsel_tensor *tensor, const struct shape *shape) {
  kldsel_tensor *matrix = NULL;
  size_t n = shape_weights(shape);
  double *values = malloc(n * sizeof *values);
  ck_assert_ptr_nonnull(values);
  assert_ok(kldsel_filter_matrix(tensor, test_options, &matrix));
  assert_ok(kldsel_tensor_values(matrix, values, n));
  struct layer layer = layer_from("form", shape->filters, shape->channels, shape->kernel, values);
  kldsel_tensor_free(matrix);
  free(values);
  return layer;
}

static void assert_near(double got, wide want, double bound, const char *what, int32_t sign, size_t i) {
  double error = (double)wide_absolute((wide)got - want);
  if (!(error <= bound))
    ck_abort_msg("%s, sign %d, number %zu: got %.17g, expected %.17g, off by %.2e of %.2e", what, sign, i,
                 got, (double)want, error, bound);
}

static void check_counts(const struct layer *layer, const double *exported) {
  double positive = 0, negative = 0;
  for (int64_t e = 0; e < layer->filters * layer_elements(layer); e++) {
    positive += layer->weights[e] > 0;
    negative += layer->weights[e] < 0;
  }
  ck_assert_double_eq(exported[7], positive);
  ck_assert_double_eq(exported[8], negative);
}

static void check_sign(const struct layer *layer, int32_t sign, int32_t granularity,
                       const kldsel_profile *profile, double mean, const char *what) {
  size_t m = (size_t)layer->filters;
  wide *matrix = wide_array(m * m), *want = wide_array(m);
  double *got = calloc(m, sizeof *got);
  ck_assert_ptr_nonnull(got);
  define_matrix(layer, sign, granularity, matrix);
  define_profile(matrix, layer->filters, want);
  assert_ok(kldsel_profile_values(profile, sign, got, m));
  struct similarity_bounds bounds =
      bound_similarities(layer, sign, granularity, KLDSEL_DISTRIBUTION_PROFILE, got, m);
  for (size_t i = 0; i < m; i++) assert_near(got[i], want[i], bounds.value, what, sign, i);
  assert_near(mean, define_mean(want, m), bounds.mean, what, sign, m);
  free(matrix);
  free(want);
  free(got);
}

static void check_weights(const void *buffer, const struct shape *shape, int32_t dtype, enum form form) {
  kldsel_tensor *tensor = form_view(buffer, shape, dtype, form);
  struct layer layer = layer_of(tensor, shape);
  char what[96];
  snprintf(what, sizeof what, "%lldx%lldx%lld, dtype %d, form %d", (long long)shape->filters,
           (long long)shape->channels, (long long)shape->kernel, dtype, (int)form);
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    kldsel_profile *profile = profile_of(tensor);
    size_t length = 0;
    assert_ok(kldsel_profile_export(profile, NULL, 0, &length));
    double *exported = calloc(length, sizeof *exported);
    ck_assert_ptr_nonnull(exported);
    assert_ok(kldsel_profile_export(profile, exported, length, &length));
    check_counts(&layer, exported);
    for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++)
      if (shape->filters > 1)
        check_sign(&layer, sign, granularity, profile, exported[8 + sign], what);
      else
        ck_assert_msg(isnan(exported[8 + sign]), "%s: a mean of no similarity is %g", what,
                      exported[8 + sign]);
    free(exported);
    kldsel_profile_free(profile);
  }
  layer_free(&layer);
  kldsel_tensor_free(tensor);
}

static void check_form(const struct shape *shape, int32_t dtype, enum form form, uint64_t seed) {
  void *buffer = random_weights(2 * shape_weights(shape), dtype, seed);
  check_weights(buffer, shape, dtype, form);
  free(buffer);
}

/* Squares that vanish, or overflow: all is walked once more, and counted, zeros among it. Bytes by one scale
 * that is so small, and by one of each filter. */
START_TEST(extreme_magnitudes_agree) {
  static const struct shape shapes[] = {{9, 3, 5}, {40, 33, 1}};
  for (size_t s = 0; s < COUNT(shapes); s++) {
    size_t n = 2 * shape_weights(&shapes[s]);
    double *weights = random_weights(n, KLDSEL_DTYPE_F64, 571 + s);
    for (size_t e = 0; e < n; e++) weights[e] *= _i ? 0x1p+600 : 0x1p-600;
    for (int form = 0; form < FORMS; form++)
      check_weights(weights, &shapes[s], KLDSEL_DTYPE_F64, (enum form)form);
    free(weights);
  }
  static const struct shape of_bytes[] = {{6, 3, 5}, {9, 3, 5}};
  for (size_t s = 0; s < COUNT(of_bytes); s++)
    for (int form = 0; form < FORMS; form++)
      check_form(&of_bytes[s], KLDSEL_DTYPE_U8 + _i, (enum form)form, 575 + s);
}
END_TEST

/* Sizes at either side of a vector (2, 4, 8), of lines and blocks of them (4, 16). */
START_TEST(small_sizes_agree) {
  int32_t dtype = 1 + _i;
  struct generator g = {501 + (uint64_t)_i};
  int count = test_quick() ? 4 : 60;
  for (int s = 0; s < count; s++) {
    struct shape shape = {1 + (int64_t)(next_bits(&g) % 20), 1 + (int64_t)(next_bits(&g) % 3),
                          1 + (int64_t)(next_bits(&g) % 12)};
    for (int form = 0; form < FORMS; form++) check_form(&shape, dtype, (enum form)form, 511 + (uint64_t)s);
  }
}
END_TEST

/* Two chunks, by each way that the weights are walked: 2^18 of them for rows and columns, 16 filters at
 * least, and by kernel 2^14 slices. */
START_TEST(chunks_agree) {
  static const int32_t dtypes[FORMS] = {
      [FORM_ROWS] = KLDSEL_DTYPE_F32,
      [FORM_COLUMNS] = KLDSEL_DTYPE_BF16,
      [FORM_SKIPPING_ROWS] = KLDSEL_DTYPE_U8,
      [FORM_SKIPPING_COLUMNS] = KLDSEL_DTYPE_F64,
  };
  static const struct shape shape = {17, 1830, 9};
  if (!test_quick()) check_form(&shape, dtypes[_i], (enum form)_i, 541);
}
END_TEST

/* By kernel, several blocks of filters of 2^12 weights in each chunk, the last one shorter: slices of one
 * weight, and of several. And a chunk of the last channel alone. */
START_TEST(blocks_agree) {
  static const struct shape shapes[] = {{24, 200, 1}, {21, 60, 9}, {4, 9, 49}};
  for (size_t s = 0; s < COUNT(shapes); s++)
    for (int form = 0; form < FORMS; form++)
      check_form(&shapes[s], KLDSEL_DTYPE_F32, (enum form)form, 551 + s);
}
END_TEST

/* Sizes at either side of a tile (1024), and of a chunk of lines. */
START_TEST(large_sizes_agree) {
  static const struct shape shapes[] = {
      {5, 1, 1023}, {6, 1, 1024}, {3, 5, 205},  {2, 3, 683},   {1023, 1, 1},
      {1061, 1, 2}, {9, 1, 2057}, {18, 1, 900}, {4, 2, 33000},
  };
  int32_t dtype = 1 + _i;
  for (size_t s = 0; s < COUNT(shapes) && !test_quick(); s++)
    check_form(&shapes[s], dtype, (enum form)((s + (size_t)_i) % FORMS), 521 + s);
  if (test_quick()) check_form(&shapes[3], dtype, (enum form)(_i % FORMS), 521);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("forms");
  TCase *tests = add_case(suite, "definition");
  tcase_add_loop_test(tests, extreme_magnitudes_agree, 0, 2);
  tcase_add_loop_test(tests, small_sizes_agree, 0, KLDSEL_DTYPE_I8);
  tcase_add_test(tests, blocks_agree);
  tcase_add_loop_test(tests, chunks_agree, 0, FORMS);
  tcase_add_loop_test(tests, large_sizes_agree, 0, KLDSEL_DTYPE_I8);
  return suite;
}
