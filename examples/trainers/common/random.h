/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that are the same on every machine for the same seed. */
#ifndef KLDSEL_TRAINERS_RANDOM_H
#define KLDSEL_TRAINERS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct generator {
  uint64_t state; /* any number is a good seed */
};

uint64_t random_bits(struct generator *generator);

/* Evenly in [0, 1). */
double random_uniform(struct generator *generator);

/* Mean 0, variance 1. */
double random_normal(struct generator *generator);

void random_shuffle(struct generator *generator, size_t *values, size_t count);

#ifdef __cplusplus
}
#endif

#endif
