/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_COMMON_MAPPING_H
#define KLDSEL_COMMON_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Maps a regular file of at least `least` > 0 bytes for reading; munmap() gives it back. */
bool mapping_open(const char *path, size_t least, unsigned char **map, size_t *bytes,
                  struct problem *problem);

#ifdef __cplusplus
}
#endif

#endif
