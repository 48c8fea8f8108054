/* SPDX-License-Identifier: BSD-3-Clause */
/* Built once per CPU level. */
#include "kernels_products.h"

#include "kernels.h"
#include "kldsel/kldsel.h"
#include "vector.h"

/* COLUMNS rows of a times VECTORS vectors of rows of b are summed in registers; a panel is that wide, so that
 * either operand can be read from it. */
#if defined(__AVX512F__)
enum {
  VECTORS = 3,
  COLUMNS = 8
};
#elif defined(__AVX2__)
enum {
  VECTORS = 3,
  COLUMNS = 4
};
#elif defined(__aarch64__)
enum {
  VECTORS = 4,
  COLUMNS = 4
};
#else
enum {
  VECTORS = 2,
  COLUMNS = 4
};
#endif
enum {
  PANEL = VECTORS * WIDTH
};

_Static_assert(PANEL % COLUMNS == 0 && PRODUCT_BLOCK % PANEL == 0, "blocks are made of whole panels");

/* a * b + c, with one rounding where the level has that. */
INLINE f64v multiply_add(f64v a, f64v b, f64v c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_pd(a, b, c);
#elif defined(__aarch64__)
  return vfmaq_f64(c, a, b);
#else
  return a * b + c;
#endif
}

INLINE void sum_products(const double *a, const double *b, size_t n, int more, double *to) {
  f64v sums[COLUMNS][VECTORS];
  for (size_t i = 0; i < COLUMNS; i++)
    for (size_t j = 0; j < VECTORS; j++)
      sums[i][j] = more ? load_f64(to + i * PRODUCT_BLOCK + j * WIDTH) : every(0.0);
  for (size_t k = 0; k < n; k++) {
    f64v row[VECTORS];
    for (size_t j = 0; j < VECTORS; j++) row[j] = load_f64(b + k * PANEL + j * WIDTH);
    for (size_t i = 0; i < COLUMNS; i++) {
      f64v factor = every(a[k * PANEL + i]);
      for (size_t j = 0; j < VECTORS; j++) sums[i][j] = multiply_add(factor, row[j], sums[i][j]);
    }
  }
  for (size_t i = 0; i < COLUMNS; i++)
    for (size_t j = 0; j < VECTORS; j++) store_f64(to + i * PRODUCT_BLOCK + j * WIDTH, sums[i][j]);
}

static void block(const double *a, const double *b, size_t panel_stride, size_t n, size_t a_panels,
                  size_t b_panels, int triangle, int more, double *to) {
  for (size_t i = 0; i < a_panels * PANEL; i += COLUMNS)
    for (size_t j = 0; j < b_panels && !(triangle && j * PANEL >= i + COLUMNS); j++)
      sum_products(a + i / PANEL * panel_stride + i % PANEL, b + j * panel_stride, n, more,
                   to + i * PRODUCT_BLOCK + j * PANEL);
}

static void take_part(double *x, size_t n, int32_t part) {
  if (part == KLDSEL_PART_POSITIVE)
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : 0.0;
  if (part == KLDSEL_PART_NEGATIVE)
    for (size_t i = 0; i < n; i++) x[i] = x[i] < 0 ? x[i] : 0.0;
}

static void scale(double *x, size_t n, double factor) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static void finish(double *cosines, size_t n, double slices) {
  for (size_t i = 0; i < n; i++) {
    double mean = cosines[i] / slices;
    mean = mean < -1.0 ? -1.0 : mean;
    cosines[i] = mean > 1.0 ? 1.0 : mean;
  }
}

const struct product_kernels AT_LEVEL(kldsel_products) = {PANEL, block, take_part, scale, finish};
