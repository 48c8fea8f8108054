/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_OPTIONS_H
#define KLDSEL_OPTIONS_H

#include "allocator.h"

/* An integer of 0 stands for the default until the field is used. */
struct kldsel_options {
  struct allocator allocator;
  int64_t measure;
  int64_t sign;
  int64_t reference;
  int64_t order;
  int64_t granularity;
  int64_t distribution;
  int64_t alignment;
  double temperature;
  int64_t signs;
  int64_t content;
  int64_t select_count;
  double select_share;
  int64_t select_parameters;
  int64_t threads;
  int64_t cpu_level;
  kldsel_progress_function progress;
  void *progress_user;
};

/* A copy of the options, or the defaults where there are none. */
struct kldsel_options kldsel_options_or_default(const kldsel_options *options);

/* The choices that 0 leaves open. */
int32_t kldsel_measure_of(const struct kldsel_options *options);
int32_t kldsel_sign_of(const struct kldsel_options *options);
int32_t kldsel_reference_of(const struct kldsel_options *options);
int32_t kldsel_order_of(const struct kldsel_options *options);
int32_t kldsel_granularity_of(const struct kldsel_options *options);
int32_t kldsel_distribution_of(const struct kldsel_options *options);
int32_t kldsel_alignment_of(const struct kldsel_options *options);
/* Masks of what profiles hold. */
int32_t kldsel_signs_of(const struct kldsel_options *options);
int32_t kldsel_content_of(const struct kldsel_options *options);

#endif
