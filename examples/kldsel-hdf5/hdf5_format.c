/* SPDX-License-Identifier: BSD-3-Clause */
#include "hdf5_format.h"

#include <hdf5.h>
#include <jansson.h>
#include <mapping.h>
#include <output.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "network.h"

static void close_hdf5(struct model *model) {
  for (size_t i = 0; i < model->count; i++) {
    network_free_tensor(&model->tensors[i]);
  }
  free(model->tensors);
  free(model->file);
  *model = (struct model){0};
}

/* The library would say less of what is no HDF5 file. */
static bool check_kind(const char *path, struct problem *problem) {
  unsigned char *map;
  size_t bytes;
  if (!mapping_open(path, 1, &map, &bytes, problem)) return false;
  const bool zip = bytes >= 4 && memcmp(map, "PK\3\4", 4) == 0;
  munmap(map, bytes);
  if (zip)
    return problem_set(problem,
                       "is a zip archive, as .keras files are: unzip it and name its model.weights.h5");
  return H5Fis_hdf5(path) > 0 || problem_set(problem, "is no HDF5 file");
}

static bool open_hdf5(const char *path, struct model *model, struct problem *problem) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  /* A model must not make its reader open other files. */
  H5Lunregister(H5L_TYPE_EXTERNAL);
  if (!check_kind(path, problem)) return false;
  struct network network = {.model = model};
  *model = (struct model){.file = strdup(path)};
  if (model->file == NULL) return problem_out_of_memory(problem);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  const bool read = file >= 0 ? network_read(file, &network, problem)
                              : problem_set(problem, "is no HDF5 file that libhdf5 can open");
  json_decref(network.classes);
  if (file >= 0) H5Fclose(file);
  if (!read) close_hdf5(model);
  return read;
}

static bool copy_file(const char *from, const char *to, struct problem *problem) {
  unsigned char *map;
  size_t bytes;
  if (!mapping_open(from, 1, &map, &bytes, problem)) return false;
  FILE *file = output_open(to, problem);
  if (file != NULL) fwrite(map, 1, bytes, file);
  munmap(map, bytes);
  return file != NULL && output_close(file, problem);
}

/* A string of variable length, as the others have 64 KiB at most. */
static bool set_attribute(hid_t file, const char *text) {
  if (H5Aexists(file, RANKING_KEY) > 0 && H5Adelete(file, RANKING_KEY) < 0) return false;
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5I_INVALID_HID;
  if (type >= 0 && space >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0 &&
      H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
    attribute = H5Acreate2(file, RANKING_KEY, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool written = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return written;
}

static bool write_hdf5(const struct model *model, const char *ranking, const char *path,
                       struct problem *problem) {
  if (!copy_file(model->file, path, problem)) return false;
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  bool written = file >= 0 && set_attribute(file, ranking);
  if (file >= 0) written = H5Fclose(file) >= 0 && written;
  return written || problem_set(problem, "libhdf5 cannot write the ranking");
}

const struct format hdf5_format = {
    .program = "kldsel-hdf5",
    .suffix = "h5",
    .help = "FILE is a .weights.h5 of Keras 3, or a .h5 of Keras of every age, with the whole model or its\n"
            "weights. The classes of the layers tell the layouts; --layout has no effect. The ranking goes\n"
            "into the attribute kldsel.ranking of the file: JSON, as --json prints it.\n",
    .open = open_hdf5,
    .write = write_hdf5,
    .close = close_hdf5,
};
