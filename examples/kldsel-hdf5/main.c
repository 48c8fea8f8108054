/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks the layers of a Keras model in an HDF5 file. */
#include <tool.h>

#include "hdf5_format.h"

int main(int argc, char **argv) {
  return tool_main(&hdf5_format, argc, argv);
}
