/* SPDX-License-Identifier: BSD-3-Clause */
#include "filters_first.h"

#include <stdlib.h>
#include <string.h>

enum {
  /* Groups are an axis of their own. */
  MOST_AXES = KLDSEL_MAX_RANK + 1
};

/* Axes in the order to write them, the last one fastest, with the step that each makes in the tensor. */
struct walk {
  size_t count;
  int64_t extents[MOST_AXES];
  size_t steps[MOST_AXES]; /* in elements */
};

static void add(struct walk *walk, int64_t extent, size_t step) {
  walk->extents[walk->count] = extent;
  walk->steps[walk->count] = step;
  walk->count++;
}

/* The axes `first` to `last`, without the latter, as they follow one another. */
static void add_axes(struct walk *walk, const struct stored_tensor *stored, const size_t *steps, size_t first,
                     size_t last) {
  for (size_t axis = first; axis < last; axis++) add(walk, stored->shape[axis], steps[axis]);
}

/* [in, out / groups, ...] is [groups, in / groups, out / groups, ...], whose filters are axes 0 and 2. */
static void walk_groups(const struct stored_tensor *stored, const size_t *steps, struct walk *walk,
                        int64_t *shape) {
  const int64_t channels = stored->shape[0] / stored->groups;
  add(walk, stored->groups, (size_t)channels * steps[0]);
  add(walk, stored->shape[1], steps[1]);
  add(walk, channels, steps[0]);
  add_axes(walk, stored, steps, 2, stored->rank);
  shape[0] = stored->groups * stored->shape[1];
  shape[1] = channels;
}

static void plan(const struct stored_tensor *stored, int32_t layout, struct walk *walk, int64_t *shape) {
  const size_t rank = stored->rank, last = rank - 1;
  size_t steps[KLDSEL_MAX_RANK];
  steps[last] = 1;
  for (size_t axis = last; axis-- > 0;) steps[axis] = steps[axis + 1] * (size_t)stored->shape[axis + 1];
  *walk = (struct walk){0};
  switch (layout) {
  case KLDSEL_LAYOUT_IO:
  case KLDSEL_LAYOUT_IOHW:
    if (stored->groups > 1) {
      walk_groups(stored, steps, walk, shape);
      break;
    }
    add_axes(walk, stored, steps, 1, 2);
    add_axes(walk, stored, steps, 0, 1);
    add_axes(walk, stored, steps, 2, rank);
    break;
  case KLDSEL_LAYOUT_HWIO:
    add_axes(walk, stored, steps, last, rank);
    add_axes(walk, stored, steps, last - 1, last);
    add_axes(walk, stored, steps, 0, last - 1);
    break;
  case KLDSEL_LAYOUT_OHWI:
    add_axes(walk, stored, steps, 0, 1);
    add_axes(walk, stored, steps, last, rank);
    add_axes(walk, stored, steps, 1, last);
    break;
  default: /* HWOI, HWIM */
    add_axes(walk, stored, steps, last - 1, rank);
    add_axes(walk, stored, steps, 0, last - 1);
    break;
  }
  if (walk->count == rank)
    for (size_t axis = 0; axis < rank; axis++) shape[axis] = walk->extents[axis];
  else
    for (size_t axis = 2; axis < rank; axis++) shape[axis] = stored->shape[axis];
  if (layout == KLDSEL_LAYOUT_HWIM) {
    shape[0] *= shape[1];
    shape[1] = 1;
  }
}

static void copy(const struct stored_tensor *stored, const struct walk *walk, size_t size,
                 unsigned char *target) {
  int64_t place[MOST_AXES] = {0};
  size_t from = 0;
  const size_t last = walk->count - 1;
  for (size_t done = 0; done < stored->bytes;) {
    for (int64_t i = 0; i < walk->extents[last]; i++, done += size)
      memcpy(target + done, stored->data + (from + (size_t)i * walk->steps[last]) * size, size);
    for (size_t axis = last; axis-- > 0;) {
      from += walk->steps[axis];
      if (++place[axis] < walk->extents[axis]) break;
      from -= walk->steps[axis] * (size_t)walk->extents[axis];
      place[axis] = 0;
    }
  }
}

bool filters_first(const struct stored_tensor *stored, int32_t layout, struct filters_first *ordered,
                   struct problem *problem) {
  *ordered = (struct filters_first){.data = stored->data};
  memcpy(ordered->shape, stored->shape, sizeof ordered->shape);
  if (layout == KLDSEL_LAYOUT_OIHW || layout == KLDSEL_LAYOUT_OI) return true;
  struct walk walk;
  plan(stored, layout, &walk, ordered->shape);
  size_t elements = 1;
  for (size_t axis = 0; axis < stored->rank; axis++) elements *= (size_t)stored->shape[axis];
  ordered->owned = malloc(stored->bytes);
  if (ordered->owned == NULL) return problem_out_of_memory(problem);
  copy(stored, &walk, stored->bytes / elements, ordered->owned);
  ordered->data = ordered->owned;
  return true;
}
