/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Weights of every layout brought into the order of OIHW. The library ranks any layout where it lies, but
 * sums in the order of the memory, so that another order makes other rounding; in one order, the same weights
 * have the same scores to the last bit whatever format they come from.
 */
#ifndef KLDSEL_COMMON_FILTERS_FIRST_H
#define KLDSEL_COMMON_FILTERS_FIRST_H

#include "model.h"

struct filters_first {
  int64_t shape[KLDSEL_MAX_RANK]; /* filters, channels, others; of as many axes as the tensor */
  const unsigned char *data;
  unsigned char *owned; /* `data` where it had to be moved, to be given back with free(); else NULL */
};

/* Of a tensor of rank >= 2, at least one element, and a dtype that the library reads. */
bool filters_first(const struct stored_tensor *stored, int32_t layout, struct filters_first *ordered,
                   struct problem *problem);

#endif
