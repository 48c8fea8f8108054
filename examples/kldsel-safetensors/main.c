/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks the layers of a safetensors file and writes it again with the ranking. */
#include "safetensors.h"
#include "safetensors_write.h"
#include "tool.h"

/* What the file has under other keys of its metadata stays. */
static bool write_again(const struct model *model, const char *ranking, const char *path,
                        struct problem *problem) {
  return safetensors_write(model, safetensors_metadata(model), ranking, path, problem);
}

int main(int argc, char **argv) {
  const struct format format = {
      .program = "kldsel-safetensors",
      .suffix = "safetensors",
      .help = "The ranking goes into __metadata__, as kldsel.ranking: JSON, as --json prints it.\n",
      .open = safetensors_open,
      .write = write_again,
      .close = safetensors_close,
  };
  return tool_main(&format, argc, argv);
}
