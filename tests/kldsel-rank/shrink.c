/* SPDX-License-Identifier: BSD-3-Clause */
/* Preloaded, shortens the file $KLDSEL_TEST_SHRINK_FILE as soon as a file is mapped for reading. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef void *map_function(void *, size_t, int, int, int, off_t);

static int is_file(int descriptor, const char *path) {
  struct stat opened, named;
  return descriptor >= 0 && fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  map_function *next = NULL;
  void *found = dlsym(RTLD_NEXT, "mmap");
  memcpy(&next, &found, sizeof next);
  void *map = next(address, length, protection, flags, descriptor, offset);
  const char *path = getenv("KLDSEL_TEST_SHRINK_FILE");
  /* The header stays, the weights go. */
  if (path != NULL && is_file(descriptor, path) && truncate(path, 4096) != 0) abort();
  return map;
}
