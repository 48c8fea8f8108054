/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work in a process of its own. Libraries that read files of unknown origin may crash or call abort(), and a
 * mapped file that somebody shortens ends its reader by SIGBUS: here that is a problem like every other.
 */
#ifndef KLDSEL_COMMON_SUPERVISE_H
#define KLDSEL_COMMON_SUPERVISE_H

#include "problem.h"

enum {
  SUPERVISE_FAILED = -1
};

/* Returns what `work` returned (0 to 255), or SUPERVISE_FAILED with a problem. What `work` did to the memory
 * is lost; what it wrote is not. */
int supervise(int (*work)(void *user), void *user, struct problem *problem);

#endif
