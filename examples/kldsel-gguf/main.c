/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks the layers of a GGUF file. */
#include <ggml.h>
#include <tool.h>
#include <unistd.h>

#include "gguf_format.h"

/* The library ends the process where it has no other answer. */
static void give_up(const char *text) {
  struct problem problem;
  problem_set(&problem, "ggml gave up: %.400s", text);
  problem_print(gguf_format.program, &problem);
  _exit(2);
}

int main(int argc, char **argv) {
  ggml_set_abort_callback(give_up);
  return tool_main(&gguf_format, argc, argv);
}
