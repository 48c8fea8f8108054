/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file forms.h
 * @brief Random weights of any element type, seen in each of the forms that the library walks in its own way.
 */
#ifndef KLDSEL_TESTS_FORMS_H
#define KLDSEL_TESTS_FORMS_H

#include <stddef.h>
#include <stdint.h>

#include "kldsel/kldsel.h"

/** A layer of M filters of Z channels of n weights. */
struct shape {
  int64_t filters, channels, kernel;
};

size_t shape_weights(const struct shape *shape);

/** How a buffer is seen. Quantised weights are dequantised on the way, as are those that skip. */
enum form {
  FORM_ROWS,             /**< OIHW: a filter's weights are contiguous */
  FORM_COLUMNS,          /**< HWIO: one weight of all filters is contiguous */
  FORM_SKIPPING_ROWS,    /**< OIHW, every second weight skipped */
  FORM_SKIPPING_COLUMNS, /**< HWIO, every second weight skipped */
  FORMS
};

/** n random finite weights of a dtype, one in sixteen of them 0 or, but for integers, -0; give them back with
 * free(). */
void *random_weights(size_t n, int32_t dtype, uint64_t seed);

/** A view in one of the forms, made with test_options; integers with a scale and a zero point, of an odd
 * number of filters with those for each, of a multiple of three so small that squares vanish. The buffer
 * holds two layers' worth of weights. */
kldsel_tensor *form_view(const void *buffer, const struct shape *shape, int32_t dtype, enum form form);

#endif /* KLDSEL_TESTS_FORMS_H */
