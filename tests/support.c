/* SPDX-License-Identifier: BSD-3-Clause */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  PATTERN = 0xA5,
  /* As doubles, 1e306 and 1e137: a sum that has such a number in it shows it. */
  FRESH = 0x7F,
  GUARD = 0x5C
};
static const uint64_t ALIVE = 0x616c6976656d656dU;

struct memory test_memory;
kldsel_options *test_options;

/* ---- where tests run ---- */

static bool is_set(const char *variable) {
  const char *value = getenv(variable);
  return value && strcmp(value, "") != 0 && strcmp(value, "0") != 0;
}

bool test_quick(void) {
  return is_set("KLDSEL_TEST_QUICK");
}

int32_t test_highest_level(void) {
  return is_set("KLDSEL_TEST_BASELINE") ? KLDSEL_CPU_LEVEL_BASELINE : kldsel_cpu_level();
}

const char *cpu_level_name(int32_t level) {
#ifdef __aarch64__
  static const char *const names[] = {NULL, "neon"};
#else
  static const char *const names[] = {NULL, "baseline", "avx2", "avx512"};
#endif
  ck_assert_int_gt(level, 0);
  ck_assert_uint_lt((size_t)level, COUNT(names));
  return names[level];
}

/* ---- statuses and messages ---- */

static char marked_error[256];

void mark_error(void) {
  int64_t shape = -987654321;
  int32_t kind = 0;
  (void)kldsel_layer_kind(1, &shape, &kind);
  snprintf(marked_error, sizeof marked_error, "%s", kldsel_last_error());
}

void expect_ok(const char *file, int line, const char *call, kldsel_status got) {
  const char *error = kldsel_last_error();
  if (got != KLDSEL_OK)
    ck_abort_msg("%s:%d: %s\n  gave %s: %s", file, line, call, kldsel_status_name(got), error);
  if (strcmp(error, marked_error) != 0)
    ck_abort_msg("%s:%d: %s\n  succeeded but changed the last error to: %s", file, line, call, error);
}

void expect_error(const char *file, int line, const char *call, kldsel_status got, kldsel_status status,
                  const char *message) {
  const char *error = kldsel_last_error();
  if (got != status || strcmp(error, message) != 0)
    ck_abort_msg("%s:%d: %s\n  got      %s: %s\n  expected %s: %s", file, line, call, kldsel_status_name(got),
                 error, kldsel_status_name(status), message);
}

/* ---- outputs that must stay untouched ---- */

static bool all_are(const unsigned char *bytes, size_t n, unsigned char wanted) {
  return n == 0 || (bytes[0] == wanted && memcmp(bytes, bytes + 1, n - 1) == 0);
}

void poison(void *memory, size_t size) {
  memset(memory, PATTERN, size);
}

void expect_poisoned(const char *file, int line, const char *name, const void *memory, size_t size) {
  const unsigned char *bytes = memory;
  if (all_are(bytes, size, PATTERN)) return;
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != PATTERN) ck_abort_msg("%s:%d: byte %zu of %s was written", file, line, i, name);
}

/* ---- memory ---- */

enum {
  GUARD_BYTES = 24
};

/* In front of each block: a mark to tell foreign pointers from ours, the size, to find the guard behind the
 * block, and a guard; before and behind all this a moat, if one is asked for, for what misses by more. A
 * multiple of sixteen bytes keeps malloc's alignment. */
struct block {
  uint64_t mark;
  uint64_t size;
  uint64_t moat;
  unsigned char guard[GUARD_BYTES];
};
_Static_assert(sizeof(struct block) == 48, "blocks must stay aligned");

/* The address sanitizer guards a block as malloc gave it, and not what is given of it here: it is told. */
#ifdef __SANITIZE_ADDRESS__ /* gcc's */
#define WATCHED_BY_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED_BY_SANITIZER
#endif
#endif
#ifdef WATCHED_BY_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#endif

static void forbid_guards(struct block *block, size_t size) {
  ASAN_POISON_MEMORY_REGION(block, sizeof *block);
  ASAN_POISON_MEMORY_REGION((unsigned char *)(block + 1) + size, GUARD_BYTES);
}

/* Aborts outright: these run on threads that Check does not know. */
static void broken(const char *what) {
  fprintf(stderr, "allocator misused: %s\n", what);
  abort();
}

void *memory_allocate(void *user, size_t size) {
  struct memory *memory = user;
  if (size == 0) broken("asked for 0 bytes");
  size_t number = atomic_fetch_add(&memory->calls, 1) + 1;
  if (memory->fail_at != 0 &&
      (number == memory->fail_at || (memory->fail_onwards && number > memory->fail_at)))
    return NULL;
  if (memory->limit != 0 && size > memory->limit) return NULL;
  size_t moat = memory->moat, around = sizeof(struct block) + GUARD_BYTES + 2 * moat;
  if (size > SIZE_MAX - around) return NULL;
  unsigned char *start = malloc(around + size);
  if (!start) return NULL;
  struct block *block = (struct block *)(void *)(start + moat);
  block->mark = ALIVE;
  block->size = size;
  block->moat = moat;
  unsigned char *bytes = (unsigned char *)(block + 1);
  memset(block->guard, GUARD, sizeof block->guard);
  memset(bytes, FRESH, size);
  memset(bytes + size, GUARD, GUARD_BYTES + moat);
  memset(start, GUARD, moat);
  forbid_guards(block, size);
  atomic_fetch_add(&memory->live, 1);
  size_t total = atomic_fetch_add(&memory->bytes, size) + size, peak = atomic_load(&memory->peak);
  while (total > peak && !atomic_compare_exchange_weak(&memory->peak, &peak, total)) continue;
  return bytes;
}

void memory_release(void *user, void *pointer) {
  struct memory *memory = user;
  if (!pointer) broken("release of NULL");
  struct block *block = (struct block *)pointer - 1;
  ASAN_UNPOISON_MEMORY_REGION(block, sizeof *block);
  if (block->mark != ALIVE) broken("release of what it did not hand out, or twice");
  const unsigned char *behind = (const unsigned char *)pointer + block->size;
  ASAN_UNPOISON_MEMORY_REGION(behind, GUARD_BYTES);
  size_t moat = (size_t)block->moat;
  unsigned char *start = (unsigned char *)block - moat;
  if (!all_are(block->guard, GUARD_BYTES, GUARD) || !all_are(start, moat, GUARD))
    broken("written before the beginning of a block");
  if (!all_are(behind, GUARD_BYTES + moat, GUARD)) broken("written past the end of a block");
  block->mark = 0;
  atomic_fetch_sub(&memory->live, 1);
  atomic_fetch_sub(&memory->bytes, block->size);
  free(start);
}

void start_options(void) {
  atomic_store(&test_memory.live, 0);
  atomic_store(&test_memory.calls, 0);
  atomic_store(&test_memory.bytes, 0);
  atomic_store(&test_memory.peak, 0);
  test_memory.fail_at = 0;
  test_memory.fail_onwards = false;
  test_memory.limit = 0;
  test_memory.moat = 0;
  assert_ok(kldsel_options_create(memory_allocate, memory_release, &test_memory, &test_options));
  if (is_set("KLDSEL_TEST_BASELINE")) set_int(KLDSEL_OPTION_CPU_LEVEL, KLDSEL_CPU_LEVEL_BASELINE);
}

void end_options(void) {
  kldsel_options_free(test_options);
  test_options = NULL;
  ck_assert_uint_eq(atomic_load(&test_memory.live), 0);
}

void set_int(int32_t key, int64_t value) {
  assert_ok(kldsel_options_set_int(test_options, key, value));
}

void set_double(int32_t key, double value) {
  assert_ok(kldsel_options_set_double(test_options, key, value));
}

/* ---- tensors and profiles ---- */

double weight_of(size_t number) {
  return (double)(int32_t)((uint32_t)number * 2654435761U) * 0x1p-31; /* 2^32 by the golden ratio */
}

kldsel_tensor *view(const double *values, int32_t rank, const int64_t *shape) {
  size_t bytes = sizeof *values;
  for (int32_t a = 0; a < rank; a++) bytes *= (size_t)shape[a];
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(values, bytes, KLDSEL_DTYPE_F64, rank, shape, KLDSEL_LAYOUT_OIHW, test_options,
                               &tensor));
  ck_assert_ptr_nonnull(tensor);
  return tensor;
}

kldsel_tensor *matrix_view(const double *values, int64_t rows, int64_t columns) {
  return view(values, 2, (const int64_t[]){rows, columns});
}

kldsel_profile *profile_of(const kldsel_tensor *tensor) {
  kldsel_profile *profile = NULL;
  assert_ok(kldsel_profile_create(tensor, test_options, &profile));
  ck_assert_ptr_nonnull(profile);
  return profile;
}

size_t dtype_bytes(int32_t dtype) {
  static const size_t bytes[] = {0, 8, 4, 2, 2, 1, 1};
  return bytes[dtype];
}

void store(void *buffer, int32_t dtype, size_t index, int value) {
  unsigned char *element = (unsigned char *)buffer + index * dtype_bytes(dtype);
  double f64 = value;
  float f32 = (float)value;
  uint32_t bits = 0;
  memcpy(&bits, &f32, sizeof bits);
  uint16_t bf16 = (uint16_t)(bits >> 16);
  /* A normal single becomes a half by moving the exponent's bias from 127 to 15. */
  uint32_t rebiased = (bits & 0x7FFFFFFFU) - (112U << 23);
  uint16_t f16 = (uint16_t)((bits >> 16 & 0x8000U) | (value == 0 ? 0 : rebiased >> 13));
  uint8_t u8 = (uint8_t)value;
  int8_t i8 = (int8_t)value;
  const void *sources[] = {NULL, &f64, &f32, &f16, &bf16, &u8, &i8};
  memcpy(element, sources[dtype], dtype_bytes(dtype));
}

void store_not_finite(void *buffer, int32_t dtype, size_t index, double value) {
  unsigned char *element = (unsigned char *)buffer + index * dtype_bytes(dtype);
  float f32 = (float)value;
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  uint16_t f16 = (uint16_t)(sign | (isnan(value) ? 0x7E00 : 0x7C00));
  uint16_t bf16 = (uint16_t)(sign | (isnan(value) ? 0x7FC0 : 0x7F80));
  const void *sources[] = {NULL, &value, &f32, &f16, &bf16};
  memcpy(element, sources[dtype], dtype_bytes(dtype));
}
