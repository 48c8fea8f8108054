/* SPDX-License-Identifier: BSD-3-Clause */
/* Keras models in HDF5 files: their variables, with layouts by the classes of the layers. */
#ifndef KLDSEL_HDF5_FORMAT_H
#define KLDSEL_HDF5_FORMAT_H

#include <format.h>

extern const struct format hdf5_format;

#endif
