/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* memfd_create() */
#include "memory_file.h"

#include <layers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"

enum {
  MOST_WEIGHTS = 4096
};

struct memory_file memory_file_create(void) {
  struct memory_file file = {.descriptor = memfd_create("fuzz", MFD_CLOEXEC)};
  ck_assert_int_ge(file.descriptor, 0);
  snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.descriptor);
  return file;
}

enum {
  MOST_NAMED = 2
};
static struct memory_file named[MOST_NAMED];
static size_t named_count;

static void remove_named(void) {
  for (size_t i = 0; i < named_count; i++) unlink(named[i].path);
}

struct memory_file memory_file_create_named(void) {
  ck_assert_uint_lt(named_count, MOST_NAMED);
  if (named_count == 0) atexit(remove_named);
  struct memory_file *file = &named[named_count++];
  snprintf(file->path, sizeof file->path, P_tmpdir "/kldsel-fuzz-XXXXXX");
  file->descriptor = mkstemp(file->path);
  ck_assert_int_ge(file->descriptor, 0);
  return *file;
}

void memory_file_fill(const struct memory_file *file, const uint8_t *bytes, size_t size) {
  ck_assert_int_eq(ftruncate(file->descriptor, 0), 0);
  ck_assert_int_eq(pwrite(file->descriptor, bytes, size, 0), (ssize_t)size);
}

void expect_reason(const struct problem *problem) {
  ck_assert(problem->text[0] != '\0' && strlen(problem->text) < sizeof problem->text);
}

static void touch(const struct stored_tensor *tensor) {
  ck_assert_ptr_nonnull(tensor->name);
  ck_assert_ptr_nonnull(tensor->dtype_name);
  volatile unsigned char seen = 0;
  for (size_t i = 0; i < tensor->bytes; i++) seen = (unsigned char)(seen ^ tensor->data[i]);
}

static void rank(const struct layers *layers) {
  int64_t weights = 0;
  for (size_t l = 0; l < layers->count; l++) {
    int64_t filters = layers->layers[l].filters, elements = layers->layers[l].elements;
    ck_assert(filters > 0 && elements > 0);
    if (filters > MOST_WEIGHTS || elements > MOST_WEIGHTS / filters) return;
    weights += filters * elements;
  }
  if (weights > MOST_WEIGHTS) return;
  kldsel_ranking *ranking = NULL;
  if (attempt(kldsel_rank_tensors(layers->tensors, layers->count, NULL, NULL, test_options, &ranking)))
    kldsel_ranking_free(ranking);
}

void try_model(const struct model *model, bool in_order) {
  for (size_t i = 0; i < model->count; i++) touch(&model->tensors[i]);
  struct problem problem = {""};
  if (!model_check_names(model, &problem)) {
    expect_reason(&problem);
    return;
  }
  const struct options options = {.dense = true};
  struct layers layers;
  if (!layers_choose(model, &options, in_order, &layers, &problem)) {
    expect_reason(&problem);
    return;
  }
  ck_assert_uint_eq(layers.count + layers.skipped_count, model->count);
  rank(&layers);
  layers_free(&layers);
}

void expect_same(const struct model *a, const struct model *b) {
  ck_assert_uint_eq(a->count, b->count);
  for (size_t i = 0; i < a->count; i++) {
    const struct stored_tensor *x = &a->tensors[i], *y = &b->tensors[i];
    ck_assert_str_eq(x->name, y->name);
    ck_assert_str_eq(x->dtype_name, y->dtype_name);
    ck_assert_uint_eq(x->rank, y->rank);
    ck_assert_mem_eq(x->shape, y->shape, sizeof x->shape);
    ck_assert_uint_eq(x->bytes, y->bytes);
    if (x->bytes > 0) ck_assert_mem_eq(x->data, y->data, x->bytes);
  }
}
