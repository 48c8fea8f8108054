/* SPDX-License-Identifier: BSD-3-Clause */
/* The same weights stored in other ways - strides, layouts, element types, exported profiles - are the
 * same layer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "layers.h"
#include "support.h"

/* ---- strides ---- */

enum {
  RANK = 4
};

/* A view of rank 4 on a buffer of gaussian f64 weights, filters on axis 0, channels on axis 1. */
struct strided {
  const char *name;
  bool columns;                       /* filters innermost: summed filter by filter, in another order */
  int64_t shape[RANK], strides[RANK]; /* strides in elements */
  int64_t offset;                     /* element of the buffer that is [0, 0, 0, 0] */
};

enum {
  BUFFER = 20000
};

static const struct strided views[] = {
    {"row-major", false, {12, 5, 3, 3}, {45, 9, 3, 1}, 0},
    {"filters reversed", false, {12, 5, 3, 3}, {-45, 9, 3, 1}, 11 * 45},
    {"everything reversed", false, {12, 5, 3, 3}, {-45, -9, -3, -1}, 12 * 45 - 1},
    {"kernels transposed", false, {12, 5, 3, 3}, {45, 9, 1, 3}, 0},
    {"filters innermost", true, {12, 5, 3, 3}, {1, 12, 60, 180}, 0},
    {"filters innermost, reversed", true, {12, 5, 3, 3}, {-1, 12, 60, 180}, 11},
    {"channels innermost", false, {12, 5, 3, 3}, {45, 1, 15, 5}, 0},
    {"padded rows", false, {12, 5, 3, 3}, {100, 17, 5, 1}, 7},
    {"every second element", false, {12, 5, 3, 3}, {90, 18, 6, 2}, 1},
    {"every second filter innermost", true, {12, 5, 3, 3}, {2, 24, 120, 360}, 1},
    {"one channel for all", false, {12, 5, 3, 3}, {9, 0, 3, 1}, 0},
    {"one filter for all", false, {12, 5, 3, 3}, {0, 9, 3, 1}, 3},
    {"overlapping", false, {12, 5, 3, 3}, {3, 2, 1, 1}, 0},
    {"many filters", true, {301, 3, 1, 7}, {1, 301, 0, 903}, 0},
    {"long filters", true, {3, 301, 7, 1}, {1, 3, 903, 50}, 0},
    {"long filters, reversed", false, {3, 301, 7, 1}, {2107, -7, 1, 50}, 2100},
};

/* A view is the layer of its contiguous copy; to the bit unless its filters are innermost, whose sums run in
 * an order of their own. */
START_TEST(strides_do_not_matter) {
  const struct strided *v = &views[_i];
  struct generator g = {71};
  double *buffer = malloc(BUFFER * sizeof *buffer);
  ck_assert_ptr_nonnull(buffer);
  for (int e = 0; e < BUFFER; e++) buffer[e] = next_gaussian(&g);
  int64_t bytes[RANK];
  for (int a = 0; a < RANK; a++) bytes[a] = v->strides[a] * (int64_t)sizeof *buffer;
  kldsel_tensor *tensor = NULL, *copy = NULL;
  assert_ok(kldsel_tensor_view_strided(buffer, BUFFER * sizeof *buffer, (size_t)v->offset * sizeof *buffer,
                                       KLDSEL_DTYPE_F64, RANK, v->shape, bytes, 1, 2, test_options, &tensor));
  assert_ok(kldsel_tensor_copy(tensor, test_options, &copy));

  /* The copy holds what the strides say. */
  size_t n = (size_t)(v->shape[0] * v->shape[1] * v->shape[2] * v->shape[3]);
  double *values = malloc(n * sizeof *values);
  ck_assert_ptr_nonnull(values);
  assert_ok(kldsel_tensor_values(copy, values, n));
  size_t e = 0;
  for (int64_t i = 0; i < v->shape[0]; i++)
    for (int64_t z = 0; z < v->shape[1]; z++)
      for (int64_t h = 0; h < v->shape[2]; h++)
        for (int64_t w = 0; w < v->shape[3]; w++)
          ck_assert_double_eq(values[e++], buffer[v->offset + i * v->strides[0] + z * v->strides[1] +
                                                  h * v->strides[2] + w * v->strides[3]]);
  struct layer layer = layer_from(v->name, v->shape[0], v->shape[1], v->shape[2] * v->shape[3], values);
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    kldsel_profile *of_view = profile_of(tensor), *of_copy = profile_of(copy);
    if (v->columns)
      assert_close_profiles(&layer, granularity, of_view, of_copy, NULL, v->name);
    else
      assert_same_profile(of_view, of_copy, v->name);
    kldsel_profile_free(of_view);
    kldsel_profile_free(of_copy);
  }
  layer_free(&layer);
  free(values);
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(copy);
  free(buffer);
}
END_TEST

/* Filters that two axes index, which no one stride goes through, each of contiguous elements. */
START_TEST(filters_of_two_axes) {
  enum {
    OUTER = 5,
    INNER = 3,
    ELEMENTS = 11,
    OUTER_STRIDE = 47
  };
  double buffer[OUTER * OUTER_STRIDE];
  struct generator g = {79};
  for (size_t e = 0; e < COUNT(buffer); e++) buffer[e] = next_gaussian(&g);
  static const int64_t shape[] = {OUTER, INNER, ELEMENTS},
                       strides[] = {OUTER_STRIDE * sizeof(double), ELEMENTS * sizeof(double), sizeof(double)};
  kldsel_tensor *tensor = NULL, *copy = NULL;
  assert_ok(kldsel_tensor_view_strided(buffer, sizeof buffer, 0, KLDSEL_DTYPE_F64, 3, shape, strides, 3, 0,
                                       test_options, &tensor));
  ck_assert_int_eq(kldsel_tensor_filters(tensor), OUTER * INNER);
  assert_ok(kldsel_tensor_copy(tensor, test_options, &copy));
  kldsel_profile *of_view = profile_of(tensor), *of_copy = profile_of(copy);
  assert_same_profile(of_view, of_copy, "filters of two axes");
  kldsel_profile_free(of_view);
  kldsel_profile_free(of_copy);
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(copy);
}
END_TEST

/* ---- layouts ---- */

/* A layout of rank 4 and which of o, i, h, w each of its axes is. */
static const struct {
  int32_t layout;
  const char *axes;
} layouts[] = {
    {KLDSEL_LAYOUT_OIHW, "oihw"}, {KLDSEL_LAYOUT_HWIO, "hwio"}, {KLDSEL_LAYOUT_OHWI, "ohwi"},
    {KLDSEL_LAYOUT_IOHW, "iohw"}, {KLDSEL_LAYOUT_HWOI, "hwoi"},
};

enum {
  HEIGHT = 3,
  WIDTH = 2,
  NETWORK = 6
};

/* A contiguous view of a layer's weights [M, Z, HEIGHT * WIDTH] in another layout; buffer receives them. */
static kldsel_tensor *laid_out(const struct layer *layer, size_t layout, double *buffer) {
  int64_t shape[RANK], index[RANK];
  size_t n = (size_t)(layer->filters * layer_elements(layer));
  for (int a = 0; a < RANK; a++) {
    char axis = layouts[layout].axes[a];
    shape[a] = axis == 'o' ? layer->filters : axis == 'i' ? layer->channels : axis == 'h' ? HEIGHT : WIDTH;
  }
  for (size_t e = 0; e < n; e++) {
    size_t rest = e;
    for (int a = RANK - 1; a >= 0; a--) {
      index[a] = (int64_t)(rest % (size_t)shape[a]);
      rest /= (size_t)shape[a];
    }
    int64_t at[128];
    for (int a = 0; a < RANK; a++) at[(unsigned char)layouts[layout].axes[a]] = index[a];
    buffer[e] = layer->weights[((at['o'] * layer->channels + at['i']) * HEIGHT + at['h']) * WIDTH + at['w']];
  }
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(buffer, n * sizeof *buffer, KLDSEL_DTYPE_F64, RANK, shape,
                               layouts[layout].layout, test_options, &tensor));
  return tensor;
}

/* TensorFlow's order of axes ranks the layers as PyTorch's does, by every method. */
START_TEST(layouts_rank_alike) {
  size_t layout = (size_t)_i;
  kldsel_profile *profiles[2][NETWORK];
  int32_t granularity = KLDSEL_GRANULARITY_FILTER;
  set_int(KLDSEL_OPTION_GRANULARITY, granularity);
  for (int l = 0; l < NETWORK; l++) {
    struct layer layer = layer_create(PATTERN_TRAINED, 8 + l, 3 + l, HEIGHT * WIDTH, 81 + (uint64_t)l);
    double *buffer = malloc((size_t)(layer.filters * layer_elements(&layer)) * sizeof *buffer);
    ck_assert_ptr_nonnull(buffer);
    kldsel_tensor *tensor = laid_out(&layer, layout, buffer);
    for (int32_t gran = KLDSEL_GRANULARITY_KERNEL; gran >= granularity; gran--) {
      set_int(KLDSEL_OPTION_GRANULARITY, gran);
      profiles[0][l] = layer_profile(&layer);
      profiles[1][l] = profile_of(tensor);
      assert_close_profiles(&layer, gran, profiles[0][l], profiles[1][l], NULL, layouts[layout].axes);
      if (gran != granularity) {
        kldsel_profile_free(profiles[0][l]);
        kldsel_profile_free(profiles[1][l]);
      }
    }
    kldsel_tensor_free(tensor);
    free(buffer);
    layer_free(&layer);
  }
  for (int32_t measure = KLDSEL_MEASURE_COSINE; measure <= KLDSEL_MEASURE_SHARE; measure++)
    for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
      if (measure == KLDSEL_MEASURE_SHARE && sign != KLDSEL_SIGN_POSITIVE && sign != KLDSEL_SIGN_NEGATIVE)
        continue;
      double scores[NETWORK];
      int64_t order[2][NETWORK];
      set_int(KLDSEL_OPTION_MEASURE, measure);
      set_int(KLDSEL_OPTION_SIGN, sign);
      for (int side = 0; side < 2; side++)
        rank_scores(profiles[side], NETWORK, NULL, NULL, scores, order[side]);
      for (int l = 0; l < NETWORK; l++) ck_assert_int_eq(order[0][l], order[1][l]);
    }
  for (int side = 0; side < 2; side++)
    for (int l = 0; l < NETWORK; l++) kldsel_profile_free(profiles[side][l]);
}
END_TEST

/* Depthwise: every (input, multiplier) pair is a filter. */
START_TEST(depthwise_filters_are_pairs) {
  enum {
    INPUTS = 5,
    MULTIPLIER = 2,
    K = HEIGHT * WIDTH
  };
  struct layer layer = layer_create(PATTERN_GAUSSIAN, INPUTS * MULTIPLIER, 1, K, 91);
  double hwim[K * INPUTS * MULTIPLIER];
  for (int f = 0; f < INPUTS * MULTIPLIER; f++)
    for (int e = 0; e < K; e++) hwim[e * INPUTS * MULTIPLIER + f] = layer.weights[f * K + e];
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(hwim, sizeof hwim, KLDSEL_DTYPE_F64, RANK,
                               (const int64_t[]){HEIGHT, WIDTH, INPUTS, MULTIPLIER}, KLDSEL_LAYOUT_HWIM,
                               test_options, &tensor));
  kldsel_profile *of_matrix = layer_profile(&layer), *of_tensor = profile_of(tensor);
  assert_close_profiles(&layer, KLDSEL_GRANULARITY_FILTER, of_matrix, of_tensor, NULL, "hwim");
  kldsel_profile_free(of_matrix);
  kldsel_profile_free(of_tensor);
  kldsel_tensor_free(tensor);
  layer_free(&layer);
}
END_TEST

/* ---- element types ---- */

enum {
  FILTERS = 19,
  CHANNELS = 5,
  KERNEL = 9,
  WEIGHTS = FILTERS * CHANNELS * KERNEL
};

/* Random finite elements of a dtype: any bit pattern of a float but those of NaN and infinity. */
static void fill_random(unsigned char *bytes, int32_t dtype, struct generator *g) {
  for (size_t e = 0; e < WEIGHTS; e++) {
    unsigned char *element = bytes + e * dtype_bytes(dtype);
    double gaussian = next_gaussian(g);
    float single = (float)gaussian;
    uint64_t bits = next_bits(g);
    if (dtype == KLDSEL_DTYPE_F16 && (bits & 0x7C00U) == 0x7C00U) bits ^= 0x4000U;
    if (dtype == KLDSEL_DTYPE_BF16 && (bits & 0x7F80U) == 0x7F80U) bits ^= 0x4000U;
    uint16_t half = (uint16_t)bits;
    uint8_t byte = (uint8_t)bits;
    const void *source = dtype == KLDSEL_DTYPE_F64   ? (const void *)&gaussian
                         : dtype == KLDSEL_DTYPE_F32 ? (const void *)&single
                         : dtype_bytes(dtype) == 2   ? (const void *)&half
                                                     : (const void *)&byte;
    memcpy(element, source, dtype_bytes(dtype));
  }
}

/* The meaning of an element, by its format's definition. */
static double element_value(const unsigned char *bytes, int32_t dtype, size_t e) {
  const unsigned char *at = bytes + e * dtype_bytes(dtype);
  double f64;
  float f32;
  uint16_t bits;
  if (dtype == KLDSEL_DTYPE_U8) return *at;
  if (dtype == KLDSEL_DTYPE_I8) return *at < 128 ? *at : *at - 256;
  if (dtype == KLDSEL_DTYPE_F64) return memcpy(&f64, at, sizeof f64), f64;
  if (dtype == KLDSEL_DTYPE_F32) return memcpy(&f32, at, sizeof f32), (double)f32;
  memcpy(&bits, at, sizeof bits);
  int fraction_bits = dtype == KLDSEL_DTYPE_F16 ? 10 : 7, bias = dtype == KLDSEL_DTYPE_F16 ? 15 : 127;
  int exponent = (bits & 0x7FFF) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  int significand = exponent > 0 ? fraction + (1 << fraction_bits) : fraction;
  double magnitude = ldexp(significand, (exponent > 0 ? exponent : 1) - bias - fraction_bits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

static kldsel_tensor *typed_view(const void *data, int32_t dtype, int32_t layout) {
  static const int64_t oihw[] = {FILTERS, CHANNELS, KERNEL, 1}, hwio[] = {KERNEL, 1, CHANNELS, FILTERS};
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(data, WEIGHTS * dtype_bytes(dtype), dtype, RANK,
                               layout == KLDSEL_LAYOUT_OIHW ? oihw : hwio, layout, test_options, &tensor));
  return tensor;
}

/* Every input type is converted exactly, so a tensor of it is one of f64. */
START_TEST(element_types_do_not_matter) {
  int32_t dtype = _i;
  struct generator g = {101};
  /* One byte in front: the weights need not be aligned. */
  unsigned char bytes[WEIGHTS * 8 + 1];
  double values[WEIGHTS], read[WEIGHTS];
  fill_random(bytes + 1, dtype, &g);
  for (size_t e = 0; e < WEIGHTS; e++) values[e] = element_value(bytes + 1, dtype, e);
  for (int32_t layout = KLDSEL_LAYOUT_OIHW; layout <= KLDSEL_LAYOUT_HWIO; layout++)
    for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      kldsel_tensor *typed = typed_view(bytes + 1, dtype, layout);
      kldsel_tensor *f64 = typed_view(values, KLDSEL_DTYPE_F64, layout);
      assert_ok(kldsel_tensor_values(typed, read, WEIGHTS));
      assert_same_doubles(read, values, WEIGHTS, "values");
      kldsel_profile *of_typed = profile_of(typed), *of_f64 = profile_of(f64);
      assert_same_profile(of_typed, of_f64, "profile");
      kldsel_profile_free(of_typed);
      kldsel_profile_free(of_f64);
      kldsel_tensor_free(typed);
      kldsel_tensor_free(f64);
    }
}
END_TEST

/* A quantised tensor is the layer of its dequantised values; (q - zero) * scale rounds twice at most. */
START_TEST(quantised_is_dequantised) {
  int32_t dtype = _i % 2 ? KLDSEL_DTYPE_I8 : KLDSEL_DTYPE_U8;
  int32_t layout = _i / 2 % 2 ? KLDSEL_LAYOUT_HWIO : KLDSEL_LAYOUT_OIHW;
  size_t count = _i / 4 ? FILTERS : 1;
  struct generator g = {111};
  unsigned char bytes[WEIGHTS];
  fill_random(bytes, dtype, &g);
  double scales[FILTERS], zeros[FILTERS];
  for (int i = 0; i < FILTERS; i++) {
    scales[i] = 0.01 * (1 + next_uniform(&g));
    zeros[i] =
        (dtype == KLDSEL_DTYPE_U8 ? 128 : 0) + (i % 2 ? floor(8 * next_gaussian(&g)) : next_gaussian(&g));
  }
  double stored[WEIGHTS], matrix[WEIGHTS], read[WEIGHTS];
  for (size_t e = 0; e < WEIGHTS; e++) {
    /* Where element e of the buffer lies in the filter matrix [filter, channel, element of kernel]. */
    size_t filter = layout == KLDSEL_LAYOUT_OIHW ? e / (CHANNELS * KERNEL) : e % FILTERS;
    size_t channel = layout == KLDSEL_LAYOUT_OIHW ? e / KERNEL % CHANNELS : e / FILTERS % CHANNELS;
    size_t element = layout == KLDSEL_LAYOUT_OIHW ? e % KERNEL : e / (FILTERS * CHANNELS);
    size_t s = count == 1 ? 0 : filter;
    stored[e] = (element_value(bytes, dtype, e) - zeros[s]) * scales[s];
    matrix[(filter * CHANNELS + channel) * KERNEL + element] = stored[e];
  }
  struct layer layer = layer_from("quantised", FILTERS, CHANNELS, KERNEL, matrix);
  kldsel_tensor *raw = typed_view(bytes, dtype, layout), *quantised = NULL;
  assert_ok(kldsel_tensor_quantized(raw, scales, zeros, count, test_options, &quantised));
  kldsel_tensor_free(raw);
  assert_ok(kldsel_tensor_values(quantised, read, WEIGHTS));
  for (size_t e = 0; e < WEIGHTS; e++)
    ck_assert_double_le(fabs(read[e] - stored[e]), 0x1p-52 * fabs(stored[e]));
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    kldsel_profile *of_values = layer_profile(&layer), *of_bytes = profile_of(quantised);
    assert_close_profiles(&layer, granularity, of_values, of_bytes, NULL, "quantised");
    kldsel_profile_free(of_values);
    kldsel_profile_free(of_bytes);
  }
  kldsel_tensor_free(quantised);
  layer_free(&layer);
}
END_TEST

/* ---- exported profiles ---- */

/* A profile that travelled as plain doubles is the same and ranks the same, bit for bit. */
START_TEST(exported_profiles_come_back) {
  struct layer layer = layer_create((enum pattern)_i, 6, 2, 9, 121);
  for (int32_t distribution = 1; distribution <= KLDSEL_DISTRIBUTION_PAIRS; distribution++) {
    set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
    set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
    kldsel_profile *profiles[2] = {layer_profile(&layer), NULL};
    size_t n = 0;
    double *values = exported(profiles[0], &n);
    assert_ok(kldsel_profile_import(values, n, test_options, &profiles[1]));
    free(values);
    assert_same_profile(profiles[0], profiles[1], layer.name);
    ck_assert_int_eq(kldsel_profile_filters(profiles[1]), layer.filters);
    ck_assert_int_eq(kldsel_profile_elements(profiles[1]), layer_elements(&layer));
    for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++)
      for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_WITHIN;
           reference += 4) {
        double scores[2];
        set_int(KLDSEL_OPTION_SIGN, sign);
        set_int(KLDSEL_OPTION_REFERENCE, reference);
        rank_scores(profiles, 2, NULL, NULL, scores, NULL);
        assert_same_doubles(&scores[0], &scores[1], 1, layer.name);
      }
    kldsel_profile_free(profiles[0]);
    kldsel_profile_free(profiles[1]);
  }
  layer_free(&layer);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("storage");
  TCase *tests = add_case(suite, "storage");
  tcase_add_loop_test(tests, strides_do_not_matter, 0, COUNT(views));
  tcase_add_test(tests, filters_of_two_axes);
  tcase_add_loop_test(tests, layouts_rank_alike, 0, COUNT(layouts));
  tcase_add_test(tests, depthwise_filters_are_pairs);
  tcase_add_loop_test(tests, element_types_do_not_matter, KLDSEL_DTYPE_F64, KLDSEL_DTYPE_I8 + 1);
  tcase_add_loop_test(tests, quantised_is_dequantised, 0, 8);
  tcase_add_loop_test(tests, exported_profiles_come_back, 0, PATTERN_COUNT);
  return suite;
}
