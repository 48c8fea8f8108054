/* SPDX-License-Identifier: BSD-3-Clause */
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map_open_file(int descriptor, size_t least, unsigned char **map, size_t *bytes,
                          struct problem *problem) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return problem_set(problem, "%s", strerror(errno));
  if (!S_ISREG(status.st_mode))
    return problem_set(problem, S_ISDIR(status.st_mode) ? "is a directory" : "is not a regular file");
  if ((uintmax_t)status.st_size < least)
    return problem_set(problem, "has %jd bytes; must have %zu at least", (intmax_t)status.st_size, least);
  if ((uintmax_t)status.st_size > SIZE_MAX) return problem_set(problem, "is too large for this machine");
  void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED) return problem_set(problem, "cannot be mapped: %s", strerror(errno));
  *map = memory;
  *bytes = (size_t)status.st_size;
  return true;
}

bool mapping_open(const char *path, size_t least, unsigned char **map, size_t *bytes,
                  struct problem *problem) {
  /* Without O_NONBLOCK, opening a pipe waits for a writer. */
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return problem_set(problem, "%s", strerror(errno));
  const bool mapped = map_open_file(descriptor, least, map, bytes, problem);
  close(descriptor);
  return mapped;
}
