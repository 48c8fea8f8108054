/* SPDX-License-Identifier: BSD-3-Clause */
#include "tool.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "freeze_list.h"
#include "layers.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "safetensors_write.h"
#include "scores.h"
#include "supervise.h"

enum {
  EXIT_PROBLEM = 2
};

/* A run, from the command line to the files that it makes. */
struct job {
  const struct format *format;
  const struct options *options;
  struct output model, safetensors, freeze_list;
};

static bool print_report(const struct report *report, struct problem *problem) {
  switch (report->options->format) {
  case FORMAT_JSON:
    return report_json(report, problem);
  case FORMAT_CSV:
    return report_csv(report, problem);
  default:
    return report_table(report, problem);
  }
}

static bool write_models(const struct job *job, const struct model *model, const struct report *report,
                         struct problem *problem) {
  if (job->model.temporary == NULL && job->safetensors.temporary == NULL) return true;
  char *ranking = report_record(report);
  if (ranking == NULL) return problem_out_of_memory(problem);
  const bool written = (job->model.temporary == NULL || job->format->write == NULL ||
                        job->format->write(model, ranking, job->model.temporary, problem)) &&
                       (job->safetensors.temporary == NULL ||
                        safetensors_write(model, NULL, ranking, job->safetensors.temporary, problem));
  free(ranking);
  return written;
}

/* The report comes last, as a run that fails prints none. */
static bool deliver(const struct job *job, const struct model *model, const struct report *report,
                    struct problem *problem) {
  return write_models(job, model, report, problem) &&
         (job->freeze_list.temporary == NULL ||
          freeze_list_write(report, job->freeze_list.temporary, problem)) &&
         print_report(report, problem);
}

static bool run(const struct job *job, struct problem *problem) {
  struct model model = {0};
  struct layers layers;
  struct scores scores;
  if (!job->format->open(job->options->file, &model, problem)) return false;
  bool done = model_check_names(&model, problem) &&
              layers_choose(&model, job->options, job->format->write != NULL, &layers, problem);
  if (done) {
    done = scores_compute(&layers, job->options, &scores, problem);
    if (done) {
      done = deliver(job, &model, &(struct report){job->options, &layers, &scores}, problem);
      scores_free(&scores);
    }
    layers_free(&layers);
  }
  job->format->close(&model);
  return done;
}

/* After the work, as a run that fails says one line only. */
static void advise(const struct job *job) {
  const char *better = kldsel_blas_better_core();
  /* At other levels the library multiplies itself. */
  int by_blas = kldsel_cpu_level() == KLDSEL_CPU_LEVEL_BASELINE && scores_multiply_matrices(job->options);
  if (*better != '\0' && by_blas)
    fprintf(stderr,
            "%s: OpenBLAS uses shorter vectors than this processor has; pairs and within may run faster "
            "with OPENBLAS_CORETYPE=%s in the environment\n",
            job->format->program, better);
}

/* In the process of its own: says itself what went wrong. */
static int work(void *user) {
  const struct job *job = user;
  struct problem problem, cause;
  const bool done =
      (run(job, &cause) || problem_set(&problem, "%.400s: %s", job->options->file, cause.text)) &&
      output_flush(&problem);
  if (done)
    advise(job);
  else
    problem_print(job->format->program, &problem);
  return done ? 0 : EXIT_PROBLEM;
}

static bool begin_outputs(struct job *job, struct problem *problem) {
  return output_begin(job->options->output, &job->model, problem) &&
         output_begin(job->options->safetensors, &job->safetensors, problem) &&
         output_begin(job->options->freeze_list, &job->freeze_list, problem);
}

static bool commit_outputs(struct job *job, struct problem *problem) {
  return output_commit(&job->model, problem) && output_commit(&job->safetensors, problem) &&
         output_commit(&job->freeze_list, problem);
}

static int run_job(struct job *job) {
  struct problem problem, cause;
  int status = EXIT_PROBLEM;
  bool told = false;
  bool done = begin_outputs(job, &problem);
  if (done) {
    status = supervise(work, job, &cause);
    told = status != 0 && status != SUPERVISE_FAILED;
    done = status == 0;
    if (done)
      done = commit_outputs(job, &problem);
    else if (!told)
      problem_set(&problem, "%.400s: %s", job->options->file, cause.text);
  }
  if (!done && !told) problem_print(job->format->program, &problem);
  output_end(&job->model);
  output_end(&job->safetensors);
  output_end(&job->freeze_list);
  return done ? 0 : told ? status : EXIT_PROBLEM;
}

int tool_main(const struct format *format, int argc, char **argv) {
  /* Characters as the terminal has them; numbers keep their point. */
  setlocale(LC_CTYPE, "");
  struct options options;
  struct problem problem;
  /* C knows no conversion of char ** to const char **, harmless as it is. */
  const char **arguments = (void *)argv;
  const enum options_result parsed = options_parse(format, argc, arguments, &options, &problem);
  int status = EXIT_PROBLEM;
  if (parsed == OPTIONS_RUN)
    status = run_job(&(struct job){.format = format, .options = &options});
  else if (parsed == OPTIONS_DONE && output_flush(&problem))
    status = 0;
  else
    problem_print(format->program, &problem);
  options_free(&options);
  return status;
}
