/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file kldsel_dlpack.h
 * @brief Tensors from and to DLPack, in host memory: header-only, for C99 and C++.
 *
 * The library knows nothing of DLPack; this header is compiled with the dlpack.h of the host. Include that
 * first, or have it found as `<dlpack/dlpack.h>`. The functions named `versioned` are there if it is of
 * version 1.0 or later, which has DLManagedTensorVersioned.
 */
#ifndef KLDSEL_KLDSEL_DLPACK_H
#define KLDSEL_KLDSEL_DLPACK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kldsel.h"

#ifndef DLPACK_DLPACK_H_
#include <dlpack/dlpack.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup dlpack DLPack
 * In: what another library exports becomes a @ref tensor that borrows its memory and calls its deleter when
 * it is freed. Out: a tensor, or numbers made by the library, become what others import. Only memory that the
 * host can read is taken: devices CPU, CUDA pinned host and ROCm pinned host; others are refused by their
 * name.
 * @{ */

/** @cond internal */

/* Enough for every text below. */
#define KLDSEL_DLPACK_TEXT 160

/* Names by number, as an older dlpack.h has fewer enumerators than the tensors that it meets. */
static inline const char *kldsel_dlpack_device_name_(int32_t device) {
  static const char *const names[] = {NULL,
                                      "CPU",
                                      "CUDA",
                                      "CUDA pinned host memory",
                                      "OpenCL",
                                      NULL,
                                      NULL,
                                      "Vulkan",
                                      "Metal",
                                      "VPI",
                                      "ROCm",
                                      "ROCm pinned host memory",
                                      "extension device",
                                      "CUDA managed memory",
                                      "oneAPI",
                                      "WebGPU",
                                      "Hexagon",
                                      "MAIA",
                                      "Trainium"};
  const char *name = NULL;
  if (device >= 0 && (size_t)device < sizeof names / sizeof names[0]) name = names[device];
  return name != NULL ? name : "unknown";
}

static inline kldsel_status kldsel_dlpack_check_device_(DLDevice device) {
  char text[KLDSEL_DLPACK_TEXT];
  int32_t type;
  memcpy(&type, &device.device_type, sizeof type); /* perhaps none of the enumerators here */
  if (type == kDLCPU || type == kDLCUDAHost || type == kDLROCMHost) return KLDSEL_OK;
  snprintf(text, sizeof text,
           "device is %s (type %" PRId32 ", number %" PRId32 "); copy it to the host first",
           kldsel_dlpack_device_name_(type), type, device.device_id);
  return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, text);
}

static inline kldsel_status kldsel_dlpack_dtype_(DLDataType type, int32_t *dtype) {
  static const struct {
    int code, bits;
    int32_t dtype;
  } types[] = {{kDLFloat, 64, KLDSEL_DTYPE_F64}, {kDLFloat, 32, KLDSEL_DTYPE_F32},
               {kDLFloat, 16, KLDSEL_DTYPE_F16}, {kDLBfloat, 16, KLDSEL_DTYPE_BF16},
               {kDLUInt, 8, KLDSEL_DTYPE_U8},    {kDLInt, 8, KLDSEL_DTYPE_I8}};
  char text[KLDSEL_DLPACK_TEXT];
  size_t i;
  for (i = 0; i < sizeof types / sizeof types[0]; i++)
    if (type.code == types[i].code && type.bits == types[i].bits && type.lanes == 1) {
      *dtype = types[i].dtype;
      return KLDSEL_OK;
    }
  snprintf(text, sizeof text,
           "dtype has code %d, %d bits and %d lanes; must be a float of 64, 32 or 16 bits, bfloat16, uint8 "
           "or int8",
           type.code, type.bits, type.lanes);
  return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, text);
}

/* Strides in bytes, of a rank that has been checked. */
static inline kldsel_status kldsel_dlpack_strides_(const DLTensor *from, int64_t *strides_bytes) {
  const int64_t bytes = from->dtype.bits / 8;
  char text[KLDSEL_DLPACK_TEXT];
  int32_t a;
  for (a = 0; a < from->ndim; a++) {
    if (from->strides[a] > INT64_MAX / bytes || from->strides[a] < -(INT64_MAX / bytes)) {
      snprintf(text, sizeof text, "strides[%" PRId32 "] is %" PRId64 " elements: more than memory can be", a,
               from->strides[a]);
      return kldsel_set_last_error(KLDSEL_ERROR_TOO_LARGE, text);
    }
    strides_bytes[a] = from->strides[a] * bytes;
  }
  return KLDSEL_OK;
}

static inline kldsel_status kldsel_dlpack_check_(const DLTensor *from, int32_t *dtype) {
  char text[KLDSEL_DLPACK_TEXT];
  kldsel_status status;
  if (from == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "from is NULL");
  status = kldsel_dlpack_check_device_(from->device);
  if (status == KLDSEL_OK) status = kldsel_dlpack_dtype_(from->dtype, dtype);
  if (status != KLDSEL_OK) return status;
  if (from->ndim < 1 || from->ndim > KLDSEL_MAX_RANK) {
    snprintf(text, sizeof text, "ndim is %" PRId32 "; must be 1 to %d", (int32_t)from->ndim, KLDSEL_MAX_RANK);
    return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, text);
  }
  if (from->byte_offset > PTRDIFF_MAX) {
    snprintf(text, sizeof text, "byte_offset is %" PRIu64 ": more than memory can be", from->byte_offset);
    return kldsel_set_last_error(KLDSEL_ERROR_TOO_LARGE, text);
  }
  return KLDSEL_OK;
}

/** @endcond */

/**
 * Views the weights of a DLTensor, whose axes are named one by one; no copy. byte_offset is honoured, strides
 * that are NULL are row-major, and no alignment is asked for.
 * @param from         a tensor of 1 to ::KLDSEL_MAX_RANK axes; only its memory must outlive the new handle
 * @param filter_axes  as in kldsel_tensor_view_strided()
 * @param channel_axes as in kldsel_tensor_view_strided()
 * @param options      for the allocator; may be NULL
 * @param[out] tensor  the new handle
 * @return OK, UNSUPPORTED (device, element type, lanes), INVALID_ARGUMENT, TOO_LARGE, OUT_OF_MEMORY
 */
static inline kldsel_status kldsel_dlpack_view_axes(const DLTensor *from, uint32_t filter_axes,
                                                    uint32_t channel_axes, const kldsel_options *options,
                                                    kldsel_tensor **tensor) {
  int64_t strides_bytes[KLDSEL_MAX_RANK];
  int32_t dtype = 0;
  kldsel_status status = kldsel_dlpack_check_(from, &dtype);
  if (status == KLDSEL_OK && from->strides != NULL) status = kldsel_dlpack_strides_(from, strides_bytes);
  if (status != KLDSEL_OK) return status;
  return kldsel_tensor_view_strided(from->data, 0, (size_t)from->byte_offset, dtype, from->ndim, from->shape,
                                    from->strides != NULL ? strides_bytes : NULL, filter_axes, channel_axes,
                                    options, tensor);
}

/** kldsel_dlpack_view_axes() by the name of a layout: one of ::kldsel_layout, 0 for OIHW. */
static inline kldsel_status kldsel_dlpack_view(const DLTensor *from, int32_t layout,
                                               const kldsel_options *options, kldsel_tensor **tensor) {
  uint32_t filter_axes = 0, channel_axes = 0;
  int32_t dtype = 0;
  kldsel_status status = kldsel_dlpack_check_(from, &dtype);
  if (status == KLDSEL_OK) status = kldsel_layout_axes(layout, from->ndim, &filter_axes, &channel_axes);
  if (status != KLDSEL_OK) return status;
  return kldsel_dlpack_view_axes(from, filter_axes, channel_axes, options, tensor);
}

/** @cond internal */

static inline void kldsel_dlpack_delete_(void *user) {
  DLManagedTensor *managed = (DLManagedTensor *)user;
  if (managed->deleter != NULL) managed->deleter(managed);
}

/* A view that is to be given back: owns what it views, or is not made. */
static inline kldsel_status kldsel_dlpack_hold_(kldsel_status status, kldsel_tensor *view,
                                                kldsel_freed_function release, void *managed,
                                                kldsel_tensor **tensor) {
  if (status == KLDSEL_OK) status = kldsel_tensor_on_free(view, release, managed);
  if (status != KLDSEL_OK) {
    release(managed);
    return status;
  }
  *tensor = view;
  return KLDSEL_OK;
}

/** @endcond */

/**
 * Takes over a tensor of the older form, which has no version: a view that borrows its memory.
 * @param managed     the caller's no more, whatever comes back: its deleter is called when the tensor is
 * freed, or before this function returns an error. Not called only if an argument is NULL
 * @param layout      one of ::kldsel_layout, 0 for OIHW
 * @param options     for the allocator; may be NULL
 * @param[out] tensor the new handle
 * @return what kldsel_dlpack_view() returns
 */
static inline kldsel_status kldsel_dlpack_import(DLManagedTensor *managed, int32_t layout,
                                                 const kldsel_options *options, kldsel_tensor **tensor) {
  kldsel_tensor *view = NULL;
  kldsel_status status;
  if (managed == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "managed is NULL");
  if (tensor == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  status = kldsel_dlpack_view(&managed->dl_tensor, layout, options, &view);
  return kldsel_dlpack_hold_(status, view, kldsel_dlpack_delete_, managed, tensor);
}

/** @cond internal */

/* Numbers of the library's, with the room that their DLTensor points to. */
struct kldsel_dlpack_numbers_ {
  int64_t shape[KLDSEL_MAX_RANK];
  int64_t strides[KLDSEL_MAX_RANK];
};

static inline void kldsel_dlpack_fill_(DLTensor *into, struct kldsel_dlpack_numbers_ *numbers, void *data,
                                       int32_t rank, DLDataType type) {
  into->data = data;
  into->device.device_type = kDLCPU;
  into->device.device_id = 0;
  into->ndim = rank;
  into->dtype = type;
  into->shape = numbers->shape;
  into->strides = numbers->strides;
  into->byte_offset = 0;
}

static inline DLDataType kldsel_dlpack_f64_(void) {
  DLDataType type;
  type.code = kDLFloat;
  type.bits = 64;
  type.lanes = 1;
  return type;
}

static inline void kldsel_dlpack_compact_(struct kldsel_dlpack_numbers_ *numbers, int32_t rank) {
  int64_t stride = 1;
  int32_t a;
  for (a = rank; a-- > 0;) {
    numbers->strides[a] = stride;
    stride *= numbers->shape[a];
  }
}

/* A block of a head, of numbers and of `count` doubles; *values lies 64-byte aligned in it, as the head may
 * not be a multiple of that. */
static inline void *kldsel_dlpack_block_(size_t head, size_t count, struct kldsel_dlpack_numbers_ **numbers,
                                         double **values) {
  const size_t before = (head + 15) / 16 * 16, fixed = before + sizeof **numbers + 64;
  char *block = NULL;
  if (count <= (PTRDIFF_MAX - fixed) / sizeof(double)) block = (char *)malloc(fixed + count * sizeof(double));
  if (block == NULL) {
    (void)kldsel_set_last_error(KLDSEL_ERROR_OUT_OF_MEMORY, "no memory for the exported numbers");
    return NULL;
  }
  *numbers = (struct kldsel_dlpack_numbers_ *)(void *)(block + before);
  *values = (double *)(void *)(block + before + sizeof **numbers);
  *values += (64 - (uintptr_t)*values % 64) % 64 / sizeof(double);
  return block;
}

/* Of a tensor, its values; of a profile, those of a sign. One of both is NULL. */
struct kldsel_dlpack_source_ {
  const kldsel_tensor *tensor;
  const kldsel_profile *profile;
  int32_t sign;
  int32_t rank;
  size_t count;
  int64_t shape[KLDSEL_MAX_RANK];
};

static inline kldsel_status kldsel_dlpack_of_tensor_(const kldsel_tensor *tensor,
                                                     struct kldsel_dlpack_source_ *source) {
  source->tensor = tensor;
  source->profile = NULL;
  source->count = (size_t)kldsel_tensor_filters(tensor) * (size_t)kldsel_tensor_elements(tensor);
  return kldsel_tensor_describe(tensor, NULL, NULL, NULL, &source->rank, source->shape, NULL, NULL, NULL);
}

static inline kldsel_status kldsel_dlpack_of_profile_(const kldsel_profile *profile, int32_t sign,
                                                      struct kldsel_dlpack_source_ *source) {
  const kldsel_status status = kldsel_profile_length(profile, sign, &source->count);
  source->tensor = NULL;
  source->profile = profile;
  source->sign = sign;
  source->rank = 1;
  source->shape[0] = status == KLDSEL_OK ? (int64_t)source->count : 0;
  return status;
}

/* The source's numbers in a new block after `head` bytes, told of by `*into`, which lies in that head. */
static inline kldsel_status kldsel_dlpack_copy_(const struct kldsel_dlpack_source_ *source, size_t head,
                                                size_t tensor_at, void **block) {
  struct kldsel_dlpack_numbers_ *numbers = NULL;
  double *values = NULL;
  kldsel_status status = KLDSEL_OK;
  int32_t a;
  void *made = kldsel_dlpack_block_(head, source->count, &numbers, &values);
  if (made == NULL) return KLDSEL_ERROR_OUT_OF_MEMORY;
  if (source->tensor != NULL)
    status = kldsel_tensor_values(source->tensor, values, source->count);
  else if (source->count > 0)
    status = kldsel_profile_values(source->profile, source->sign, values, source->count);
  if (status != KLDSEL_OK) {
    free(made);
    return status;
  }
  for (a = 0; a < source->rank; a++) numbers->shape[a] = source->shape[a];
  kldsel_dlpack_compact_(numbers, source->rank);
  kldsel_dlpack_fill_((DLTensor *)(void *)((char *)made + tensor_at), numbers,
                      source->count > 0 ? values : NULL, source->rank, kldsel_dlpack_f64_());
  *block = made;
  return KLDSEL_OK;
}

static inline void kldsel_dlpack_free_(DLManagedTensor *managed) {
  free(managed);
}

static inline kldsel_status kldsel_dlpack_export_(const struct kldsel_dlpack_source_ *source,
                                                  DLManagedTensor **managed) {
  void *block = NULL;
  DLManagedTensor *made;
  kldsel_status status;
  if (managed == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "managed is NULL");
  status = kldsel_dlpack_copy_(source, sizeof *made, offsetof(DLManagedTensor, dl_tensor), &block);
  if (status != KLDSEL_OK) return status;
  made = (DLManagedTensor *)block;
  made->manager_ctx = NULL;
  made->deleter = kldsel_dlpack_free_;
  *managed = made;
  return KLDSEL_OK;
}

/** @endcond */

/**
 * Exports a tensor's values in the older form: as kldsel_tensor_values() gives them, float64, row-major, in
 * the tensor's shape; a copy, which the importer may write to. O(elements).
 * @param tensor       the tensor
 * @param[out] managed to be handed to the importer, or freed by its deleter; comes from malloc
 * @return OK, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
static inline kldsel_status kldsel_dlpack_export_values(const kldsel_tensor *tensor,
                                                        DLManagedTensor **managed) {
  struct kldsel_dlpack_source_ source;
  const kldsel_status status = kldsel_dlpack_of_tensor_(tensor, &source);
  return status == KLDSEL_OK ? kldsel_dlpack_export_(&source, managed) : status;
}

/**
 * Exports the similarities of a sign in the older form: as kldsel_profile_values() gives them, float64, one
 * axis, which has no element if the profile holds none. A copy.
 * @param profile      the profile
 * @param sign         one of ::kldsel_sign
 * @param[out] managed as in kldsel_dlpack_export_values()
 * @return OK, INVALID_ARGUMENT, OUT_OF_MEMORY
 */
static inline kldsel_status kldsel_dlpack_export_profile(const kldsel_profile *profile, int32_t sign,
                                                         DLManagedTensor **managed) {
  struct kldsel_dlpack_source_ source;
  const kldsel_status status = kldsel_dlpack_of_profile_(profile, sign, &source);
  return status == KLDSEL_OK ? kldsel_dlpack_export_(&source, managed) : status;
}

#ifdef DLPACK_MAJOR_VERSION

/** @cond internal */

static inline void kldsel_dlpack_delete_versioned_(void *user) {
  DLManagedTensorVersioned *managed = (DLManagedTensorVersioned *)user;
  if (managed->deleter != NULL) managed->deleter(managed);
}

/** @endcond */

/**
 * Takes over a tensor of the versioned form: kldsel_dlpack_import() otherwise. Of another major version
 * nothing but the version is read before its deleter is called. Flags do not matter: weights are only read.
 * @param managed     as in kldsel_dlpack_import()
 * @param layout      one of ::kldsel_layout, 0 for OIHW
 * @param options     for the allocator; may be NULL
 * @param[out] tensor the new handle
 * @return what kldsel_dlpack_view() returns; UNSUPPORTED (major version)
 */
static inline kldsel_status kldsel_dlpack_import_versioned(DLManagedTensorVersioned *managed, int32_t layout,
                                                           const kldsel_options *options,
                                                           kldsel_tensor **tensor) {
  kldsel_tensor *view = NULL;
  char text[KLDSEL_DLPACK_TEXT];
  kldsel_status status;
  if (managed == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "managed is NULL");
  if (tensor == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  if (managed->version.major == DLPACK_MAJOR_VERSION) {
    status = kldsel_dlpack_view(&managed->dl_tensor, layout, options, &view);
  } else {
    snprintf(text, sizeof text, "version is %" PRIu32 ".%" PRIu32 "; must be %d", managed->version.major,
             managed->version.minor, DLPACK_MAJOR_VERSION);
    status = kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, text);
  }
  return kldsel_dlpack_hold_(status, view, kldsel_dlpack_delete_versioned_, managed, tensor);
}

/** @cond internal */

/* DLPACK_FLAG_BITMASK_READ_ONLY and _IS_COPIED, which not every 1.x header has. */
enum {
  KLDSEL_DLPACK_READ_ONLY_ = 1,
  KLDSEL_DLPACK_COPIED_ = 2
};

static inline void kldsel_dlpack_begin_versioned_(DLManagedTensorVersioned *made, uint64_t flags,
                                                  void (*deleter)(DLManagedTensorVersioned *)) {
  made->version.major = DLPACK_MAJOR_VERSION;
  made->version.minor = DLPACK_MINOR_VERSION;
  made->manager_ctx = NULL;
  made->deleter = deleter;
  made->flags = flags;
}

static inline void kldsel_dlpack_free_versioned_(DLManagedTensorVersioned *managed) {
  free(managed);
}

static inline kldsel_status kldsel_dlpack_export_versioned_(const struct kldsel_dlpack_source_ *source,
                                                            DLManagedTensorVersioned **managed) {
  void *block = NULL;
  kldsel_status status;
  if (managed == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "managed is NULL");
  status =
      kldsel_dlpack_copy_(source, sizeof **managed, offsetof(DLManagedTensorVersioned, dl_tensor), &block);
  if (status != KLDSEL_OK) return status;
  *managed = (DLManagedTensorVersioned *)block;
  kldsel_dlpack_begin_versioned_(*managed, KLDSEL_DLPACK_COPIED_, kldsel_dlpack_free_versioned_);
  return KLDSEL_OK;
}

static inline void kldsel_dlpack_free_tensor_(DLManagedTensorVersioned *managed) {
  kldsel_tensor_free((kldsel_tensor *)managed->manager_ctx);
  free(managed);
}

static inline DLDataType kldsel_dlpack_type_(int32_t dtype) {
  DLDataType type = kldsel_dlpack_f64_();
  switch (dtype) {
  case KLDSEL_DTYPE_F32:
    type.bits = 32;
    break;
  case KLDSEL_DTYPE_F16:
  case KLDSEL_DTYPE_BF16:
    type.code = dtype == KLDSEL_DTYPE_F16 ? kDLFloat : kDLBfloat;
    type.bits = 16;
    break;
  case KLDSEL_DTYPE_U8:
  case KLDSEL_DTYPE_I8:
    type.code = dtype == KLDSEL_DTYPE_U8 ? kDLUInt : kDLInt;
    type.bits = 8;
    break;
  default:
    break;
  }
  return type;
}

/** @endcond */

/** kldsel_dlpack_export_values() in the versioned form, marked as a copy. */
static inline kldsel_status kldsel_dlpack_export_values_versioned(const kldsel_tensor *tensor,
                                                                  DLManagedTensorVersioned **managed) {
  struct kldsel_dlpack_source_ source;
  const kldsel_status status = kldsel_dlpack_of_tensor_(tensor, &source);
  return status == KLDSEL_OK ? kldsel_dlpack_export_versioned_(&source, managed) : status;
}

/** kldsel_dlpack_export_profile() in the versioned form, marked as a copy. */
static inline kldsel_status kldsel_dlpack_export_profile_versioned(const kldsel_profile *profile,
                                                                   int32_t sign,
                                                                   DLManagedTensorVersioned **managed) {
  struct kldsel_dlpack_source_ source;
  const kldsel_status status = kldsel_dlpack_of_profile_(profile, sign, &source);
  return status == KLDSEL_OK ? kldsel_dlpack_export_versioned_(&source, managed) : status;
}

/**
 * Exports a tensor where it lies, without a copy, in its own element type; marked read-only, for which the
 * older form has no sign. Quantised tensors cannot be told so: export their values.
 * @param tensor       given away on success, freed by the deleter. The weights of a view stay the host's, and
 * must outlive what was exported
 * @param[out] managed to be handed to the importer, or freed by its deleter; comes from malloc
 * @return OK, INVALID_ARGUMENT, UNSUPPORTED (quantised; strides that are no whole number of elements),
 *         OUT_OF_MEMORY
 */
static inline kldsel_status kldsel_dlpack_export_tensor_versioned(kldsel_tensor *tensor,
                                                                  DLManagedTensorVersioned **managed) {
  struct kldsel_dlpack_numbers_ *numbers = NULL;
  DLManagedTensorVersioned *made;
  DLDataType type;
  const void *data = NULL;
  double *unused = NULL;
  int64_t shape[KLDSEL_MAX_RANK], strides_bytes[KLDSEL_MAX_RANK];
  int32_t dtype = 0, quantized = 0, rank = 0, a;
  kldsel_status status;
  if (managed == NULL) return kldsel_set_last_error(KLDSEL_ERROR_INVALID_ARGUMENT, "managed is NULL");
  status = kldsel_tensor_describe(tensor, &data, &dtype, &quantized, &rank, shape, strides_bytes, NULL, NULL);
  if (status != KLDSEL_OK) return status;
  if (quantized)
    return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, "tensor is quantised; export its values");
  type = kldsel_dlpack_type_(dtype);
  for (a = 0; a < rank; a++)
    if (strides_bytes[a] % (type.bits / 8) != 0) {
      char text[KLDSEL_DLPACK_TEXT];
      snprintf(text, sizeof text,
               "tensor has a stride of %" PRId64 " bytes, which is no whole number of elements",
               strides_bytes[a]);
      return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, text);
    }
  made = (DLManagedTensorVersioned *)kldsel_dlpack_block_(sizeof *made, 0, &numbers, &unused);
  if (made == NULL) return KLDSEL_ERROR_OUT_OF_MEMORY;
  for (a = 0; a < rank; a++) {
    numbers->shape[a] = shape[a];
    numbers->strides[a] = strides_bytes[a] / (type.bits / 8);
  }
  kldsel_dlpack_begin_versioned_(made, KLDSEL_DLPACK_READ_ONLY_, kldsel_dlpack_free_tensor_);
  made->manager_ctx = tensor;
  kldsel_dlpack_fill_(&made->dl_tensor, numbers, (void *)(uintptr_t)data, rank, type);
  *managed = made;
  return KLDSEL_OK;
}

#endif /* DLPACK_MAJOR_VERSION */

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* KLDSEL_KLDSEL_DLPACK_H */
