/* SPDX-License-Identifier: BSD-3-Clause */
/* What went wrong, in one line for the user. */
#ifndef KLDSEL_COMMON_PROBLEM_H
#define KLDSEL_COMMON_PROBLEM_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct problem {
  char text[1024];
};

/* Sets the text, cut to what fits. Always returns false, so that a function can end with it. */
__attribute__((format(printf, 2, 3))) bool problem_set(struct problem *problem, const char *format, ...);

bool problem_out_of_memory(struct problem *problem);

/* Prints "program: text" as one line to stderr, whatever bytes the text has. */
void problem_print(const char *program, const struct problem *problem);

#ifdef __cplusplus
}
#endif

#endif
