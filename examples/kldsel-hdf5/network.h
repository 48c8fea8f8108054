/* SPDX-License-Identifier: BSD-3-Clause */
/* The variables of a Keras model in an HDF5 file, as they are named and as they follow one another. */
#ifndef KLDSEL_HDF5_NETWORK_H
#define KLDSEL_HDF5_NETWORK_H

#include <hdf5.h>
#include <model.h>

struct json_t;

struct network {
  struct model *model; /* grows; names and data are in memory of their own */
  size_t room;
  struct json_t *classes; /* class by layer name, where the file has the model's configuration; else NULL */
  size_t groups;          /* met so far */
  hsize_t unread;         /* bytes of the file, less those of the datasets read so far */
};

/* Gives back the name and the data of a tensor that network_read() has made. */
void network_free_tensor(struct stored_tensor *tensor);

/* Reads the older form, which names its layers and variables, or the present one, which numbers them. */
bool network_read(hid_t file, struct network *network, struct problem *problem);

#endif
