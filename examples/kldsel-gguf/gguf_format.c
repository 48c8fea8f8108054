/* SPDX-License-Identifier: BSD-3-Clause */
#include "gguf_format.h"

#include <ggml.h>
#include <gguf.h>
#include <mapping.h>
#include <output.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct gguf {
  struct gguf_context *context;
  struct ggml_context *shapes; /* owns the names */
  unsigned char *map;
  size_t bytes;
};

static const struct type {
  const char *safetensors;
  enum ggml_type type;
  int32_t dtype;
} types[] = {
    {"F64", GGML_TYPE_F64, KLDSEL_DTYPE_F64},
    {"F32", GGML_TYPE_F32, KLDSEL_DTYPE_F32},
    {"F16", GGML_TYPE_F16, KLDSEL_DTYPE_F16},
    {"BF16", GGML_TYPE_BF16, KLDSEL_DTYPE_BF16},
    {"I64", GGML_TYPE_I64, 0},
    {"I32", GGML_TYPE_I32, 0},
    {"I16", GGML_TYPE_I16, 0},
    {"I8", GGML_TYPE_I8, 0},
};

/* What the library says of a file that it cannot read; the first is the cause. */
static char complaint[256];

static void note(enum ggml_log_level level, const char *text, void *user) {
  (void)user;
  if (level != GGML_LOG_LEVEL_ERROR || complaint[0] != '\0') return;
  snprintf(complaint, sizeof complaint, "%s", text);
  complaint[strcspn(complaint, "\n")] = '\0';
}

/* The library has four axes, fastest first, and does not tell how many of them the file has. */
static void set_shape(const struct ggml_tensor *shape, struct stored_tensor *tensor) {
  tensor->rank = (size_t)ggml_n_dims(shape);
  for (size_t axis = 0; axis < tensor->rank; axis++) tensor->shape[axis] = shape->ne[tensor->rank - 1 - axis];
}

static void set_type(const struct ggml_tensor *shape, struct stored_tensor *tensor) {
  tensor->dtype_name = ggml_type_name(shape->type);
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (types[i].type != shape->type) continue;
    tensor->safetensors = types[i].safetensors;
    tensor->dtype = types[i].dtype;
  }
}

static bool set_data(const struct gguf *file, int64_t i, struct stored_tensor *tensor,
                     struct problem *problem) {
  const size_t begin = gguf_get_data_offset(file->context), offset = gguf_get_tensor_offset(file->context, i);
  tensor->bytes = gguf_get_tensor_size(file->context, i);
  if (begin > file->bytes || offset > file->bytes - begin || tensor->bytes > file->bytes - begin - offset)
    return problem_set(problem, "tensor '%.200s': %zu bytes at byte %zu of the data, of which there are %zu",
                       tensor->name, tensor->bytes, offset, file->bytes > begin ? file->bytes - begin : 0);
  tensor->data = file->map + begin + offset;
  return true;
}

static bool read_tensors(const struct gguf *file, struct model *model, struct problem *problem) {
  const int64_t count = gguf_get_n_tensors(file->context);
  model->tensors = calloc((size_t)count + 1, sizeof *model->tensors);
  if (model->tensors == NULL) return problem_out_of_memory(problem);
  struct ggml_tensor *shape = ggml_get_first_tensor(file->shapes);
  for (int64_t i = 0; i < count; i++, shape = ggml_get_next_tensor(file->shapes, shape)) {
    struct stored_tensor *tensor = &model->tensors[model->count++];
    tensor->name = gguf_get_tensor_name(file->context, i);
    set_shape(shape, tensor);
    set_type(shape, tensor);
    if (!set_data(file, i, tensor, problem)) return false;
  }
  return true;
}

static bool read_file(const char *path, struct gguf *file, struct model *model, struct problem *problem) {
  if (!mapping_open(path, 1, &file->map, &file->bytes, problem)) return false;
  file->context =
      gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = true, .ctx = &file->shapes});
  if (file->context == NULL)
    return problem_set(problem, "is no GGUF file: %s",
                       complaint[0] != '\0' ? complaint : "ggml cannot read it");
  return read_tensors(file, model, problem);
}

static void close_gguf(struct model *model) {
  struct gguf *file = model->file;
  free(model->tensors);
  if (file->context != NULL) gguf_free(file->context);
  if (file->shapes != NULL) ggml_free(file->shapes);
  if (file->map != NULL) munmap(file->map, file->bytes);
  free(file);
  *model = (struct model){0};
}

static bool open_gguf(const char *path, struct model *model, struct problem *problem) {
  ggml_log_set(note, NULL);
  *model = (struct model){.file = calloc(1, sizeof(struct gguf))};
  if (model->file == NULL) return problem_out_of_memory(problem);
  if (read_file(path, model->file, model, problem)) return true;
  close_gguf(model);
  return false;
}

/* Keys and shapes as the library writes them, the data as they were. */
static bool write_gguf(const struct model *model, const char *ranking, const char *path,
                       struct problem *problem) {
  const struct gguf *file = model->file;
  const size_t begin = gguf_get_data_offset(file->context);
  gguf_set_val_str(file->context, RANKING_KEY, ranking);
  const size_t bytes = gguf_get_meta_size(file->context);
  void *meta = malloc(bytes);
  if (meta == NULL) return problem_out_of_memory(problem);
  gguf_get_meta_data(file->context, meta);
  FILE *output = output_open(path, problem);
  if (output != NULL) {
    fwrite(meta, 1, bytes, output);
    if (begin < file->bytes) fwrite(file->map + begin, 1, file->bytes - begin, output);
  }
  free(meta);
  return output != NULL && output_close(output, problem);
}

const struct format gguf_format = {
    .program = "kldsel-gguf",
    .suffix = "gguf",
    .help = "Quantised tensors are not ranked. The ranking becomes the key kldsel.ranking: JSON, as --json\n"
            "prints it.\n",
    .open = open_gguf,
    .write = write_gguf,
    .close = close_gguf,
};
