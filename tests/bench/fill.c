/* SPDX-License-Identifier: BSD-3-Clause */
#include "fill.h"

#include <string.h>

#include "kldsel/kldsel.h"

enum {
  SHARED = 64 /* the common part repeats after so many elements */
};

/* splitmix64: a good hash of a counter, so that every element stands alone and loops vectorise. */
static uint64_t bits_of(uint64_t counter) {
  uint64_t z = counter * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

/* Sum of four uniform numbers, less its mean: variance 1/3. */
static float bell(uint64_t bits) {
  uint32_t sum = (uint32_t)(bits & 0xFFFF) + (uint32_t)((bits >> 16) & 0xFFFF) +
                 (uint32_t)((bits >> 32) & 0xFFFF) + (uint32_t)(bits >> 48);
  return (float)sum * 0x1p-16f - 2;
}

static uint32_t float_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static uint16_t to_bf16(float value) {
  return (uint16_t)((float_bits(value) + 0x8000) >> 16);
}

/* For values below 65504; what would be subnormal becomes 0. */
static uint16_t to_f16(float value) {
  uint32_t bits = float_bits(value) + 0x1000, sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  return (uint16_t)(magnitude < 0x38800000 ? sign : sign | (magnitude - 0x38000000) >> 13);
}

size_t fill_bytes(int32_t dtype) {
  return dtype == KLDSEL_DTYPE_F32 ? sizeof(float) : sizeof(uint16_t);
}

void fill_weights(void *weights, int32_t dtype, size_t count, size_t period, uint64_t seed) {
  float shared[SHARED];
  uint64_t start = bits_of(seed);
  for (size_t s = 0; s < SHARED; s++) shared[s] = bell(bits_of(start + s)) * 0.4f;
  start += SHARED;
  float *f32 = weights;
  uint16_t *halves = weights;
  for (size_t e = 0, element = 0; e < count; e++) {
    float value = 0.05f * (bell(bits_of(start + e)) + shared[element % SHARED]);
    if (++element == period) element = 0;
    if (dtype == KLDSEL_DTYPE_F32)
      f32[e] = value;
    else
      halves[e] = dtype == KLDSEL_DTYPE_F16 ? to_f16(value) : to_bf16(value);
  }
}
