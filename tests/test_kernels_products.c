/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of products at every level against their definition: whole numbers, so that every sum is exact. */
#include <stdlib.h>

#include "../libkldsel/kernels_products.h"
#include "kernel_levels.h"
#include "support.h"

enum {
  STEPS = 5
};

static double a_rows[PRODUCT_BLOCK][STEPS], b_rows[PRODUCT_BLOCK][STEPS];
static double a[PRODUCT_BLOCK * STEPS], b[PRODUCT_BLOCK * STEPS];
static double block[PRODUCT_BLOCK * PRODUCT_BLOCK];

/* Panels of so many rows: step k of all rows of a panel lies together. */
static void lay_out(const double (*rows)[STEPS], size_t panel, double *to) {
  for (size_t i = 0; i < PRODUCT_BLOCK; i++)
    for (size_t k = 0; k < STEPS; k++) to[i / panel * panel * STEPS + k * panel + i % panel] = rows[i][k];
}

/* How many values of the block are not what they should be, of whole panels; 0.5 is what was there before. */
static size_t count_wrong(size_t rows, size_t columns, bool triangle, bool more) {
  size_t wrong = 0;
  for (size_t i = 0; i < PRODUCT_BLOCK; i++)
    for (size_t j = 0; j < PRODUCT_BLOCK; j++) {
      double sum = more ? 0.5 : 0.0, got = block[i * PRODUCT_BLOCK + j];
      for (size_t k = 0; k < STEPS; k++) sum += a_rows[i][k] * b_rows[j][k];
      bool inside = i < rows && j < columns;
      bool above = triangle && j > i; /* where either is right */
      wrong += !((inside && got == sum) || ((!inside || above) && got == 0.5));
    }
  return wrong;
}

START_TEST(products_are_exact) {
  for (size_t i = 0; i < PRODUCT_BLOCK; i++)
    for (size_t k = 0; k < STEPS; k++) {
      a_rows[i][k] = (double)((i * 7 + k * 3) % 19) - 9;
      b_rows[i][k] = (double)((i * 5 + k * 11) % 23) - 11;
    }
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++) {
    const struct product_kernels *products = kernels_at(level)->products;
    size_t panel = products->panel, panels = PRODUCT_BLOCK / panel;
    lay_out((const double(*)[STEPS])a_rows, panel, a);
    lay_out((const double(*)[STEPS])b_rows, panel, b);
    const size_t counts[] = {1, panels / 2, panels};
    for (size_t x = 0; x < COUNT(counts); x++)
      for (size_t y = 0; y < COUNT(counts); y++)
        for (int way = 0; way < 4; way++) {
          int triangle = way & 1, more = way >> 1;
          for (size_t i = 0; i < COUNT(block); i++) block[i] = 0.5;
          products->block(a, b, panel * STEPS, STEPS, counts[x], counts[y], triangle, more, block);
          size_t wrong = count_wrong(counts[x] * panel, counts[y] * panel, triangle != 0, more != 0);
          ck_assert_msg(wrong == 0, "level %d, %zu by %zu panels, triangle %d, more %d: %zu are wrong", level,
                        counts[x], counts[y], triangle, more, wrong);
        }
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("kernels_products");
  TCase *tests = add_case(suite, "blocks");
  tcase_add_test(tests, products_are_exact);
  return suite;
}
