/* SPDX-License-Identifier: BSD-3-Clause */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

/* Those of the file to be replaced, or of a new file. */
static mode_t permissions(const char *path) {
  struct stat status;
  if (stat(path, &status) == 0) return status.st_mode & 0777;
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

static bool fail(const struct output *output, struct problem *problem) {
  return problem_set(problem, "cannot write '%.300s': %s", output->path, strerror(errno));
}

/* The folder's status, and the name in it. */
static const char *place_of(const char *path, struct stat *folder) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return stat(".", folder) == 0 ? path : NULL;
  char *name = text_format("%.*s/.", (int)(slash - path), path);
  const bool found = name != NULL && stat(name, folder) == 0;
  free(name);
  return found ? slash + 1 : NULL;
}

/* By names, as a file takes the place of a name: a link's target stays what it was. */
bool output_same(const char *one, const char *other) {
  struct stat a = {0}, b = {0};
  const char *a_name = one != NULL ? place_of(one, &a) : NULL,
             *b_name = other != NULL ? place_of(other, &b) : NULL;
  return a_name != NULL && b_name != NULL && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
         strcmp(a_name, b_name) == 0;
}

bool output_begin(const char *path, struct output *output, struct problem *problem) {
  *output = (struct output){.path = path};
  if (path == NULL) return true;
  struct stat status;
  if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
    return problem_set(problem, "cannot write '%.300s': is not a regular file", path);
  output->temporary = text_format("%s.XXXXXX", path);
  if (output->temporary == NULL) return problem_out_of_memory(problem);
  const int descriptor = mkstemp(output->temporary);
  if (descriptor < 0) {
    fail(output, problem);
    free(output->temporary);
    output->temporary = NULL;
    return false;
  }
  const bool made = fchmod(descriptor, permissions(path)) == 0 || fail(output, problem);
  close(descriptor);
  if (!made) output_end(output);
  return made;
}

/* Without this, a crash of the machine could leave the new name with nothing behind it. */
static bool to_disk(const char *path) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool done = fsync(descriptor) == 0;
  const int error = errno;
  close(descriptor);
  errno = error;
  return done;
}

bool output_commit(struct output *output, struct problem *problem) {
  if (output->temporary == NULL) return true;
  if (!to_disk(output->temporary) || rename(output->temporary, output->path) != 0)
    return fail(output, problem);
  free(output->temporary);
  output->temporary = NULL;
  return true;
}

void output_end(struct output *output) {
  if (output->temporary != NULL) unlink(output->temporary);
  free(output->temporary);
  output->temporary = NULL;
}

FILE *output_open(const char *temporary, struct problem *problem) {
  FILE *file = fopen(temporary, "wb");
  if (file == NULL) problem_set(problem, "cannot write '%.300s': %s", temporary, strerror(errno));
  return file;
}

bool output_close(FILE *file, struct problem *problem) {
  errno = 0;
  const bool written = fflush(file) == 0 && !ferror(file);
  const int error = errno;
  fclose(file);
  return written ||
         problem_set(problem, "cannot write: %s", error != 0 ? strerror(error) : "the disk took not all");
}

/* The disk may be full. */
bool output_flush(struct problem *problem) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return true;
  return problem_set(problem, "standard output: %s", errno != 0 ? strerror(errno) : "cannot be written");
}
