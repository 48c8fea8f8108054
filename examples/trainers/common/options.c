/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

#define DATA "/usr/share/datasets/fashion-mnist"

/* Shoes, bags and trousers are what a network knows; then it learns to tell tops from one another. */
#define SOURCE "1,5,7,8,9"
#define TARGET "0,2,3,4,6"

static bool check(const char *option, int value, int least, int most, struct problem *problem) {
  if (value >= least && value <= most) return true;
  return problem_set(problem, "--%s %d: must be from %d to %d", option, value, least, most);
}

static bool check_all(struct options *options, const char *source, const char *target,
                      struct problem *problem) {
  return check("pretrain-images", options->pretrain_images, 0, 1000000, problem) &&
         check("pretrain-epochs", options->pretrain_epochs, 0, 1000, problem) &&
         check("images", options->images, 0, 1000000, problem) &&
         check("epochs", options->epochs, 1, 1000, problem) &&
         check("tests", options->tests, 0, 1000000, problem) &&
         check("layers", options->layers, 1, 1000, problem) &&
         check("runs", options->runs, 1, 1000, problem) &&
         check("seed", options->seed, 0, 1000000, problem) &&
         classes_parse("source", source, &options->source, problem) &&
         classes_parse("target", target, &options->target, problem);
}

static enum options_result parse(poptContext context, const int *help, struct problem *problem) {
  const int key = poptGetNextOpt(context);
  if (key < -1) {
    problem_set(problem, "%.200s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(key));
    return OPTIONS_WRONG;
  }
  if (*help) {
    poptPrintHelp(context, stdout, 0);
    return OPTIONS_DONE;
  }
  const char *excess = poptGetArg(context);
  if (excess == NULL) return OPTIONS_RUN;
  problem_set(problem, "'%.200s': is no option; see --help", excess);
  return OPTIONS_WRONG;
}

enum options_result options_parse(int argc, const char **argv, struct poptOption *own,
                                  struct options *options, struct problem *problem) {
  char *source = NULL, *target = NULL;
  int help = 0;
  struct poptOption none[] = {POPT_TABLEEND};
  options->data = DATA;
  options->save = NULL;
#define NUMBER(name, member, text)                                                                           \
  { name, '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &options->member, 0, text, "N" }
#define TEXT(name, variable, text, what)                                                                     \
  { name, '\0', POPT_ARG_STRING, &(variable), 0, text, what }
  struct poptOption table[] = {
      TEXT("data", options->data, "folder of the images (default: " DATA ")", "FOLDER"),
      TEXT("source", source, "classes to pretrain on (default: " SOURCE ")", "CLASSES"),
      TEXT("target", target, "classes to fine-tune on (default: " TARGET ")", "CLASSES"),
      NUMBER("pretrain-images", pretrain_images, "images to pretrain on; 0 for all"),
      NUMBER("pretrain-epochs", pretrain_epochs, "how often they are seen"),
      NUMBER("images", images, "images to fine-tune on; 0 for all"),
      NUMBER("epochs", epochs, "how often they are seen"),
      NUMBER("tests", tests, "test images; 0 for all"),
      NUMBER("layers", layers, "convolutions to fine-tune"),
      NUMBER("runs", runs, "how often each way to fine-tune is tried, from another seed each time"),
      NUMBER("seed", seed, "of the first run"),
      TEXT("save", options->save, "save the weights there, as .safetensors", "FOLDER"),
      {"help", 'h', POPT_ARG_NONE, &help, 0, "print this", NULL},
      {NULL, '\0', POPT_ARG_INCLUDE_TABLE, own != NULL ? own : none, 0, NULL, NULL},
      POPT_TABLEEND};
#undef NUMBER
#undef TEXT
  poptContext context = poptGetContext(argv[0], argc, argv, table, 0);
  if (context == NULL) {
    problem_out_of_memory(problem);
    return OPTIONS_WRONG;
  }
  enum options_result result = parse(context, &help, problem);
  if (result == OPTIONS_RUN &&
      !check_all(options, source != NULL ? source : SOURCE, target != NULL ? target : TARGET, problem))
    result = OPTIONS_WRONG;
  poptFreeContext(context);
  free(source);
  free(target);
  return result;
}
