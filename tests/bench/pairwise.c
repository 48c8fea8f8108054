/* SPDX-License-Identifier: BSD-3-Clause */
#include "pairwise.h"

#include <time.h>

#include "fill.h"
#include "support.h"

#ifdef BENCH_OPENBLAS
#include <cblas.h>

const char *blas_core(void) {
  return openblas_get_corename();
}

static void set_blas_threads(int threads) {
  openblas_set_num_threads(threads);
}

static double time_syrk(int64_t filters, int64_t elements, const double *rows, double *product) {
  double start = now();
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (blasint)filters, (blasint)elements, 1, rows,
              (blasint)elements, 0, product, (blasint)filters);
  return now() - start;
}
#else
const char *blas_core(void) {
  return "";
}

static void set_blas_threads(int threads) {
  (void)threads;
}

static double time_syrk(int64_t filters, int64_t elements, const double *rows, double *product) {
  (void)filters, (void)elements, (void)rows, (void)product;
  return -1;
}
#endif

/* OpenBLAS's threads go on spinning after a product, on processors that what is timed next is to have. */
static void let_spinning_end(void) {
  nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

void time_pairwise(int64_t filters, int64_t elements, int threads, int rounds, double *cosine, double *syrk) {
  size_t weights_count = (size_t)(filters * elements), product_count = (size_t)(filters * filters);
  size_t weights_bytes = weights_count * sizeof(float), rows_bytes = weights_count * sizeof(double);
  size_t product_bytes = product_count * sizeof(double);
  float *weights = take(weights_bytes);
  double *rows = take(rows_bytes), *product = take(product_bytes);
  fill_weights(weights, KLDSEL_DTYPE_F32, weights_count, (size_t)elements, 1);
  for (size_t e = 0; e < weights_count; e++) rows[e] = (double)weights[e];
  kldsel_options *options = options_for(threads);
  set_blas_threads(threads);
  kldsel_tensor *tensor;
  check(kldsel_tensor_view(weights, weights_bytes, KLDSEL_DTYPE_F32, 2, (const int64_t[]){filters, elements},
                           KLDSEL_LAYOUT_OI, NULL, &tensor));
  for (int r = -1; r < rounds; r++) { /* round -1 warms up */
    double of_syrk = time_syrk(filters, elements, rows, product);
    let_spinning_end();
    double start = now();
    check(kldsel_pairwise_cosine(tensor, NULL, 0, filters, options, product, product_count));
    double of_cosine = now() - start;
    if (r < 0) continue;
    syrk[r] = of_syrk;
    cosine[r] = of_cosine;
  }
  kldsel_tensor_free(tensor);
  kldsel_options_free(options);
  give_back(product, product_bytes);
  give_back(rows, rows_bytes);
  give_back(weights, weights_bytes);
}
