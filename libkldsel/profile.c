/* SPDX-License-Identifier: BSD-3-Clause */
#include "profile.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "distribution.h"
#include "divergence.h"
#include "linear.h"
#include "pairs.h"

int kldsel_profile_holds_values(const struct kldsel_profile *profile, int sign) {
  return (profile->content & KLDSEL_CONTENT_VALUES) && sign_wanted(profile->signs, sign);
}

kldsel_status kldsel_profile_lengths(struct kldsel_profile *profile) {
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) {
    if (profile->filters < 2 || !kldsel_profile_holds_values(profile, sign)) continue;
    if (profile->filters > LONGEST_DISTRIBUTION)
      return kldsel_fail(KLDSEL_ERROR_TOO_LARGE, "profile: %" PRId64 " filters are more than %" PRIu32,
                         profile->filters, (uint32_t)LONGEST_DISTRIBUTION);
    profile->length[sign] = (size_t)profile->filters;
    if (profile->distribution == KLDSEL_DISTRIBUTION_PAIRS)
      TRY(kldsel_pairs_count(profile->filters, sign, &profile->length[sign]));
  }
  return KLDSEL_OK;
}

kldsel_status kldsel_profile_allocate(const struct kldsel_profile *head, struct kldsel_profile **profile) {
  struct kldsel_profile made = *head;
  TRY(kldsel_profile_lengths(&made));
  uint64_t total = 0;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) total += made.length[sign];
  void *memory, *values;
  TRY(kldsel_allocate(&head->allocator, 1, sizeof *head, "profile", &memory));
  kldsel_status status = kldsel_allocate(&head->allocator, total, sizeof(double), "profile", &values);
  if (status != KLDSEL_OK) {
    kldsel_release(&head->allocator, memory);
    return status;
  }
  double *next = values;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) {
    made.values[sign] = next;
    next += made.length[sign];
  }
  *profile = memory;
  **profile = made;
  return KLDSEL_OK;
}

void kldsel_profile_reduce(struct kldsel_profile *profile, double temperature) {
  profile->uniform_temperature = temperature;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) {
    double *values = profile->values[sign];
    profile->uniform[sign] = kldsel_distribution_uniform(values, profile->length[sign], temperature, values);
    profile->length[sign] = 0;
  }
  kldsel_release(&profile->allocator, profile->values[0]);
  memset(profile->values, 0, sizeof profile->values);
}

void kldsel_profile_free(kldsel_profile *profile) {
  if (profile == NULL) return;
  struct allocator allocator = profile->allocator;
  kldsel_release(&allocator, profile->values[0]);
  kldsel_release(&allocator, profile);
}

int64_t kldsel_profile_filters(const kldsel_profile *profile) {
  return profile != NULL ? profile->filters : 0;
}

int64_t kldsel_profile_elements(const kldsel_profile *profile) {
  return profile != NULL ? profile->elements : 0;
}

kldsel_status kldsel_profile_describe(const kldsel_profile *profile, int32_t *granularity,
                                      int32_t *distribution, int32_t *signs, int32_t *content,
                                      double *temperature) {
  REQUIRE_NOT_NULL(profile);
  if (granularity != NULL) *granularity = profile->granularity;
  if (distribution != NULL) *distribution = profile->distribution;
  if (signs != NULL) *signs = profile->signs;
  if (content != NULL) *content = profile->content;
  if (temperature != NULL) *temperature = profile->within_temperature;
  return KLDSEL_OK;
}

static kldsel_status check_sign(int32_t sign) {
  REQUIRE(sign >= KLDSEL_SIGN_ALL && sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE,
          "sign is %" PRId32 ", which is none", sign);
  return KLDSEL_OK;
}

kldsel_status kldsel_profile_length(const kldsel_profile *profile, int32_t sign, size_t *length) {
  REQUIRE_NOT_NULL(profile);
  TRY(check_sign(sign));
  REQUIRE_NOT_NULL(length);
  *length = profile->length[sign - 1];
  return KLDSEL_OK;
}

kldsel_status kldsel_profile_values(const kldsel_profile *profile, int32_t sign, double *values,
                                    size_t count) {
  REQUIRE_NOT_NULL(profile);
  TRY(check_sign(sign));
  REQUIRE(values != NULL || count == 0, "values is NULL");
  if (count != profile->length[sign - 1])
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "count is %zu; the profile has %zu values", count,
                       profile->length[sign - 1]);
  if (count > 0) memcpy(values, profile->values[sign - 1], count * sizeof *values);
  return KLDSEL_OK;
}
