/* SPDX-License-Identifier: BSD-3-Clause */
/* main() and the test cases of the Check suites. */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

int main(void) {
  /* Check's own default of 4 s is too short under valgrind; meson has a limit for the whole file. */
  if (setenv("CK_DEFAULT_TIMEOUT", "600", 0) != 0) {
    perror("setenv");
    return EXIT_FAILURE;
  }
  SRunner *runner = srunner_create(test_suite());
  srunner_run_all(runner, CK_ENV);
  int run = srunner_ntests_run(runner);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  /* A suite that ran nothing has shown nothing. */
  return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

TCase *add_case(Suite *suite, const char *name) {
  TCase *tests = tcase_create(name);
  tcase_add_checked_fixture(tests, start_options, end_options);
  suite_add_tcase(suite, tests);
  return tests;
}
