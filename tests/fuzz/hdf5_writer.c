/* SPDX-License-Identifier: BSD-3-Clause */
#include "hdf5_writer.h"

#include <hdf5.h>
#include <string.h>

#include "hdf5_types.h"

enum {
  MOST_STEPS = 48,
  DEEPEST = 8,
  MOST_BYTES = 1 << 12, /* of a dataset that is written */
  MOST_TEXTS = 4
};

struct writer {
  struct input *input;
  hid_t groups[DEEPEST]; /* from the root to where it is */
  size_t depth;
  hid_t dataset;   /* the last one, for attributes; or invalid */
  hid_t ancestors; /* makes what is named on the way, too */
  bool unwritten;  /* some dataset has not all of its data */
  bool circle;     /* one is enough: two would be walked in every order */
};

uint8_t hdf5_byte(size_t i) {
  return (uint8_t)(i * 37 + 11);
}

static hid_t here(const struct writer *writer) {
  return writer->groups[writer->depth - 1];
}

/* ---- datasets ---- */

static hsize_t take_extent(struct input *input) {
  static const hsize_t large[] = {1000, (hsize_t)1 << 20, (hsize_t)1 << 40, (hsize_t)1 << 62, ~(hsize_t)0 - 1,
                                  0};
  size_t kind = take_below(input, 256);
  return kind < 240 ? 1 + kind % 4 : large[kind % COUNT(large)];
}

static hid_t take_space(struct input *input, hsize_t extents[], int *rank) {
  size_t kind = take_below(input, 16);
  *rank = 0;
  if (kind == 15) return H5Screate(H5S_NULL);
  /* Often 2 or 4. */
  *rank = kind < 4 ? 4 : kind < 6 ? 2 : (int)kind - 6;
  for (int axis = 0; axis < *rank; axis++) extents[axis] = take_extent(input);
  return *rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(*rank, extents, NULL);
}

static void take_filters(struct input *input, hid_t storage) {
  size_t which = take_below(input, 8);
  if (which & 1) H5Pset_shuffle(storage);
  if (which & 2) H5Pset_deflate(storage, 9);
  if (which & 4) H5Pset_fletcher32(storage);
}

/* How the dataset is kept; whether in this file. */
static bool take_storage(struct input *input, hid_t storage, hid_t space, const hsize_t extents[], int rank) {
  hsize_t chunk[H5S_MAX_RANK];
  switch (take_below(input, 8)) {
  case 0:
    H5Pset_layout(storage, H5D_COMPACT);
    break;
  case 1:
    H5Pset_external(storage, "elsewhere", 0, H5F_UNLIMITED);
    return false;
  case 2:
    H5Pset_virtual(storage, space, "elsewhere", "d", space);
    return false;
  case 3:
  case 4:
    for (int axis = 0; axis < rank; axis++)
      chunk[axis] = extents[axis] > 0 && extents[axis] < 4 ? extents[axis] : 2;
    H5Pset_chunk(storage, rank, chunk);
    take_filters(input, storage);
    break;
  default:
    break;
  }
  return true;
}

/* Whether there is nothing of it that is not written. */
static bool write_data(hid_t dataset, hid_t type, hid_t space) {
  hssize_t elements = H5Sget_simple_extent_npoints(space);
  size_t size = H5Tget_size(type);
  hid_t native = native_type(type);
  if (elements <= 0 || native < 0) return elements == 0;
  bool written = (size_t)elements <= MOST_BYTES / size;
  if (written) {
    uint8_t bytes[MOST_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = hdf5_byte(i);
    written = H5Dwrite(dataset, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
  }
  H5Tclose(native);
  return written;
}

static void forget_dataset(struct writer *writer) {
  if (writer->dataset >= 0) H5Dclose(writer->dataset);
  writer->dataset = H5I_INVALID_HID;
}

static void add_dataset(struct writer *writer) {
  struct input *input = writer->input;
  forget_dataset(writer);
  hsize_t extents[H5S_MAX_RANK];
  int rank;
  const char *name = take_text(input);
  hid_t type = take_type(input), space = take_space(input, extents, &rank);
  hid_t storage = H5Pcreate(H5P_DATASET_CREATE);
  bool inside = take_storage(input, storage, space, extents, rank);
  writer->dataset = H5Dcreate2(here(writer), name, type, space, writer->ancestors, storage, H5P_DEFAULT);
  bool left_out = take_below(input, 16) == 15 || !inside;
  if (writer->dataset >= 0 && (left_out || !write_data(writer->dataset, type, space)))
    writer->unwritten = true;
  H5Pclose(storage);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
}

/* ---- attributes ---- */

static hid_t string_space(struct input *input, size_t count) {
  if (count == 1 && take_below(input, 2) == 0) return H5Screate(H5S_SCALAR);
  if (count == 0 && take_below(input, 2) == 0) return H5Screate(H5S_NULL);
  return H5Screate_simple(1, (hsize_t[]){count}, NULL);
}

/* Of fixed length, cut to it; or of any. */
static void write_texts(hid_t object, const char *name, const char *const texts[], size_t count,
                        struct input *input) {
  size_t length = take_below(input, 32);
  hid_t type = H5Tcopy(H5T_C_S1), space = string_space(input, count);
  H5Tset_size(type, length > 0 ? length : H5T_VARIABLE);
  if (length > 0) H5Tset_strpad(type, (H5T_str_t)take_below(input, 3));
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0 && length == 0) {
    H5Awrite(attribute, type, texts);
  } else if (attribute >= 0) {
    char block[MOST_TEXTS * 32] = "";
    for (size_t i = 0; i < count; i++) memcpy(block + i * length, texts[i], strnlen(texts[i], length));
    H5Awrite(attribute, type, block);
  }
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  H5Tclose(type);
}

/* What is no list of strings: numbers, as Keras writes an empty one, or anything else. */
static void write_others(hid_t object, const char *name, struct input *input) {
  hsize_t extents[H5S_MAX_RANK];
  int rank;
  hid_t type = take_type(input), space = take_space(input, extents, &rank);
  /* More would not go into a header. */
  if (space >= 0 && H5Sget_simple_extent_npoints(space) <= MOST_BYTES) {
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) H5Aclose(attribute);
  }
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
}

static void add_attribute(struct writer *writer) {
  struct input *input = writer->input;
  hid_t object = writer->dataset >= 0 ? writer->dataset : here(writer);
  const char *name = take_text(input), *texts[MOST_TEXTS] = {NULL};
  size_t count = take_below(input, MOST_TEXTS + 1);
  if (count == MOST_TEXTS) {
    write_others(object, name, input);
    return;
  }
  for (size_t i = 0; i < count; i++) texts[i] = take_text(input);
  write_texts(object, name, texts, count, input);
}

/* As Keras does it: the names of what is in the group. */
static void list_group(struct writer *writer, const char *attribute) {
  char names[MOST_TEXTS][32] = {""};
  const char *texts[MOST_TEXTS];
  H5G_info_t group;
  size_t count =
      H5Gget_info(here(writer), &group) >= 0 && group.nlinks < MOST_TEXTS ? group.nlinks : MOST_TEXTS - 1;
  for (size_t i = 0; i < count; i++) {
    H5Lget_name_by_idx(here(writer), ".", H5_INDEX_NAME, H5_ITER_INC, i, names[i], sizeof names[i],
                       H5P_DEFAULT);
    texts[i] = names[i];
  }
  write_texts(here(writer), attribute, texts, count, writer->input);
}

/* ---- groups ---- */

static void enter(struct writer *writer) {
  const char *name = take_text(writer->input);
  if (writer->depth == DEEPEST) return;
  forget_dataset(writer);
  hid_t group = H5Gopen2(here(writer), name, H5P_DEFAULT);
  if (group < 0) group = H5Gcreate2(here(writer), name, writer->ancestors, H5P_DEFAULT, H5P_DEFAULT);
  if (group >= 0) writer->groups[writer->depth++] = group;
}

static void leave(struct writer *writer) {
  forget_dataset(writer);
  if (writer->depth > 1) H5Gclose(writer->groups[--writer->depth]);
}

static void add_link(struct writer *writer) {
  const char *name = take_text(writer->input), *target = take_text(writer->input);
  bool soft = take_below(writer->input, 2) == 0;
  if (writer->circle) return;
  writer->circle = true;
  if (soft)
    H5Lcreate_soft(target, here(writer), name, writer->ancestors, H5P_DEFAULT);
  else
    H5Lcreate_hard(writer->groups[take_below(writer->input, writer->depth)], target, here(writer), name,
                   writer->ancestors, H5P_DEFAULT);
}

static bool step(struct writer *writer) {
  switch (take_below(writer->input, 12)) {
  case 1:
  case 2:
    enter(writer);
    return true;
  case 3:
    leave(writer);
    return true;
  case 4:
  case 5:
  case 6:
    add_dataset(writer);
    return true;
  case 7:
  case 8:
    add_attribute(writer);
    return true;
  case 9:
    list_group(writer, "weight_names");
    return true;
  case 10:
    list_group(writer, "layer_names");
    return true;
  case 11:
    add_link(writer);
    return true;
  default: /* as where no byte is left */
    return false;
  }
}

bool hdf5_write(struct input *input, const char *path) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), ancestors = H5Pcreate(H5P_LINK_CREATE);
  /* In memory until it is closed; then whatever is open in it is closed, too. */
  H5Pset_fapl_core(access, 1 << 14, 1);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  H5Pset_create_intermediate_group(ancestors, 1);
  /* The forms of today's files, too. */
  if (take_below(input, 2)) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  ck_assert_int_ge(file, 0);
  struct writer writer = {.input = input, .dataset = H5I_INVALID_HID, .ancestors = ancestors};
  writer.groups[writer.depth++] = H5Gopen2(file, "/", H5P_DEFAULT);
  for (int steps = 0; steps < MOST_STEPS && step(&writer); steps++) continue;
  forget_dataset(&writer);
  while (writer.depth > 0) H5Gclose(writer.groups[--writer.depth]);
  H5Pclose(ancestors);
  H5Pclose(access);
  ck_assert_int_ge(H5Fclose(file), 0);
  return !writer.unwritten;
}
