/* SPDX-License-Identifier: BSD-3-Clause */
#include "images.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "random.h"

/* Of Fashion-MNIST's training pixels in [0, 1]. */
#define MEAN 0.2860F
#define DEVIATION 0.3530F

#define MOST_IMAGES 1000000

bool classes_parse(const char *option, const char *text, struct classes *classes, struct problem *problem) {
  classes->count = 0;
  bool seen[MOST_CLASSES] = {false};
  for (const char *at = text;; at++) {
    const int label = *at - '0';
    if (label < 0 || label >= MOST_CLASSES || (at[1] != ',' && at[1] != '\0'))
      return problem_set(problem, "--%s '%.100s': must be classes from 0 to 9 as in 1,5,7", option, text);
    if (seen[label]) return problem_set(problem, "--%s '%.100s': has class %d twice", option, text, label);
    seen[label] = true;
    classes->label[classes->count++] = (unsigned char)label;
    if (*++at == '\0') break;
  }
  if (classes->count < 2)
    return problem_set(problem, "--%s '%.100s': must be two classes at least", option, text);
  return true;
}

/* One idx file, open behind its header. */
struct idx {
  gzFile file;
  char path[1024];
  size_t count;
};

static bool idx_read(struct idx *idx, void *bytes, size_t count, struct problem *problem) {
  if (gzread(idx->file, bytes, (unsigned)count) == (int)count) return true;
  return problem_set(problem, "%.500s: ends too early, or is no gzip file", idx->path);
}

static bool idx_read_extent(struct idx *idx, uint32_t least, uint32_t most, size_t *extent,
                            struct problem *problem) {
  unsigned char bytes[4];
  if (!idx_read(idx, bytes, sizeof bytes, problem)) return false;
  const uint32_t value =
      (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
  if (value < least || value > most)
    return problem_set(problem, "%.500s: has an extent of %lu; must be from %lu to %lu", idx->path,
                       (unsigned long)value, (unsigned long)least, (unsigned long)most);
  *extent = value;
  return true;
}

static bool idx_read_header(struct idx *idx, int rank, struct problem *problem) {
  unsigned char magic[4];
  size_t extent;
  if (!idx_read(idx, magic, sizeof magic, problem)) return false;
  /* 8: unsigned bytes */
  if (magic[0] != 0 || magic[1] != 0 || magic[2] != 8 || magic[3] != rank)
    return problem_set(problem, "%.500s: is no idx file of bytes with %d axes", idx->path, rank);
  if (!idx_read_extent(idx, 1, MOST_IMAGES, &idx->count, problem)) return false;
  for (int axis = 1; axis < rank; axis++)
    if (!idx_read_extent(idx, IMAGE_SIZE, IMAGE_SIZE, &extent, problem)) return false;
  return true;
}

static bool idx_open(const char *folder, const char *part, const char *what, int rank, struct idx *idx,
                     struct problem *problem) {
  idx->file = NULL;
  for (int compressed = 1; compressed >= 0 && idx->file == NULL; compressed--) {
    const int length = snprintf(idx->path, sizeof idx->path, "%s/%s-%s-idx%d-ubyte%s", folder, part, what,
                                rank, compressed ? ".gz" : "");
    if (length < 0 || (size_t)length >= sizeof idx->path)
      return problem_set(problem, "--data '%.200s...': is too long", folder);
    errno = 0;
    idx->file = gzopen(idx->path, "rb");
  }
  if (idx->file == NULL)
    return problem_set(problem,
                       "%.500s[.gz]: %s; Debian's package dataset-fashion-mnist has such files, "
                       "--data names their folder",
                       idx->path, errno != 0 ? strerror(errno) : "out of memory");
  if (idx_read_header(idx, rank, problem)) return true;
  gzclose(idx->file);
  return false;
}

/* Which images to take: place[i] is the place of image i among the classes, or MOST_CLASSES for none. */
static bool draw(const struct classes *classes, const char *path, unsigned char *place, size_t total,
                 size_t *count, uint64_t seed, struct problem *problem) {
  size_t *candidates = malloc(total * sizeof *candidates), found = 0;
  if (candidates == NULL) return problem_out_of_memory(problem);
  for (size_t i = 0; i < total; i++) {
    const void *at = memchr(classes->label, place[i], classes->count);
    place[i] = at == NULL ? MOST_CLASSES : (unsigned char)((const unsigned char *)at - classes->label);
    if (at != NULL) candidates[found++] = i;
  }
  if (*count == 0) *count = found;
  const bool enough = found >= *count && found > 0;
  if (enough && *count < found) {
    random_shuffle(&(struct generator){seed}, candidates, found);
    for (size_t i = *count; i < found; i++) place[candidates[i]] = MOST_CLASSES;
  }
  free(candidates);
  if (enough) return true;
  return problem_set(problem, "%.500s: has %zu images of these classes, not %zu", path, found, *count);
}

static bool read_pixels(struct idx *idx, const unsigned char *place, struct images *images,
                        struct problem *problem) {
  unsigned char bytes[IMAGE_PIXELS];
  size_t taken = 0;
  for (size_t i = 0; i < idx->count && taken < images->count; i++) {
    if (!idx_read(idx, bytes, sizeof bytes, problem)) return false;
    if (place[i] == MOST_CLASSES) continue;
    float *pixels = images->pixels + taken * IMAGE_PIXELS;
    for (size_t j = 0; j < IMAGE_PIXELS; j++) pixels[j] = ((float)bytes[j] / 255.0F - MEAN) / DEVIATION;
    images->labels[taken++] = place[i];
  }
  return true;
}

static bool load(struct idx *pixels, struct idx *labels, const struct classes *classes, size_t count,
                 uint64_t seed, struct images *images, struct problem *problem) {
  if (pixels->count != labels->count)
    return problem_set(problem, "%.400s: has %zu images, but %zu labels", pixels->path, pixels->count,
                       labels->count);
  unsigned char *place = malloc(labels->count);
  if (place == NULL) return problem_out_of_memory(problem);
  bool done = idx_read(labels, place, labels->count, problem) &&
              draw(classes, labels->path, place, labels->count, &count, seed, problem);
  if (done) {
    assert(count > 0); /* draw() finds some or fails */
    *images = (struct images){count, malloc(count * IMAGE_PIXELS * sizeof(float)), malloc(count)};
    done = images->pixels != NULL && images->labels != NULL ? read_pixels(pixels, place, images, problem)
                                                            : problem_out_of_memory(problem);
    if (!done) images_free(images);
  }
  free(place);
  return done;
}

bool images_load(const char *folder, const char *part, const struct classes *classes, size_t count,
                 uint64_t seed, struct images *images, struct problem *problem) {
  struct idx pixels, labels;
  if (!idx_open(folder, part, "labels", 1, &labels, problem)) return false;
  bool done = idx_open(folder, part, "images", 3, &pixels, problem);
  if (done) {
    done = load(&pixels, &labels, classes, count, seed, images, problem);
    gzclose(pixels.file);
  }
  gzclose(labels.file);
  return done;
}

void images_free(struct images *images) {
  free(images->pixels);
  free(images->labels);
  *images = (struct images){0, NULL, NULL};
}
