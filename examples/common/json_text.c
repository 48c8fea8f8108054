/* SPDX-License-Identifier: BSD-3-Clause */
#include "json_text.h"

/* A tensor takes ten or so: enough for 200 000 of them. */
#define MOST_VALUES 2000000

/* Counts the values, at most one too many for each object or array. The tree of a value takes 250 bytes at
 * most, and a text could have one for every other byte. */
static size_t count_values(const char *text, size_t length) {
  size_t count = 1;
  bool quoted = false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '"')
      quoted = !quoted;
    else if (quoted)
      i += text[i] == '\\';
    else
      count += text[i] == '{' || text[i] == '[' || text[i] == ',' || text[i] == ':';
  }
  return count;
}

json_t *json_text_parse(const char *text, size_t length, size_t flags, const char *what,
                        struct problem *problem) {
  const size_t values = count_values(text, length);
  if (values > MOST_VALUES) {
    problem_set(problem, "%s has about %zu values; must have %d at most", what, values, MOST_VALUES);
    return NULL;
  }
  json_error_t error;
  json_t *parsed = json_loadb(text, length, flags, &error);
  /* Jansson has no text for the lack of memory. */
  if (parsed == NULL && error.text[0] == '\0')
    problem_out_of_memory(problem);
  else if (parsed == NULL)
    problem_set(problem, "%s, byte %d: %s", what, error.position, error.text);
  return parsed;
}
