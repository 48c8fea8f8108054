/* SPDX-License-Identifier: BSD-3-Clause */
#include "definition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- functions in wide precision ---- */

#if LDBL_MANT_DIG >= 113
wide wide_exponential(wide x) {
  return expl(x);
}
wide wide_logarithm(wide x) {
  return logl(x);
}
wide wide_square_root(wide x) {
  return sqrtl(x);
}
#else
/* The C library's binary128 functions, which its headers show to some compilers only. */
extern wide library_exponential(wide x) __asm__("expf128");
extern wide library_logarithm(wide x) __asm__("logf128");
extern wide library_square_root(wide x) __asm__("sqrtf128");

wide wide_exponential(wide x) {
  return library_exponential(x);
}
wide wide_logarithm(wide x) {
  return library_logarithm(x);
}
wide wide_square_root(wide x) {
  return library_square_root(x);
}
#endif

wide wide_absolute(wide x) {
  return x < 0 ? -x : x;
}

void require_memory(bool allocated) {
  if (!allocated) ck_abort_msg("out of memory");
}

wide *wide_array(size_t n) {
  wide *values = calloc(n > 0 ? n : 1, sizeof *values);
  require_memory(values != NULL);
  return values;
}

/* ---- similarities ---- */

static double sign_part(double weight, int part) {
  switch (part) {
  case KLDSEL_PART_POSITIVE:
    return weight > 0 ? weight : 0;
  case KLDSEL_PART_NEGATIVE:
    return weight < 0 ? weight : 0;
  default:
    return weight;
  }
}

static int part_x(int32_t sign) {
  static const int parts[] = {0, KLDSEL_PART_ALL, KLDSEL_PART_POSITIVE, KLDSEL_PART_NEGATIVE,
                              KLDSEL_PART_POSITIVE};
  return parts[sign];
}

static int part_y(int32_t sign) {
  return sign == KLDSEL_SIGN_POSITIVE_NEGATIVE ? KLDSEL_PART_NEGATIVE : part_x(sign);
}

/* The rows of one sign part, each cut into slices of the given length, each slice divided by its norm. */
static wide *unit_slices(const struct layer *layer, int part, int64_t length) {
  int64_t n = layer->filters * layer_elements(layer);
  wide *unit = wide_array((size_t)n);
  for (int64_t start = 0; start < n; start += length) {
    wide square = 0;
    for (int64_t e = start; e < start + length; e++) {
      unit[e] = (wide)sign_part(layer->weights[e], part);
      if (unit[e] != 0) square += unit[e] * unit[e];
    }
    wide norm = wide_square_root(square);
    for (int64_t e = start; e < start + length && norm > 0; e++) unit[e] /= norm;
  }
  return unit;
}

void define_matrix(const struct layer *layer, int32_t sign, int32_t granularity, wide *matrix) {
  int64_t m = layer->filters, k = layer_elements(layer);
  int64_t slices = granularity == KLDSEL_GRANULARITY_KERNEL ? layer->channels : 1;
  bool symmetric = part_x(sign) == part_y(sign);
  wide *x = unit_slices(layer, part_x(sign), k / slices);
  wide *y = symmetric ? x : unit_slices(layer, part_y(sign), k / slices);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = symmetric ? i : 0; j < m; j++) {
      wide sum = 0;
      for (int64_t e = 0; e < k; e++) {
        wide a = x[i * k + e], b = y[j * k + e];
        if (a != 0 && b != 0) /* a product in software is slow, a comparison less so */
          sum += a * b;
      }
      matrix[i * m + j] = sum / (wide)slices;
      if (symmetric) matrix[j * m + i] = matrix[i * m + j];
    }
  free(x);
  if (!symmetric) free(y);
}

void define_profile(const wide *matrix, int64_t filters, wide *profile) {
  for (int64_t i = 0; i < filters; i++) {
    wide sum = 0;
    for (int64_t j = 0; j < filters; j++)
      if (j != i) sum += matrix[i * filters + j];
    profile[i] = sum / (wide)(filters - 1);
  }
}

size_t define_pairs(const wide *matrix, int64_t filters, int32_t sign, wide *pairs) {
  size_t n = 0;
  for (int64_t i = 0; i < filters; i++)
    for (int64_t j = 0; j < filters; j++)
      if (j > i || (j < i && sign == KLDSEL_SIGN_POSITIVE_NEGATIVE)) pairs[n++] = matrix[i * filters + j];
  return n;
}

wide define_mean(const wide *values, size_t n) {
  wide sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum / (wide)n;
}

wide define_share(const struct layer *layer, int32_t sign) {
  int64_t n = layer->filters * layer_elements(layer), counted = 0;
  for (int64_t e = 0; e < n; e++)
    counted += sign == KLDSEL_SIGN_POSITIVE ? layer->weights[e] > 0 : layer->weights[e] < 0;
  return (wide)counted / (wide)n;
}

/* ---- divergences ---- */

void define_softmax(const wide *values, size_t n, double temperature, wide *p) {
  wide sum = 0;
  for (size_t i = 0; i < n; i++) sum += p[i] = wide_exponential(values[i] / (wide)temperature);
  for (size_t i = 0; i < n; i++) p[i] /= sum;
}

wide define_uniform(const wide *p, size_t n) {
  wide entropy = 0;
  for (size_t i = 0; i < n; i++) entropy -= p[i] * wide_logarithm(p[i]);
  return wide_logarithm((wide)n) - entropy;
}

wide define_by_index(const wide *p, const wide *q, size_t n) {
  wide sum = 0;
  for (size_t i = 0; i < n; i++) sum += p[i] * wide_logarithm(p[i] / q[i]);
  return sum;
}

struct overlay overlay_create(size_t n_a, size_t n_b) {
  struct overlay overlay = {0, malloc((n_a + n_b) * sizeof *overlay.piece)};
  require_memory(overlay.piece != NULL);
  /* Breakpoint i/n_a is i n_b in units of 1/(n_a n_b), which keeps them whole. */
  uint64_t at = 0, last_length = 0;
  wide width = 0;
  for (size_t i = 0, j = 0; i < n_a && j < n_b;) {
    uint64_t end_a = (uint64_t)(i + 1) * n_b, end_b = (uint64_t)(j + 1) * n_a;
    uint64_t end = end_a < end_b ? end_a : end_b;
    if (end - at != last_length) /* divisions in software are slow, and few lengths differ */
      width = (wide)(end - at) / (wide)((uint64_t)n_a * n_b);
    last_length = end - at;
    overlay.piece[overlay.pieces++] = (struct piece){width, i, j};
    i += end == end_a;
    j += end == end_b;
    at = end;
  }
  return overlay;
}

static int descending(const void *a, const void *b) {
  wide x = *(const wide *)a, y = *(const wide *)b;
  return (x < y) - (x > y);
}

struct steps define_steps(const wide *values, size_t n, double temperature) {
  struct steps steps = {n, wide_array(n), wide_array(n), 0};
  for (size_t i = 0; i < n; i++) steps.c[i] = values[i] / (wide)temperature;
  qsort(steps.c, n, sizeof *steps.c, descending);
  wide mean = 0;
  for (size_t i = 0; i < n; i++) mean += (steps.density[i] = wide_exponential(steps.c[i])) / (wide)n;
  for (size_t i = 0; i < n; i++) steps.density[i] /= mean;
  steps.z = wide_logarithm(mean);
  return steps;
}

void steps_free(struct steps *steps) {
  free(steps->c);
  free(steps->density);
  *steps = (struct steps){0};
}

wide define_by_quantile(const struct steps *a, const struct steps *b) {
  struct overlay overlay = overlay_create(a->n, b->n);
  wide integral = 0;
  for (size_t s = 0; s < overlay.pieces; s++) {
    struct piece piece = overlay.piece[s];
    integral += piece.width * a->density[piece.in_a] * (a->c[piece.in_a] - b->c[piece.in_b]);
  }
  free(overlay.piece);
  return integral - a->z + b->z;
}

wide define_within(const wide *matrix, int64_t filters, double temperature) {
  size_t m = (size_t)filters;
  wide *p = wide_array(m * m), *ln_p = wide_array(m * m);
  for (size_t x = 0; x < m; x++) define_softmax(matrix + x * m, m, temperature, p + x * m);
  for (size_t e = 0; e < m * m; e++) ln_p[e] = wide_logarithm(p[e]);
  wide sum = 0;
  for (size_t x = 0; x < m; x++)
    for (size_t y = 0; y < m; y++)
      for (size_t k = 0; k < m && y != x; k++) sum += p[x * m + k] * (ln_p[x * m + k] - ln_p[y * m + k]);
  free(p);
  free(ln_p);
  return sum / (wide)(m * (m - 1));
}
