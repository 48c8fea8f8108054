/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers to scores: where this program uses the library. */
#ifndef KLDSEL_COMMON_SCORES_H
#define KLDSEL_COMMON_SCORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers.h"
#include "methods.h"
#include "options.h"
#include "problem.h"

struct scores {
  double *score[METHOD_COUNT]; /* by layer, NaN where undefined; NULL for a method not asked for */
  int64_t *rank;               /* by layer, from 0 */
  int32_t *selected;           /* by layer, 0 or 1 */
  const char **reason;         /* by layer: why the score ranked by is undefined; NULL if it is not */
  int64_t *order;              /* layers, best first */
  int32_t first;               /* kldsel_order: which end of the scores that is */
  double seconds;
};

bool scores_compute(const struct layers *layers, const struct options *options, struct scores *scores,
                    struct problem *problem);

/* Whether these options need the cosine matrices, and with them the BLAS. */
bool scores_multiply_matrices(const struct options *options);

void scores_free(struct scores *scores);

#endif
