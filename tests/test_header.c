/* SPDX-License-Identifier: BSD-3-Clause */
/* The public header, alone and first, by the letter of C99; its constants and types are pinned. */
#include "kldsel/kldsel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pinned.h"

#ifndef KLDSEL_HEADER
#error "define KLDSEL_HEADER as the path of the public header"
#endif

struct constant {
  const char *name;
  long is, must_be;
};

#define CONSTANT(name, number) {#name, name, number},
static const struct constant constants[] = {PINNED_CONSTANTS(CONSTANT)};

/* An initialiser of another type does not compile; a function that is not exported does not link. */
#define POINTER(result, name, arguments) static result(*const pinned_##name) arguments = name;
PINNED_FUNCTIONS(POINTER)

/* The callbacks' types, spelled out. */
static void *(*const pinned_allocate)(void *, size_t) = (kldsel_allocate_function)NULL;
static void (*const pinned_release)(void *, void *) = (kldsel_release_function)NULL;
static int32_t (*const pinned_progress)(void *, uint64_t, uint64_t) = (kldsel_progress_function)NULL;
static void (*const pinned_freed)(void *) = (kldsel_freed_function)NULL;

typedef void (*function)(void);
#define ADDRESS(result, name, arguments) (function) pinned_##name,
static const function functions[] = {PINNED_FUNCTIONS(ADDRESS)};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct constant *find(const char *name) {
  size_t i;
  for (i = 0; i < COUNT(constants); i++)
    if (strcmp(constants[i].name, name) == 0) return &constants[i];
  return NULL;
}

/* What the header's text says: so a new constant, or function, cannot go unpinned. */
static int check_text(FILE *header) {
  char line[512], name[64], *equals;
  long number;
  size_t seen_constants = 0, seen_functions = 0;
  int failures = 0;
  while (fgets(line, sizeof line, header)) {
    if (strncmp(line, "KLDSEL_API ", 11) == 0) seen_functions++;
    equals = strstr(line, " = ");
    if (equals && sscanf(line, " %63[A-Z0-9_]", name) == 1 && strncmp(name, "KLDSEL_", 7) == 0) {
      const struct constant *constant = find(name);
      number = strtol(equals + 3, NULL, 10);
      seen_constants++;
      if (!constant || constant->must_be != number) {
        fprintf(stderr, "%s = %ld in the header, but %s in pinned.h\n", name, number,
                constant ? "another number" : "missing");
        failures++;
      }
    }
  }
  if (seen_constants != COUNT(constants) || seen_functions != COUNT(functions)) {
    fprintf(stderr, "the header has %lu constants and %lu functions, pinned.h has %lu and %lu\n",
            (unsigned long)seen_constants, (unsigned long)seen_functions, (unsigned long)COUNT(constants),
            (unsigned long)COUNT(functions));
    failures++;
  }
  return failures;
}

int main(void) {
  int failures = 0;
  size_t i;
  FILE *header = fopen(KLDSEL_HEADER, "r");
  if (!header) {
    perror(KLDSEL_HEADER);
    return EXIT_FAILURE;
  }
  failures += check_text(header);
  fclose(header);
  for (i = 0; i < COUNT(constants); i++)
    if (constants[i].is != constants[i].must_be) {
      fprintf(stderr, "%s is %ld, must be %ld\n", constants[i].name, constants[i].is, constants[i].must_be);
      failures++;
    }
  failures += pinned_allocate || pinned_release || pinned_progress || pinned_freed;
  for (i = 0; i < COUNT(functions); i++) failures += functions[i] == NULL;
  if (KLDSEL_MAX_RANK != 8 || KLDSEL_VERSION_MAJOR != 1 || sizeof(kldsel_status) != 4) {
    fprintf(stderr, "the highest rank, the major version or the size of a status has changed\n");
    failures++;
  }
  printf("%lu constants, %lu functions\n", (unsigned long)COUNT(constants), (unsigned long)COUNT(functions));
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
