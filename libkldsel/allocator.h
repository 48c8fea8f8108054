/* SPDX-License-Identifier: BSD-3-Clause */
/* The caller's allocator, or malloc; nothing else in the library allocates. */
#ifndef KLDSEL_ALLOCATOR_H
#define KLDSEL_ALLOCATOR_H

#include "kldsel/kldsel.h"

struct allocator {
  kldsel_allocate_function allocate;
  kldsel_release_function release;
  void *user;
};

extern const struct allocator kldsel_malloc_allocator;

/* Room for count elements of element_bytes; count 0 gives room for one. TOO_LARGE or OUT_OF_MEMORY, with the
   text "what: ...". */
kldsel_status kldsel_allocate(const struct allocator *allocator, uint64_t count, size_t element_bytes,
                              const char *what, void **memory);

/* NULL is fine. */
void kldsel_release(const struct allocator *allocator, void *memory);

#endif
