/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "check.h"
#include "options.h"
#include "tensor.h"

kldsel_status kldsel_sign_split(const kldsel_tensor *tensor, int32_t part, const kldsel_options *options,
                                kldsel_tensor **split) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE(part >= KLDSEL_PART_ALL && part <= KLDSEL_PART_NEGATIVE, "part is %" PRId32 ", which is none",
          part);
  REQUIRE_NOT_NULL(split);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  size_t count = (size_t)(tensor->filters * tensor->elements);
  void *memory;
  TRY(kldsel_allocate(&chosen.allocator, count, sizeof(double), "split", &memory));
  double *values = memory;
  kldsel_tensor *made;
  kldsel_status status = kldsel_tensor_view_strided(values, count * sizeof(double), 0, KLDSEL_DTYPE_F64,
                                                    tensor->rank, tensor->shape, NULL, tensor->filter_axes,
                                                    tensor->channel_axes, options, &made);
  if (status != KLDSEL_OK) {
    kldsel_release(&chosen.allocator, memory);
    return status;
  }
  made->owned = memory;
  status = kldsel_tensor_require_finite(tensor, "tensor");
  if (status != KLDSEL_OK) {
    kldsel_tensor_free(made);
    return status;
  }
  kldsel_tensor_values(tensor, values, count);
  for (size_t i = 0; i < count; i++) {
    if (part == KLDSEL_PART_POSITIVE && !(values[i] > 0)) values[i] = 0.0;
    if (part == KLDSEL_PART_NEGATIVE && !(values[i] < 0)) values[i] = 0.0;
  }
  *split = made;
  return KLDSEL_OK;
}
