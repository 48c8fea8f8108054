/* SPDX-License-Identifier: BSD-3-Clause */
/* What HDF5 keeps, in memory: datasets and strings. */
#ifndef KLDSEL_HDF5_DATASET_H
#define KLDSEL_HDF5_DATASET_H

#include <hdf5.h>
#include <model.h>

/*
 * Sets type, shape and data of `tensor`, the latter in new memory; what is no number has none. The name is
 * set. What the dataset takes in the file is taken from `unread`, and must be there: many names for one
 * dataset would fill the memory.
 */
bool dataset_read(hid_t dataset, hsize_t *unread, struct stored_tensor *tensor, struct problem *problem);

struct strings {
  char **texts; /* NULL where there are none */
  size_t count;
};

/* The strings of an attribute, one or an array of them; none if there is no such attribute. */
bool attribute_read(hid_t object, const char *name, struct strings *strings, struct problem *problem);

void strings_free(struct strings *strings);

#endif
