/* SPDX-License-Identifier: BSD-3-Clause */
/* Images of the classes wanted from a folder in the format of MNIST: idx files, gzip-compressed or not. */
#ifndef KLDSEL_TRAINERS_IMAGES_H
#define KLDSEL_TRAINERS_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IMAGE_SIZE 28 /* rows, and columns */
#define IMAGE_PIXELS ((size_t)IMAGE_SIZE * IMAGE_SIZE)
#define MOST_CLASSES 10

/* The classes of a task, in the order in which a network tells them. */
struct classes {
  size_t count;
  unsigned char label[MOST_CLASSES]; /* in the data set */
};

struct images {
  size_t count;
  float *pixels;         /* [count][IMAGE_SIZE][IMAGE_SIZE], of about mean 0 and deviation 1 */
  unsigned char *labels; /* [count], places in the classes */
};

/* Reads classes as in "1,5,7": at least two, none twice. `option` is named in the problem. */
bool classes_parse(const char *option, const char *text, struct classes *classes, struct problem *problem);

/*
 * Reads `count` images of `part` ("train" or "t10k"), drawn at random from those of the classes; 0: all of
 * them, in the file's order.
 */
bool images_load(const char *folder, const char *part, const struct classes *classes, size_t count,
                 uint64_t seed, struct images *images, struct problem *problem);

/* Also of zeros. */
void images_free(struct images *images);

#ifdef __cplusplus
}
#endif

#endif
