/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5 files of any content that libhdf5 would write: refused with a reason, or the data of every variable as
 * they were written; the same when the file is copied with a ranking and read again. Every object is closed.
 */
#include <hdf5.h>
#include <hdf5_format.h>
#include <string.h>

#include "hdf5_writer.h"
#include "memory_file.h"

/* What has room in the file, but was not written, is 0. */
static void expect_written(const struct model *model, bool whole) {
  for (size_t i = 0; i < model->count; i++) {
    const struct stored_tensor *tensor = &model->tensors[i];
    ck_assert_uint_eq(tensor->bytes > 0, tensor->data != NULL);
    bool empty = !whole && tensor->bytes > 0 && tensor->data[0] == 0;
    for (size_t k = 0; k < tensor->bytes; k++) ck_assert_uint_eq(tensor->data[k], empty ? 0 : hdf5_byte(k));
    uint64_t elements = tensor->bytes > 0;
    for (size_t axis = 0; axis < tensor->rank && axis < KLDSEL_MAX_RANK; axis++)
      elements *= (uint64_t)tensor->shape[axis];
    if (tensor->bytes > 0) ck_assert_uint_eq(tensor->bytes % elements, 0);
  }
}

static void try_written(const struct model *model) {
  static struct memory_file file;
  if (file.path[0] == '\0') file = memory_file_create_named();
  struct problem problem = {""};
  struct model again;
  if (!hdf5_format.write(model, "{}", file.path, &problem)) {
    expect_reason(&problem);
    return;
  }
  ck_assert_msg(hdf5_format.open(file.path, &again, &problem), "what was written: %s", problem.text);
  expect_same(model, &again);
  hdf5_format.close(&again);
}

static void try_file(const char *path, bool whole) {
  /* Writing, libhdf5 itself may forget some. */
  ssize_t open = H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
  struct model model = {0};
  struct problem problem = {""};
  if (hdf5_format.open(path, &model, &problem)) {
    expect_written(&model, whole);
    try_model(&model, false);
    try_model(&model, true);
    try_written(&model);
    hdf5_format.close(&model);
  } else {
    expect_reason(&problem);
    ck_assert_msg(!whole || strstr(problem.text, "are stored") == NULL, "all is stored: %s", problem.text);
  }
  ck_assert_int_eq(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL), open);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct memory_file file;
  if (file.path[0] == '\0') {
    file = memory_file_create_named();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    /* What libhdf5 keeps for later would look like a leak. */
    H5set_free_list_limits(0, 0, 0, 0, 0, 0);
  }
  start_options();
  set_int(KLDSEL_OPTION_THREADS, 1);
  struct input input = {bytes, size};
  bool whole = hdf5_write(&input, file.path);
  try_file(file.path, whole);
  end_options();
  return 0;
}
