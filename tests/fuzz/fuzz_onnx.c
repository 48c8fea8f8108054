/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that claim to be ONNX: refused with a reason, or tensors that can be read and ranked, and that are
 * the same when the model is written with a ranking and read again. */
#include <onnx_format.h>

#include "input.h"
#include "memory_file.h"

static void try_written(const struct model *model) {
  static struct memory_file file;
  if (file.path[0] == '\0') file = memory_file_create();
  struct problem problem = {""};
  struct model again;
  if (!onnx_format.write(model, "{}", file.path, &problem)) {
    expect_reason(&problem);
    return;
  }
  ck_assert_msg(onnx_format.open(file.path, &again, &problem), "what was written: %s", problem.text);
  expect_same(model, &again);
  onnx_format.close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct memory_file file;
  if (file.path[0] == '\0') file = memory_file_create();
  start_options();
  set_int(KLDSEL_OPTION_THREADS, 1);
  memory_file_fill(&file, bytes, size);
  struct model model = {0};
  struct problem problem = {""};
  if (onnx_format.open(file.path, &model, &problem)) {
    try_model(&model, false);
    try_model(&model, true);
    try_written(&model);
    onnx_format.close(&model);
  } else {
    expect_reason(&problem);
  }
  end_options();
  return 0;
}
