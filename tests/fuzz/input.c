/* SPDX-License-Identifier: BSD-3-Clause */
#include "input.h"

#include <float.h>
#include <math.h>
#include <string.h>

void take_bytes(struct input *input, void *memory, size_t size) {
  size_t n = size < input->left ? size : input->left;
  memset(memory, 0, size);
  if (n > 0) memcpy(memory, input->bytes, n);
  input->bytes += n;
  input->left -= n;
}

uint8_t take_byte(struct input *input) {
  uint8_t byte;
  take_bytes(input, &byte, 1);
  return byte;
}

size_t take_below(struct input *input, size_t n) {
  return take_byte(input) % n;
}

int64_t take_integer(struct input *input) {
  static const uint64_t limits[] = {
      0,         INT32_MAX,         (uint64_t)1 << 32, UINT32_MAX, (uint64_t)1 << 53,
      INT64_MAX, (uint64_t)1 << 62, (uint64_t)1 << 31};
  uint8_t kind = take_byte(input);
  if (kind < 160) return (int64_t)kind - 16;
  uint64_t value;
  if (kind < 192) {
    take_bytes(input, &value, sizeof value);
    return (int64_t)value;
  }
  value = limits[kind % COUNT(limits)] + (uint64_t)take_byte(input) - 128;
  return (int64_t)(kind < 240 ? value : 0 - value);
}

double take_double(struct input *input) {
  static const double special[] = {0.0,     -0.0,         1.0,     -1.0,       0.5,      1e-6,
                                   DBL_MIN, DBL_TRUE_MIN, DBL_MAX, -DBL_MAX,   HUGE_VAL, -HUGE_VAL,
                                   1e300,   -1e-300,      0x1p53,  (double)NAN};
  uint8_t kind = take_byte(input);
  if (kind < 128) return (kind - 64) / 8.0;
  if (kind < 192) return special[kind % COUNT(special)];
  double value;
  take_bytes(input, &value, sizeof value);
  return value;
}

double take_finite(struct input *input) {
  double value = take_double(input);
  return isfinite(value) ? value : 0.25;
}

static void release_nothing(void *user, void *memory) {
  (void)user;
  (void)memory;
}

/* Of an error that no target makes, so that no input leads to its text: a number in it would come back. */
void mark(void) {
  kldsel_options *options = NULL;
  (void)kldsel_options_create(NULL, release_nothing, NULL, &options);
}

bool judge(const char *call, kldsel_status status) {
  const char *text = kldsel_last_error();
  bool marked = strcmp(text, "allocate is NULL, but release is not") == 0; /* as mark() left it */
  if (status == KLDSEL_OK) {
    ck_assert_msg(marked, "%s succeeded, but changed the last error to: %s", call, text);
    return true;
  }
  ck_assert_msg(strcmp(kldsel_status_name(status), "unknown status") != 0, "%s gave %d", call, status);
  ck_assert_msg(!marked && *text != '\0' && strchr(text, '\n') == NULL, "%s gave %s: %s", call,
                kldsel_status_name(status), text);
  return false;
}

static const int32_t keys[] = {
    KLDSEL_OPTION_MEASURE,
    KLDSEL_OPTION_SIGN,
    KLDSEL_OPTION_REFERENCE,
    KLDSEL_OPTION_ORDER,
    KLDSEL_OPTION_GRANULARITY,
    KLDSEL_OPTION_DISTRIBUTION,
    KLDSEL_OPTION_ALIGNMENT,
    KLDSEL_OPTION_TEMPERATURE,
    KLDSEL_OPTION_SIGNS,
    KLDSEL_OPTION_CONTENT,
    KLDSEL_OPTION_SELECT_COUNT,
    KLDSEL_OPTION_SELECT_SHARE,
    KLDSEL_OPTION_SELECT_PARAMETERS,
    KLDSEL_OPTION_THREADS,
    KLDSEL_OPTION_CPU_LEVEL,
};

/* A value is taken if and only if it lies in what kldsel_options_bounds() tells. */
static void take_option(struct input *input) {
  size_t which = take_below(input, COUNT(keys) + 1);
  int32_t key = which < COUNT(keys) ? keys[which] : (int32_t)take_integer(input);
  int32_t type = 0;
  double lowest = 0, highest = 0;
  bool known = attempt(kldsel_options_bounds(key, &type, &lowest, &highest));
  if (known) ck_assert(lowest < highest);
  bool whole = take_below(input, 4) > 0 ? type == KLDSEL_OPTION_TYPE_INT : type != KLDSEL_OPTION_TYPE_INT;
  if (whole) {
    int64_t value = take_integer(input);
    if (key == KLDSEL_OPTION_THREADS && value > 4) value %= 5;
    bool inside = (double)value >= lowest && (double)value <= highest;
    bool odd = key == KLDSEL_OPTION_SIGNS && value % 2 != 0;
    ck_assert_int_eq(attempt(kldsel_options_set_int(test_options, key, value)),
                     type == KLDSEL_OPTION_TYPE_INT && inside && !odd);
  } else {
    double value = take_double(input);
    ck_assert_int_eq(attempt(kldsel_options_set_double(test_options, key, value)),
                     type == KLDSEL_OPTION_TYPE_DOUBLE && value >= lowest && value <= highest);
  }
}

void take_options(struct input *input) {
  for (size_t n = take_below(input, 8); n > 0; n--) take_option(input);
}
