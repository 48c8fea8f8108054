/* SPDX-License-Identifier: BSD-3-Clause */
/* Walking a tensor: nests of axes, values as doubles, copies. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "dtype.h"
#include "kernels_convert.h"
#include "options.h"
#include "tensor.h"

static void append_axis(struct axis axis, struct axes *axes) {
  struct axis *outer = axes->count > 0 ? &axes->axis[axes->count - 1] : NULL;
  int64_t span;
  if (outer != NULL && !__builtin_mul_overflow(axis.extent, axis.stride_bytes, &span) &&
      outer->stride_bytes == span) {
    outer->extent *= axis.extent;
    outer->stride_bytes = axis.stride_bytes;
  } else {
    axes->axis[axes->count++] = axis;
  }
}

static void append_axes(const struct kldsel_tensor *tensor, uint32_t mask, struct axes *axes) {
  for (int32_t a = 0; a < tensor->rank; a++)
    if (mask & 1u << a && tensor->shape[a] != 1)
      append_axis((struct axis){tensor->shape[a], tensor->strides_bytes[a]}, axes);
}

/* A nest always has an axis, so that walks need no special case. */
static void require_axis(const struct kldsel_tensor *tensor, struct axes *axes) {
  if (axes->count == 0) axes->axis[axes->count++] = (struct axis){1, (int64_t)dtype_bytes(tensor->dtype)};
}

struct axes kldsel_axes_of(const struct kldsel_tensor *tensor, uint32_t mask) {
  struct axes axes = {0};
  append_axes(tensor, mask, &axes);
  require_axis(tensor, &axes);
  return axes;
}

struct axes kldsel_element_axes(const struct kldsel_tensor *tensor) {
  struct axes axes = {0};
  append_axes(tensor, tensor->channel_axes, &axes);
  append_axes(tensor, ~(tensor->filter_axes | tensor->channel_axes), &axes);
  require_axis(tensor, &axes);
  return axes;
}

struct axes kldsel_element_axes_in_memory(const struct kldsel_tensor *tensor) {
  struct axis sorted[KLDSEL_MAX_RANK];
  int32_t count = 0;
  for (int32_t a = 0; a < tensor->rank; a++) {
    if (tensor->filter_axes & 1u << a || tensor->shape[a] == 1) continue;
    int32_t at = count++;
    for (; at > 0 && llabs(sorted[at - 1].stride_bytes) < llabs(tensor->strides_bytes[a]); at--)
      sorted[at] = sorted[at - 1];
    sorted[at] = (struct axis){tensor->shape[a], tensor->strides_bytes[a]};
  }
  struct axes axes = {0};
  for (int32_t a = 0; a < count; a++) append_axis(sorted[a], &axes);
  require_axis(tensor, &axes);
  return axes;
}

int64_t kldsel_axes_offset(const struct axes *axes, int64_t index) {
  int64_t offset = 0;
  for (int32_t a = axes->count; a-- > 0;) {
    offset += index % axes->axis[a].extent * axes->axis[a].stride_bytes;
    index /= axes->axis[a].extent;
  }
  return offset;
}

void kldsel_gather(const struct convert_kernels *convert, const unsigned char *base, int32_t dtype,
                   const struct axes *axes, double *values) {
  const struct axis *inner = &axes->axis[axes->count - 1];
  int64_t index[KLDSEL_MAX_RANK] = {0}, offset = 0;
  for (;;) {
    convert->run[dtype](base + offset, inner->stride_bytes, 0, (size_t)inner->extent, values);
    values += inner->extent;
    int32_t a = axes->count - 1;
    for (; a > 0; a--) {
      const struct axis *axis = &axes->axis[a - 1];
      if (++index[a - 1] < axis->extent) {
        offset += axis->stride_bytes;
        break;
      }
      offset -= (axis->extent - 1) * axis->stride_bytes;
      index[a - 1] = 0;
    }
    if (a == 0) return;
  }
}

void kldsel_dequantize_filter(const struct convert_kernels *convert, const struct kldsel_tensor *tensor,
                              int64_t filter, double *values, int64_t count) {
  if (tensor->scale_count == 0) return;
  int64_t at = tensor->scale_count == 1 ? 0 : filter;
  convert->dequantize(values, (size_t)count, tensor->zero_points[at], tensor->scales[at]);
}

void kldsel_dequantize_column(const struct convert_kernels *convert, const struct kldsel_tensor *tensor,
                              double *values) {
  if (tensor->scale_count == 0) return;
  size_t filters = (size_t)tensor->filters;
  if (tensor->scale_count == 1)
    convert->dequantize(values, filters, tensor->zero_points[0], tensor->scales[0]);
  else
    convert->dequantize_each(values, filters, tensor->zero_points, tensor->scales);
}

void kldsel_gather_filter(const struct convert_kernels *convert, const struct kldsel_tensor *tensor,
                          const struct axes *filter_axes, const struct axes *element_axes, int64_t filter,
                          double *values) {
  kldsel_gather(convert, tensor->origin + kldsel_axes_offset(filter_axes, filter), tensor->dtype,
                element_axes, values);
  kldsel_dequantize_filter(convert, tensor, filter, values, tensor->elements);
}

/* Row-major over the whole shape; shape and strides unmerged, so that an index can be told. */
struct walk {
  const struct kldsel_tensor *tensor;
  int64_t index[KLDSEL_MAX_RANK];
};

static double value_at(const struct walk *walk) {
  const struct kldsel_tensor *tensor = walk->tensor;
  int64_t offset = 0, filter = 0;
  for (int32_t a = 0; a < tensor->rank; a++) {
    offset += walk->index[a] * tensor->strides_bytes[a];
    if (tensor->filter_axes & 1u << a) filter = filter * tensor->shape[a] + walk->index[a];
  }
  double value = load_as_double(tensor->dtype, tensor->origin + offset);
  if (tensor->scale_count == 0) return value;
  int64_t at = tensor->scale_count == 1 ? 0 : filter;
  return (value - tensor->zero_points[at]) * tensor->scales[at];
}

static int step(struct walk *walk) {
  for (int32_t a = walk->tensor->rank; a-- > 0;) {
    if (++walk->index[a] < walk->tensor->shape[a]) return 1;
    walk->index[a] = 0;
  }
  return 0;
}

kldsel_status kldsel_tensor_values(const kldsel_tensor *tensor, double *values, size_t count) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE_NOT_NULL(values);
  int64_t needed = tensor->filters * tensor->elements;
  if (count != (uint64_t)needed)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "count is %zu; the tensor has %" PRId64 " values", count,
                       needed);
  struct walk walk = {.tensor = tensor};
  do *values++ = value_at(&walk);
  while (step(&walk));
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_require_finite(const struct kldsel_tensor *tensor, const char *label) {
  struct walk walk = {.tensor = tensor};
  do {
    double value = value_at(&walk);
    if (isfinite(value)) continue;
    char index[KLDSEL_MAX_RANK * 22] = "";
    int length = 0;
    for (int32_t a = 0; a < tensor->rank; a++)
      length += snprintf(index + length, sizeof index - (size_t)length, "%s%" PRId64, a > 0 ? ", " : "",
                         walk.index[a]);
    return kldsel_fail(KLDSEL_ERROR_NOT_FINITE, "%s: weight at [%s] is %s", label, index,
                       isnan(value) ? "nan"
                       : value > 0  ? "inf"
                                    : "-inf");
  } while (step(&walk));
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_not_finite(const struct kldsel_tensor *tensor, const char *label) {
  TRY(kldsel_tensor_require_finite(tensor, label));
  return kldsel_fail(KLDSEL_ERROR_NOT_FINITE, "%s: a weight was nan or infinite, and has changed since",
                     label);
}

kldsel_status kldsel_tensor_copy(const kldsel_tensor *tensor, const kldsel_options *options,
                                 kldsel_tensor **copy) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE_NOT_NULL(copy);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  size_t element_bytes = dtype_bytes(tensor->dtype);
  int64_t count = tensor->filters * tensor->elements;
  void *weights;
  TRY(kldsel_allocate(&chosen.allocator, (size_t)count, element_bytes, "copy", &weights));
  struct walk walk = {.tensor = tensor};
  unsigned char *to = weights;
  do {
    int64_t offset = 0;
    for (int32_t a = 0; a < tensor->rank; a++) offset += walk.index[a] * tensor->strides_bytes[a];
    memcpy(to, tensor->origin + offset, element_bytes);
    to += element_bytes;
  } while (step(&walk));

  kldsel_tensor *made;
  kldsel_status status = kldsel_tensor_view_strided(weights, (size_t)count * element_bytes, 0, tensor->dtype,
                                                    tensor->rank, tensor->shape, NULL, tensor->filter_axes,
                                                    tensor->channel_axes, options, &made);
  if (status == KLDSEL_OK && tensor->scale_count > 0) {
    kldsel_tensor *view = made;
    status = kldsel_tensor_quantized(view, tensor->scales, tensor->zero_points, tensor->scale_count, options,
                                     &made);
    kldsel_tensor_free(view);
  }
  if (status != KLDSEL_OK) {
    kldsel_release(&chosen.allocator, weights);
    return status;
  }
  made->owned = weights;
  *copy = made;
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_create_matrix(int64_t filters, int64_t channels, int64_t rest,
                                          const struct allocator *allocator, kldsel_tensor **tensor,
                                          double **weights) {
  void *memory;
  size_t count = (size_t)(filters * channels * rest);
  TRY(kldsel_allocate(allocator, count, sizeof(double), "matrix", &memory));
  *weights = memory;
  struct kldsel_options options = kldsel_options_or_default(NULL);
  options.allocator = *allocator;
  const int64_t shape[] = {filters, channels, rest};
  kldsel_status status = kldsel_tensor_view_strided(memory, count * sizeof(double), 0, KLDSEL_DTYPE_F64, 3,
                                                    shape, NULL, 1u, 2u, &options, tensor);
  if (status != KLDSEL_OK) {
    kldsel_release(allocator, memory);
    return status;
  }
  (*tensor)->owned = memory;
  return KLDSEL_OK;
}
