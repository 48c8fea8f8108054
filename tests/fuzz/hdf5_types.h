/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file hdf5_types.h
 * @brief Types and texts that the fuzzer's bytes choose.
 */
#ifndef KLDSEL_TESTS_FUZZ_HDF5_TYPES_H
#define KLDSEL_TESTS_FUZZ_HDF5_TYPES_H

#include <hdf5.h>

#include "input.h"

/** Text that a reader of Keras models looks for, or any other; it lives until the next call but three. */
const char *take_text(struct input *input);

/** A new type: numbers of every size and order, what only looks like them, and others. */
hid_t take_type(struct input *input);

/** The same in the machine's order, in which data are written; invalid for what is no number. */
hid_t native_type(hid_t type);

#endif /* KLDSEL_TESTS_FUZZ_HDF5_TYPES_H */
