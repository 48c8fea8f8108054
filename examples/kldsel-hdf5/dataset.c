/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
  MOST_STRING_BYTES = 1 << 28,
  /* Deflate makes 1032 bytes of one at most. */
  MOST_EXPANSION = 1100
};

struct type {
  const char *name, *safetensors;
  int32_t dtype;
};

/* IEEE 754's of two bytes, which has no name in the library. */
static bool is_half(hid_t type) {
  size_t sign, exponent, exponent_size, mantissa, mantissa_size;
  return H5Tget_size(type) == 2 &&
         H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) >= 0 &&
         sign == 15 && exponent == 10 && exponent_size == 5 && mantissa == 0 && mantissa_size == 10 &&
         H5Tget_ebias(type) == 15;
}

static bool is_either(hid_t type, hid_t little, hid_t big) {
  return H5Tequal(type, little) > 0 || H5Tequal(type, big) > 0;
}

static struct type type_of(hid_t type, bool bfloat16) {
  static const struct type signed_types[] = {
      {"int8", "I8", 0}, {"int16", "I16", 0}, {"int32", "I32", 0}, {"int64", "I64", 0}};
  static const struct type unsigned_types[] = {
      {"uint8", "U8", 0}, {"uint16", "U16", 0}, {"uint32", "U32", 0}, {"uint64", "U64", 0}};
  if (bfloat16 && H5Tget_size(type) == 2) return (struct type){"bfloat16", "BF16", KLDSEL_DTYPE_BF16};
  switch (H5Tget_class(type)) {
  case H5T_FLOAT:
    if (is_either(type, H5T_IEEE_F64LE, H5T_IEEE_F64BE))
      return (struct type){"float64", "F64", KLDSEL_DTYPE_F64};
    if (is_either(type, H5T_IEEE_F32LE, H5T_IEEE_F32BE))
      return (struct type){"float32", "F32", KLDSEL_DTYPE_F32};
    if (is_half(type)) return (struct type){"float16", "F16", KLDSEL_DTYPE_F16};
    return (struct type){"of another float", NULL, 0};
  case H5T_INTEGER:
    for (int power = 0; power < 4; power++)
      if (H5Tget_size(type) == (size_t)1 << power && H5Tget_precision(type) == (size_t)8 << power)
        return H5Tget_sign(type) == H5T_SGN_NONE ? unsigned_types[power] : signed_types[power];
    return (struct type){"of another integer", NULL, 0};
  default:
    return (struct type){"that is no number", NULL, 0};
  }
}

/* Keras writes it beside the bytes of this one type. */
static bool is_bfloat16(hid_t dataset, bool *yes, struct problem *problem) {
  struct strings strings;
  if (!attribute_read(dataset, "dtype", &strings, problem)) return false;
  *yes = strings.count == 1 && strcmp(strings.texts[0], "bfloat16") == 0;
  strings_free(&strings);
  return true;
}

static bool read_shape(hid_t dataset, struct stored_tensor *tensor, hsize_t *elements,
                       struct problem *problem) {
  hsize_t extents[H5S_MAX_RANK];
  const hid_t space = H5Dget_space(dataset);
  const int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  const bool read = rank >= 0 && H5Sget_simple_extent_dims(space, extents, NULL) >= 0;
  /* A null dataspace has no element, and no axis to tell it by. */
  const bool null = space >= 0 && H5Sget_simple_extent_type(space) == H5S_NULL;
  if (space >= 0) H5Sclose(space);
  if (!read) return problem_set(problem, "dataset '%.200s': libhdf5 cannot read its shape", tensor->name);
  tensor->rank = (size_t)rank;
  *elements = null ? 0 : 1;
  for (int axis = 0; axis < rank; axis++) {
    if (axis < KLDSEL_MAX_RANK) tensor->shape[axis] = (int64_t)extents[axis];
    if (extents[axis] != 0 && *elements > INT64_MAX / 16 / extents[axis])
      return problem_set(problem, "dataset '%.200s': its shape overflows", tensor->name);
    *elements *= extents[axis];
  }
  return true;
}

/* What is elsewhere is not read, and what is not there would be made up, be it larger than the memory. */
static bool check_storage(hid_t dataset, hsize_t *unread, const struct stored_tensor *tensor,
                          struct problem *problem) {
  const hid_t properties = H5Dget_create_plist(dataset);
  if (properties < 0) return problem_set(problem, "dataset '%.200s': is damaged", tensor->name);
  const bool elsewhere = H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) != 0;
  const bool filtered = H5Pget_nfilters(properties) > 0;
  H5Pclose(properties);
  if (elsewhere) return problem_set(problem, "dataset '%.200s': its data are in another file", tensor->name);
  const hsize_t stored = H5Dget_storage_size(dataset);
  const uint64_t most = filtered ? stored * (uint64_t)MOST_EXPANSION : stored;
  if (tensor->bytes > most)
    return problem_set(problem, "dataset '%.200s': its shape takes %zu bytes, but %" PRIu64 " are stored",
                       tensor->name, tensor->bytes, (uint64_t)stored);
  if (stored > *unread)
    return problem_set(problem, "dataset '%.200s': with those before it takes more bytes than the file has",
                       tensor->name);
  *unread -= stored;
  return true;
}

static bool read_data(hid_t dataset, hid_t type, struct stored_tensor *tensor, struct problem *problem) {
  unsigned char *data = malloc(tensor->bytes);
  if (data == NULL) return problem_out_of_memory(problem);
  /* The same bits, in the machine's order. */
  const hid_t native = H5Tcopy(type);
  const bool read =
      native >= 0 &&
      (H5Tget_class(type) == H5T_OPAQUE || H5Tset_order(native, H5Tget_order(H5T_NATIVE_INT)) >= 0) &&
      H5Dread(dataset, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
  if (native >= 0) H5Tclose(native);
  tensor->data = data;
  return read || problem_set(problem, "dataset '%.200s': libhdf5 cannot read it", tensor->name);
}

static bool read_typed(hid_t dataset, hid_t file_type, hsize_t *unread, struct stored_tensor *tensor,
                       struct problem *problem) {
  hsize_t elements = 0;
  bool bfloat16 = false;
  if (!is_bfloat16(dataset, &bfloat16, problem)) return false;
  const struct type type = type_of(file_type, bfloat16);
  tensor->dtype_name = type.name;
  tensor->safetensors = type.safetensors;
  tensor->dtype = type.dtype;
  if (!read_shape(dataset, tensor, &elements, problem)) return false;
  if (type.safetensors == NULL || elements == 0) return true;
  tensor->bytes = (size_t)elements * H5Tget_size(file_type);
  return check_storage(dataset, unread, tensor, problem) && read_data(dataset, file_type, tensor, problem);
}

bool dataset_read(hid_t dataset, hsize_t *unread, struct stored_tensor *tensor, struct problem *problem) {
  const hid_t type = H5Dget_type(dataset);
  if (type < 0) return problem_set(problem, "dataset '%.200s': libhdf5 cannot read its type", tensor->name);
  const bool read = read_typed(dataset, type, unread, tensor, problem);
  H5Tclose(type);
  return read;
}

static bool copy_fixed(hid_t attribute, hid_t type, size_t size, struct strings *strings) {
  char *block = malloc(strings->count * size);
  bool copied = block != NULL && H5Aread(attribute, type, block) >= 0;
  for (size_t i = 0; i < strings->count && copied; i++)
    copied = (strings->texts[i] = strndup(block + i * size, size)) != NULL;
  free(block);
  return copied;
}

static bool copy_variable(hid_t attribute, hid_t type, hid_t space, struct strings *strings) {
  char **block = calloc(strings->count, sizeof *block);
  bool copied = block != NULL && H5Aread(attribute, type, block) >= 0;
  const bool owned = copied;
  for (size_t i = 0; i < strings->count && copied; i++)
    copied = (strings->texts[i] = strdup(block[i] != NULL ? block[i] : "")) != NULL;
  if (owned) H5Dvlen_reclaim(type, space, H5P_DEFAULT, block);
  free((void *)block);
  return copied;
}

static bool copy_strings(hid_t attribute, hid_t type, hid_t space, struct strings *strings) {
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const size_t size = H5Tget_size(type);
  /* Keras writes an empty list as one of numbers. */
  if (count == 0) return true;
  if (H5Tget_class(type) != H5T_STRING || count < 0 || size == 0 ||
      (uint64_t)count > MOST_STRING_BYTES / size)
    return false;
  strings->texts = calloc((size_t)count, sizeof *strings->texts);
  if (strings->texts == NULL) return false;
  strings->count = (size_t)count;
  return H5Tis_variable_str(type) > 0 ? copy_variable(attribute, type, space, strings)
                                      : copy_fixed(attribute, type, size, strings);
}

bool attribute_read(hid_t object, const char *name, struct strings *strings, struct problem *problem) {
  *strings = (struct strings){0};
  if (H5Aexists(object, name) <= 0) return true;
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  const hid_t type = attribute < 0 ? attribute : H5Aget_type(attribute);
  const hid_t space = type < 0 ? type : H5Aget_space(attribute);
  const bool copied = space >= 0 && copy_strings(attribute, type, space, strings);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  if (copied) return true;
  strings_free(strings);
  return problem_set(problem, "attribute '%s': libhdf5 cannot read it as strings", name);
}

void strings_free(struct strings *strings) {
  for (size_t i = 0; i < strings->count; i++) free(strings->texts[i]);
  free((void *)strings->texts);
  *strings = (struct strings){0};
}
