/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"
#include "text.h"

enum {
  GAP = 2,
  NARROW_GAP = 1,
  LEAST_NAME = 12,
  LEAST_BAR = 8,
  USUAL_BAR = 24,
  MOST_BAR = 40,
  CELL = 40
};

enum content {
  RANK,
  MARK,
  NAME,
  KIND,
  FILTERS,
  ELEMENTS,
  SCORE
};

struct column {
  enum content content;
  int method; /* of a score */
  int gap;    /* before it */
  int width;
};

struct table {
  const struct report *report;
  char **names; /* fit to print */
  struct column columns[SCORE + METHOD_COUNT];
  size_t count;
  size_t named; /* columns up to the name */
  int limit;    /* width of the terminal; 0 for any */
  bool ranked;  /* one method, by rank, with bars; else all of them in network order */
};

/* A divergence spans powers of ten, the other measures do not. */
static void print_score(char *room, const struct table *table, int method, double score) {
  if (isnan(score))
    snprintf(room, CELL, "-");
  else if (methods[method].measure == KLDSEL_MEASURE_KL)
    snprintf(room, CELL, "%.*e", table->ranked ? 5 : 2, score);
  else
    snprintf(room, CELL, "%.*f", table->ranked ? 6 : 4, score);
}

/* The text of a cell; `room` is there for what has to be put together. */
static const char *cell(const struct table *table, const struct column *column, size_t layer, char *room) {
  const struct scores *scores = table->report->scores;
  const struct layer *chosen = &table->report->layers->layers[layer];
  switch (column->content) {
  case RANK:
    snprintf(room, CELL, "%" PRId64, scores->rank[layer] + 1);
    break;
  case MARK:
    return scores->selected[layer] ? "*" : "";
  case NAME:
    return table->names[layer];
  case KIND:
    return chosen->kind == KLDSEL_KIND_CONVOLUTION ? "conv" : "dense";
  case FILTERS:
    snprintf(room, CELL, "%" PRId64, chosen->filters);
    break;
  case ELEMENTS:
    snprintf(room, CELL, "%" PRId64, chosen->elements);
    break;
  case SCORE:
    print_score(room, table, column->method, scores->score[column->method][layer]);
    break;
  }
  return room;
}

/* A column's head; methods in narrow columns have two lines of it. */
static const char *head(const struct table *table, const struct column *column, bool upper) {
  static const char *const heads[] = {"rank", "", "layer", "kind", "filters", "elements", "score"};
  if (column->content == SCORE && !table->ranked)
    return upper ? methods[column->method].measure_name : methods[column->method].sign_name;
  return upper ? "" : heads[column->content];
}

static void measure(const struct table *table, struct column *column) {
  char room[CELL];
  const int lower = text_columns(head(table, column, false)), upper = text_columns(head(table, column, true));
  column->width = lower > upper ? lower : upper;
  for (size_t i = 0; i < table->report->layers->count; i++) {
    const int width = text_columns(cell(table, column, i, room));
    if (width > column->width) column->width = width;
  }
}

static void add_column(struct table *table, enum content content, int method) {
  struct column *column = &table->columns[table->count++];
  *column = (struct column){content, method, GAP, 0};
  if (content == RANK || content == MARK) column->gap = 0;
  if (content == SCORE && !table->ranked) column->gap = NARROW_GAP;
  measure(table, column);
}

static void add_columns(struct table *table, bool sizes) {
  const struct scores *scores = table->report->scores;
  bool marked = false;
  for (size_t i = 0; i < table->report->layers->count; i++) marked = marked || scores->selected[i] == 1;
  table->count = 0;
  add_column(table, RANK, 0);
  if (marked) add_column(table, MARK, 0);
  add_column(table, NAME, 0);
  table->named = table->count;
  for (enum content content = KIND; sizes && content < SCORE; content++) add_column(table, content, 0);
  for (int method = 0; method < METHOD_COUNT; method++)
    if (scores->score[method] != NULL) add_column(table, SCORE, method);
}

/* Width of the columns from `first` to before `end`. */
static int width_of(const struct table *table, size_t first, size_t end) {
  int width = 0;
  for (size_t i = first; i < end; i++) width += table->columns[i].gap + table->columns[i].width;
  return width;
}

static void print_text(const char *text, const struct column *column) {
  const int padding = column->width - text_columns(text);
  const bool left = column->content == NAME || column->content == KIND;
  printf("%*s%s%*s", left ? column->gap : column->gap + padding, "", text, left ? padding : 0, "");
}

static void print_bar(double share, int width) {
  static const char *const eighths[] = {"",       "\u258F", "\u258E", "\u258D",
                                        "\u258C", "\u258B", "\u258A", "\u2589"};
  const bool utf8 = text_utf8();
  const int length = utf8 ? (int)lround(share * width * 8.0) : 8 * (int)lround(share * width);
  if (length > 0) printf("%*s", GAP, "");
  for (int i = 0; i < length / 8; i++) fputs(utf8 ? "\u2588" : "#", stdout);
  fputs(eighths[length % 8], stdout);
}

/* The bar's length is the score's magnitude against the largest; a layer without a score says why. */
static void print_rest(const struct table *table, size_t layer, int bar_width, double largest) {
  const struct scores *scores = table->report->scores;
  const double score = scores->score[table->report->options->method][layer];
  if (isnan(score))
    printf("%*s%s", GAP, "", scores->reason[layer]);
  else if (isfinite(score) && largest > 0.0)
    print_bar(fabs(score) / largest, bar_width);
}

static double largest_magnitude(const struct report *report) {
  double largest = 0.0;
  for (size_t i = 0; i < report->layers->count; i++) {
    const double magnitude = fabs(report->scores->score[report->options->method][i]);
    if (isfinite(magnitude) && magnitude > largest) largest = magnitude;
  }
  return largest;
}

static void print_ranked(const struct table *table) {
  const struct report *report = table->report;
  const double largest = largest_magnitude(report);
  int bar_width = USUAL_BAR;
  if (table->limit > 0) bar_width = table->limit - width_of(table, 0, table->count) - GAP;
  if (bar_width > MOST_BAR) bar_width = MOST_BAR;
  if (bar_width < 0) bar_width = 0;
  for (size_t i = 0; i < table->count; i++)
    print_text(head(table, &table->columns[i], false), &table->columns[i]);
  putchar('\n');
  for (size_t row = 0; row < report->layers->count; row++) {
    const size_t layer = (size_t)report->scores->order[row];
    char room[CELL];
    for (size_t i = 0; i < table->count; i++)
      print_text(cell(table, &table->columns[i], layer, room), &table->columns[i]);
    print_rest(table, layer, bar_width, largest);
    putchar('\n');
  }
}

/* Prints the names and the columns from `first` to before `end`. */
static void print_block(const struct table *table, size_t first, size_t end) {
  const struct column *columns = table->columns;
  char room[CELL];
  for (int line = 0; line < 2; line++) {
    for (size_t i = 0; i < end; i++)
      if (i < table->named || i >= first) print_text(head(table, &columns[i], line == 0), &columns[i]);
    putchar('\n');
  }
  for (size_t layer = 0; layer < table->report->layers->count; layer++) {
    for (size_t i = 0; i < end; i++)
      if (i < table->named || i >= first) print_text(cell(table, &columns[i], layer, room), &columns[i]);
    putchar('\n');
  }
}

/* The column behind those of the same measure. */
static size_t measure_end(const struct table *table, size_t first) {
  const struct column *columns = table->columns;
  size_t end = first + 1;
  while (end < table->count && columns[end].content == columns[first].content &&
         methods[columns[end].method].measure == methods[columns[first].method].measure)
    end++;
  return end;
}

/* Where the terminal is too narrow, the measures stand below each other. */
static void print_all(const struct table *table) {
  const int names = width_of(table, 0, table->named);
  for (size_t first = table->named; first < table->count;) {
    size_t end = measure_end(table, first);
    while (end < table->count &&
           (table->limit == 0 || names + width_of(table, first, measure_end(table, end)) <= table->limit))
      end = measure_end(table, end);
    if (first > table->named) putchar('\n');
    print_block(table, first, end);
    first = end;
  }
}

/* Cuts the names to what the terminal leaves them; for all methods, that is beside all measures but the
 * first. */
static bool fit_names(struct table *table) {
  struct column *name = &table->columns[table->named - 1];
  const int bar = table->ranked ? GAP + LEAST_BAR : 0;
  int most = table->limit - (width_of(table, 0, table->count) - name->width) - bar;
  if (!table->ranked && most < name->width)
    most += width_of(table, table->named, measure_end(table, table->named));
  if (most < LEAST_NAME) most = LEAST_NAME;
  if (table->limit == 0 || name->width <= most) return true;
  for (size_t i = 0; i < table->report->layers->count; i++) {
    char *fit = text_fit(table->names[i], most);
    if (fit == NULL) return false;
    free(table->names[i]);
    table->names[i] = fit;
  }
  measure(table, name);
  return true;
}

static bool prepare(struct table *table) {
  const struct layers *layers = table->report->layers;
  table->names = calloc(layers->count, sizeof *table->names);
  if (table->names == NULL) return false;
  for (size_t i = 0; i < layers->count; i++) {
    table->names[i] = text_printable(layers->layers[i].stored->name);
    if (table->names[i] == NULL) return false;
  }
  add_columns(table, true);
  /* The sizes give way to scores. */
  if (!table->ranked && table->limit > 0 && width_of(table, 0, table->count) > table->limit)
    add_columns(table, false);
  return fit_names(table);
}

bool report_table(const struct report *report, struct problem *problem) {
  struct table table = {.report = report, .limit = text_terminal_columns()};
  table.ranked = report->options->method != METHOD_ALL;
  char *skipped = layers_skipped_text(report->layers);
  const bool prepared = skipped != NULL && prepare(&table);
  if (prepared) {
    if (table.ranked)
      print_ranked(&table);
    else
      print_all(&table);
    report_notes(report, skipped);
  }
  for (size_t i = 0; table.names != NULL && i < report->layers->count; i++) free(table.names[i]);
  free(table.names);
  free(skipped);
  return prepared || problem_out_of_memory(problem);
}
