/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that are the same on every machine for the same seed. */
#ifndef KLDSEL_TRAINERS_RANDOM_H
#define KLDSEL_TRAINERS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
  uint64_t state; /* any number is a good seed */
};

uint64_t random_bits(struct random *random);

/* Evenly in [0, 1). */
double random_uniform(struct random *random);

/* Mean 0, variance 1. */
double random_normal(struct random *random);

void random_shuffle(struct random *random, size_t *values, size_t count);

#endif
