/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks the layers of a network in a safetensors file: file -> layers -> scores -> report. */
#include <errno.h>
#include <kldsel/kldsel.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "layers.h"
#include "options.h"
#include "problem.h"
#include "report.h"
#include "safetensors.h"
#include "scores.h"

enum {
  EXIT_PROBLEM = 2
};

static bool report(const struct report *report, struct problem *problem) {
  switch (report->options->format) {
  case FORMAT_JSON:
    return report_json(report, problem);
  case FORMAT_CSV:
    return report_csv(report, problem);
  default:
    return report_table(report, problem);
  }
}

static bool run(const struct options *options, struct problem *problem) {
  struct safetensors file;
  struct layers layers;
  struct scores scores;
  if (!safetensors_open(options->file, &file, problem)) return false;
  bool done = layers_choose(&file, options, &layers, problem);
  if (done) {
    done = scores_compute(&layers, options, &scores, problem);
    if (done) {
      done = report(&(struct report){options, &layers, &scores}, problem);
      scores_free(&scores);
    }
    layers_free(&layers);
  }
  safetensors_close(&file);
  return done;
}

/* Output may still be in the buffer, and the disk full. */
static bool flush(struct problem *problem) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return true;
  return problem_set(problem, "standard output: %s", errno != 0 ? strerror(errno) : "cannot be written");
}

/* After the work, as a run that fails says one line only. */
static void advise(const struct options *options) {
  const char *better = kldsel_blas_better_core();
  /* At other levels the library multiplies itself. */
  int by_blas = kldsel_cpu_level() == KLDSEL_CPU_LEVEL_BASELINE && scores_multiply_matrices(options);
  if (*better != '\0' && by_blas)
    fprintf(
        stderr,
        "kldsel-rank: OpenBLAS uses shorter vectors than this processor has; pairs and within may run faster "
        "with OPENBLAS_CORETYPE=%s in the environment\n",
        better);
}

int main(int argc, char **argv) {
  /* Characters as the terminal has them; numbers keep their point. */
  setlocale(LC_CTYPE, "");
  struct options options;
  struct problem problem;
  /* C knows no conversion of char ** to const char **, harmless as it is. */
  const char **arguments = (void *)argv;
  const enum options_result parsed = options_parse(argc, arguments, &options, &problem);
  bool done = parsed == OPTIONS_DONE;
  if (parsed == OPTIONS_RUN) {
    struct problem cause;
    done = run(&options, &cause) || problem_set(&problem, "%.400s: %s", options.file, cause.text);
  }
  done = done && flush(&problem);
  if (!done)
    problem_print(&problem);
  else if (parsed == OPTIONS_RUN)
    advise(&options);
  options_free(&options);
  return done ? 0 : EXIT_PROBLEM;
}
