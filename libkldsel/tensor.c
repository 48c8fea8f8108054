/* SPDX-License-Identifier: BSD-3-Clause */
#include "tensor.h"

#include <inttypes.h>
#include <math.h>

#include "check.h"
#include "dtype.h"
#include "options.h"

static kldsel_status check_shape(int32_t rank, int32_t lowest_rank, const int64_t *shape) {
  REQUIRE(rank >= lowest_rank && rank <= KLDSEL_MAX_RANK, "rank is %" PRId32 "; must be %" PRId32 " to %d",
          rank, lowest_rank, KLDSEL_MAX_RANK);
  REQUIRE(shape != NULL || rank == 0, "shape is NULL");
  for (int32_t a = 0; a < rank; a++)
    REQUIRE(shape[a] > 0, "shape[%" PRId32 "] is %" PRId64 "; must be > 0", a, shape[a]);
  return KLDSEL_OK;
}

kldsel_status kldsel_layer_kind(int32_t rank, const int64_t *shape, int32_t *kind) {
  TRY(check_shape(rank, 0, shape));
  REQUIRE_NOT_NULL(kind);
  *kind = rank >= 3 ? KLDSEL_KIND_CONVOLUTION : rank == 2 ? KLDSEL_KIND_DENSE : KLDSEL_KIND_OTHER;
  return KLDSEL_OK;
}

kldsel_status kldsel_layout_axes(int32_t layout, int32_t rank, uint32_t *filter_axes,
                                 uint32_t *channel_axes) {
  REQUIRE(rank >= 2 && rank <= KLDSEL_MAX_RANK, "rank is %" PRId32 "; must be 2 to %d", rank,
          KLDSEL_MAX_RANK);
  uint32_t last = 1u << (rank - 1), before_last = 1u << (rank - 2), filters = 0, channels = 0;
  switch (layout) {
  case 0:
  case KLDSEL_LAYOUT_OIHW:
    filters = 1u, channels = 2u;
    break;
  case KLDSEL_LAYOUT_HWIO:
    filters = last, channels = before_last;
    break;
  case KLDSEL_LAYOUT_OHWI:
    filters = 1u, channels = last;
    break;
  case KLDSEL_LAYOUT_IOHW:
    filters = 2u, channels = 1u;
    break;
  case KLDSEL_LAYOUT_HWIM:
    REQUIRE(rank >= 3, "rank is %" PRId32 "; layout HWIM needs 3 or more", rank);
    filters = last | before_last;
    break;
  case KLDSEL_LAYOUT_OI:
  case KLDSEL_LAYOUT_IO:
    REQUIRE(rank == 2, "rank is %" PRId32 "; a dense layout needs 2", rank);
    filters = layout == KLDSEL_LAYOUT_OI ? 1u : 2u;
    break;
  case KLDSEL_LAYOUT_HWOI:
    filters = before_last, channels = last;
    break;
  default:
    return kldsel_fail(KLDSEL_ERROR_INVALID_ARGUMENT, "layout is %" PRId32 ", which is none", layout);
  }
  if (filter_axes != NULL) *filter_axes = filters;
  if (channel_axes != NULL) *channel_axes = rank == 2 ? 0 : channels;
  return KLDSEL_OK;
}

/* Row-major strides; fails where the whole does not fit the address space. */
static kldsel_status contiguous_strides(int32_t rank, const int64_t *shape, size_t element_bytes,
                                        int64_t *strides_bytes) {
  int64_t bytes = (int64_t)element_bytes;
  for (int32_t a = rank; a-- > 0;) {
    strides_bytes[a] = bytes;
    if (shape[a] > (int64_t)PTRDIFF_MAX / bytes)
      return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                         "shape[%" PRId32 "] is %" PRId64 ": the tensor is larger than memory can be", a,
                         shape[a]);
    bytes *= shape[a];
  }
  return KLDSEL_OK;
}

static int64_t extent_of(const struct kldsel_tensor *tensor, uint32_t mask) {
  int64_t extent = 1;
  for (int32_t a = 0; a < tensor->rank; a++)
    if (mask & 1u << a) extent *= tensor->shape[a];
  return extent;
}

/* Every element inside [0, buffer_bytes), where the length is known; reach is computed without overflow. */
static kldsel_status check_reach(const struct kldsel_tensor *made, size_t buffer_bytes, size_t offset_bytes) {
  uint64_t ahead = dtype_bytes(made->dtype), behind = 0;
  for (int32_t a = 0; a < made->rank; a++) {
    int64_t stride = made->strides_bytes[a];
    uint64_t step = stride < 0 ? 0 - (uint64_t)stride : (uint64_t)stride;
    uint64_t steps = (uint64_t)made->shape[a] - 1;
    uint64_t *side = stride < 0 ? &behind : &ahead;
    if (steps > 0 && step > ((uint64_t)PTRDIFF_MAX - *side) / steps)
      return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                         "strides_bytes[%" PRId32 "] is %" PRId64 ", times shape[%" PRId32 "] of %" PRId64
                         " is more than memory can be",
                         a, stride, a, made->shape[a]);
    *side += step * steps;
  }
  if (offset_bytes > (size_t)PTRDIFF_MAX - ahead)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                       "offset_bytes is %zu, from where %" PRIu64 " bytes are more than memory can be",
                       offset_bytes, ahead);
  if (buffer_bytes == 0) return KLDSEL_OK;
  REQUIRE(behind <= offset_bytes, "strides_bytes reach %" PRIu64 " bytes back from offset_bytes %zu", behind,
          offset_bytes);
  REQUIRE(offset_bytes <= buffer_bytes && ahead <= buffer_bytes - offset_bytes,
          "strides_bytes reach byte %" PRIu64 " from offset_bytes %zu in a buffer of %zu", ahead,
          offset_bytes, buffer_bytes);
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_view_strided(const void *buffer, size_t buffer_bytes, size_t offset_bytes,
                                         int32_t dtype, int32_t rank, const int64_t *shape,
                                         const int64_t *strides_bytes, uint32_t filter_axes,
                                         uint32_t channel_axes, const kldsel_options *options,
                                         kldsel_tensor **tensor) {
  REQUIRE_NOT_NULL(buffer);
  REQUIRE(dtype_bytes(dtype) != 0, "dtype is %" PRId32 ", which is none", dtype);
  TRY(check_shape(rank, 1, shape));
  uint32_t all_axes = (1u << rank) - 1u;
  REQUIRE((filter_axes & ~all_axes) == 0,
          "filter_axes is 0x%" PRIx32 ", which names axes beyond rank %" PRId32, filter_axes, rank);
  REQUIRE(filter_axes != 0, "filter_axes is 0: no axis indexes filters");
  REQUIRE(filter_axes != all_axes, "filter_axes is 0x%" PRIx32 ": every axis indexes filters", filter_axes);
  REQUIRE((channel_axes & ~all_axes) == 0,
          "channel_axes is 0x%" PRIx32 ", which names axes beyond rank %" PRId32, channel_axes, rank);
  REQUIRE((channel_axes & filter_axes) == 0,
          "channel_axes is 0x%" PRIx32 ", which shares an axis with filter_axes 0x%" PRIx32, channel_axes,
          filter_axes);
  REQUIRE_NOT_NULL(tensor);

  struct kldsel_options chosen = kldsel_options_or_default(options);
  struct kldsel_tensor made = {.allocator = chosen.allocator,
                               .dtype = dtype,
                               .rank = rank,
                               .filter_axes = filter_axes,
                               .channel_axes = channel_axes};
  TRY(contiguous_strides(rank, shape, dtype_bytes(dtype), made.strides_bytes));
  for (int32_t a = 0; a < rank; a++) {
    made.shape[a] = shape[a];
    if (strides_bytes != NULL) made.strides_bytes[a] = strides_bytes[a];
  }
  TRY(check_reach(&made, buffer_bytes, offset_bytes));
  made.origin = (const unsigned char *)buffer + offset_bytes;
  made.filters = extent_of(&made, filter_axes);
  made.elements = extent_of(&made, all_axes & ~filter_axes);
  made.channels = extent_of(&made, channel_axes);

  void *memory;
  TRY(kldsel_allocate(&made.allocator, 1, sizeof made, "tensor", &memory));
  *tensor = memory;
  **tensor = made;
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_view(const void *data, size_t data_bytes, int32_t dtype, int32_t rank,
                                 const int64_t *shape, int32_t layout, const kldsel_options *options,
                                 kldsel_tensor **tensor) {
  REQUIRE_NOT_NULL(data);
  REQUIRE(dtype_bytes(dtype) != 0, "dtype is %" PRId32 ", which is none", dtype);
  TRY(check_shape(rank, 2, shape));
  uint32_t filter_axes, channel_axes;
  TRY(kldsel_layout_axes(layout, rank, &filter_axes, &channel_axes));
  int64_t strides_bytes[KLDSEL_MAX_RANK];
  TRY(contiguous_strides(rank, shape, dtype_bytes(dtype), strides_bytes));
  int64_t needed = strides_bytes[0] * shape[0];
  REQUIRE((uint64_t)needed == data_bytes, "data_bytes is %zu; dtype and shape say %" PRId64, data_bytes,
          needed);
  return kldsel_tensor_view_strided(data, data_bytes, 0, dtype, rank, shape, strides_bytes, filter_axes,
                                    channel_axes, options, tensor);
}

kldsel_status kldsel_tensor_quantized(const kldsel_tensor *tensor, const double *scales,
                                      const double *zero_points, size_t count, const kldsel_options *options,
                                      kldsel_tensor **quantized) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE(tensor->dtype == KLDSEL_DTYPE_U8 || tensor->dtype == KLDSEL_DTYPE_I8,
          "tensor has dtype %" PRId32 "; must be u8 or i8", tensor->dtype);
  REQUIRE_NOT_NULL(scales);
  REQUIRE_NOT_NULL(quantized);
  if (count != 1 && count != (uint64_t)tensor->filters)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "count is %zu; must be 1 or the %" PRId64 " filters", count,
                       tensor->filters);
  for (size_t i = 0; i < count; i++) {
    REQUIRE(scales[i] > 0 && isfinite(scales[i]), "scales[%zu] is %g; must be finite and > 0", i, scales[i]);
    REQUIRE(zero_points == NULL || isfinite(zero_points[i]), "zero_points[%zu] is %g; must be finite", i,
            zero_points[i]);
  }
  struct kldsel_options chosen = kldsel_options_or_default(options);
  /* One block: the handle, then the scales, then the zero points. */
  size_t head = (sizeof *tensor + sizeof(double) - 1) / sizeof(double);
  void *memory;
  TRY(kldsel_allocate(&chosen.allocator, head + 2 * count, sizeof(double), "quantized", &memory));
  struct kldsel_tensor *made = memory;
  *made = *tensor;
  made->allocator = chosen.allocator;
  made->owned = NULL;
  made->freed = NULL;
  made->scale_count = count;
  made->scales = (double *)memory + head;
  made->zero_points = made->scales + count;
  for (size_t i = 0; i < count; i++) {
    made->scales[i] = scales[i];
    made->zero_points[i] = zero_points != NULL ? zero_points[i] : 0.0;
  }
  *quantized = made;
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_on_free(kldsel_tensor *tensor, kldsel_freed_function freed, void *user) {
  REQUIRE_NOT_NULL(tensor);
  REQUIRE_NOT_NULL(freed);
  REQUIRE(tensor->freed == NULL, "tensor has a function to call when it is freed already");
  tensor->freed = freed;
  tensor->freed_user = user;
  return KLDSEL_OK;
}

kldsel_status kldsel_tensor_describe(const kldsel_tensor *tensor, const void **data, int32_t *dtype,
                                     int32_t *quantized, int32_t *rank, int64_t *shape,
                                     int64_t *strides_bytes, uint32_t *filter_axes, uint32_t *channel_axes) {
  REQUIRE_NOT_NULL(tensor);
  if (data != NULL) *data = tensor->origin;
  if (dtype != NULL) *dtype = tensor->dtype;
  if (quantized != NULL) *quantized = tensor->scale_count > 0;
  if (rank != NULL) *rank = tensor->rank;
  for (int32_t a = 0; a < tensor->rank; a++) {
    if (shape != NULL) shape[a] = tensor->shape[a];
    if (strides_bytes != NULL) strides_bytes[a] = tensor->strides_bytes[a];
  }
  if (filter_axes != NULL) *filter_axes = tensor->filter_axes;
  if (channel_axes != NULL) *channel_axes = tensor->channel_axes;
  return KLDSEL_OK;
}

int64_t kldsel_tensor_filters(const kldsel_tensor *tensor) {
  return tensor != NULL ? tensor->filters : 0;
}

int64_t kldsel_tensor_elements(const kldsel_tensor *tensor) {
  return tensor != NULL ? tensor->elements : 0;
}

void kldsel_tensor_free(kldsel_tensor *tensor) {
  if (tensor == NULL) return;
  struct allocator allocator = tensor->allocator;
  kldsel_freed_function freed = tensor->freed;
  void *freed_user = tensor->freed_user;
  kldsel_release(&allocator, tensor->owned);
  kldsel_release(&allocator, tensor);
  if (freed != NULL) freed(freed_user);
}
