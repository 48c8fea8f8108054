/* SPDX-License-Identifier: BSD-3-Clause */
/* Every dtype to double, exactly; data may be unaligned. */
#ifndef KLDSEL_DTYPE_H
#define KLDSEL_DTYPE_H

#include <string.h>

#include "kldsel/kldsel.h"

/* 0 for an unknown dtype. */
static inline size_t dtype_bytes(int32_t dtype) {
  switch (dtype) {
  case KLDSEL_DTYPE_F64:
    return 8;
  case KLDSEL_DTYPE_F32:
    return 4;
  case KLDSEL_DTYPE_F16:
  case KLDSEL_DTYPE_BF16:
    return 2;
  case KLDSEL_DTYPE_U8:
  case KLDSEL_DTYPE_I8:
    return 1;
  default:
    return 0;
  }
}

static inline double f32_bits_to_double(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static inline double f16_bits_to_double(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
  uint32_t magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return f32_bits_to_double(sign | 0x7f800000u | (magnitude << 13));
  if (magnitude >= 0x0400u) return f32_bits_to_double(sign | ((magnitude << 13) + 0x38000000u));
  double value = (double)magnitude * 0x1p-24; /* subnormal */
  return sign != 0 ? -value : value;
}

static inline double load_as_double(int32_t dtype, const unsigned char *at) {
  switch (dtype) {
  case KLDSEL_DTYPE_F64: {
    double value;
    memcpy(&value, at, sizeof value);
    return value;
  }
  case KLDSEL_DTYPE_F32: {
    float value;
    memcpy(&value, at, sizeof value);
    return (double)value;
  }
  case KLDSEL_DTYPE_F16: {
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return f16_bits_to_double(bits);
  }
  case KLDSEL_DTYPE_BF16: {
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return f32_bits_to_double((uint32_t)bits << 16);
  }
  case KLDSEL_DTYPE_U8:
    return (double)*at;
  default:
    return *at < 128 ? (double)*at : (double)*at - 256.0;
  }
}

#endif
