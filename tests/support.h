/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file support.h
 * @brief What the Check suites share: main(), assertions on statuses and messages, poisoned outputs, an
 * allocator that counts and fails, and short ways to make tensors.
 */
#ifndef KLDSEL_TESTS_SUPPORT_H
#define KLDSEL_TESTS_SUPPORT_H

#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kldsel/kldsel.h"

/** Each test file defines its suite; main() in suite.c runs it. */
Suite *test_suite(void);

/** True where KLDSEL_TEST_QUICK is set: slow checkers (valgrind, sanitizers) want smaller sizes. */
bool test_quick(void);

/** The highest CPU level to try: the machine's, or the baseline where KLDSEL_TEST_BASELINE is set. */
int32_t test_highest_level(void);

/** What the library calls a CPU level on this kind of machine. */
const char *cpu_level_name(int32_t level);

/** Number of elements of an array. */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- statuses and messages ---- */

/** Asserts that @p call succeeds and leaves the last error's text as it was. */
#define assert_ok(call)                                                                                      \
  do {                                                                                                       \
    mark_error();                                                                                            \
    expect_ok(__FILE__, __LINE__, #call, (call));                                                            \
  } while (0)

/** SIZE_MAX as it is printed. */
#if SIZE_MAX > UINT32_MAX
#define SIZE_MAX_TEXT "18446744073709551615"
#else
#define SIZE_MAX_TEXT "4294967295"
#endif

/** Asserts that @p call fails with exactly this status and this message. */
#define assert_error(call, status, message)                                                                  \
  do {                                                                                                       \
    mark_error();                                                                                            \
    expect_error(__FILE__, __LINE__, #call, (call), (status), (message));                                    \
  } while (0)

/** Sets this thread's last error to a known text, so that a stale message cannot pass for a new one. */
void mark_error(void);
void expect_ok(const char *file, int line, const char *call, kldsel_status got);
void expect_error(const char *file, int line, const char *call, kldsel_status got, kldsel_status status,
                  const char *message);

/* ---- outputs that must stay untouched ---- */

/** Fills memory with a pattern that no result has. */
void poison(void *memory, size_t size);

/** Asserts that all @p size bytes still hold the pattern. */
#define assert_poisoned(memory, size) expect_poisoned(__FILE__, __LINE__, #memory, (memory), (size))
void expect_poisoned(const char *file, int line, const char *name, const void *memory, size_t size);

/** A call with one output handle fails with this status and message and leaves the handle alone; the
 * call names the handle's address `&POISONED`. */
#define assert_no_handle(type, call, status, message)                                                        \
  do {                                                                                                       \
    type *POISONED;                                                                                          \
    poison(&POISONED, sizeof POISONED);                                                                      \
    assert_error(call, status, message);                                                                     \
    assert_poisoned(&POISONED, sizeof POISONED);                                                             \
  } while (0)

/* ---- memory ---- */

/** An allocator that counts, checks what it gets back, and fails when told. */
struct memory {
  atomic_size_t live;  /**< blocks handed out and not given back */
  atomic_size_t calls; /**< allocations asked for */
  atomic_size_t bytes; /**< in live blocks */
  atomic_size_t peak;  /**< most of them at a time since it was last set */
  size_t fail_at;      /**< fail the allocation of this number, counted from 1; 0: none */
  bool fail_onwards;   /**< and all after it */
  size_t limit;        /**< fail requests above so many bytes; 0: none */
  size_t moat; /**< bytes around each block, a multiple of 16, that are looked at when it is given back */
};

void *memory_allocate(void *user, size_t size);
void memory_release(void *user, void *memory);

/** The allocator behind test_options. */
extern struct memory test_memory;
/** Options with the counting allocator, and every default but the CPU level where KLDSEL_TEST_BASELINE is
 * set; made anew for each test. */
extern kldsel_options *test_options;

/** Makes test_options anew, and counts from 0. */
void start_options(void);
/** Frees them; every block must have been given back. */
void end_options(void);

/** A test case whose tests start with fresh test_options and end with every block given back. */
TCase *add_case(Suite *suite, const char *name);

/** Sets an integer, or a real, option of test_options. */
void set_int(int32_t key, int64_t value);
void set_double(int32_t key, double value);

/* ---- tensors and profiles ---- */

/** A weight in [-1, 1) for each number: where a processor is emulated, sines take longer than what is tested.
 */
double weight_of(size_t number);

/** A view of a row-major f64 filter matrix [rows, columns], made with test_options. */
kldsel_tensor *matrix_view(const double *values, int64_t rows, int64_t columns);

/** A view of row-major f64 weights in OIHW order. */
kldsel_tensor *view(const double *values, int32_t rank, const int64_t *shape);

/** Profile of a tensor with test_options. */
kldsel_profile *profile_of(const kldsel_tensor *tensor);

/** Bytes per element of a dtype. */
size_t dtype_bytes(int32_t dtype);

/** Stores a small whole number (at most 7 in magnitude, >= 0 for u8) as element @p index of a buffer. */
void store(void *buffer, int32_t dtype, size_t index, int value);

/** Stores NaN, or +-infinity, as element @p index of a buffer of a float dtype. */
void store_not_finite(void *buffer, int32_t dtype, size_t index, double value);

#endif /* KLDSEL_TESTS_SUPPORT_H */
