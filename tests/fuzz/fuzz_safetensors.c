/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that claim to be safetensors: refused with a reason, or tensors that can be read and ranked, and that
 * are the same when they are written and read again. */
#include <safetensors.h>
#include <safetensors_write.h>

#include "input.h"
#include "memory_file.h"

static void try_written(const struct model *model) {
  static struct memory_file file;
  if (file.path[0] == '\0') file = memory_file_create();
  struct problem problem = {""};
  struct model again;
  if (!safetensors_write(model, safetensors_metadata(model), "{}", file.path, &problem)) {
    expect_reason(&problem);
    return;
  }
  ck_assert_msg(safetensors_open(file.path, &again, &problem), "what was written: %s", problem.text);
  expect_same(model, &again);
  safetensors_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct memory_file file;
  if (file.path[0] == '\0') file = memory_file_create();
  start_options();
  set_int(KLDSEL_OPTION_THREADS, 1);
  memory_file_fill(&file, bytes, size);
  struct model model;
  struct problem problem = {""};
  if (safetensors_open(file.path, &model, &problem)) {
    try_model(&model, false);
    try_model(&model, true);
    try_written(&model);
    safetensors_close(&model);
  } else {
    expect_reason(&problem);
  }
  end_options();
  return 0;
}
