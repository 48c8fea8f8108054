/* SPDX-License-Identifier: BSD-3-Clause */
/* A host of an installed copy, in what C99, C11 and C++ have in common. It refers to every function of the
 * header (references.h is made from symbols.txt), so that one that is not exported fails to link. */
#include <kldsel/kldsel.h>

#include <float.h>
#include <math.h>
#include <stdio.h>

typedef void (*function)(void);

#define REFERENCE(name) (function) name,
static const function functions[] = {
#include "references.h"
};

#define FILTERS 4
#define ELEMENTS 6

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, kldsel_last_error());
  return 1;
}

int main(void) {
  const int64_t shape[] = {FILTERS, ELEMENTS, 1};
  double weights[FILTERS * ELEMENTS], row[FILTERS];
  kldsel_tensor *tensor = NULL;
  kldsel_profile *profile = NULL;
  kldsel_ranking *ranking = NULL;
  kldsel_profile *profiles[1];
  double score = -1;
  size_t i;

  for (i = 0; i < sizeof functions / sizeof functions[0]; i++)
    if (!functions[i]) return fail("a function has no address");

  if (kldsel_version() != KLDSEL_VERSION_MAJOR * 1000000 + KLDSEL_VERSION_MINOR * 1000 + KLDSEL_VERSION_PATCH)
    return fail("header and library are of different versions");

  /* Equal filters: every cosine is 1, every distribution uniform. */
  for (i = 0; i < FILTERS * ELEMENTS; i++) weights[i] = (double)(i % ELEMENTS) - 2.5;
  if (kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F64, 3, shape, KLDSEL_LAYOUT_OIHW, NULL,
                         &tensor) != KLDSEL_OK)
    return fail("kldsel_tensor_view");
  if (kldsel_pairwise_cosine(tensor, NULL, 0, 1, NULL, row, FILTERS) != KLDSEL_OK)
    return fail("kldsel_pairwise_cosine");
  if (kldsel_profile_create(tensor, NULL, &profile) != KLDSEL_OK) return fail("kldsel_profile_create");
  profiles[0] = profile;
  if (kldsel_rank_profiles(profiles, 1, NULL, NULL, NULL, &ranking) != KLDSEL_OK)
    return fail("kldsel_rank_profiles");
  if (kldsel_ranking_layer(ranking, 0, &score, NULL, NULL, NULL) != KLDSEL_OK)
    return fail("kldsel_ranking_layer");

  kldsel_ranking_free(ranking);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);

  /* Norm, product and quotient of 6 elements are each off by less than 4 units of 2^-53: 12 in all. The
   * filters' similarities are the same bits, so their softmax is uniform and diverges by 0. */
  if (!(fabs(row[FILTERS - 1] - 1) <= 6 * DBL_EPSILON) || score != 0) {
    fprintf(stderr, "cosine %.17g, score %.17g; expected 1 and 0\n", row[FILTERS - 1], score);
    return 1;
  }
  printf("%s\n", kldsel_version_string());
  return 0;
}
