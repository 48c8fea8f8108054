/* SPDX-License-Identifier: BSD-3-Clause */
#include "support.h"

START_TEST(kind_follows_the_rank) {
  static const int32_t kinds[] = {1, 1, 2, 3, 3, 3, 3, 3, 3};
  const int64_t shape[KLDSEL_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7, INT64_MAX};
  for (int32_t rank = 0; rank <= KLDSEL_MAX_RANK; rank++) {
    int32_t kind = 0;
    assert_ok(kldsel_layer_kind(rank, shape, &kind));
    ck_assert_int_eq(kind, kinds[rank]);
  }
  int32_t kind = 0;
  assert_ok(kldsel_layer_kind(0, NULL, &kind));
  ck_assert_int_eq(kind, KLDSEL_KIND_OTHER);
}
END_TEST

START_TEST(kind_refuses) {
  const int64_t shape[] = {2, -4, 0, INT64_MIN};
  int32_t kind;
  poison(&kind, sizeof kind);
  assert_error(kldsel_layer_kind(-1, shape, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "rank is -1; must be 0 to 8");
  assert_error(kldsel_layer_kind(9, shape, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "rank is 9; must be 0 to 8");
  assert_error(kldsel_layer_kind(INT32_MAX, shape, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "rank is 2147483647; must be 0 to 8");
  assert_error(kldsel_layer_kind(1, NULL, &kind), KLDSEL_ERROR_INVALID_ARGUMENT, "shape is NULL");
  assert_error(kldsel_layer_kind(4, shape, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "shape[1] is -4; must be > 0");
  assert_error(kldsel_layer_kind(1, shape + 2, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "shape[0] is 0; must be > 0");
  assert_error(kldsel_layer_kind(1, shape + 3, &kind), KLDSEL_ERROR_INVALID_ARGUMENT,
               "shape[0] is -9223372036854775808; must be > 0");
  assert_poisoned(&kind, sizeof kind);
  assert_error(kldsel_layer_kind(1, shape, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "kind is NULL");
}
END_TEST

/* Axes of each layout at rank 2 to 8, read off the letters; 0 in place of filters: no such rank. */
static const struct {
  int32_t layout;
  const char *name;
  uint32_t filters[9], channels[9];
} layouts[] = {
    {0, "default", {0, 0, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 2, 2, 2, 2, 2, 2}},
    {1, "OIHW", {0, 0, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 2, 2, 2, 2, 2, 2}},
    {2, "HWIO", {0, 0, 2, 4, 8, 16, 32, 64, 128}, {0, 0, 0, 2, 4, 8, 16, 32, 64}},
    {3, "OHWI", {0, 0, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 4, 8, 16, 32, 64, 128}},
    {4, "IOHW", {0, 0, 2, 2, 2, 2, 2, 2, 2}, {0, 0, 0, 1, 1, 1, 1, 1, 1}},
    {5, "HWIM", {0, 0, 0, 6, 12, 24, 48, 96, 192}, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {6, "OI", {0, 0, 1, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {7, "IO", {0, 0, 2, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {8, "HWOI", {0, 0, 1, 2, 4, 8, 16, 32, 64}, {0, 0, 0, 4, 8, 16, 32, 64, 128}},
};

START_TEST(axes_of_every_layout_at_every_rank) {
  for (size_t i = 0; i < COUNT(layouts); i++)
    for (int32_t rank = 2; rank <= KLDSEL_MAX_RANK; rank++) {
      uint32_t filters, channels;
      poison(&filters, sizeof filters);
      poison(&channels, sizeof channels);
      kldsel_status status = kldsel_layout_axes(layouts[i].layout, rank, &filters, &channels);
      if (layouts[i].filters[rank] == 0) {
        ck_assert_int_eq(status, KLDSEL_ERROR_INVALID_ARGUMENT);
        assert_poisoned(&filters, sizeof filters);
        assert_poisoned(&channels, sizeof channels);
        continue;
      }
      ck_assert_int_eq(status, KLDSEL_OK);
      ck_assert_msg(filters == layouts[i].filters[rank], "%s at rank %d: filters 0x%x", layouts[i].name, rank,
                    filters);
      ck_assert_msg(channels == layouts[i].channels[rank], "%s at rank %d: channels 0x%x", layouts[i].name,
                    rank, channels);
      uint32_t alone = 0;
      assert_ok(kldsel_layout_axes(layouts[i].layout, rank, &alone, NULL));
      ck_assert_uint_eq(alone, filters);
      assert_ok(kldsel_layout_axes(layouts[i].layout, rank, NULL, &alone));
      ck_assert_uint_eq(alone, channels);
    }
}
END_TEST

START_TEST(axes_refuse) {
  struct {
    uint32_t filters, channels;
  } out;
  poison(&out, sizeof out);
  assert_error(kldsel_layout_axes(9, 4, &out.filters, &out.channels), KLDSEL_ERROR_INVALID_ARGUMENT,
               "layout is 9, which is none");
  assert_error(kldsel_layout_axes(-1, 4, &out.filters, &out.channels), KLDSEL_ERROR_INVALID_ARGUMENT,
               "layout is -1, which is none");
  assert_error(kldsel_layout_axes(1, 1, &out.filters, &out.channels), KLDSEL_ERROR_INVALID_ARGUMENT,
               "rank is 1; must be 2 to 8");
  assert_error(kldsel_layout_axes(1, 9, &out.filters, &out.channels), KLDSEL_ERROR_INVALID_ARGUMENT,
               "rank is 9; must be 2 to 8");
  assert_error(kldsel_layout_axes(1, INT32_MIN, &out.filters, &out.channels), KLDSEL_ERROR_INVALID_ARGUMENT,
               "rank is -2147483648; must be 2 to 8");
  assert_error(kldsel_layout_axes(KLDSEL_LAYOUT_HWIM, 2, &out.filters, &out.channels),
               KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 2; layout HWIM needs 3 or more");
  assert_error(kldsel_layout_axes(KLDSEL_LAYOUT_OI, 3, &out.filters, &out.channels),
               KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 3; a dense layout needs 2");
  assert_error(kldsel_layout_axes(KLDSEL_LAYOUT_IO, 4, &out.filters, &out.channels),
               KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 4; a dense layout needs 2");
  assert_poisoned(&out, sizeof out);
}
END_TEST

/* Extents 2, 3, 5, 7, ... tell by M and K alone which axes a view took for filters. */
START_TEST(views_take_the_axes_of_their_layout) {
  static const int64_t primes[KLDSEL_MAX_RANK] = {2, 3, 5, 2, 3, 2, 2, 3};
  static unsigned char bytes[2 * 3 * 5 * 2 * 3 * 2 * 2 * 3];
  for (size_t i = 0; i < COUNT(layouts); i++)
    for (int32_t rank = 2; rank <= KLDSEL_MAX_RANK; rank++) {
      if (layouts[i].filters[rank] == 0) continue;
      int64_t filters = 1, elements = 1;
      for (int32_t a = 0; a < rank; a++)
        if (layouts[i].filters[rank] >> a & 1)
          filters *= primes[a];
        else
          elements *= primes[a];
      kldsel_tensor *tensor = NULL;
      assert_ok(kldsel_tensor_view(bytes, (size_t)(filters * elements), KLDSEL_DTYPE_U8, rank, primes,
                                   layouts[i].layout, test_options, &tensor));
      ck_assert_int_eq(kldsel_tensor_filters(tensor), filters);
      ck_assert_int_eq(kldsel_tensor_elements(tensor), elements);
      kldsel_tensor_free(tensor);
    }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("layout");
  TCase *tests = add_case(suite, "layout");
  tcase_add_test(tests, kind_follows_the_rank);
  tcase_add_test(tests, kind_refuses);
  tcase_add_test(tests, axes_of_every_layout_at_every_rank);
  tcase_add_test(tests, axes_refuse);
  tcase_add_test(tests, views_take_the_axes_of_their_layout);
  return suite;
}
