/* SPDX-License-Identifier: BSD-3-Clause */
/* The mean divergence from all other layers, in linear time.
 *
 * KL(l || m) = integral of p_l (c_l - c_m) - z_l + z_m is linear in c_m and z_m, so the sum over m needs only
 * S(u) = sum of c_m(u) and Z = sum of z_m. With p_l = 1 + e_l every integral splits into the mean of c, which
 * is taken together with z, and one with e_l = expm1(c_l - z_l): all terms are then of the size of the
 * divergence. Where a layer spreads wide (a low temperature) they would be far larger; the c are then 0 at
 * their highest, where p_l has its mass, and the integral is taken as it stands. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "distribution.h"
#include "divergence.h"
#include "sum.h"

/* All layers of one length: the sum of their step functions, then for each step the integral of S over it. */
struct family {
  size_t length;
  double *values;    /* [length] */
  double *integrals; /* [length] */
};

/* S changes by jump at step / family->length. */
struct jump {
  struct family *family;
  size_t step;
  double height;
};

static int by_length(const void *a, const void *b) {
  size_t x = ((const struct family *)a)->length, y = ((const struct family *)b)->length;
  return (x > y) - (x < y);
}

static int by_position(const void *a, const void *b) {
  const struct jump *x = a, *y = b;
  uint64_t x_at = (uint64_t)x->step * y->family->length, y_at = (uint64_t)y->step * x->family->length;
  if (x_at != y_at) return x_at < y_at ? -1 : 1;
  return by_length(x->family, y->family);
}

/* There is one for each length, the shortest first. */
static struct family *find_family(struct family *families, size_t count, size_t length) {
  size_t low = 0, high = count - 1;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (families[middle].length < length)
      low = middle + 1;
    else
      high = middle;
  }
  return &families[low];
}

/* (b's position - a's) as a double, exact up to one rounding. */
static double distance(const struct jump *a, const struct jump *b) {
  uint64_t a_at = (uint64_t)a->step * b->family->length, b_at = (uint64_t)b->step * a->family->length;
  return (double)(b_at - a_at) / ((double)a->family->length * (double)b->family->length);
}

/* Walks S from 0 to 1 and closes each family's step where its next begins. A running integral in two doubles,
 * since small differences of it are what is wanted; opened holds it as of each family's last jump. */
static void integrate(const struct jump *jumps, size_t count, struct family *families, size_t family_count,
                      struct sum *opened) {
  struct sum value = {0}, integral = {0};
  for (size_t i = 0; i < count; i++) {
    if (i > 0) sum_add(&integral, distance(&jumps[i - 1], &jumps[i]) * sum_value(&value));
    struct family *family = jumps[i].family;
    size_t f = (size_t)(family - families);
    if (jumps[i].step > 0) family->integrals[jumps[i].step - 1] = sum_difference(&integral, &opened[f]);
    opened[f] = integral;
    sum_add(&value, jumps[i].height);
  }
  const struct jump *last = &jumps[count - 1];
  double rest = (double)(last->family->length - last->step) / (double)last->family->length;
  sum_add(&integral, rest * sum_value(&value));
  for (size_t f = 0; f < family_count; f++)
    families[f].integrals[families[f].length - 1] = sum_difference(&integral, &opened[f]);
}

/* Scratch for one call. */
struct room {
  struct family *families;
  size_t family_count;
  double *doubles;
  struct jump *jumps;
  struct sum *opened;
};

static size_t collect_families(const struct distribution *distributions, size_t count,
                               struct family *families) {
  size_t found = 0, distinct = 0;
  for (size_t l = 0; l < count; l++)
    if (distributions[l].length > 0) families[found++] = (struct family){.length = distributions[l].length};
  qsort(families, found, sizeof *families, by_length);
  for (size_t i = 0; i < found; i++)
    if (i == 0 || families[i].length != families[i - 1].length) families[distinct++] = families[i];
  return distinct;
}

static void sum_families(const struct distribution *distributions, size_t count, struct room *room) {
  for (size_t l = 0; l < count; l++) {
    const struct distribution *p = &distributions[l];
    if (p->length == 0) continue;
    struct family *family = find_family(room->families, room->family_count, p->length);
    for (size_t i = 0; i < p->length; i++) family->values[i] += p->values[i];
  }
}

static size_t collect_jumps(const struct room *room) {
  size_t count = 0;
  for (size_t f = 0; f < room->family_count; f++) {
    struct family *family = &room->families[f];
    for (size_t i = 0; i < family->length; i++) {
      double before = i > 0 ? family->values[i - 1] : 0.0;
      room->jumps[count++] = (struct jump){family, i, family->values[i] - before};
    }
  }
  qsort(room->jumps, count, sizeof *room->jumps, by_position);
  return count;
}

/* z, or where 1 is taken out of the density, z less the mean of c. */
static double log_mean_of(const struct distribution *p, int wide) {
  return wide ? p->log_mean : p->log_mean_excess;
}

static void score_layers(const struct distribution *distributions, size_t count, const struct room *room,
                         double *scores) {
  struct sum log_means = {0};
  size_t layers = 0;
  int wide = 0;
  for (size_t l = 0; l < count; l++) wide |= distributions[l].wide;
  for (size_t l = 0; l < count; l++) {
    if (distributions[l].length == 0) continue;
    sum_add(&log_means, log_mean_of(&distributions[l], wide));
    layers++;
  }
  double others = (double)layers - 1.0;
  for (size_t l = 0; l < count; l++) {
    const struct distribution *p = &distributions[l];
    scores[l] = (double)NAN;
    if (p->length == 0 || layers < 2) continue;
    const struct family *family = find_family(room->families, room->family_count, p->length);
    double steps = (double)p->length;
    struct sum sum = {0};
    for (size_t i = 0; i < p->length; i++) {
      double own = p->values[i] / steps, of_others = (family->integrals[i] - own) / others;
      double log_density = p->values[i] - p->log_mean;
      double weight = wide ? exp(log_density) : expm1(log_density);
      if (weight != 0) sum_add(&sum, weight * (own - of_others)); /* 0 times infinity is nothing here */
    }
    double log_mean = log_mean_of(p, wide);
    sum_add(&sum, (sum_value(&log_means) - log_mean) / others - log_mean);
    scores[l] = fmax(sum_value(&sum), 0.0);
  }
}

static kldsel_status allocate_room(const struct distribution *distributions, size_t count,
                                   const struct allocator *allocator, struct room *room) {
  void *families, *doubles, *jumps, *opened;
  TRY(kldsel_allocate(allocator, count, sizeof *room->families, "ranking", &families));
  room->families = families;
  room->family_count = collect_families(distributions, count, families);
  size_t total = 0;
  for (size_t f = 0; f < room->family_count; f++) total += room->families[f].length;
  TRY(kldsel_allocate(allocator, 2 * total, sizeof(double), "ranking", &doubles));
  room->doubles = doubles;
  memset(doubles, 0, 2 * total * sizeof(double));
  TRY(kldsel_allocate(allocator, total, sizeof *room->jumps, "ranking", &jumps));
  room->jumps = jumps;
  TRY(kldsel_allocate(allocator, room->family_count, sizeof *room->opened, "ranking", &opened));
  room->opened = opened;
  double *next = room->doubles;
  for (size_t f = 0; f < room->family_count; f++) {
    room->families[f].values = next;
    room->families[f].integrals = next + room->families[f].length;
    next += 2 * room->families[f].length;
  }
  return KLDSEL_OK;
}

kldsel_status kldsel_distribution_others(const struct distribution *distributions, size_t count,
                                         const struct allocator *allocator, double *scores) {
  struct room room = {0};
  kldsel_status status = allocate_room(distributions, count, allocator, &room);
  if (status == KLDSEL_OK) {
    sum_families(distributions, count, &room);
    size_t jumps = collect_jumps(&room);
    if (jumps > 0) integrate(room.jumps, jumps, room.families, room.family_count, room.opened);
    score_layers(distributions, count, &room, scores);
  }
  kldsel_release(allocator, room.opened);
  kldsel_release(allocator, room.jumps);
  kldsel_release(allocator, room.doubles);
  kldsel_release(allocator, room.families);
  return status;
}
