/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "check.h"
#include "rank.h"

struct numbered {
  int32_t number;
  int64_t index;
};

static int by_number_then_index(const void *a, const void *b) {
  const struct numbered *x = a, *y = b;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static int by_first_member(const void *a, const void *b) {
  const struct group *x = a, *y = b;
  return x->members[0] < y->members[0] ? -1 : 1;
}

kldsel_status kldsel_groups_create(const int32_t *numbers, size_t n, const struct allocator *allocator,
                                   struct groups *groups) {
  void *sorted_memory, *members_memory, *group_memory;
  TRY(kldsel_allocate(allocator, n, sizeof(struct numbered), "groups", &sorted_memory));
  kldsel_status status = kldsel_allocate(allocator, n, sizeof(int64_t), "groups", &members_memory);
  if (status != KLDSEL_OK) {
    kldsel_release(allocator, sorted_memory);
    return status;
  }
  struct numbered *sorted = sorted_memory;
  int64_t *members = members_memory;
  size_t count = 0;
  for (size_t i = 0; i < n; i++) sorted[i] = (struct numbered){numbers != NULL ? numbers[i] : 0, (int64_t)i};
  qsort(sorted, n, sizeof *sorted, by_number_then_index);
  for (size_t i = 0; i < n; i++) {
    members[i] = sorted[i].index;
    count += i == 0 || sorted[i].number != sorted[i - 1].number;
  }
  status = kldsel_allocate(allocator, count, sizeof(struct group), "groups", &group_memory);
  if (status == KLDSEL_OK) {
    struct group *group = group_memory;
    for (size_t i = 0, g = 0; i < n; g++) {
      size_t begin = i;
      while (i < n && sorted[i].number == sorted[begin].number) i++;
      group[g] = (struct group){sorted[begin].number, i - begin, members + begin};
    }
    qsort(group, count, sizeof *group, by_first_member);
    *groups = (struct groups){*allocator, count, group, members};
  } else {
    kldsel_release(allocator, members);
  }
  kldsel_release(allocator, sorted);
  return status;
}

void kldsel_groups_release(struct groups *groups) {
  kldsel_release(&groups->allocator, groups->group);
  kldsel_release(&groups->allocator, groups->members);
}
