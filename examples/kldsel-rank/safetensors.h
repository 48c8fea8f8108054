/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the safetensors format: 8 bytes header length (little endian), a JSON object, the data. */
#ifndef KLDSEL_RANK_SAFETENSORS_H
#define KLDSEL_RANK_SAFETENSORS_H

#include <kldsel/kldsel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

struct stored_tensor {
  const char *name;       /* UTF-8, any characters but NUL */
  const char *dtype_name; /* as in the file */
  int32_t dtype;          /* kldsel_dtype; 0 for the dtypes that the library does not read */
  size_t rank;
  int64_t shape[KLDSEL_MAX_RANK]; /* the first extents, where rank is more */
  const unsigned char *data;
  size_t bytes;
};

struct safetensors {
  struct stored_tensor *tensors; /* in the order of their data */
  size_t count;
  unsigned char *map;
  size_t map_bytes;
  struct json_t *header; /* owns the names */
};

/*
 * Maps a file and checks all of its header, so that every tensor lies inside the file and none overlaps
 * another. A file that somebody shortens while it is mapped ends the program by SIGBUS: its length is
 * checked once, here.
 */
bool safetensors_open(const char *path, struct safetensors *file, struct problem *problem);

void safetensors_close(struct safetensors *file);

#endif
