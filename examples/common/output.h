/* SPDX-License-Identifier: BSD-3-Clause */
/* A file that appears whole or not at all: written beside its place, then renamed. */
#ifndef KLDSEL_COMMON_OUTPUT_H
#define KLDSEL_COMMON_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

#include "problem.h"

#ifdef __cplusplus
extern "C" {
#endif

struct output {
  const char *path; /* borrowed */
  char *temporary;  /* in the same folder; NULL: nothing to write */
};

/* Whether two paths are one name in one folder; a path of NULL is none. */
bool output_same(const char *one, const char *other);

/* Makes the empty temporary file; a `path` of NULL makes none. */
bool output_begin(const char *path, struct output *output, struct problem *problem);

/* Puts the temporary file in its place, through to the disk. */
bool output_commit(struct output *output, struct problem *problem);

/* Removes the temporary file, if there is one still. */
void output_end(struct output *output);

/* For the functions that write a temporary file: open, write, and close with what went wrong in between. */
FILE *output_open(const char *temporary, struct problem *problem);
bool output_close(FILE *file, struct problem *problem);

/* Writes what is left of the standard output: the end of a program that has printed. */
bool output_flush(struct problem *problem);

#ifdef __cplusplus
}
#endif

#endif
