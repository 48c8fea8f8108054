/* SPDX-License-Identifier: BSD-3-Clause */
/* Failing with a text, and the checks that do. Nothing here prints or aborts. */
#ifndef KLDSEL_CHECK_H
#define KLDSEL_CHECK_H

#include "kldsel/kldsel.h"

#if defined(__GNUC__)
#define KLDSEL_PRINTF(format_at, values_at) __attribute__((format(printf, format_at, values_at)))
#else
#define KLDSEL_PRINTF(format_at, values_at)
#endif

void kldsel_set_error_text(const char *format, ...) KLDSEL_PRINTF(1, 2);

/* The layer that the text just set is about. */
void kldsel_set_error_layer(int64_t layer);

/* Sets this thread's last-error text; its value is the status. */
#define kldsel_fail(status, ...) (kldsel_set_error_text(__VA_ARGS__), (status))
/* The same of one layer of those handed in. */
#define kldsel_fail_of_layer(layer, status, ...)                                                             \
  (kldsel_set_error_text(__VA_ARGS__), kldsel_set_error_layer((int64_t)(layer)), (status))

#define REQUIRE(condition, ...)                                                                              \
  do {                                                                                                       \
    if (!(condition)) return kldsel_fail(KLDSEL_ERROR_INVALID_ARGUMENT, __VA_ARGS__);                        \
  } while (0)

/* REQUIRE of each layer, with its index i in the text. */
#define REQUIRE_OF_LAYER(condition, i, ...)                                                                  \
  do {                                                                                                       \
    if (!(condition)) return kldsel_fail_of_layer(i, KLDSEL_ERROR_INVALID_ARGUMENT, __VA_ARGS__);            \
  } while (0)

#define REQUIRE_NOT_NULL(pointer) REQUIRE((pointer) != NULL, #pointer " is NULL")

#define TRY(call)                                                                                            \
  do {                                                                                                       \
    kldsel_status try_status_ = (call);                                                                      \
    if (try_status_ != KLDSEL_OK) return try_status_;                                                        \
  } while (0)

#endif
