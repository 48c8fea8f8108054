/* SPDX-License-Identifier: BSD-3-Clause */
/* Which convolutions are trained. */
#ifndef KLDSEL_TRAINERS_SELECTION_H
#define KLDSEL_TRAINERS_SELECTION_H

#include "network.h"
#include "problem.h"

enum method {
  METHOD_NONE,  /* only the dense layer: feature extraction */
  METHOD_LAST,  /* the last convolutions */
  METHOD_ONCE,  /* the best of the pretrained weights' ranking */
  METHOD_AGAIN, /* the best of a ranking made anew before each epoch */
  METHOD_ALL    /* all of them: full fine-tuning */
};

/*
 * Chooses `count` convolutions before an epoch (0 is the first) and freezes the others. Rankings are made of
 * the weights where they lie; their scores go to `scores`, NaN for a method without one.
 */
bool select_layers(enum method method, int epoch, int count, struct network *network, double *scores,
                   struct problem *problem);

#endif
