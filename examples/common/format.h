/* SPDX-License-Identifier: BSD-3-Clause */
/* What tells one tool from another. */
#ifndef KLDSEL_COMMON_FORMAT_H
#define KLDSEL_COMMON_FORMAT_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The key that a model's metadata has its ranking under, JSON as --json prints it. */
#define RANKING_KEY "kldsel.ranking"

struct format {
  const char *program; /* its name */
  const char *suffix;  /* of the files that it reads, for --help */
  const char *help;    /* what --help ends with; NULL for nothing */
  /* Reads a file; on failure there is nothing to close. */
  bool (*open)(const char *path, struct model *model, struct problem *problem);
  /*
   * Writes the model to the file `path`, which exists, the weights bit for bit and all else as it was but for
   * the ranking in its metadata. NULL for a program that only reports.
   */
  bool (*write)(const struct model *model, const char *ranking, const char *path, struct problem *problem);
  void (*close)(struct model *model);
};

#ifdef __cplusplus
}
#endif

#endif
