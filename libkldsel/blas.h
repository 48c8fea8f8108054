/* SPDX-License-Identifier: BSD-3-Clause */
/* Matrix products in double, row-major: OpenBLAS (blas_openblas.c, the only file that sees cblas.h) or ours
 * (blas_builtin.c), by the build option blas. Neither changes the BLAS thread count, which is the host's. */
#ifndef KLDSEL_BLAS_H
#define KLDSEL_BLAS_H

#include "kldsel/kldsel.h"

/* c[m][n] = a[m][k] b[n][k]^T; a row of c begins every c_stride elements. TOO_LARGE if an extent does not fit
 * the BLAS's integers, UNSUPPORTED if those are not the ones this was built for. */
kldsel_status kldsel_blas_products(int64_t m, int64_t n, int64_t k, const double *a, const double *b,
                                   double *c, int64_t c_stride);

/* c[m][m] = a[m][k] a[m][k]^T, both triangles. */
kldsel_status kldsel_blas_gram(int64_t m, int64_t k, const double *a, double *c, int64_t c_stride);

/* One line, as "OpenBLAS 0.3.21 core=Haswell integers=32"; snprintf's contract. */
size_t kldsel_blas_info(char *text, size_t size);

#endif
