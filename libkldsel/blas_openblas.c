/* SPDX-License-Identifier: BSD-3-Clause */
#include <cblas.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "blas.h"
#include "check.h"

/* The library found at run time can be of another integer width than the header: its symbols are the same. */
static int runtime_integer_bits(void) {
  return strstr(openblas_get_config(), "USE64BITINT") != NULL ? 64 : 32;
}

static kldsel_status check_extents(int64_t m, int64_t n, int64_t k, int64_t c_stride) {
  int built_bits = (int)(sizeof(blasint) * CHAR_BIT), bits = runtime_integer_bits();
  if (bits != built_bits)
    return kldsel_fail(KLDSEL_ERROR_UNSUPPORTED,
                       "OpenBLAS uses %d-bit integers, this library was built for %d", bits, built_bits);
  int64_t largest = m > n ? m : n;
  if (k > largest) largest = k;
  if (c_stride > largest) largest = c_stride;
  if (built_bits == 32 && largest > INT32_MAX)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                       "a matrix extent of %" PRId64 " is more than the BLAS can take", largest);
  return KLDSEL_OK;
}

kldsel_status kldsel_blas_products(int64_t m, int64_t n, int64_t k, const double *a, const double *b,
                                   double *c, int64_t c_stride) {
  TRY(check_extents(m, n, k, c_stride));
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, 1.0, a, (blasint)k,
              b, (blasint)k, 0.0, c, (blasint)c_stride);
  return KLDSEL_OK;
}

kldsel_status kldsel_blas_gram(int64_t m, int64_t k, const double *a, double *c, int64_t c_stride) {
  TRY(check_extents(m, m, k, c_stride));
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)m, (blasint)k, 1.0, a, (blasint)k, 0.0, c,
              (blasint)c_stride);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < i; j++) c[j * c_stride + i] = c[i * c_stride + j];
  return KLDSEL_OK;
}

size_t kldsel_blas_info(char *text, size_t size) {
  /* The configuration begins with the name and version. */
  const char *config = openblas_get_config();
  const char *name_end = strchr(config, ' ');
  const char *end = name_end != NULL ? strchr(name_end + 1, ' ') : NULL;
  int length = end != NULL ? (int)(end - config) : (int)strlen(config);
  return (size_t)snprintf(text, size, "%.*s core=%s integers=%d", length, config, openblas_get_corename(),
                          runtime_integer_bits());
}
