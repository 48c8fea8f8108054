/* SPDX-License-Identifier: BSD-3-Clause */
/* main() of a fuzz target where there is no libFuzzer: runs the inputs that are named. */
#include <stdio.h>
#include <stdlib.h>

#include "input.h"

enum {
  LONGEST = 1 << 20
};

static int replay(const char *path, uint8_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    return EXIT_FAILURE;
  }
  size_t size = fread(bytes, 1, LONGEST, file);
  fclose(file);
  return LLVMFuzzerTestOneInput(bytes, size);
}

int main(int argc, char **argv) {
  uint8_t *bytes = malloc(LONGEST);
  int failed = bytes == NULL || argc < 2;
  for (int i = 1; i < argc && !failed; i++) failed = replay(argv[i], bytes);
  free(bytes);
  if (!failed) printf("%d inputs\n", argc - 1);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
