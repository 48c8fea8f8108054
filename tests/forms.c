/* SPDX-License-Identifier: BSD-3-Clause */
#include "forms.h"

#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "support.h"

size_t shape_weights(const struct shape *shape) {
  return (size_t)(shape->filters * shape->channels * shape->kernel);
}

/* A trained-like scale for floats, all bytes for integers. */
static void store_random(unsigned char *element, int32_t dtype, struct generator *g) {
  uint64_t bits = next_bits(g);
  /* A cheap bell curve: the sum of four uniform numbers. */
  double f64 = ((double)(bits & 0xFFFF) + (double)(bits >> 16 & 0xFFFF) + (double)(bits >> 32 & 0xFFFF) +
                (double)(bits >> 48)) /
                   65536 -
               2;
  uint16_t half = (uint16_t)((bits & 0x8000) | (0x2000 + (bits >> 16 & 0x1FFF))); /* 2^-7 to 2 */
  if (bits % 16 == 0) {
    f64 = bits % 32 == 0 ? -0.0 : 0.0;
    half = bits % 32 == 0 ? 0x8000 : 0;
  }
  float f32 = (float)f64;
  uint32_t single;
  memcpy(&single, &f32, sizeof single);
  uint16_t brain = (uint16_t)(single >> 16);
  uint8_t byte = (uint8_t)bits;
  const void *sources[] = {NULL, &f64, &f32, &half, &brain, &byte, &byte};
  memcpy(element, sources[dtype], dtype_bytes(dtype));
}

void *random_weights(size_t n, int32_t dtype, uint64_t seed) {
  struct generator g = {seed};
  unsigned char *bytes = malloc(n * dtype_bytes(dtype));
  ck_assert_ptr_nonnull(bytes);
  for (size_t e = 0; e < n; e++) store_random(bytes + e * dtype_bytes(dtype), dtype, &g);
  return bytes;
}

/* Of an odd number of filters each has a scale and a zero point of its own; of a multiple of three the
 * squares of the weights vanish. */
static kldsel_tensor *quantised(kldsel_tensor *tensor, int32_t dtype, int64_t filters) {
  if (dtype != KLDSEL_DTYPE_U8 && dtype != KLDSEL_DTYPE_I8) return tensor;
  size_t count = filters % 2 ? (size_t)filters : 1;
  double *scales = malloc(count * sizeof *scales), *zeros = malloc(count * sizeof *zeros);
  ck_assert(scales != NULL && zeros != NULL);
  for (size_t i = 0; i < count; i++) {
    scales[i] = (double)(1 + i % 7) / 3 * (filters % 3 ? 1 : 0x1p-600);
    zeros[i] = (dtype == KLDSEL_DTYPE_U8 ? 127.3 : -0.7) + 5.5 * (double)(i % 11);
  }
  kldsel_tensor *made = NULL;
  assert_ok(kldsel_tensor_quantized(tensor, scales, zeros, count, test_options, &made));
  kldsel_tensor_free(tensor);
  free(scales);
  free(zeros);
  return made;
}

kldsel_tensor *form_view(const void *buffer, const struct shape *s, int32_t dtype, enum form form) {
  bool columns = form == FORM_COLUMNS || form == FORM_SKIPPING_COLUMNS;
  const int64_t oihw[] = {s->filters, s->channels, s->kernel}, hwio[] = {s->kernel, s->channels, s->filters};
  const int64_t *shape = columns ? hwio : oihw;
  int64_t step = (int64_t)dtype_bytes(dtype) * (form >= FORM_SKIPPING_ROWS ? 2 : 1);
  const int64_t strides[] = {step * shape[1] * shape[2], step * shape[2], step};
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(buffer, 2 * shape_weights(s) * dtype_bytes(dtype), 0, dtype, 3, shape,
                                       strides, columns ? 4U : 1U, 2U, test_options, &tensor));
  return quantised(tensor, dtype, s->filters);
}
