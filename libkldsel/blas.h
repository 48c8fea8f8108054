/* SPDX-License-Identifier: BSD-3-Clause */
/* The BLAS of the build option blas: OpenBLAS (blas_openblas.c, the only file that sees cblas.h) or none
 * (blas_builtin.c). Its number of threads is the host's affair. */
#ifndef KLDSEL_BLAS_H
#define KLDSEL_BLAS_H

#include "kldsel/kldsel.h"

struct kernels;

struct blas {
  /* TOO_LARGE if an extent does not fit the BLAS's integers, UNSUPPORTED if those are not the ones this was
   * built for. */
  kldsel_status (*check)(int64_t largest_extent);
  /* c[m][n] = a[m][k] b[n][k]^T in double, row-major; a row of c begins every c_stride elements. For extents
   * that have been checked. */
  void (*products)(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c,
                   int64_t c_stride);
};

/* What multiplies in place of these kernels; NULL where they do it themselves. */
const struct blas *kldsel_blas_for(const struct kernels *kernels);

/* The core type that OpenBLAS chose, as "Haswell"; NULL if there was nothing to choose. */
const char *kldsel_blas_core(void);

/* One line, as "OpenBLAS 0.3.21 core=Haswell integers=32"; snprintf's contract. */
size_t kldsel_blas_info(char *text, size_t size);

#endif
