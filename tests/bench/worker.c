/* SPDX-License-Identifier: BSD-3-Clause */
/* The benchmark's worker for libkldsel: reads commands, one in a line, and answers each with a line of JSON.
 * bench.py is at the other end; with the argument "table" it prints a short table by itself instead.
 *
 *   info                                             versions, the BLAS's core, networks and their shapes
 *   network ID NAME TIMES DTYPE LAYOUT MOST_MIB      draws a network's weights; MOST_MIB 0: no sharing
 *   shape ID FILTERS CHANNELS KERNEL LAYERS DTYPE    draws layers of one shape, kernels KERNEL x KERNEL
 *   save ID PATH                                     writes the weights, layer after layer without gaps
 *   copy ID MIB                                      lays copies beside the weights until all take so much
 *   drop ID
 *   time ID METHODS THREADS ROUNDS                   the first METHODS methods, and reading once, in turn,
 *                                                    each time on the next copy
 *   grow ID ROUNDS                                   all methods on one thread, caches emptied before each
 *                                                    round: processor time
 *   others ID ROUNDS                                 the same of ranking by kl against the others alone
 *   scores ID THREADS                                the scores by each method
 *   levels ID ROUNDS                                 all methods on one thread at every CPU level, in turn
 *   peak ID CALL THREADS                             most memory of rank_tensors or profile_create_many
 *   pairwise FILTERS ELEMENTS THREADS ROUNDS         pairwise cosine and dsyrk in turn
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "floor.h"
#include "layer_set.h"
#include "methods.h"
#include "pairwise.h"
#include "peak.h"
#include "placement.h"
#include "support.h"
#include "table.h"

enum {
  MOST_SETS = 16,
  MOST_ROUNDS = 1000,
  MOST_WORDS = 8
};

static struct layer_set *sets[MOST_SETS];

/* ---- words of a command ---- */

struct command {
  int count;
  char *words[MOST_WORDS];
};

static const char *word(const struct command *command, int index) {
  if (index >= command->count) fail("too few words after", command->words[0]);
  return command->words[index];
}

static int64_t number(const struct command *command, int index, int64_t least, int64_t most) {
  char *end;
  const char *text = word(command, index);
  int64_t value = strtoll(text, &end, 10);
  if (end == text || *end || value < least || value > most) fail("not a number in its range", text);
  return value;
}

static int32_t named(const char *const *names, const char *name) {
  for (int32_t n = 0; names[n]; n++)
    if (strcmp(names[n], name) == 0) return n;
  fail("unknown word", name);
}

static int32_t dtype_word(const struct command *command, int index) {
  static const char *const names[] = {"", "f64", "f32", "f16", "bf16", NULL};
  int32_t dtype = named(names, word(command, index));
  return dtype < KLDSEL_DTYPE_F32 ? (fail("no such weights", word(command, index)), 0) : dtype;
}

static int32_t layout_word(const struct command *command, int index) {
  static const char *const names[] = {"", "oihw", "hwio", NULL};
  return named(names, word(command, index));
}

static struct layer_set **place(const struct command *command) {
  return &sets[number(command, 1, 0, MOST_SETS - 1)];
}

static struct layer_set *existing(const struct command *command) {
  struct layer_set *set = *place(command);
  if (!set) fail("no set", word(command, 1));
  return set;
}

static int threads_word(const struct command *command, int index) {
  return (int)number(command, index, 1, MOST_THREADS);
}

/* ---- answers ---- */

static void print_string(const char *text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar(*text);
  }
  putchar('"');
}

static void print_numbers(const char *key, const double *values, size_t count) {
  printf("\"%s\": [", key);
  for (size_t i = 0; i < count; i++) {
    fputs(i == 0 ? "" : ", ", stdout);
    if (isnan(values[i]))
      fputs("null", stdout);
    else
      printf("%.17g", values[i]);
  }
  putchar(']');
}

struct series {
  const char *key;
  const double *values;
};

static void print_series(const struct series *series, size_t count, int rounds) {
  for (size_t s = 0; s < count; s++) {
    fputs(s == 0 ? "{" : ", ", stdout);
    print_numbers(series[s].key, series[s].values, (size_t)rounds);
  }
  puts("}");
}

/* ---- commands ---- */

static void do_info(void) {
  char info[512];
  kldsel_build_info(info, sizeof info);
  fputs("{\"version\": ", stdout);
  print_string(kldsel_version_string());
  fputs(", \"build\": ", stdout);
  print_string(info);
  printf(", \"cpu_level\": %" PRId32 ", \"blas_core\": ", kldsel_cpu_level());
  print_string(blas_core());
  fputs(", \"networks\": ", stdout);
  print_networks(stdout);
  puts("}");
}

static void take_place(const struct command *command, struct layer_set *set) {
  struct layer_set **at = place(command);
  if (*at) fail("already a set", word(command, 1));
  *at = set;
  printf("{\"layers\": %zu, \"weights\": %zu, \"bytes\": %zu, \"buffer\": %zu}\n", set->count, set->weights,
         set->weights * fill_bytes(set->dtype), set->bytes);
}

static void do_network(const struct command *command) {
  take_place(command, layer_set_of_network(word(command, 2), (size_t)number(command, 3, 1, 10000),
                                           dtype_word(command, 4), layout_word(command, 5),
                                           (size_t)number(command, 6, 0, 1 << 20) << 20));
}

static void do_shape(const struct command *command) {
  const int64_t most = 1 << 24, kernel = number(command, 4, 1, 100);
  const struct convolution shape = {number(command, 2, 1, most), number(command, 3, 1, most), kernel, kernel};
  take_place(command, layer_set_of_shape(&shape, (size_t)number(command, 5, 1, most), dtype_word(command, 6),
                                         KLDSEL_LAYOUT_OIHW));
}

static void do_save(const struct command *command) {
  const struct layer_set *set = existing(command);
  FILE *file = fopen(word(command, 2), "wb");
  if (!file) fail("cannot write", word(command, 2));
  for (size_t l = 0; l < set->count; l++) {
    size_t count = (size_t)convolution_weights(&set->layers[l]);
    if (fwrite(set->buffer + set->offsets[l], fill_bytes(set->dtype), count, file) != count)
      fail("cannot write", word(command, 2));
  }
  if (fclose(file) != 0) fail("cannot write", word(command, 2));
  puts("{}");
}

static void do_copy(const struct command *command) {
  struct layer_set *set = existing(command);
  layer_set_copy(set, (size_t)number(command, 2, 1, 1 << 20) << 20);
  printf("{\"copies\": %zu}\n", set->copy_count);
}

static void do_drop(const struct command *command) {
  layer_set_free(existing(command));
  *place(command) = NULL;
  puts("{}");
}

/* Reads as much as no cache holds. */
static void empty_caches(void) {
  enum {
    BYTES = 160 << 20
  };
  static void *other;
  if (!other) other = memset(take(BYTES), 1, BYTES);
  volatile uint32_t sink = read_once(other, BYTES, 1);
  (void)sink;
}

static void do_time(const struct command *command) {
  double methods_seconds[MOST_ROUNDS], floor_seconds[MOST_ROUNDS], copies[MOST_ROUNDS];
  struct layer_set *set = existing(command);
  int methods = (int)number(command, 2, 1, ALL_METHODS), threads = threads_word(command, 3);
  int rounds = (int)number(command, 4, 1, MOST_ROUNDS);
  time_in_turn(set, methods, threads, rounds, methods_seconds, floor_seconds, copies);
  const struct series series[] = {{"seconds", methods_seconds}, {"floor", floor_seconds}, {"copies", copies}};
  print_series(series, sizeof series / sizeof *series, rounds);
}

/* Emptied caches: few layers are to be no nearer than many. */
static void print_growth(const struct layer_set *set, kldsel_profile *const *profiles, int rounds) {
  double seconds[MOST_ROUNDS];
  for (int r = -1; r < rounds; r++) { /* round -1 warms up */
    empty_caches();
    double start = spent();
    if (profiles)
      rank_by_others(set, profiles);
    else
      rank_by_methods(set, ALL_METHODS, 1, 0, NULL);
    if (r >= 0) seconds[r] = spent() - start;
  }
  putchar('{');
  print_numbers("seconds", seconds, (size_t)rounds);
  puts("}");
}

static void do_grow(const struct command *command) {
  print_growth(existing(command), NULL, (int)number(command, 2, 1, MOST_ROUNDS));
}

static void do_others(const struct command *command) {
  const struct layer_set *set = existing(command);
  kldsel_options *options = options_for(1);
  kldsel_profile **profiles = make_profiles(set, options);
  print_growth(set, profiles, (int)number(command, 2, 1, MOST_ROUNDS));
  free_profiles(set, profiles);
  kldsel_options_free(options);
}

static void do_levels(const struct command *command) {
  static const char *const names[] = {"1", "2", "3"};
  static double seconds[sizeof names / sizeof *names][MOST_ROUNDS];
  struct layer_set *set = existing(command);
  int rounds = (int)number(command, 2, 1, MOST_ROUNDS);
  int32_t levels = kldsel_cpu_level();
  struct series series[sizeof names / sizeof *names];
  for (int r = -1; r < rounds; r++) /* round -1 warms up */
    for (int32_t level = 1; level <= levels; level++) {
      layer_set_turn(set);
      double start = now();
      rank_by_methods(set, ALL_METHODS, 1, level, NULL);
      if (r >= 0) seconds[level - 1][r] = now() - start;
      series[level - 1] = (struct series){names[level - 1], seconds[level - 1]};
    }
  print_series(series, (size_t)levels, rounds);
}

static void do_scores(const struct command *command) {
  const struct layer_set *set = existing(command);
  double *scores = malloc(ALL_METHODS * set->count * sizeof *scores);
  if (!scores) fail("out of memory", "");
  rank_by_methods(set, ALL_METHODS, threads_word(command, 2), 0, scores);
  for (int m = 0; m < ALL_METHODS; m++) {
    fputs(m == 0 ? "{" : ", ", stdout);
    print_numbers(method_name(m), scores + (size_t)m * set->count, set->count);
  }
  puts("}");
  free(scores);
}

static void do_peak(const struct command *command) {
  static const char *const calls[] = {"rank_tensors", "profile_create_many", NULL};
  struct peak peak = peak_of_call(existing(command), (enum peak_call)named(calls, word(command, 2)),
                                  threads_word(command, 3));
  printf("{\"heap\": %zu, \"kept\": %zu, \"resident\": %zu}\n", peak.heap, peak.kept, peak.resident);
}

static void do_pairwise(const struct command *command) {
  double cosine[MOST_ROUNDS], syrk[MOST_ROUNDS];
  int rounds = (int)number(command, 4, 1, MOST_ROUNDS);
  time_pairwise(number(command, 1, 2, 1 << 15), number(command, 2, 1, 1 << 20), threads_word(command, 3),
                rounds, cosine, syrk);
  const struct series series[] = {{"cosine", cosine}, {"syrk", syrk}};
  print_series(series, sizeof series / sizeof *series, rounds);
}

static void obey(const struct command *command) {
  static const struct {
    const char *name;
    void (*run)(const struct command *);
  } commands[] = {
      {"network", do_network}, {"shape", do_shape},   {"save", do_save}, {"copy", do_copy},
      {"drop", do_drop},       {"time", do_time},     {"grow", do_grow}, {"others", do_others},
      {"levels", do_levels},   {"scores", do_scores}, {"peak", do_peak}, {"pairwise", do_pairwise},
  };
  for (size_t c = 0; c < sizeof commands / sizeof *commands; c++)
    if (strcmp(command->words[0], commands[c].name) == 0) {
      commands[c].run(command);
      return;
    }
  if (strcmp(command->words[0], "info") != 0) fail("unknown command", command->words[0]);
  do_info();
}

int main(int count, char **arguments) {
  place_first_thread();
  if (count == 2 && strcmp(arguments[1], "table") == 0) return print_table();
  if (count != 1) fail("unknown argument", arguments[1]);
  char line[4096];
  while (fgets(line, sizeof line, stdin)) {
    struct command command = {0};
    char *rest = line, *next;
    while (command.count < MOST_WORDS && (next = strtok_r(rest, " \n", &rest)))
      command.words[command.count++] = next;
    if (command.count == 0) continue;
    obey(&command);
    fflush(stdout);
  }
  return EXIT_SUCCESS;
}
