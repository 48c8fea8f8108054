/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_SCORE_H
#define KLDSEL_SCORE_H

#include "options.h"
#include "profile.h"
#include "rank.h"

/* Scores the layers of a group: writes scores[layer] and reasons[layer] of its members only. given is NULL or
 * has an entry for every layer. */
kldsel_status kldsel_score_group(struct kldsel_profile *const *profiles, struct kldsel_profile *const *given,
                                 const struct group *group, const struct kldsel_options *options,
                                 double *scores, int32_t *reasons);

#endif
