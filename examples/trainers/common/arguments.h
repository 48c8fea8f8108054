/* SPDX-License-Identifier: BSD-3-Clause */
/* What all of the trainers let the user choose. */
#ifndef KLDSEL_TRAINERS_ARGUMENTS_H
#define KLDSEL_TRAINERS_ARGUMENTS_H

#include <popt.h>

#include "images.h"
#include "problem.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MOST_RUNS 100

struct arguments {
  const char *data; /* folder of the images */
  const char *save; /* folder for the weights; NULL: none are saved */
  struct classes source;
  struct classes target;
  int pretrain_images; /* of the source classes; 0: all */
  int pretrain_epochs;
  int images; /* of the target classes to fine-tune on; 0: all */
  int epochs;
  int tests;       /* test images; 0: all */
  int layers;      /* how many convolutions are fine-tuned */
  int most_layers; /* that the network has */
  int runs;        /* of each way to fine-tune, every one from another seed */
  int seed;
};

enum arguments_result {
  ARGUMENTS_RUN,  /* go on */
  ARGUMENTS_DONE, /* --help was answered */
  ARGUMENTS_WRONG /* the problem is set */
};

/*
 * Reads the arguments into `arguments`, which holds the numbers' defaults. `own` are further options of the
 * program; NULL for none. The strings last as long as the program.
 */
enum arguments_result arguments_parse(int argc, const char **argv, struct poptOption *own,
                                      struct arguments *arguments, struct problem *problem);

#ifdef __cplusplus
}
#endif

#endif
