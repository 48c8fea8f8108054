/* SPDX-License-Identifier: BSD-3-Clause */
#include "allocator.h"

#include <inttypes.h>
#include <stdlib.h>

#include "check.h"

static void *allocate_by_malloc(void *user, size_t size) {
  (void)user;
  return malloc(size);
}

static void release_by_free(void *user, void *memory) {
  (void)user;
  free(memory);
}

const struct allocator kldsel_malloc_allocator = {allocate_by_malloc, release_by_free, NULL};

kldsel_status kldsel_allocate(const struct allocator *allocator, uint64_t count, size_t element_bytes,
                              const char *what, void **memory) {
  if (count == 0) count = 1;
  /* PTRDIFF_MAX, not SIZE_MAX: pointers into larger blocks cannot be subtracted. */
  if (count > (size_t)PTRDIFF_MAX / element_bytes)
    return kldsel_fail(KLDSEL_ERROR_TOO_LARGE,
                       "%s: %" PRIu64 " elements of %zu bytes are more than can be addressed", what, count,
                       element_bytes);
  size_t bytes = (size_t)count * element_bytes;
  void *block = allocator->allocate(allocator->user, bytes);
  if (block == NULL)
    return kldsel_fail(KLDSEL_ERROR_OUT_OF_MEMORY, "%s: no memory for %zu bytes", what, bytes);
  *memory = block;
  return KLDSEL_OK;
}

void kldsel_release(const struct allocator *allocator, void *memory) {
  if (memory != NULL) allocator->release(allocator->user, memory);
}
