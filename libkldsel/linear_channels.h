/* SPDX-License-Identifier: BSD-3-Clause */
/* Granularity kernel on the linear path: every channel is a small layer of its own, so a chunk of channels is
 * read once and stays in the cache for the norms, the sums and the products. The bits do not depend on the
 * strides. */
#ifndef KLDSEL_LINEAR_CHANNELS_H
#define KLDSEL_LINEAR_CHANNELS_H

#include "linear.h"

/* As kldsel_linear_profile(). Where squares might be lost *lossy becomes 1, and similarity is not written but
 * for the counts. *told: what progress has been told. */
kldsel_status kldsel_channels_profile(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                      struct team *team, const struct allocator *allocator,
                                      struct progress *progress, int32_t worker,
                                      struct similarity *similarity, int *lossy, uint64_t *told);

#endif
