/* SPDX-License-Identifier: BSD-3-Clause */
/* For builds without a BLAS. */
#include <stdio.h>

#include "blas.h"

const struct blas *kldsel_blas_for(const struct kernels *kernels) {
  (void)kernels;
  return NULL;
}

const char *kldsel_blas_core(void) {
  return NULL;
}

size_t kldsel_blas_info(char *text, size_t size) {
  return (size_t)snprintf(text, size, "builtin");
}
