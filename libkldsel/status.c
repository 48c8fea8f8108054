/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "check.h"

static _Thread_local char last_error[512];
static _Thread_local int64_t last_layer = -1;

void kldsel_set_error_text(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  last_layer = -1;
}

void kldsel_set_error_layer(int64_t layer) {
  last_layer = layer;
}

const char *kldsel_last_error(void) {
  return last_error;
}

int64_t kldsel_last_error_layer(void) {
  return last_layer;
}

kldsel_status kldsel_set_last_error(kldsel_status status, const char *text) {
  REQUIRE_NOT_NULL(text);
  char copy[sizeof last_error]; /* the text may lie in last_error */
  snprintf(copy, sizeof copy, "%s", text);
  return kldsel_fail(status, "%s", copy);
}

const char *kldsel_status_name(kldsel_status status) {
  switch (status) {
  case KLDSEL_OK:
    return "KLDSEL_OK";
  case KLDSEL_ERROR_INVALID_ARGUMENT:
    return "KLDSEL_ERROR_INVALID_ARGUMENT";
  case KLDSEL_ERROR_OUT_OF_MEMORY:
    return "KLDSEL_ERROR_OUT_OF_MEMORY";
  case KLDSEL_ERROR_NOT_FINITE:
    return "KLDSEL_ERROR_NOT_FINITE";
  case KLDSEL_ERROR_TOO_LARGE:
    return "KLDSEL_ERROR_TOO_LARGE";
  case KLDSEL_ERROR_MISMATCH:
    return "KLDSEL_ERROR_MISMATCH";
  case KLDSEL_ERROR_MISSING:
    return "KLDSEL_ERROR_MISSING";
  case KLDSEL_ERROR_CANCELLED:
    return "KLDSEL_ERROR_CANCELLED";
  case KLDSEL_ERROR_UNSUPPORTED:
    return "KLDSEL_ERROR_UNSUPPORTED";
  default:
    return "unknown status";
  }
}
