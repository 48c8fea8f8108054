/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_RANK_H
#define KLDSEL_RANK_H

#include "allocator.h"

/* Layers of one group: members[0 .. count) are their indices in network order. */
struct group {
  int32_t number;
  size_t count;
  const int64_t *members;
};

/* The groups by first appearance. */
struct groups {
  struct allocator allocator;
  size_t count;
  struct group *group;
  int64_t *members;
};

/* numbers NULL: one group of all. */
kldsel_status kldsel_groups_create(const int32_t *numbers, size_t n, const struct allocator *allocator,
                                   struct groups *groups);
void kldsel_groups_release(struct groups *groups);

#endif
