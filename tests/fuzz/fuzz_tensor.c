/* SPDX-License-Identifier: BSD-3-Clause */
/* Tensors of any shape, strides and type over a buffer of exactly its size, against an element by element
 * reading. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

enum {
  MOST_ELEMENTS = 4096,
  MOST_MEMORY = 1 << 20
};

/* What the input asks for. */
struct request {
  unsigned char *buffer;
  size_t bytes, offset;
  int32_t dtype, rank;
  int64_t shape[KLDSEL_MAX_RANK], strides[KLDSEL_MAX_RANK];
  bool contiguous;
  uint32_t filter_axes, channel_axes;
};

static struct request take_request(struct input *input) {
  struct request r = {.dtype = (int32_t)take_below(input, 8), .rank = (int32_t)take_below(input, 10)};
  for (int32_t a = 0; a < r.rank && a < KLDSEL_MAX_RANK; a++) {
    r.shape[a] = take_below(input, 8) ? (int64_t)take_below(input, 5) + 1 : take_integer(input);
    r.strides[a] = take_below(input, 8) ? (int64_t)take_below(input, 33) - 16 : take_integer(input);
  }
  r.contiguous = take_below(input, 2);
  r.filter_axes = take_byte(input);
  r.channel_axes = take_below(input, 4) ? (uint32_t)take_byte(input) & ~r.filter_axes : take_byte(input);
  if (r.rank > 0 && r.rank < KLDSEL_MAX_RANK && take_below(input, 8)) {
    r.filter_axes &= (1U << r.rank) - 1U;
    r.channel_axes &= (1U << r.rank) - 1U;
  }
  r.offset = take_below(input, 4) ? take_byte(input) : (size_t)take_integer(input);
  r.bytes = 1 + take_below(input, 256);
  r.buffer = malloc(r.bytes);
  ck_assert_ptr_nonnull(r.buffer);
  take_bytes(input, r.buffer, r.bytes);
  return r;
}

/* Whether the request is one to grant: arithmetic of 128 bits does not overflow. */
static bool to_grant(const struct request *r) {
  if (r->dtype < 1 || r->dtype > KLDSEL_DTYPE_I8 || r->rank < 1 || r->rank > KLDSEL_MAX_RANK) return false;
  uint32_t all = (1U << r->rank) - 1U;
  if (((r->filter_axes | r->channel_axes) & ~all) != 0 || r->filter_axes == 0 || r->filter_axes == all ||
      (r->filter_axes & r->channel_axes) != 0)
    return false;
  __int128 size = (__int128)dtype_bytes(r->dtype), lowest = (__int128)r->offset, highest = lowest + size;
  for (int32_t a = r->rank; a-- > 0;) {
    if (r->shape[a] < 1) return false;
    __int128 stride = r->contiguous ? size : r->strides[a], reach = stride * (r->shape[a] - 1);
    lowest += reach < 0 ? reach : 0;
    highest += reach > 0 ? reach : 0;
    size *= r->shape[a];
    if (size > PTRDIFF_MAX) return false;
  }
  return lowest >= 0 && highest <= (__int128)r->bytes;
}

/* ---- what the elements are ---- */

/* A float of fewer bits, by its definition. */
static double decode_float(uint32_t bits, int exponent_bits, int fraction_bits) {
  int bias = (1 << (exponent_bits - 1)) - 1;
  int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  double fraction = ldexp(bits & ((1U << fraction_bits) - 1U), -fraction_bits);
  double sign = bits >> (exponent_bits + fraction_bits) ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? (double)NAN : sign * HUGE_VAL;
  return sign * (exponent == 0 ? ldexp(fraction, 1 - bias) : ldexp(1 + fraction, exponent - bias));
}

static double decode(const unsigned char *element, int32_t dtype) {
  uint16_t half;
  float f32;
  double f64;
  memcpy(&half, element, dtype == KLDSEL_DTYPE_F16 || dtype == KLDSEL_DTYPE_BF16 ? sizeof half : 0);
  switch (dtype) {
  case KLDSEL_DTYPE_F64:
    memcpy(&f64, element, sizeof f64);
    return f64;
  case KLDSEL_DTYPE_F32:
    memcpy(&f32, element, sizeof f32);
    return (double)f32;
  case KLDSEL_DTYPE_F16:
    return decode_float(half, 5, 10);
  case KLDSEL_DTYPE_BF16:
    return decode_float(half, 8, 7);
  case KLDSEL_DTYPE_U8:
    return element[0];
  default:
    return element[0] < 128 ? element[0] : element[0] - 256;
  }
}

/* An element, and where its filter matrix has it: by filter, then channel, then the rest. */
struct element {
  double value;
  size_t filter, channel, rest, row_major;
};

static struct element element_of(const struct request *r, size_t index) {
  struct element e = {.row_major = index};
  int64_t at[KLDSEL_MAX_RANK], place = (int64_t)r->offset, step = (int64_t)dtype_bytes(r->dtype);
  for (int32_t a = r->rank; a-- > 0;) {
    at[a] = (int64_t)(index % (size_t)r->shape[a]);
    index /= (size_t)r->shape[a];
    place += at[a] * (r->contiguous ? step : r->strides[a]);
    step *= r->shape[a];
  }
  for (int32_t a = 0; a < r->rank; a++) {
    size_t *nest = r->filter_axes >> a & 1 ? &e.filter : r->channel_axes >> a & 1 ? &e.channel : &e.rest;
    *nest = *nest * (size_t)r->shape[a] + (size_t)at[a];
  }
  e.value = decode(r->buffer + place, r->dtype);
  return e;
}

static bool same_double(double a, double b) {
  return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

/* ---- what is made of a tensor ---- */

static size_t size_of(const kldsel_tensor *tensor) {
  return (size_t)(kldsel_tensor_filters(tensor) * kldsel_tensor_elements(tensor));
}

/* Asserts the tensor's values, row-major, and frees it. */
static void expect_values(kldsel_tensor *tensor, const double *want, size_t n) {
  ck_assert_uint_eq(size_of(tensor), n);
  double *got = malloc(n * sizeof *got);
  ck_assert_ptr_nonnull(got);
  poison(got, n * sizeof *got);
  ck_assert(!attempt(kldsel_tensor_values(tensor, got, n + 1)));
  assert_poisoned(got, n * sizeof *got);
  ck_assert(attempt(kldsel_tensor_values(tensor, got, n)));
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(same_double(got[i], want[i]), "element %zu is %a, not %a", i, got[i], want[i]);
  free(got);
  kldsel_tensor_free(tensor);
}

static void check_copy(const kldsel_tensor *tensor, const double *values, size_t n) {
  kldsel_tensor *copy = NULL;
  ck_assert(attempt(kldsel_tensor_copy(tensor, test_options, &copy)));
  kldsel_profile *of_view, *of_copy;
  poison(&of_view, sizeof of_view);
  poison(&of_copy, sizeof of_copy);
  bool made = attempt(kldsel_profile_create(tensor, test_options, &of_view));
  ck_assert_int_eq(made, attempt(kldsel_profile_create(copy, test_options, &of_copy)));
  if (made) {
    kldsel_profile_free(of_view);
    kldsel_profile_free(of_copy);
  } else {
    assert_poisoned(&of_view, sizeof of_view);
    assert_poisoned(&of_copy, sizeof of_copy);
  }
  expect_values(copy, values, n);
}

static void check_split(const kldsel_tensor *tensor, int32_t part, const double *values, size_t n) {
  double *want = malloc(n * sizeof *want);
  ck_assert_ptr_nonnull(want);
  bool finite = true;
  for (size_t i = 0; i < n; i++) {
    finite = finite && isfinite(values[i]);
    bool kept = part == KLDSEL_PART_ALL || (part == KLDSEL_PART_POSITIVE ? values[i] > 0 : values[i] < 0);
    want[i] = kept ? values[i] : 0;
  }
  kldsel_tensor *split;
  poison(&split, sizeof split);
  bool made = attempt(kldsel_sign_split(tensor, part, test_options, &split));
  ck_assert_int_eq(made, finite && part >= KLDSEL_PART_ALL && part <= KLDSEL_PART_NEGATIVE);
  if (made)
    expect_values(split, want, n);
  else
    assert_poisoned(&split, sizeof split);
  free(want);
}

static void check_matrix(const struct request *r, const kldsel_tensor *tensor, const double *values,
                         size_t n) {
  size_t channels = 1, k = (size_t)kldsel_tensor_elements(tensor);
  for (int32_t a = 0; a < r->rank; a++)
    if (r->channel_axes >> a & 1) channels *= (size_t)r->shape[a];
  double *want = malloc(n * sizeof *want);
  ck_assert_ptr_nonnull(want);
  for (size_t i = 0; i < n; i++) {
    struct element e = element_of(r, i);
    want[e.filter * k + e.channel * (k / channels) + e.rest] = values[i];
  }
  kldsel_tensor *matrix = NULL;
  ck_assert(attempt(kldsel_filter_matrix(tensor, test_options, &matrix)));
  expect_values(matrix, want, n);
  free(want);
}

static void check_content(struct input *input, const struct request *r, const kldsel_tensor *tensor,
                          const double *values, size_t n) {
  check_copy(tensor, values, n);
  check_split(tensor, (int32_t)take_below(input, 5), values, n);
  check_matrix(r, tensor, values, n);
}

static void check_quantized(struct input *input, const struct request *r, const kldsel_tensor *tensor,
                            double *values, size_t n) {
  size_t filters = (size_t)kldsel_tensor_filters(tensor), count = take_below(input, 4) ? filters : 1;
  if (take_below(input, 8) == 7) count++;
  double *scales = calloc(2 * count, sizeof *scales), *zeros = take_below(input, 2) ? scales + count : NULL;
  ck_assert_ptr_nonnull(scales);
  bool granted = r->dtype >= KLDSEL_DTYPE_U8 && (count == 1 || count == filters);
  for (size_t i = 0; i < count; i++) {
    scales[i] = take_below(input, 8) ? 0.1 * (double)(1 + take_below(input, 9)) : take_double(input);
    if (zeros != NULL) zeros[i] = take_double(input);
    granted = granted && scales[i] > 0 && isfinite(scales[i]) && (zeros == NULL || isfinite(zeros[i]));
  }
  kldsel_tensor *quantized;
  poison(&quantized, sizeof quantized);
  bool made = attempt(kldsel_tensor_quantized(tensor, scales, zeros, count, test_options, &quantized));
  ck_assert_int_eq(made, granted);
  if (made) {
    for (size_t i = 0; i < n; i++) {
      size_t s = count == 1 ? 0 : element_of(r, i).filter;
      values[i] = (values[i] - (zeros != NULL ? zeros[s] : 0)) * scales[s];
    }
    check_content(input, r, quantized, values, n);
    kldsel_tensor_free(quantized);
  } else {
    assert_poisoned(&quantized, sizeof quantized);
  }
  free(scales);
}

static void check_tensor(struct input *input, const struct request *r, const kldsel_tensor *tensor) {
  size_t n = 1;
  for (int32_t a = 0; a < r->rank; a++) {
    /* Strides of 0 make tensors that no memory could hold, nor time read. */
    if ((size_t)r->shape[a] > MOST_ELEMENTS / n) return;
    n *= (size_t)r->shape[a];
  }
  ck_assert_uint_eq(size_of(tensor), n);
  double *values = malloc(n * sizeof *values);
  ck_assert_ptr_nonnull(values);
  for (size_t i = 0; i < n; i++) values[i] = element_of(r, i).value;
  check_content(input, r, tensor, values, n);
  check_quantized(input, r, tensor, values, n);
  free(values);
}

/* A named layout must be the strided view of the axes that it names. */
static void try_layout(struct input *input, struct request r) {
  int32_t layout = (int32_t)take_below(input, 10);
  r.contiguous = true;
  r.offset = 0;
  poison(&r.filter_axes, sizeof r.filter_axes);
  poison(&r.channel_axes, sizeof r.channel_axes);
  bool named = attempt(kldsel_layout_axes(layout, r.rank, &r.filter_axes, &r.channel_axes));
  if (!named) {
    assert_poisoned(&r.filter_axes, sizeof r.filter_axes);
    assert_poisoned(&r.channel_axes, sizeof r.channel_axes);
  }
  size_t exact = dtype_bytes(r.dtype >= 1 && r.dtype <= KLDSEL_DTYPE_I8 ? r.dtype : 0);
  bool granted = named && to_grant(&r);
  for (int32_t a = 0; a < r.rank && granted; a++) exact *= (size_t)r.shape[a];
  if (granted && take_below(input, 8)) r.bytes = exact;
  kldsel_tensor *tensor;
  poison(&tensor, sizeof tensor);
  bool made =
      attempt(kldsel_tensor_view(r.buffer, r.bytes, r.dtype, r.rank, r.shape, layout, test_options, &tensor));
  ck_assert_int_eq(made, granted && r.bytes == exact);
  if (made) {
    check_tensor(input, &r, tensor);
    kldsel_tensor_free(tensor);
  } else {
    assert_poisoned(&tensor, sizeof tensor);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input input = {bytes, size};
  start_options();
  test_memory.limit = MOST_MEMORY;
  set_int(KLDSEL_OPTION_THREADS, 1);
  set_int(KLDSEL_OPTION_CPU_LEVEL, 1 + (int64_t)take_below(&input, (size_t)kldsel_cpu_level()));
  struct request r = take_request(&input);
  kldsel_tensor *tensor;
  poison(&tensor, sizeof tensor);
  bool made = attempt(kldsel_tensor_view_strided(r.buffer, r.bytes, r.offset, r.dtype, r.rank, r.shape,
                                                 r.contiguous ? NULL : r.strides, r.filter_axes,
                                                 r.channel_axes, test_options, &tensor));
  ck_assert_int_eq(made, to_grant(&r));
  if (made) {
    check_tensor(&input, &r, tensor);
    kldsel_tensor_free(tensor);
  } else {
    assert_poisoned(&tensor, sizeof tensor);
  }
  try_layout(&input, r);
  free(r.buffer);
  end_options();
  return 0;
}
