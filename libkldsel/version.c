/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "blas.h"
#include "cpu.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define VERSION_TEXT TEXT(KLDSEL_VERSION_MAJOR) "." TEXT(KLDSEL_VERSION_MINOR) "." TEXT(KLDSEL_VERSION_PATCH)

uint32_t kldsel_version(void) {
  return KLDSEL_VERSION_MAJOR * 1000000u + KLDSEL_VERSION_MINOR * 1000u + KLDSEL_VERSION_PATCH;
}

const char *kldsel_version_string(void) {
  return VERSION_TEXT;
}

size_t kldsel_build_info(char *text, size_t size) {
  char blas[128];
  kldsel_blas_info(blas, sizeof blas);
  const char *better = kldsel_blas_better_core();
  return (size_t)snprintf(text, size, "libkldsel " VERSION_TEXT " level=%s blas=%s%s%s",
                          kldsel_cpu_level_name(kldsel_cpu_level()), blas, *better ? " better=" : "", better);
}
