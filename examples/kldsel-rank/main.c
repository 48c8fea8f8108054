/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks the layers of a network in a safetensors file. */
#include "safetensors.h"
#include "tool.h"

int main(int argc, char **argv) {
  const struct format format = {
      .program = "kldsel-rank",
      .suffix = "safetensors",
      .open = safetensors_open,
      .close = safetensors_close,
  };
  return tool_main(&format, argc, argv);
}
