/* SPDX-License-Identifier: BSD-3-Clause */
#include <cblas.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "blas.h"
#include "check.h"
#include "cpu.h"

#define LARGEST_EXTENT (sizeof(blasint) == sizeof(int32_t) ? INT32_MAX : INT64_MAX)

/* The library found at run time can be of another integer width than the header: its symbols are the same. */
static int runtime_integer_bits(void) {
  return strstr(openblas_get_config(), "USE64BITINT") != NULL ? 64 : 32;
}

static kldsel_status check(int64_t largest_extent) {
  int built_bits = (int)(sizeof(blasint) * CHAR_BIT), bits = runtime_integer_bits();
  if (bits != built_bits)
    return kldsel_fail(KLDSEL_ERROR_UNSUPPORTED,
                       "OpenBLAS uses %d-bit integers, this library was built for %d", bits, built_bits);
  if (largest_extent > LARGEST_EXTENT)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                       "a matrix extent of %" PRId64 " is more than the BLAS can take", largest_extent);
  return KLDSEL_OK;
}

static void products(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c,
                     int64_t c_stride) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)n, (blasint)k, 1.0, a, (blasint)k,
              b, (blasint)k, 0.0, c, (blasint)c_stride);
}

const struct blas *kldsel_blas_for(const struct kernels *kernels) {
  static const struct blas openblas = {check, products};
  return kldsel_cpu_is_baseline(kernels) ? &openblas : NULL;
}

const char *kldsel_blas_core(void) {
  return strstr(openblas_get_config(), "DYNAMIC_ARCH") != NULL ? openblas_get_corename() : NULL;
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
