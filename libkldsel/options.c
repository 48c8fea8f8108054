/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <inttypes.h>
#include <stddef.h>

#include "check.h"

#define MOST_THREADS 1024
#define EVERY_SIGN                                                                                           \
  (1 << KLDSEL_SIGN_ALL | 1 << KLDSEL_SIGN_POSITIVE | 1 << KLDSEL_SIGN_NEGATIVE |                            \
   1 << KLDSEL_SIGN_POSITIVE_NEGATIVE)
#define EVERY_CONTENT (KLDSEL_CONTENT_VALUES | KLDSEL_CONTENT_MEANS | KLDSEL_CONTENT_COUNTS)

static const struct kldsel_options defaults = {
    .allocator = {NULL, NULL, NULL},
    .temperature = 1.0,
};

/* One row a key: everything that setters and the bounds query know. */
struct key {
  int32_t key;
  int32_t type;
  size_t offset;
  int64_t lowest_int;
  int64_t highest_int;
  double lowest_double;
  double highest_double;
  const char *name;
};

#define INT_KEY(KEY, FIELD, LOWEST, HIGHEST)                                                                 \
  {                                                                                                          \
    KLDSEL_OPTION_##KEY, KLDSEL_OPTION_TYPE_INT, offsetof(struct kldsel_options, FIELD), LOWEST, HIGHEST,    \
        (double)(LOWEST), (double)(HIGHEST), #KEY                                                            \
  }
#define DOUBLE_KEY(KEY, FIELD, LOWEST, HIGHEST)                                                              \
  {                                                                                                          \
    KLDSEL_OPTION_##KEY, KLDSEL_OPTION_TYPE_DOUBLE, offsetof(struct kldsel_options, FIELD), 0, 0, LOWEST,    \
        HIGHEST, #KEY                                                                                        \
  }

static const struct key keys[] = {
    INT_KEY(MEASURE, measure, 0, KLDSEL_MEASURE_SHARE),
    INT_KEY(SIGN, sign, 0, KLDSEL_SIGN_POSITIVE_NEGATIVE),
    INT_KEY(REFERENCE, reference, 0, KLDSEL_REFERENCE_GIVEN),
    INT_KEY(ORDER, order, 0, KLDSEL_ORDER_HIGH),
    INT_KEY(GRANULARITY, granularity, 0, KLDSEL_GRANULARITY_KERNEL),
    INT_KEY(DISTRIBUTION, distribution, 0, KLDSEL_DISTRIBUTION_PAIRS),
    INT_KEY(ALIGNMENT, alignment, 0, KLDSEL_ALIGNMENT_INDEX),
    DOUBLE_KEY(TEMPERATURE, temperature, 1e-300, 1e300),
    INT_KEY(SIGNS, signs, 0, EVERY_SIGN),
    INT_KEY(CONTENT, content, 0, EVERY_CONTENT),
    INT_KEY(SELECT_COUNT, select_count, 0, INT64_MAX),
    DOUBLE_KEY(SELECT_SHARE, select_share, 0.0, 1.0),
    INT_KEY(SELECT_PARAMETERS, select_parameters, 0, INT64_MAX),
    INT_KEY(THREADS, threads, 0, MOST_THREADS),
    INT_KEY(CPU_LEVEL, cpu_level, 0, KLDSEL_CPU_LEVEL_AVX512),
};

static const struct key *find_key(int32_t key) {
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (keys[i].key == key) return &keys[i];
  return NULL;
}

static kldsel_status find_typed_key(int32_t key, int32_t type, const struct key **found) {
  const struct key *row = find_key(key);
  REQUIRE(row != NULL, "key %" PRId32 " is not an option", key);
  REQUIRE(row->type == type, "key %" PRId32 " (%s) takes %s", key, row->name,
          type == KLDSEL_OPTION_TYPE_INT ? "a double, not an integer" : "an integer, not a double");
  *found = row;
  return KLDSEL_OK;
}

kldsel_status kldsel_options_create(kldsel_allocate_function allocate, kldsel_release_function release,
                                    void *user, kldsel_options **options) {
  REQUIRE_NOT_NULL(options);
  REQUIRE(allocate != NULL || release == NULL, "allocate is NULL, but release is not");
  REQUIRE(allocate == NULL || release != NULL, "release is NULL, but allocate is not");
  struct allocator allocator = kldsel_malloc_allocator;
  if (allocate != NULL) allocator = (struct allocator){allocate, release, user};
  void *memory;
  TRY(kldsel_allocate(&allocator, 1, sizeof(struct kldsel_options), "options", &memory));
  struct kldsel_options *made = memory;
  *made = defaults;
  made->allocator = allocator;
  *options = made;
  return KLDSEL_OK;
}

void kldsel_options_free(kldsel_options *options) {
  if (options == NULL) return;
  struct allocator allocator = options->allocator;
  kldsel_release(&allocator, options);
}

kldsel_status kldsel_options_set_int(kldsel_options *options, int32_t key, int64_t value) {
  REQUIRE_NOT_NULL(options);
  const struct key *row;
  TRY(find_typed_key(key, KLDSEL_OPTION_TYPE_INT, &row));
  REQUIRE(value >= row->lowest_int && value <= row->highest_int,
          "value of %s is %" PRId64 "; must be %" PRId64 " to %" PRId64, row->name, value, row->lowest_int,
          row->highest_int);
  REQUIRE(key != KLDSEL_OPTION_SIGNS || value % 2 == 0,
          "value of SIGNS is %" PRId64 "; must be a sum of 2, 4, 8 and 16", value);
  *(int64_t *)(void *)((char *)options + row->offset) = value;
  return KLDSEL_OK;
}

kldsel_status kldsel_options_set_double(kldsel_options *options, int32_t key, double value) {
  REQUIRE_NOT_NULL(options);
  const struct key *row;
  TRY(find_typed_key(key, KLDSEL_OPTION_TYPE_DOUBLE, &row));
  REQUIRE(value >= row->lowest_double && value <= row->highest_double,
          "value of %s is %.17g; must be %.17g to %.17g", row->name, value, row->lowest_double,
          row->highest_double);
  *(double *)(void *)((char *)options + row->offset) = value;
  return KLDSEL_OK;
}

/* What 0 stands for, where it stands for something. */
static int64_t effective_int(const struct kldsel_options *options, int32_t key, int64_t value) {
  switch (key) {
  case KLDSEL_OPTION_MEASURE:
    return kldsel_measure_of(options);
  case KLDSEL_OPTION_SIGN:
    return kldsel_sign_of(options);
  case KLDSEL_OPTION_REFERENCE:
    return kldsel_reference_of(options);
  case KLDSEL_OPTION_ORDER:
    return kldsel_order_of(options);
  case KLDSEL_OPTION_GRANULARITY:
    return kldsel_granularity_of(options);
  case KLDSEL_OPTION_DISTRIBUTION:
    return kldsel_distribution_of(options);
  case KLDSEL_OPTION_ALIGNMENT:
    return kldsel_alignment_of(options);
  case KLDSEL_OPTION_SIGNS:
    return kldsel_signs_of(options);
  case KLDSEL_OPTION_CONTENT:
    return kldsel_content_of(options);
  case KLDSEL_OPTION_CPU_LEVEL:
    return value != 0 ? value : kldsel_cpu_level();
  default:
    return value;
  }
}

kldsel_status kldsel_options_get_int(const kldsel_options *options, int32_t key, int64_t *value) {
  const struct key *row;
  TRY(find_typed_key(key, KLDSEL_OPTION_TYPE_INT, &row));
  REQUIRE_NOT_NULL(value);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  *value = effective_int(&chosen, key, *(const int64_t *)(const void *)((const char *)&chosen + row->offset));
  return KLDSEL_OK;
}

kldsel_status kldsel_options_get_double(const kldsel_options *options, int32_t key, double *value) {
  const struct key *row;
  TRY(find_typed_key(key, KLDSEL_OPTION_TYPE_DOUBLE, &row));
  REQUIRE_NOT_NULL(value);
  struct kldsel_options chosen = kldsel_options_or_default(options);
  *value = *(const double *)(const void *)((const char *)&chosen + row->offset);
  return KLDSEL_OK;
}

kldsel_status kldsel_options_set_progress(kldsel_options *options, kldsel_progress_function progress,
                                          void *user) {
  REQUIRE_NOT_NULL(options);
  options->progress = progress;
  options->progress_user = user;
  return KLDSEL_OK;
}

kldsel_status kldsel_options_bounds(int32_t key, int32_t *type, double *lowest, double *highest) {
  const struct key *row = find_key(key);
  REQUIRE(row != NULL, "key %" PRId32 " is not an option", key);
  if (type != NULL) *type = row->type;
  if (lowest != NULL) *lowest = row->lowest_double;
  if (highest != NULL) *highest = row->highest_double;
  return KLDSEL_OK;
}

struct kldsel_options kldsel_options_or_default(const kldsel_options *options) {
  if (options != NULL) return *options;
  struct kldsel_options made = defaults;
  made.allocator = kldsel_malloc_allocator;
  return made;
}

static int32_t choice(int64_t value, int32_t when_zero) {
  return value != 0 ? (int32_t)value : when_zero;
}

int32_t kldsel_measure_of(const struct kldsel_options *options) {
  return choice(options->measure, KLDSEL_MEASURE_KL);
}

int32_t kldsel_sign_of(const struct kldsel_options *options) {
  return choice(options->sign, kldsel_measure_of(options) == KLDSEL_MEASURE_SHARE
                                   ? KLDSEL_SIGN_POSITIVE
                                   : KLDSEL_SIGN_POSITIVE_NEGATIVE);
}

int32_t kldsel_reference_of(const struct kldsel_options *options) {
  return choice(options->reference, KLDSEL_REFERENCE_UNIFORM);
}

int32_t kldsel_order_of(const struct kldsel_options *options) {
  int32_t measure = kldsel_measure_of(options);
  /* The lowest divergences mark the layers worth training; of the shares, more positive weights do. */
  int low = measure == KLDSEL_MEASURE_KL ||
            (measure == KLDSEL_MEASURE_SHARE && kldsel_sign_of(options) == KLDSEL_SIGN_NEGATIVE);
  return choice(options->order, low ? KLDSEL_ORDER_LOW : KLDSEL_ORDER_HIGH);
}

int32_t kldsel_granularity_of(const struct kldsel_options *options) {
  return choice(options->granularity, KLDSEL_GRANULARITY_FILTER);
}

int32_t kldsel_distribution_of(const struct kldsel_options *options) {
  return choice(options->distribution, KLDSEL_DISTRIBUTION_PROFILE);
}

int32_t kldsel_alignment_of(const struct kldsel_options *options) {
  return choice(options->alignment, KLDSEL_ALIGNMENT_QUANTILE);
}

int32_t kldsel_signs_of(const struct kldsel_options *options) {
  return choice(options->signs, EVERY_SIGN);
}

int32_t kldsel_content_of(const struct kldsel_options *options) {
  int32_t content = choice(options->content, EVERY_CONTENT);
  return content & KLDSEL_CONTENT_VALUES ? content | KLDSEL_CONTENT_MEANS : content;
}
