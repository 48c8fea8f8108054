/* SPDX-License-Identifier: BSD-3-Clause */
/* GGUF files of any keys, types, shapes, offsets and length: refused with a reason, or every tensor as the
 * header tells it, and the same when the file is written with a ranking and read again. Left out is what ends
 * ggml: extents of 0 but for the first, keys without a name, and an alignment that is no 32-bit number. */
#include <gguf_format.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "memory_file.h"

enum {
  MOST_BYTES = 1 << 14,
  MOST_TENSORS = 4,
  MOST_AXES = 5, /* one more than there can be */
  TYPES = 43,    /* and one that is none */
  ALIGNMENT = 32
};

struct file {
  struct input *input;
  uint8_t bytes[MOST_BYTES];
  size_t size;
  bool sound; /* no count, length or offset that is not so, and the usual alignment */
  struct {
    int64_t extents[MOST_AXES]; /* fastest first */
    uint32_t rank;
    uint64_t offset;
  } tensors[MOST_TENSORS];
};

static void put(struct file *file, const void *bytes, size_t size) {
  ck_assert_uint_le(size, MOST_BYTES - file->size);
  if (size > 0) memcpy(file->bytes + file->size, bytes, size);
  file->size += size;
}

static void put_u32(struct file *file, uint32_t value) {
  put(file, &value, sizeof value);
}

static void put_u64(struct file *file, uint64_t value) {
  put(file, &value, sizeof value);
}

/* Now and then any number in place of one that is right. */
static uint64_t mostly(struct file *file, uint64_t right) {
  if (take_below(file->input, 32) != 31) return right;
  file->sound = false;
  return (uint64_t)take_integer(file->input);
}

/* The same of what is counted: other numbers are more than any file has. */
static uint64_t mostly_count(struct file *file, uint64_t right) {
  uint64_t count = mostly(file, right);
  return count == right ? right : count | (uint64_t)1 << 62;
}

static void put_text(struct file *file, const char *text, size_t length) {
  put_u64(file, mostly_count(file, length));
  put(file, text, length);
}

static void put_free_text(struct file *file, size_t least) {
  char text[80] = "k";
  size_t length = take_below(file->input, sizeof text);
  take_bytes(file->input, text, length);
  /* Where no byte is left, one. */
  if (length < least) text[0] = 'k';
  put_text(file, text, length < least ? least : length);
}

static void put_value(struct file *file, uint32_t type) {
  static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  uint8_t value[8];
  if (type == 8) {
    put_free_text(file, 0);
  } else if (type < sizeof sizes) {
    take_bytes(file->input, value, sizeof value);
    put(file, value, sizes[type]);
  }
}

static void put_key(struct file *file) {
  static const char *const known[] = {"general.architecture", "kldsel.ranking", "general.name", "kldsel"};
  size_t which = take_below(file->input, 8);
  if (which == 7) {
    put_text(file, "general.alignment", strlen("general.alignment"));
    put_u32(file, 4);
    put_u32(file, (uint32_t)take_integer(file->input));
    file->sound = false;
    return;
  }
  if (which < COUNT(known))
    put_text(file, known[which], strlen(known[which]));
  else
    put_free_text(file, 1);
  uint32_t type = (uint32_t)take_below(file->input, 14), count = 1;
  put_u32(file, type);
  if (type == 9) {
    type = (uint32_t)take_below(file->input, 14);
    count = (uint32_t)take_below(file->input, 4);
    put_u32(file, type);
    put_u64(file, count);
  }
  for (; count > 0; count--) put_value(file, type);
}

static int64_t take_extent(struct input *input, size_t axis) {
  size_t kind = take_below(input, 256);
  int64_t extent = kind < 192   ? (int64_t)(1 + kind % 8)
                   : kind < 224 ? (int64_t)(kind - 191) * 32
                                : take_integer(input);
  return extent == 0 && axis > 0 ? 1 : extent;
}

/* Bytes of one element; of a quantised type, any number, as it only makes the next offset wrong. */
static uint64_t element_bytes(uint32_t type) {
  static const struct {
    uint32_t type;
    uint8_t bytes;
  } sizes[] = {{0, 4}, {1, 2}, {24, 1}, {25, 2}, {26, 4}, {27, 8}, {28, 8}, {30, 2}};
  for (size_t i = 0; i < COUNT(sizes); i++)
    if (sizes[i].type == type) return sizes[i].bytes;
  return 1;
}

static void put_tensor(struct file *file, size_t i, uint64_t *offset) {
  static const uint32_t plain[] = {0, 1, 30, 28, 0, 24, 25, 26, 27, 8};
  struct input *input = file->input;
  put_free_text(file, 0);
  uint32_t rank = (uint32_t)take_below(input, 32);
  rank = rank < 16 ? 4 : rank < 28 ? 2 : rank == 31 ? 5 : rank - 28;
  file->tensors[i].rank = rank;
  put_u32(file, rank);
  uint64_t elements = 1;
  for (uint32_t axis = 0; axis < rank; axis++) {
    file->tensors[i].extents[axis] = take_extent(input, axis);
    elements *= (uint64_t)file->tensors[i].extents[axis];
    put_u64(file, (uint64_t)file->tensors[i].extents[axis]);
  }
  size_t kind = take_below(input, COUNT(plain) + 4);
  uint32_t type = kind < COUNT(plain) ? plain[kind] : (uint32_t)take_below(input, TYPES);
  put_u32(file, type);
  file->tensors[i].offset = mostly(file, *offset);
  put_u64(file, file->tensors[i].offset);
  *offset += (elements * element_bytes(type) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint8_t data_byte(uint64_t i) {
  return (uint8_t)(i * 37 + 11);
}

static void put_file(struct file *file) {
  struct input *input = file->input;
  size_t keys = take_below(input, 4), tensors = 1 + take_below(input, MOST_TENSORS);
  put(file, take_below(input, 32) == 31 ? "GGML" : "GGUF", 4);
  put_u32(file, (uint32_t)mostly(file, 3));
  put_u64(file, mostly_count(file, tensors));
  put_u64(file, mostly_count(file, keys));
  for (size_t i = 0; i < keys; i++) put_key(file);
  uint64_t offset = 0;
  for (size_t i = 0; i < tensors; i++) put_tensor(file, i, &offset);
  size_t begin = (file->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, length = MOST_BYTES - begin;
  memset(file->bytes + file->size, 0, begin - file->size);
  /* All of the data, or less, or more. */
  if (offset < length) length = (size_t)offset;
  if (take_below(input, 16) == 15) length -= length < 64 ? length : take_below(input, 64);
  for (size_t i = 0; i < length; i++) file->bytes[begin + i] = data_byte(i);
  file->size = begin + length;
}

/* As the header has it; slowest first, without the extents of 1 that are slowest of all. */
static void expect_header(const struct file *file, const struct model *model) {
  ck_assert_uint_le(model->count, MOST_TENSORS);
  for (size_t i = 0; i < model->count; i++) {
    const struct stored_tensor *tensor = &model->tensors[i];
    uint32_t rank = file->tensors[i].rank;
    while (rank > 1 && file->tensors[i].extents[rank - 1] == 1) rank--;
    ck_assert_uint_eq(tensor->rank, rank > 0 ? rank : 1);
    for (size_t axis = 0; axis < rank; axis++)
      ck_assert_int_eq(tensor->shape[axis], file->tensors[i].extents[rank - 1 - axis]);
  }
}

static void expect_data(const struct file *file, const struct model *model) {
  for (size_t i = 0; i < model->count; i++)
    for (size_t k = 0; k < model->tensors[i].bytes; k++)
      ck_assert_uint_eq(model->tensors[i].data[k], data_byte(file->tensors[i].offset + k));
}

static void try_written(const struct model *model) {
  static struct memory_file file;
  if (file.path[0] == '\0') file = memory_file_create();
  struct problem problem = {""};
  struct model again;
  if (!gguf_format.write(model, "{}", file.path, &problem)) {
    expect_reason(&problem);
    return;
  }
  ck_assert_msg(gguf_format.open(file.path, &again, &problem), "what was written: %s", problem.text);
  expect_same(model, &again);
  gguf_format.close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct memory_file memory;
  if (memory.path[0] == '\0') memory = memory_file_create();
  start_options();
  set_int(KLDSEL_OPTION_THREADS, 1);
  struct input input = {bytes, size};
  struct file file = {.input = &input, .sound = true};
  put_file(&file);
  memory_file_fill(&memory, file.bytes, file.size);
  struct model model = {0};
  struct problem problem = {""};
  if (gguf_format.open(memory.path, &model, &problem)) {
    try_model(&model, false);
    try_model(&model, true);
    if (file.sound) {
      expect_header(&file, &model);
      expect_data(&file, &model);
    }
    /* Of no tensors, nothing is written. */
    if (model.count > 0) try_written(&model);
    gguf_format.close(&model);
  } else {
    expect_reason(&problem);
  }
  end_options();
  return 0;
}
