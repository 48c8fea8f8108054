/* SPDX-License-Identifier: BSD-3-Clause */
#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int judge(pid_t child, struct problem *problem) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return problem_set(problem, "%s", strerror(errno)), SUPERVISE_FAILED;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int number = WTERMSIG(status);
  if (number == SIGBUS)
    problem_set(problem, "was shortened while it was read");
  else
    problem_set(problem, "reading it ended with signal %d: %s", number, strsignal(number));
  return SUPERVISE_FAILED;
}

int supervise(int (*work)(void *user), void *user, struct problem *problem) {
  /* An interrupt from the terminal goes to both; the one that waits has to clean up. */
  struct sigaction ignore = {0}, interrupt, quit;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &interrupt);
  sigaction(SIGQUIT, &ignore, &quit);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    exit(work(user));
  }
  const int result =
      child > 0 ? judge(child, problem)
                : (problem_set(problem, "cannot start a process: %s", strerror(errno)), SUPERVISE_FAILED);
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGQUIT, &quit, NULL);
  return result;
}
