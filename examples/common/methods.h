/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods by name, in the order of the reports. */
#ifndef KLDSEL_COMMON_METHODS_H
#define KLDSEL_COMMON_METHODS_H

#include <stdint.h>

enum {
  METHOD_COUNT = 10,
  METHOD_DEFAULT = 7
};

struct method {
  const char *name;         /* MEASURE-SIGN */
  const char *measure_name; /* the same in two lines, for the head of a narrow column */
  const char *sign_name;
  int32_t measure; /* kldsel_measure */
  int32_t sign;    /* kldsel_sign */
};

extern const struct method methods[METHOD_COUNT];

#endif
