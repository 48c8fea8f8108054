/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles as plain doubles, and back. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "linear.h"
#include "options.h"
#include "profile.h"

#define MAGIC 1802265715.0 /* the bytes of "klds" */
/* Format 1 holds everything; format 2 says what it holds in two more fields. */
#define FORMAT_WHOLE 1.0
#define FORMAT_PART 2.0

/* Where a field lies. */
enum {
  AT_MAGIC,
  AT_FORMAT,
  AT_FILTERS,
  AT_ELEMENTS,
  AT_GRANULARITY,
  AT_DISTRIBUTION,
  AT_TEMPERATURE,
  AT_POSITIVE,
  AT_NEGATIVE,
  AT_MEAN,
  AT_WITHIN = AT_MEAN + PROFILE_SIGNS,
  AT_VALUES = AT_WITHIN + PROFILE_SIGNS, /* in format 2 the masks of signs and content, then the values */
  MASKS = 2
};

/* Above, doubles do not hold every integer. */
#define LARGEST_INTEGER 0x1p53

static int holds_everything(const struct kldsel_profile *profile) {
  struct kldsel_options defaults = kldsel_options_or_default(NULL);
  return profile->signs == kldsel_signs_of(&defaults) && profile->content == kldsel_content_of(&defaults);
}

/* Where the values begin. */
static size_t head_length(const struct kldsel_profile *profile) {
  return holds_everything(profile) ? AT_VALUES : AT_VALUES + MASKS;
}

kldsel_status kldsel_profile_export(const kldsel_profile *profile, double *values, size_t capacity,
                                    size_t *length) {
  REQUIRE_NOT_NULL(profile);
  REQUIRE_NOT_NULL(length);
  size_t head = head_length(profile), needed = head;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) needed += profile->length[sign];
  if (capacity == 0) {
    *length = needed;
    return KLDSEL_OK;
  }
  REQUIRE(values != NULL, "values is NULL");
  if (capacity < needed)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "capacity is %zu; the profile needs %zu", capacity, needed);
  values[AT_MAGIC] = MAGIC;
  values[AT_FORMAT] = head == AT_VALUES ? FORMAT_WHOLE : FORMAT_PART;
  values[AT_FILTERS] = (double)profile->filters;
  values[AT_ELEMENTS] = (double)profile->elements;
  values[AT_GRANULARITY] = profile->granularity;
  values[AT_DISTRIBUTION] = profile->distribution;
  values[AT_TEMPERATURE] = profile->within_temperature;
  values[AT_POSITIVE] = (double)profile->positive;
  values[AT_NEGATIVE] = (double)profile->negative;
  memcpy(values + AT_MEAN, profile->mean, sizeof profile->mean);
  memcpy(values + AT_WITHIN, profile->within, sizeof profile->within);
  if (head > AT_VALUES) {
    values[AT_VALUES] = profile->signs;
    values[AT_VALUES + 1] = profile->content;
  }
  memcpy(values + head, profile->values[0], (needed - head) * sizeof *values);
  *length = needed;
  return KLDSEL_OK;
}

static kldsel_status check_integer(const double *values, int at, const char *name, double lowest,
                                   double highest) {
  double value = values[at];
  REQUIRE(value >= lowest && value <= highest && value == floor(value),
          "values[%d] (%s) is %.17g; must be an integer from %.0f to %.0f", at, name, value, lowest, highest);
  return KLDSEL_OK;
}

static kldsel_status check_temperature(double temperature) {
  double lowest, highest;
  (void)kldsel_options_bounds(KLDSEL_OPTION_TEMPERATURE, NULL, &lowest, &highest); /* there is such a key */
  REQUIRE(temperature >= lowest && temperature <= highest,
          "values[%d] (temperature) is %.17g; must be 0 or %g to %g", AT_TEMPERATURE, temperature, lowest,
          highest);
  return KLDSEL_OK;
}

static kldsel_status check_fields(const double *values) {
  REQUIRE(values[AT_MAGIC] == MAGIC, "values[0] is %.17g: this is no exported profile", values[AT_MAGIC]);
  REQUIRE(values[AT_FORMAT] == FORMAT_WHOLE || values[AT_FORMAT] == FORMAT_PART,
          "values[1] (format) is %.17g; this library knows 1 and 2", values[AT_FORMAT]);
  TRY(check_integer(values, AT_FILTERS, "filters", 1, LARGEST_INTEGER));
  TRY(check_integer(values, AT_ELEMENTS, "elements", 1, LARGEST_INTEGER));
  TRY(check_integer(values, AT_GRANULARITY, "granularity", KLDSEL_GRANULARITY_FILTER,
                    KLDSEL_GRANULARITY_KERNEL));
  TRY(check_integer(values, AT_DISTRIBUTION, "distribution", KLDSEL_DISTRIBUTION_PROFILE,
                    KLDSEL_DISTRIBUTION_PAIRS));
  double temperature = values[AT_TEMPERATURE], weights = values[AT_FILTERS] * values[AT_ELEMENTS];
  if (temperature != 0) TRY(check_temperature(temperature));
  TRY(check_integer(values, AT_POSITIVE, "positive weights", 0, fmin(weights, LARGEST_INTEGER)));
  TRY(check_integer(values, AT_NEGATIVE, "negative weights", 0,
                    fmin(weights, LARGEST_INTEGER) - values[AT_POSITIVE]));
  return KLDSEL_OK;
}

/* Counts are 0 where none are held. */
static kldsel_status check_counts(const double *values, int32_t content) {
  if (content & KLDSEL_CONTENT_COUNTS) return KLDSEL_OK;
  REQUIRE(values[AT_POSITIVE] == 0,
          "values[%d] (positive weights) is %.17g; must be 0, as the profile has none", AT_POSITIVE,
          values[AT_POSITIVE]);
  REQUIRE(values[AT_NEGATIVE] == 0,
          "values[%d] (negative weights) is %.17g; must be 0, as the profile has none", AT_NEGATIVE,
          values[AT_NEGATIVE]);
  return KLDSEL_OK;
}

static kldsel_status check_range(const double *values, size_t at, const char *name, double lowest,
                                 double highest) {
  REQUIRE(values[at] >= lowest && values[at] <= highest, "values[%zu] (%s) is %.17g; must be %g to %g", at,
          name, values[at], lowest, highest);
  return KLDSEL_OK;
}

/* A number that the layer has, or NaN for one it has not. */
static kldsel_status check_held(const double *values, size_t at, const char *name, int held, double lowest,
                                double highest) {
  if (held) return check_range(values, at, name, lowest, highest);
  REQUIRE(isnan(values[at]), "values[%zu] (%s) is %.17g; must be nan, as the profile has none", at, name,
          values[at]);
  return KLDSEL_OK;
}

static kldsel_status check_similarities(const double *values, const struct kldsel_profile *profile) {
  size_t at = head_length(profile);
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) {
    double lowest = sign + 1 == KLDSEL_SIGN_ALL || sign + 1 == KLDSEL_SIGN_POSITIVE_NEGATIVE ? -1.0 : 0.0;
    double highest = sign + 1 == KLDSEL_SIGN_POSITIVE_NEGATIVE ? 0.0 : 1.0;
    int pairs = profile->filters > 1 && sign_wanted(profile->signs, sign);
    TRY(check_held(values, (size_t)(AT_MEAN + sign), "mean similarity",
                   pairs && (profile->content & KLDSEL_CONTENT_MEANS), lowest, highest));
    TRY(check_held(values, (size_t)(AT_WITHIN + sign), "divergence within",
                   pairs && profile->within_temperature > 0, 0.0, DBL_MAX));
    for (size_t i = 0; i < profile->length[sign]; i++, at++)
      TRY(check_range(values, at, "similarity", lowest, highest));
  }
  return KLDSEL_OK;
}

/* What a profile holds that does not hold everything, which is format 1. */
static kldsel_status read_masks(const double *values, size_t length, int32_t *signs, int32_t *content) {
  if (length < AT_VALUES + MASKS)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "length is %zu; a profile of format 2 has %d at least", length,
                       AT_VALUES + MASKS);
  TRY(check_integer(values, AT_VALUES, "signs", 2, *signs));
  TRY(check_integer(values, AT_VALUES + 1, "content", 1, *content));
  int32_t some_signs = (int32_t)values[AT_VALUES], some_content = (int32_t)values[AT_VALUES + 1];
  REQUIRE(some_signs % 2 == 0, "values[%d] (signs) is %" PRId32 "; must be a sum of 2, 4, 8 and 16",
          AT_VALUES, some_signs);
  REQUIRE(!(some_content & KLDSEL_CONTENT_VALUES) || (some_content & KLDSEL_CONTENT_MEANS),
          "values[%d] (content) is %" PRId32 ": values go with means", AT_VALUES + 1, some_content);
  REQUIRE(some_signs != *signs || some_content != *content,
          "values[1] (format) is 2, but the profile holds everything, which is format 1");
  TRY(check_counts(values, some_content));
  *signs = some_signs;
  *content = some_content;
  return KLDSEL_OK;
}

kldsel_status kldsel_profile_import(const double *values, size_t length, const kldsel_options *options,
                                    kldsel_profile **profile) {
  REQUIRE_NOT_NULL(values);
  REQUIRE_NOT_NULL(profile);
  if (length < AT_VALUES)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "length is %zu; a profile has %d at least", length, AT_VALUES);
  TRY(check_fields(values));
  struct kldsel_options everything = kldsel_options_or_default(NULL);
  int32_t signs = kldsel_signs_of(&everything), content = kldsel_content_of(&everything);
  if (values[AT_FORMAT] == FORMAT_PART) TRY(read_masks(values, length, &signs, &content));
  struct kldsel_options chosen = kldsel_options_or_default(options);
  struct kldsel_profile head = {.allocator = chosen.allocator,
                                .filters = (int64_t)values[AT_FILTERS],
                                .elements = (int64_t)values[AT_ELEMENTS],
                                .granularity = (int32_t)values[AT_GRANULARITY],
                                .distribution = (int32_t)values[AT_DISTRIBUTION],
                                .within_temperature = values[AT_TEMPERATURE],
                                .signs = signs,
                                .content = content,
                                .positive = (int64_t)values[AT_POSITIVE],
                                .negative = (int64_t)values[AT_NEGATIVE]};
  memcpy(head.mean, values + AT_MEAN, sizeof head.mean);
  memcpy(head.within, values + AT_WITHIN, sizeof head.within);
  TRY(kldsel_profile_lengths(&head));
  size_t values_at = head_length(&head);
  uint64_t needed = values_at;
  for (int sign = 0; sign < PROFILE_SIGNS; sign++) needed += head.length[sign];
  if (length != needed)
    return kldsel_fail(KLDSEL_ERROR_MISMATCH, "length is %zu; a profile of %" PRId64 " filters has %zu",
                       length, head.filters, (size_t)needed);
  TRY(check_similarities(values, &head));
  TRY(kldsel_profile_allocate(&head, profile));
  memcpy((*profile)->values[0], values + values_at, (length - values_at) * sizeof *values);
  return KLDSEL_OK;
}
