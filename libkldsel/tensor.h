/* SPDX-License-Identifier: BSD-3-Clause */
/* The view of a host's weights, and ways to walk it. */
#ifndef KLDSEL_TENSOR_H
#define KLDSEL_TENSOR_H

#include "allocator.h"

struct convert_kernels;

struct axis {
  int64_t extent;
  int64_t stride_bytes;
};

/* A nest of axes, walked row-major. */
struct axes {
  int32_t count;
  struct axis axis[KLDSEL_MAX_RANK];
};

struct kldsel_tensor {
  struct allocator allocator;
  const unsigned char *origin; /* element [0, ..., 0] */
  void *owned;                 /* the weights, if they are the tensor's own */
  int32_t dtype;
  int32_t rank;
  int64_t shape[KLDSEL_MAX_RANK];
  int64_t strides_bytes[KLDSEL_MAX_RANK];
  uint32_t filter_axes;
  uint32_t channel_axes;
  int64_t filters;  /* M */
  int64_t elements; /* K */
  int64_t channels; /* slices of a filter for granularity kernel; 1 if no axis indexes channels */
  /* Quantisation: scale_count is 0 (none), 1 or M. */
  size_t scale_count;
  double *scales;
  double *zero_points;
  /* Called when it has been freed; may be NULL. */
  kldsel_freed_function freed;
  void *freed_user;
};

/* The axes of a mask in order, neighbours merged where one stride serves both. */
struct axes kldsel_axes_of(const struct kldsel_tensor *tensor, uint32_t mask);
/* Those of one filter: the channels first, then the rest. */
struct axes kldsel_element_axes(const struct kldsel_tensor *tensor);
/* The same elements as they lie in memory, whatever the axes' order: for what only adds them up. */
struct axes kldsel_element_axes_in_memory(const struct kldsel_tensor *tensor);
/* Byte offset of the index-th element of a nest. */
int64_t kldsel_axes_offset(const struct axes *axes, int64_t index);
/* All values of a nest as doubles, row-major; not dequantised. */
void kldsel_gather(const struct convert_kernels *convert, const unsigned char *base, int32_t dtype,
                   const struct axes *axes, double *values);
/* values[i] = (values[i] - zero_point) * scale for the elements of one filter. */
void kldsel_dequantize_filter(const struct convert_kernels *convert, const struct kldsel_tensor *tensor,
                              int64_t filter, double *values, int64_t count);
/* The same for one element of every filter. */
void kldsel_dequantize_column(const struct convert_kernels *convert, const struct kldsel_tensor *tensor,
                              double *values);
/* The elements of one filter, dequantised, channels first. */
void kldsel_gather_filter(const struct convert_kernels *convert, const struct kldsel_tensor *tensor,
                          const struct axes *filter_axes, const struct axes *element_axes, int64_t filter,
                          double *values);
/* A new tensor [filters, channels, rest] of f64 with room for its weights, which *weights points to. */
kldsel_status kldsel_tensor_create_matrix(int64_t filters, int64_t channels, int64_t rest,
                                          const struct allocator *allocator, kldsel_tensor **tensor,
                                          double **weights);
/* Fails with NOT_FINITE, naming the first weight that is NaN or infinite, if there is one; label is what to
   call the tensor. */
kldsel_status kldsel_tensor_require_finite(const struct kldsel_tensor *tensor, const char *label);
/* The same of a tensor in which one has been found; fails also where it is not there any more. */
kldsel_status kldsel_tensor_not_finite(const struct kldsel_tensor *tensor, const char *label);

#endif
