/* SPDX-License-Identifier: BSD-3-Clause */
/* What main() is in the trainers in C++. */
#ifndef KLDSEL_TRAINERS_PROGRAM_HPP
#define KLDSEL_TRAINERS_PROGRAM_HPP

#include <stdexcept>

#include "arguments.h"
#include "dataset.hpp"
#include "output.h"

namespace trainers {

/*
 * Reads the options into `arguments`, which holds the defaults, and does the work; `own` are the trainer's
 * own options or NULL. What is thrown is told in one line. Returns the exit status.
 */
template <class Work>
int run_program(int argc, const char **argv, poptOption *own, arguments &arguments, Work work) {
  problem problem;
  try {
    const arguments_result result = arguments_parse(argc, argv, own, &arguments, &problem);
    check(result != ARGUMENTS_WRONG, problem);
    if (result == ARGUMENTS_RUN) work(arguments);
    check(output_flush(&problem), problem);
    return 0;
  } catch (const std::exception &error) {
    problem_set(&problem, "%s", error.what());
  }
  problem_print(argv[0], &problem);
  return 2;
}

} // namespace trainers

#endif
