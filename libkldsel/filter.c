/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "cpu.h"
#include "options.h"
#include "tensor.h"

kldsel_status kldsel_filter_matrix(const kldsel_tensor *tensor, const kldsel_options *options,
                                   kldsel_tensor **matrix) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE_NOT_NULL(matrix);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  const struct kernels *kernels = kldsel_cpu_highest_kernels();
  double *weights;
  TRY(kldsel_tensor_create_matrix(tensor->filters, tensor->channels, tensor->elements / tensor->channels,
                                  &chosen.allocator, matrix, &weights));
  struct axes filter_axes = kldsel_axes_of(tensor, tensor->filter_axes);
  struct axes element_axes = kldsel_element_axes(tensor);
  for (int64_t f = 0; f < tensor->filters; f++)
    kldsel_gather_filter(kernels->convert, tensor, &filter_axes, &element_axes, f,
                         weights + f * tensor->elements);
  return KLDSEL_OK;
}
