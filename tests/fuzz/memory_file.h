/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file memory_file.h
 * @brief Files in memory, for readers that take a path, and what must hold of every model that they read.
 */
#ifndef KLDSEL_TESTS_FUZZ_MEMORY_FILE_H
#define KLDSEL_TESTS_FUZZ_MEMORY_FILE_H

#include <model.h>

/** A file without a folder. It lives as long as the process. */
struct memory_file {
  int descriptor;
  char path[32];
};

struct memory_file memory_file_create(void);

/** One in the folder for temporary files, for those who ask the system for its real name; removed at exit. */
struct memory_file memory_file_create_named(void);

/** Makes these bytes all of its content. */
void memory_file_fill(const struct memory_file *file, const uint8_t *bytes, size_t size);

/** Reads every byte of the tensors, sorts out the layers as the tools do, and ranks them if they are few and
 * small. */
void try_model(const struct model *model, bool in_order);

/** Both hold the same tensors. */
void expect_same(const struct model *a, const struct model *b);

/** A reader that refuses says why. */
void expect_reason(const struct problem *problem);

#endif /* KLDSEL_TESTS_FUZZ_MEMORY_FILE_H */
