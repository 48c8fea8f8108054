/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file network_file.h
 * @brief Reads the bundled network for tests.
 */
#ifndef KLDSEL_TESTS_NETWORK_FILE_H
#define KLDSEL_TESTS_NETWORK_FILE_H

#include <stddef.h>

#include "layers.h"

/**
 * Reads the convolutions of a .safetensors file of F32 weights in OIHW order, in the file's data order.
 * @param path       the file
 * @param[out] count number of layers
 * @return the layers, each to be given back with layer_free(), and the array with free()
 */
struct layer *network_read(const char *path, size_t *count);

#endif /* KLDSEL_TESTS_NETWORK_FILE_H */
