/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file hdf5_writer.h
 * @brief HDF5 files as the fuzzer's bytes say, by libhdf5 itself: any tree, any attribute, any type, shape
 * and storage, but sound, as what is not ends in libhdf5.
 */
#ifndef KLDSEL_TESTS_FUZZ_HDF5_WRITER_H
#define KLDSEL_TESTS_FUZZ_HDF5_WRITER_H

#include <stdbool.h>

#include "input.h"

/** Writes a file; whether all of its datasets have all of their data. */
bool hdf5_write(struct input *input, const char *path);

/** The byte number @p i of every dataset that has data, in the machine's byte order. */
uint8_t hdf5_byte(size_t i);

#endif /* KLDSEL_TESTS_FUZZ_HDF5_WRITER_H */
