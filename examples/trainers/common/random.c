/* SPDX-License-Identifier: BSD-3-Clause */
#include "random.h"

#include <math.h>

/* SplitMix64 (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195). */
uint64_t random_bits(struct generator *generator) {
  uint64_t bits = generator->state += UINT64_C(0x9e3779b97f4a7c15);
  bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
  return bits ^ bits >> 31;
}

double random_uniform(struct generator *generator) {
  return (double)(random_bits(generator) >> 11) / 9007199254740992.0; /* 53 bits */
}

/* Box-Muller; the second number of the pair is not kept. */
double random_normal(struct generator *generator) {
  const double radius = sqrt(-2.0 * log(1.0 - random_uniform(generator)));
  return radius * cos(6.283185307179586 * random_uniform(generator));
}

void random_shuffle(struct generator *generator, size_t *values, size_t count) {
  for (size_t i = count; i > 1; i--) {
    const size_t j = (size_t)(random_uniform(generator) * (double)i);
    const size_t value = values[i - 1];
    values[i - 1] = values[j];
    values[j] = value;
  }
}
