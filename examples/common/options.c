/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <errno.h>
#include <kldsel/kldsel.h>
#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"
#include "output.h"
#include "text.h"

/* The first choice of each is the default. */
struct choice {
  const char *name;
  int32_t value;
};

static const struct choice references[] = {
    {"uniform", KLDSEL_REFERENCE_UNIFORM},   {"others", KLDSEL_REFERENCE_OTHERS},
    {"previous", KLDSEL_REFERENCE_PREVIOUS}, {"next", KLDSEL_REFERENCE_NEXT},
    {"within", KLDSEL_REFERENCE_WITHIN},     {NULL, 0}};
static const struct choice granularities[] = {
    {"filter", KLDSEL_GRANULARITY_FILTER}, {"kernel", KLDSEL_GRANULARITY_KERNEL}, {NULL, 0}};
static const struct choice distributions[] = {
    {"profile", KLDSEL_DISTRIBUTION_PROFILE}, {"pairs", KLDSEL_DISTRIBUTION_PAIRS}, {NULL, 0}};
static const struct choice alignments[] = {
    {"quantile", KLDSEL_ALIGNMENT_QUANTILE}, {"index", KLDSEL_ALIGNMENT_INDEX}, {NULL, 0}};
static const struct choice orders[] = {{"low", KLDSEL_ORDER_LOW}, {"high", KLDSEL_ORDER_HIGH}, {NULL, 0}};
static const struct choice layouts[] = {{"oihw", KLDSEL_LAYOUT_OIHW},
                                        {"hwio", KLDSEL_LAYOUT_HWIO},
                                        {"ohwi", KLDSEL_LAYOUT_OHWI},
                                        {"iohw", KLDSEL_LAYOUT_IOHW},
                                        {"hwim", KLDSEL_LAYOUT_HWIM},
                                        {"hwoi", KLDSEL_LAYOUT_HWOI},
                                        {NULL, 0}};

static bool choose(const char *option, const char *text, const struct choice *choices, int32_t *value,
                   struct problem *problem) {
  char names[256] = "";
  for (const struct choice *choice = choices; choice->name != NULL; choice++) {
    if (strcmp(choice->name, text) == 0) {
      *value = choice->value;
      return true;
    }
    const size_t length = strlen(names);
    snprintf(names + length, sizeof names - length, "%s%s", length > 0 ? ", " : "", choice->name);
  }
  return problem_set(problem, "--%s '%.200s': must be one of %s", option, text, names);
}

static bool choose_method(const char *text, int *method, struct problem *problem) {
  *method = METHOD_ALL;
  if (strcmp(text, "all") == 0) return true;
  for (int i = 0; i < METHOD_COUNT; i++) {
    *method = i;
    if (strcmp(methods[i].name, text) == 0) return true;
  }
  return problem_set(
      problem,
      "--method '%.200s': must be all, cosine-SIGN or kl-SIGN with SIGN all, positive, negative "
      "or positive-negative, share-positive or share-negative",
      text);
}

/* Reads a whole number, or with `real` any number, that all of the text but `suffix` makes up. */
static bool read_number(const char *text, const char *suffix, bool real, double *number) {
  /* The C library reads hexadecimal digits and blanks in front, too. */
  const size_t length = strspn(text, "+-.eE0123456789");
  char *end;
  errno = 0;
  *number = real ? strtod(text, &end) : (double)strtoll(text, &end, 10);
  return errno == 0 && end == text + length && end != text && strcmp(end, suffix) == 0 && isfinite(*number);
}

static bool read_temperature(const char *text, double *temperature, struct problem *problem) {
  double lowest, highest;
  kldsel_options_bounds(KLDSEL_OPTION_TEMPERATURE, NULL, &lowest, &highest);
  if (read_number(text, "", true, temperature) && *temperature >= lowest && *temperature <= highest)
    return true;
  return problem_set(problem, "--temperature '%.200s': must be a number from %g to %g", text, lowest,
                     highest);
}

static bool read_threads(const char *text, int *threads, struct problem *problem) {
  double lowest, highest, number;
  kldsel_options_bounds(KLDSEL_OPTION_THREADS, NULL, &lowest, &highest);
  if (!read_number(text, "", false, &number) || number < lowest || number > highest)
    return problem_set(problem, "--threads '%.200s': must be a number from %g to %g", text, lowest, highest);
  *threads = (int)number;
  return true;
}

static bool read_select(const char *text, struct options *options, struct problem *problem) {
  double number;
  options->select_count = -1;
  options->select_share = -1.0;
  if (read_number(text, "%", true, &number) && number >= 0.0 && number <= 100.0)
    options->select_share = number / 100.0;
  else if (read_number(text, "", false, &number) && number >= 0.0 && number <= 9007199254740992.0)
    options->select_count = (int64_t)number;
  else
    return problem_set(problem, "--select '%.200s': must be a count of layers or a share as in 25%%", text);
  return true;
}

static void print_version(const char *program) {
  char build[256];
  kldsel_build_info(build, sizeof build);
  printf("%s %d.%d.%d with libkldsel %s\n%s\n", program, KLDSEL_VERSION_MAJOR, KLDSEL_VERSION_MINOR,
         KLDSEL_VERSION_PATCH, kldsel_version_string(), build);
}

enum key {
  KEY_METHOD = 1,
  KEY_REFERENCE,
  KEY_GRANULARITY,
  KEY_DISTRIBUTION,
  KEY_ALIGNMENT,
  KEY_TEMPERATURE,
  KEY_ORDER,
  KEY_SELECT,
  KEY_LAYOUT,
  KEY_DENSE,
  KEY_THREADS,
  KEY_JSON,
  KEY_CSV,
  KEY_VERBOSE,
  KEY_OUTPUT,
  KEY_SAFETENSORS,
  KEY_FREEZE_LIST,
  KEY_HELP,
  KEY_VERSION
};

static bool set_path(const char *option, const char *text, char **path, struct problem *problem) {
  if (*text == '\0') return problem_set(problem, "--%s '': must name a file", option);
  free(*path);
  *path = strdup(text);
  return *path != NULL || problem_out_of_memory(problem);
}

static bool set_option(int key, const char *text, struct options *options, struct problem *problem) {
  switch (key) {
  case KEY_METHOD:
    return choose_method(text, &options->method, problem);
  case KEY_REFERENCE:
    if (strcmp(text, "given") == 0)
      return problem_set(problem,
                         "--reference 'given': needs a second network, which this program does not read");
    return choose("reference", text, references, &options->reference, problem);
  case KEY_GRANULARITY:
    return choose("granularity", text, granularities, &options->granularity, problem);
  case KEY_DISTRIBUTION:
    return choose("distribution", text, distributions, &options->distribution, problem);
  case KEY_ALIGNMENT:
    return choose("alignment", text, alignments, &options->alignment, problem);
  case KEY_TEMPERATURE:
    return read_temperature(text, &options->temperature, problem);
  case KEY_ORDER:
    return choose("order", text, orders, &options->order, problem);
  case KEY_SELECT:
    return read_select(text, options, problem);
  case KEY_LAYOUT:
    return choose("layout", text, layouts, &options->layout, problem);
  case KEY_DENSE:
    options->dense = true;
    return true;
  case KEY_THREADS:
    return read_threads(text, &options->threads, problem);
  case KEY_JSON:
  case KEY_CSV:
    options->format = key == KEY_JSON ? FORMAT_JSON : FORMAT_CSV;
    return true;
  case KEY_OUTPUT:
    return set_path("output", text, &options->output, problem);
  case KEY_SAFETENSORS:
    return set_path("safetensors", text, &options->safetensors, problem);
  case KEY_FREEZE_LIST:
    return set_path("freeze-list", text, &options->freeze_list, problem);
  default:
    options->verbose = true;
    return true;
  }
}

/* What each option alone cannot tell. */
static bool check_paths(const struct options *options, struct problem *problem) {
  if (output_same(options->output, options->safetensors))
    return problem_set(problem, "--output and --safetensors are both '%.200s'", options->output);
  if (output_same(options->freeze_list, options->output) ||
      output_same(options->freeze_list, options->safetensors) ||
      output_same(options->freeze_list, options->file))
    return problem_set(problem, "--freeze-list and a model are both '%.200s'", options->freeze_list);
  if (output_same(options->safetensors, options->file))
    return problem_set(problem, "--safetensors is the model that is read, '%.200s'; --output may be",
                       options->safetensors);
  if (options->freeze_list != NULL && options->select_count < 0 && options->select_share < 0.0)
    return problem_set(problem, "--freeze-list needs --select, which tells how many layers to train");
  return true;
}

static enum options_result parse(const struct format *format, poptContext context, struct options *options,
                                 struct problem *problem) {
  int key;
  while ((key = poptGetNextOpt(context)) > 0) {
    if (key == KEY_HELP) {
      poptPrintHelp(context, stdout, 0);
      if (format->help != NULL) printf("\n%s", format->help);
      return OPTIONS_DONE;
    }
    if (key == KEY_VERSION) {
      print_version(format->program);
      return OPTIONS_DONE;
    }
    char *text = poptGetOptArg(context);
    const bool set = set_option(key, text, options, problem);
    free(text);
    if (!set) return OPTIONS_WRONG;
  }
  const char *file = poptGetArg(context), *excess = poptGetArg(context);
  if (key < -1)
    problem_set(problem, "%.200s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS), poptStrerror(key));
  else if (file == NULL)
    problem_set(problem, "no file is named; see --help");
  else if (excess != NULL)
    problem_set(problem, "'%.200s': is one file too many", excess);
  else if ((options->file = strdup(file)) == NULL)
    problem_out_of_memory(problem);
  else if (check_paths(options, problem))
    return OPTIONS_RUN;
  return OPTIONS_WRONG;
}

enum options_result options_parse(const struct format *format, int argc, const char **argv,
                                  struct options *options, struct problem *problem) {
  *options = (struct options){
      .method = METHOD_DEFAULT, .temperature = 1.0, .select_count = -1, .select_share = -1.0};
  struct poptOption ranking[] = {
      {"method", 'm', POPT_ARG_STRING, NULL, KEY_METHOD,
       "cosine-SIGN, kl-SIGN or share-SIGN with SIGN all, positive, negative or positive-negative (share: "
       "positive "
       "or negative); or all, which shows them all and ranks by the default, kl-positive-negative",
       "MEASURE-SIGN"},
      {"reference", 'r', POPT_ARG_STRING, NULL, KEY_REFERENCE,
       "what kl compares with: uniform (default), others, previous, next, within", "NAME"},
      {"order", 'o', POPT_ARG_STRING, NULL, KEY_ORDER,
       "what ranks first: low (default of kl and share-negative) or high (default of the others)", "NAME"},
      {"select", 's', POPT_ARG_STRING, NULL, KEY_SELECT, "mark the best N layers, or the best P percent",
       "N|P%"},
      {"layout", 'l', POPT_ARG_STRING, NULL, KEY_LAYOUT,
       "axes of the convolutions: oihw (PyTorch, default), hwio (Keras), ohwi (TensorFlow Lite), iohw "
       "(PyTorch "
       "transposed), hwoi (Keras transposed), hwim (Keras depthwise)",
       "NAME"},
      {"dense", 'd', POPT_ARG_NONE, NULL, KEY_DENSE, "rank dense layers, too", NULL},
      {"include", 'i', POPT_ARG_ARGV, &options->include, 0, "rank layers of these names only (repeatable)",
       "PATTERN"},
      {"exclude", 'e', POPT_ARG_ARGV, &options->exclude, 0, "leave layers of these names out (repeatable)",
       "PATTERN"},
      {"granularity", '\0', POPT_ARG_STRING, NULL, KEY_GRANULARITY, "filter (default) or kernel", "NAME"},
      {"distribution", '\0', POPT_ARG_STRING, NULL, KEY_DISTRIBUTION, "profile (default) or pairs", "NAME"},
      {"alignment", '\0', POPT_ARG_STRING, NULL, KEY_ALIGNMENT, "quantile (default) or index", "NAME"},
      {"temperature", 't', POPT_ARG_STRING, NULL, KEY_TEMPERATURE, "of the softmax, default 1", "T"},
      {"threads", 'j', POPT_ARG_STRING, NULL, KEY_THREADS, "0 (default) for all cores", "N"},
      {"json", '\0', POPT_ARG_NONE, NULL, KEY_JSON, "print JSON", NULL},
      {"csv", '\0', POPT_ARG_NONE, NULL, KEY_CSV, "print CSV", NULL},
      {"verbose", 'v', POPT_ARG_NONE, NULL, KEY_VERBOSE, "list the skipped tensors", NULL},
      {"help", 'h', POPT_ARG_NONE, NULL, KEY_HELP, "print this", NULL},
      {"version", 'V', POPT_ARG_NONE, NULL, KEY_VERSION, "print the versions", NULL},
      POPT_TABLEEND};
  const struct poptOption writing[] = {
      {"output", 'O', POPT_ARG_STRING, NULL, KEY_OUTPUT,
       "write the model in its own format, with the ranking in its metadata", "FILE"},
      {"safetensors", 'S', POPT_ARG_STRING, NULL, KEY_SAFETENSORS,
       "write all of its tensors as safetensors, with the ranking in the metadata", "FILE"},
      {"freeze-list", 'F', POPT_ARG_STRING, NULL, KEY_FREEZE_LIST,
       "write which layers to train and which to freeze, by --select; JSON for kldsel.freeze() in Python",
       "FILE"},
      {NULL, '\0', POPT_ARG_INCLUDE_TABLE, ranking, 0, "Ranking and report:", NULL},
      POPT_TABLEEND};
  poptContext context =
      poptGetContext(format->program, argc, argv, format->write != NULL ? writing : ranking, 0);
  char *usage = text_format("[OPTION...] FILE.%s", format->suffix);
  enum options_result result = OPTIONS_WRONG;
  if (context == NULL || usage == NULL) {
    problem_out_of_memory(problem);
  } else {
    poptSetOtherOptionHelp(context, usage);
    result = parse(format, context, options, problem);
  }
  poptFreeContext(context);
  free(usage);
  return result;
}

static void free_patterns(char **patterns) {
  for (size_t i = 0; patterns != NULL && patterns[i] != NULL; i++) free(patterns[i]);
  free(patterns);
}

void options_free(struct options *options) {
  free(options->file);
  free(options->output);
  free(options->safetensors);
  free(options->freeze_list);
  free_patterns(options->include);
  free_patterns(options->exclude);
}

static const char *name_of(const struct choice *choices, int32_t value) {
  for (const struct choice *choice = choices; choice->name != NULL; choice++)
    if (choice->value == value) return choice->name;
  return choices[0].name;
}

int options_ranking_method(const struct options *options) {
  return options->method == METHOD_ALL ? METHOD_DEFAULT : options->method;
}

const char *options_method_name(const struct options *options) {
  return options->method == METHOD_ALL ? "all" : methods[options->method].name;
}

const char *options_reference_name(const struct options *options) {
  return name_of(references, options->reference);
}

const char *options_granularity_name(const struct options *options) {
  return name_of(granularities, options->granularity);
}

const char *options_distribution_name(const struct options *options) {
  return name_of(distributions, options->distribution);
}

const char *options_alignment_name(const struct options *options) {
  return name_of(alignments, options->alignment);
}

const char *options_layout_name(const struct options *options) {
  return name_of(layouts, options->layout);
}

const char *options_order_name(int32_t order) {
  return name_of(orders, order);
}
