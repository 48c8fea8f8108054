/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts and shapes near the largest integers: each call that takes one computes sizes from it, and none may
 * wrap round to a small one. Memory ends at a limit, so a call that got its sizes right fails, with outputs
 * as they were. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "definition.h" /* wide: a long double has 53 bits under valgrind */
#include "support.h"

enum {
  LIMIT = 1 << 16, /* bytes of one allocation */
  LOG_ADDRESSES = sizeof(size_t) == 8 ? 63 : 31,
  /* From so many weights on, a filter or the filters are more than the limit holds. */
  FIRST_LOG = 29
};

static const uint8_t byte = 1;
static const int64_t no_strides[KLDSEL_MAX_RANK];

/* All weights of such a tensor are the one byte, so that no shape is too large to be had. */
static kldsel_status view_of(int32_t rank, const int64_t *shape, kldsel_tensor **tensor) {
  return kldsel_tensor_view_strided(&byte, 1, 0, KLDSEL_DTYPE_U8, rank, shape, no_strides, 1U, 2U,
                                    test_options, tensor);
}

/* Exact: shapes have three extents, and what is rounded is far above what memory can be. */
static wide product_of(const int64_t *shape) {
  return (wide)shape[0] * (wide)shape[1] * (wide)shape[2];
}

static const wide most_bytes = (wide)PTRDIFF_MAX;

/* ---- what is made of a tensor of such a shape ---- */

/* TOO_LARGE where so many bytes cannot be addressed, else out of memory. */
static kldsel_status status_of(wide bytes) {
  return bytes > most_bytes ? KLDSEL_ERROR_TOO_LARGE : KLDSEL_ERROR_OUT_OF_MEMORY;
}

static const char *text_of(const int64_t *shape) {
  static char text[96];
  snprintf(text, sizeof text, "[%lld, %lld, %lld]", (long long)shape[0], (long long)shape[1],
           (long long)shape[2]);
  return text;
}

/* The status that a call gives, which has an output: that stays as it was. */
#define EXPECT_NOTHING_MADE(type, wanted, shape, ...)                                                        \
  do {                                                                                                       \
    type *out;                                                                                               \
    poison(&out, sizeof out);                                                                                \
    mark_error();                                                                                            \
    kldsel_status got = __VA_ARGS__;                                                                         \
    ck_assert_msg(got == (wanted), "%s of %s gave %s: %s", #__VA_ARGS__, text_of(shape),                     \
                  kldsel_status_name(got), kldsel_last_error());                                             \
    assert_poisoned(&out, sizeof out);                                                                       \
  } while (0)

/* Either is right, where what overflows hangs on how the work is done. */
static kldsel_status too_large_or_no_memory(kldsel_status got) {
  return got == KLDSEL_ERROR_TOO_LARGE ? KLDSEL_ERROR_OUT_OF_MEMORY : got;
}

/* Few filters need little memory, however long they are, but more time than there is. */
static bool needs_little_memory(const int64_t *shape) {
  int64_t most_elements = INT64_C(1) << (LOG_ADDRESSES == 63 ? 48 : 26);
  return shape[0] < LIMIT / (int64_t)sizeof(double) && shape[1] * shape[2] <= most_elements;
}

static void make_profiles(const kldsel_tensor *tensor, const int64_t *shape) {
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++)
    for (int32_t distribution = 1; distribution <= KLDSEL_DISTRIBUTION_PAIRS; distribution++) {
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
      kldsel_tensor *list[] = {(kldsel_tensor *)(uintptr_t)tensor};
      EXPECT_NOTHING_MADE(kldsel_profile, KLDSEL_ERROR_OUT_OF_MEMORY, shape,
                          too_large_or_no_memory(kldsel_profile_create(tensor, test_options, &out)));
      EXPECT_NOTHING_MADE(
          kldsel_ranking, KLDSEL_ERROR_OUT_OF_MEMORY, shape,
          too_large_or_no_memory(kldsel_rank_tensors(list, 1, NULL, NULL, test_options, &out)));
    }
}

static void multiply_cosines(const kldsel_tensor *tensor, const int64_t *shape) {
  double matrix;
  poison(&matrix, sizeof matrix);
  wide values = (wide)shape[0] * (wide)shape[0];
  size_t count = (size_t)shape[0] * (size_t)shape[0]; /* wraps round where there are too many */
  kldsel_status got = kldsel_pairwise_cosine(tensor, NULL, 0, shape[0], test_options, &matrix, count);
  kldsel_status wanted = values > 2 * most_bytes + 1 ? KLDSEL_ERROR_TOO_LARGE : KLDSEL_ERROR_OUT_OF_MEMORY;
  if (product_of(shape) * 8 > most_bytes) wanted = KLDSEL_ERROR_TOO_LARGE;
  /* Rows are padded to whole panels, which may be what cannot be addressed; a BLAS has integers of its own.
   */
  bool for_blas = kldsel_cpu_level() == KLDSEL_CPU_LEVEL_BASELINE &&
                  (shape[0] > INT32_MAX || (wide)shape[1] * (wide)shape[2] > INT32_MAX);
  if (for_blas || product_of(shape) * 8 * 32 > most_bytes)
    got = too_large_or_no_memory(got), wanted = KLDSEL_ERROR_OUT_OF_MEMORY;
  ck_assert_msg(got == wanted, "cosines of %s gave %s: %s", text_of(shape), kldsel_status_name(got),
                kldsel_last_error());
  ck_assert_int_eq(kldsel_pairwise_cosine(tensor, NULL, INT64_MAX, 1, test_options, &matrix, 1),
                   KLDSEL_ERROR_INVALID_ARGUMENT);
  ck_assert_int_eq(kldsel_pairwise_cosine(tensor, NULL, 1, INT64_MAX, test_options, &matrix, 1),
                   KLDSEL_ERROR_INVALID_ARGUMENT);
  assert_poisoned(&matrix, sizeof matrix);
}

static void use_tensor(const int64_t *shape) {
  kldsel_tensor *tensor = NULL;
  assert_ok(view_of(3, shape, &tensor));
  ck_assert_int_eq(kldsel_tensor_filters(tensor), shape[0]);
  ck_assert_int_eq(kldsel_tensor_elements(tensor), shape[1] * shape[2]);
  wide weights = product_of(shape);
  double value;
  poison(&value, sizeof value);
  ck_assert_int_eq(kldsel_tensor_values(tensor, &value, (size_t)(8 * shape[0] * shape[1] * shape[2] % 8)),
                   KLDSEL_ERROR_MISMATCH);
  assert_poisoned(&value, sizeof value);
  EXPECT_NOTHING_MADE(kldsel_tensor, status_of(weights), shape,
                      kldsel_tensor_copy(tensor, test_options, &out));
  EXPECT_NOTHING_MADE(kldsel_tensor, status_of(8 * weights), shape,
                      kldsel_sign_split(tensor, KLDSEL_PART_POSITIVE, test_options, &out));
  EXPECT_NOTHING_MADE(kldsel_tensor, status_of(8 * weights), shape,
                      kldsel_filter_matrix(tensor, test_options, &out));
  if (!needs_little_memory(shape)) make_profiles(tensor, shape);
  multiply_cosines(tensor, shape);
  kldsel_tensor_free(tensor);
}

/* Every way to share 2^FIRST_LOG weights and more among filters, channels and the rest; each extent at, below
 * and above a power of two, at which products wrap round. */
START_TEST(shapes_of_every_size) {
  size_t used = 0, refused = 0;
  int step = sizeof(size_t) < 8 ? 3 : test_quick() ? 7 : 2;
  for (int filters = 0; filters <= LOG_ADDRESSES; filters += step)
    for (int channels = 0; channels <= LOG_ADDRESSES; channels += step)
      for (int rest = 0; rest <= LOG_ADDRESSES; rest += step)
        for (int64_t beside = -1; beside <= 1; beside++) {
          if (filters + channels + rest < FIRST_LOG) continue;
          const int logs[] = {filters, channels, rest};
          int64_t shape[3];
          for (int a = 0; a < 3; a++) {
            uint64_t power = UINT64_C(1) << logs[a];
            shape[a] = logs[a] == 63 ? INT64_MAX : logs[a] < 2 ? (int64_t)power : (int64_t)power + beside;
          }
          test_memory.limit = LIMIT;
          if (product_of(shape) <= most_bytes) {
            use_tensor(shape);
            used++;
          } else {
            EXPECT_NOTHING_MADE(kldsel_tensor, KLDSEL_ERROR_TOO_LARGE, shape, view_of(3, shape, &out));
            EXPECT_NOTHING_MADE(
                kldsel_tensor, KLDSEL_ERROR_TOO_LARGE, shape,
                kldsel_tensor_view(&byte, 1, KLDSEL_DTYPE_U8, 3, shape, 0, test_options, &out));
            refused++;
          }
          test_memory.limit = 0;
        }
  printf("%zu shapes used, %zu refused\n", used, refused);
  ck_assert_uint_gt(used, 0);
  ck_assert_uint_gt(refused, 0);
}
END_TEST

/* Up to the largest extent, memory is what lacks, or room for so many filters to be ranked by. */
START_TEST(the_largest_extent_is_tried) {
  const int64_t most = INT64_C(1) << (LOG_ADDRESSES == 63 ? 48 : 26);
  const int64_t shapes[][3] = {{2, most, 1}, {most, 2, 1}, {2, most + 1, 1}, {most + 1, 2, 1}};
  test_memory.limit = LIMIT;
  for (size_t s = 0; s < COUNT(shapes); s++) {
    kldsel_tensor *tensor;
    assert_ok(view_of(3, shapes[s], &tensor));
    EXPECT_NOTHING_MADE(kldsel_profile, KLDSEL_ERROR_OUT_OF_MEMORY, shapes[s],
                        too_large_or_no_memory(kldsel_profile_create(tensor, test_options, &out)));
    bool refused = strstr(kldsel_last_error(), "elements are too large") != NULL;
    ck_assert_msg(refused == (s > 1), "%s: %s", text_of(shapes[s]), kldsel_last_error());
    kldsel_tensor_free(tensor);
  }
  test_memory.limit = 0;
}
END_TEST

/* Axes are merged where one stride serves both; what the inner one spans may be more than a stride can be.
 * The call has no memory, so it never reads so far away. */
START_TEST(axes_that_span_more_than_memory) {
  int64_t half = INT64_C(1) << (LOG_ADDRESSES - 1);
  static const int64_t shape[] = {2, 2, 2};
  const int64_t strides[] = {1, 2, half};
  kldsel_tensor *tensor;
  assert_ok(kldsel_tensor_view_strided(&byte, 0, 0, KLDSEL_DTYPE_U8, 3, shape, strides, 1U, 0, test_options,
                                       &tensor));
  for (size_t n = 1; n <= 3; n++) {
    atomic_store(&test_memory.calls, 0);
    test_memory.fail_at = n;
    EXPECT_NOTHING_MADE(kldsel_profile, KLDSEL_ERROR_OUT_OF_MEMORY, shape,
                        kldsel_profile_create(tensor, test_options, &out));
  }
  /* The handle's and the values' blocks are had: it is the scratch that is not. */
  test_memory.fail_onwards = true;
  for (size_t n = 4; n <= 6; n++) {
    atomic_store(&test_memory.calls, 0);
    test_memory.fail_at = n;
    EXPECT_NOTHING_MADE(kldsel_profile, KLDSEL_ERROR_OUT_OF_MEMORY, shape,
                        kldsel_profile_create(tensor, test_options, &out));
  }
  test_memory.fail_at = 0;
  kldsel_tensor_free(tensor);
}
END_TEST

/* What is kept of each filter has to be countable in 32 bits. */
START_TEST(more_filters_than_a_distribution_has_steps) {
  if (sizeof(size_t) < 8) return; /* there are fewer */
  const int64_t filters = INT64_C(1) << 32;
  kldsel_tensor *tensor;
  assert_ok(view_of(3, (const int64_t[]){filters, 1, 1}, &tensor));
  assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_TOO_LARGE, "tensor: profile: 4294967296 filters are more than 4294967295");
  kldsel_tensor_free(tensor);
  static const double numbers[] = {1, 2, 3, 4, 5, 6};
  tensor = matrix_view(numbers, 3, 2);
  kldsel_profile *profile = profile_of(tensor);
  double exported[64];
  size_t length = 0;
  assert_ok(kldsel_profile_export(profile, exported, COUNT(exported), &length));
  exported[2] = (double)filters;
  assert_no_handle(kldsel_profile, kldsel_profile_import(exported, length, test_options, &POISONED),
                   KLDSEL_ERROR_TOO_LARGE, "profile: 4294967296 filters are more than 4294967295");
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

/* ---- counts ---- */

/* Counts whose products with the sizes of what is kept for each wrap round, to 0 and to little. */
static size_t count_at(size_t i) {
  int bits = 8 * (int)sizeof(size_t);
  size_t log = (size_t)bits - 1 - i / 3;
  return ((size_t)1 << log) + i % 3 - 1;
}

enum {
  COUNTS = 3 * 8 /* down to 2^56: none is had of eight bytes and more */
};

START_TEST(ranks_of_any_count) {
  double score = 1;
  int64_t order;
  poison(&order, sizeof order);
  test_memory.limit = LIMIT;
  for (size_t i = 0; i < COUNTS; i++) {
    kldsel_status status = kldsel_rank(&score, count_at(i), NULL, NULL, test_options, &order, NULL, NULL);
    /* 16 bytes are kept of each; with pointers of 32 bits, less comes first. */
    if (sizeof(size_t) < 8)
      ck_assert_int_eq(too_large_or_no_memory(status), KLDSEL_ERROR_OUT_OF_MEMORY);
    else
      ck_assert_int_eq(status, status_of((wide)count_at(i) * 16));
  }
  assert_poisoned(&order, sizeof order);
  test_memory.limit = 0;
}
END_TEST

START_TEST(divergences_of_any_length) {
  static const double p[] = {0.5, 0.5};
  double out;
  poison(&out, sizeof out);
  test_memory.limit = LIMIT;
  for (size_t i = 0; i < COUNTS && sizeof(size_t) == 8; i++) {
    ck_assert_int_eq(kldsel_divergence(p, count_at(i), p, 2, test_options, &out), KLDSEL_ERROR_TOO_LARGE);
    ck_assert_int_eq(kldsel_divergence(p, 2, p, count_at(i), test_options, &out), KLDSEL_ERROR_TOO_LARGE);
  }
  assert_poisoned(&out, sizeof out);
  test_memory.limit = 0;
}
END_TEST

/* Arrays that are as long as they are said to be: what they are compared with is small. */
START_TEST(counts_that_must_agree) {
  static const double numbers[] = {1, 2, 3, 4, 5, 6};
  kldsel_tensor *tensor = matrix_view(numbers, 3, 2), *integers = NULL;
  kldsel_profile *profile = profile_of(tensor);
  kldsel_ranking *ranking = NULL;
  assert_ok(kldsel_rank_profiles(&profile, 1, NULL, NULL, test_options, &ranking));
  assert_ok(view_of(2, (const int64_t[]){3, 2}, &integers));
  double head[64], value;
  int64_t order;
  size_t length = 0;
  assert_ok(kldsel_profile_export(profile, head, COUNT(head), &length));
  poison(&value, sizeof value);
  poison(&order, sizeof order);
  for (size_t i = 0; i < COUNTS; i++) {
    size_t count = count_at(i);
    ck_assert_int_eq(kldsel_tensor_values(tensor, &value, count), KLDSEL_ERROR_MISMATCH);
    ck_assert_int_eq(kldsel_profile_values(profile, KLDSEL_SIGN_ALL, &value, count), KLDSEL_ERROR_MISMATCH);
    ck_assert_int_eq(kldsel_ranking_order(ranking, &order, count), KLDSEL_ERROR_MISMATCH);
    ck_assert_int_eq(kldsel_pairwise_cosine(tensor, NULL, 0, 3, test_options, &value, count),
                     KLDSEL_ERROR_MISMATCH);
    ck_assert_int_eq(kldsel_ranking_layer(ranking, count, &value, NULL, NULL, NULL),
                     KLDSEL_ERROR_INVALID_ARGUMENT);
    char message[96];
    snprintf(message, sizeof message, "count is %zu; must be 1 or the 3 filters", count);
    assert_no_handle(kldsel_tensor,
                     kldsel_tensor_quantized(integers, numbers, NULL, count, test_options, &POISONED),
                     KLDSEL_ERROR_MISMATCH, message);
    EXPECT_NOTHING_MADE(kldsel_profile, KLDSEL_ERROR_MISMATCH, ((const int64_t[]){3, 2, 1}),
                        kldsel_profile_import(head, count, test_options, &out));
    /* A buffer may be said to be that long: its elements are in it. */
    kldsel_tensor *view_in_much = NULL;
    kldsel_status status =
        kldsel_tensor_view_strided(numbers, count, 0, KLDSEL_DTYPE_F64, 1, (const int64_t[]){6}, NULL, 1U, 0,
                                   test_options, &view_in_much);
    ck_assert_int_eq(status, KLDSEL_ERROR_INVALID_ARGUMENT); /* every axis indexes filters */
  }
  assert_poisoned(&value, sizeof value);
  assert_poisoned(&order, sizeof order);
  kldsel_ranking_free(ranking);
  kldsel_profile_free(profile);
  kldsel_tensor_free(integers);
  kldsel_tensor_free(tensor);
}
END_TEST

/* An export tells how many filters it has, in a double. */
START_TEST(imports_of_any_number_of_filters) {
  static const double numbers[] = {1, 2, 3, 4, 5, 6};
  kldsel_tensor *tensor = matrix_view(numbers, 3, 2);
  for (int32_t distribution = 1; distribution <= KLDSEL_DISTRIBUTION_PAIRS; distribution++) {
    set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
    kldsel_profile *profile = profile_of(tensor);
    double exported[64];
    size_t length = 0;
    assert_ok(kldsel_profile_export(profile, exported, COUNT(exported), &length));
    kldsel_profile_free(profile);
    const double own = exported[2];
    for (int log = 2; log <= 1023; log++)
      for (int beside = -1; beside <= 1; beside++) {
        exported[2] = ldexp(1, log) + (double)beside;
        if (exported[2] == own) continue;
        kldsel_profile *out;
        poison(&out, sizeof out);
        kldsel_status status = kldsel_profile_import(exported, length, test_options, &out);
        ck_assert_msg(status == KLDSEL_ERROR_MISMATCH || status == KLDSEL_ERROR_TOO_LARGE ||
                          status == KLDSEL_ERROR_INVALID_ARGUMENT,
                      "%.17g filters: %s", exported[2], kldsel_status_name(status));
        if (exported[2] > 0x1p53) ck_assert_int_eq(status, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_poisoned(&out, sizeof out);
      }
  }
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("sizes");
  TCase *tests = add_case(suite, "shapes");
  tcase_add_test(tests, shapes_of_every_size);
  tcase_add_test(tests, the_largest_extent_is_tried);
  tcase_add_test(tests, axes_that_span_more_than_memory);
  tcase_add_test(tests, more_filters_than_a_distribution_has_steps);
  tests = add_case(suite, "counts");
  tcase_add_test(tests, ranks_of_any_count);
  tcase_add_test(tests, divergences_of_any_length);
  tcase_add_test(tests, counts_that_must_agree);
  tcase_add_test(tests, imports_of_any_number_of_filters);
  return suite;
}
