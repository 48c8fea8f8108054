/* SPDX-License-Identifier: BSD-3-Clause */
#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DATA "/usr/share/datasets/fashion-mnist"

/* Shoes, bags and trousers are what a network knows; then it learns to tell tops from one another. */
#define SOURCE "1,5,7,8,9"
#define TARGET "0,2,3,4,6"

#define NUMBERS 8

struct number {
  const char *name;
  int *value;
  int least, most;
  const char *help;
};

static bool read_number(const char *text, const struct number *number, struct problem *problem) {
  char *end;
  errno = 0;
  const long value = strtol(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < number->least || value > number->most)
    return problem_set(problem, "--%s '%.100s': must be a number from %d to %d", number->name, text,
                       number->least, number->most);
  *number->value = (int)value;
  return true;
}

static enum arguments_result parse(poptContext context, const struct number *numbers,
                                   struct problem *problem) {
  int key;
  while ((key = poptGetNextOpt(context)) > 0) {
    if (key > NUMBERS) {
      poptPrintHelp(context, stdout, 0);
      return ARGUMENTS_DONE;
    }
    char *text = poptGetOptArg(context);
    const bool read =
        text != NULL ? read_number(text, &numbers[key - 1], problem) : problem_out_of_memory(problem);
    free(text);
    if (!read) return ARGUMENTS_WRONG;
  }
  if (key < -1) {
    problem_set(problem, "%.200s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(key));
    return ARGUMENTS_WRONG;
  }
  const char *excess = poptGetArg(context);
  if (excess == NULL) return ARGUMENTS_RUN;
  problem_set(problem, "'%.200s': is no option; see --help", excess);
  return ARGUMENTS_WRONG;
}

static bool parse_classes(const char *source, const char *target, struct arguments *arguments,
                          struct problem *problem) {
  return classes_parse("source", source != NULL ? source : SOURCE, &arguments->source, problem) &&
         classes_parse("target", target != NULL ? target : TARGET, &arguments->target, problem);
}

enum arguments_result arguments_parse(int argc, const char **argv, struct poptOption *own,
                                      struct arguments *arguments, struct problem *problem) {
  const struct number numbers[NUMBERS] = {
      {"pretrain-images", &arguments->pretrain_images, 0, 1000000, "images to pretrain on; 0 for all"},
      {"pretrain-epochs", &arguments->pretrain_epochs, 0, 1000, "how often they are seen"},
      {"images", &arguments->images, 0, 1000000, "images to fine-tune on; 0 for all"},
      {"epochs", &arguments->epochs, 1, 1000, "how often they are seen"},
      {"tests", &arguments->tests, 0, 1000000, "test images; 0 for all"},
      {"layers", &arguments->layers, 1, arguments->most_layers, "convolutions to fine-tune"},
      {"runs", &arguments->runs, 1, MOST_RUNS, "how often each way is tried, from another seed each time"},
      {"seed", &arguments->seed, 0, 1000000, "of the first run"}};
  char *source = NULL, *target = NULL, help[NUMBERS][128];
  struct poptOption none[] = {POPT_TABLEEND};
  struct poptOption table[NUMBERS + 7] = {
      {"data", '\0', POPT_ARG_STRING, &arguments->data, 0, "folder of the images (default: " DATA ")",
       "FOLDER"},
      {"source", '\0', POPT_ARG_STRING, &source, 0, "classes to pretrain on (default: " SOURCE ")",
       "CLASSES"},
      {"target", '\0', POPT_ARG_STRING, &target, 0, "classes to fine-tune on (default: " TARGET ")",
       "CLASSES"},
      {"save", '\0', POPT_ARG_STRING, &arguments->save, 0, "save weights there, as .safetensors", "FOLDER"},
      {"help", 'h', POPT_ARG_NONE, NULL, NUMBERS + 1, "print this", NULL},
      {NULL, '\0', POPT_ARG_INCLUDE_TABLE, own != NULL ? own : none, 0, NULL, NULL}};
  for (int i = 0; i < NUMBERS; i++) {
    snprintf(help[i], sizeof help[i], "%s (default: %d)", numbers[i].help, *numbers[i].value);
    table[6 + i] = (struct poptOption){numbers[i].name, '\0', POPT_ARG_STRING, NULL, i + 1, help[i], "N"};
  }
  arguments->data = DATA;
  arguments->save = NULL;
  poptContext context = poptGetContext(argv[0], argc, argv, table, 0);
  if (context == NULL) {
    problem_out_of_memory(problem);
    return ARGUMENTS_WRONG;
  }
  enum arguments_result result = parse(context, numbers, problem);
  if (result == ARGUMENTS_RUN && !parse_classes(source, target, arguments, problem)) result = ARGUMENTS_WRONG;
  poptFreeContext(context);
  free(source);
  free(target);
  return result;
}
