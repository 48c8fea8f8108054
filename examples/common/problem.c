/* SPDX-License-Identifier: BSD-3-Clause */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "text.h"

bool problem_set(struct problem *problem, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(problem->text, sizeof problem->text, format, arguments);
  va_end(arguments);
  return false;
}

bool problem_out_of_memory(struct problem *problem) {
  return problem_set(problem, "out of memory");
}

void problem_print(const char *program, const struct problem *problem) {
  char *printable = text_printable(problem->text);
  fprintf(stderr, "%s: %s\n", program, printable != NULL ? printable : "out of memory");
  free(printable);
}
