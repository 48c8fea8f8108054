/* SPDX-License-Identifier: BSD-3-Clause */
#include "rank.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "options.h"

struct scored {
  double key; /* lowest first */
  int64_t index;
};

static int by_key_then_index(const void *a, const void *b) {
  const struct scored *x = a, *y = b;
  int x_undefined = isnan(x->key), y_undefined = isnan(y->key);
  if (x_undefined != y_undefined) return x_undefined - y_undefined;
  if (!x_undefined && x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static kldsel_status check_selection(const struct kldsel_options *options, const int64_t *parameters,
                                     size_t n) {
  int kinds = (options->select_count > 0) + (options->select_share > 0) + (options->select_parameters > 0);
  REQUIRE(kinds <= 1,
          "options select by count %" PRId64 ", share %g and parameters %" PRId64 "; set one of them",
          options->select_count, options->select_share, options->select_parameters);
  if (options->select_parameters == 0) return KLDSEL_OK;
  REQUIRE(parameters != NULL, "parameters is NULL, but options select by a budget of parameters");
  for (size_t i = 0; i < n; i++)
    REQUIRE_OF_LAYER(parameters[i] >= 0, i, "parameters[%zu] is %" PRId64 "; must be >= 0", i, parameters[i]);
  return KLDSEL_OK;
}

static kldsel_status check_count(const struct kldsel_options *options, const struct groups *groups,
                                 int named) {
  for (size_t g = 0; g < groups->count; g++) {
    const struct group *group = &groups->group[g];
    if ((uint64_t)options->select_count <= group->count) continue;
    REQUIRE(named, "SELECT_COUNT is %" PRId64 ", but there are %zu layers", options->select_count,
            group->count);
    return kldsel_fail(KLDSEL_ERROR_INVALID_ARGUMENT,
                       "SELECT_COUNT is %" PRId64 ", but group %" PRId32 " has %zu layers",
                       options->select_count, group->number, group->count);
  }
  return KLDSEL_OK;
}

/* How many of a group's layers a count or share asks for. */
static size_t selection_size(const struct kldsel_options *options, size_t layers) {
  if (options->select_share == 0) return (size_t)options->select_count;
  /* 29 % of 100 is 28.999999999999996 in doubles; nobody means 28. */
  size_t size = (size_t)floor(options->select_share * (double)layers + 1e-9);
  return size > 0 ? size : 1;
}

/* Marks the first of a group's ranked layers. */
static void select_layers(const struct kldsel_options *options, const struct scored *ranked, size_t layers,
                          const int64_t *parameters, int32_t *selected) {
  size_t size = selection_size(options, layers);
  int64_t budget = options->select_parameters;
  for (size_t r = 0; r < layers; r++) {
    int64_t layer = ranked[r].index;
    int take = !isnan(ranked[r].key);
    if (options->select_parameters > 0) {
      take = take && parameters[layer] <= budget;
      if (take) budget -= parameters[layer];
    } else {
      take = take && r < size;
    }
    selected[layer] = take;
  }
}

kldsel_status kldsel_rank(const double *scores, size_t n, const int64_t *parameters, const int32_t *groups,
                          const kldsel_options *options, int64_t *order, int64_t *ranks, int32_t *selected) {
  REQUIRE_NOT_NULL(scores);
  REQUIRE(n > 0, "n is 0");
  struct kldsel_options chosen = kldsel_options_or_default(options);
  TRY(check_selection(&chosen, parameters, n));
  struct groups made;
  TRY(kldsel_groups_create(groups, n, &chosen.allocator, &made));
  void *memory;
  kldsel_status status = check_count(&chosen, &made, groups != NULL);
  if (status == KLDSEL_OK)
    status = kldsel_allocate(&chosen.allocator, n, sizeof(struct scored), "rank", &memory);
  if (status == KLDSEL_OK) {
    struct scored *ranked = memory;
    double sign = kldsel_order_of(&chosen) == KLDSEL_ORDER_LOW ? 1.0 : -1.0;
    for (size_t g = 0; g < made.count; g++) {
      const struct group *group = &made.group[g];
      for (size_t i = 0; i < group->count; i++)
        ranked[i] = (struct scored){sign * scores[group->members[i]], group->members[i]};
      qsort(ranked, group->count, sizeof *ranked, by_key_then_index);
      for (size_t r = 0; r < group->count; r++) {
        if (order != NULL) *order++ = ranked[r].index;
        if (ranks != NULL) ranks[ranked[r].index] = (int64_t)r;
      }
      if (selected != NULL) select_layers(&chosen, ranked, group->count, parameters, selected);
    }
    kldsel_release(&chosen.allocator, ranked);
  }
  kldsel_groups_release(&made);
  return status;
}
