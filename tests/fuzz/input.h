/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file input.h
 * @brief What a fuzz target draws from the fuzzer's bytes, and what is asserted of every failing call.
 */
#ifndef KLDSEL_TESTS_FUZZ_INPUT_H
#define KLDSEL_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../support.h"

/** The fuzzer's bytes, used from the front; where none is left, everything is 0. */
struct input {
  const uint8_t *bytes;
  size_t left;
};

/** The entry point of libFuzzer, which each target defines. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/** The next @p size bytes as they are. */
void take_bytes(struct input *input, void *memory, size_t size);
/** The next byte. */
uint8_t take_byte(struct input *input);
/** A number from 0 to @p n - 1, n at most 256. */
size_t take_below(struct input *input, size_t n);
/** Any integer: small ones, ones near the limits of every width, or eight bytes as they are. */
int64_t take_integer(struct input *input);
/** Any double: small and whole, of a list of special ones, or eight bytes as they are. */
double take_double(struct input *input);
/** The same, but finite. */
double take_finite(struct input *input);

/** Whether a call succeeded. A failure must have a status that has a name, and set a text; a success must
 * leave the text as it was. */
#define attempt(call) (mark(), judge(#call, (call)))
void mark(void);
bool judge(const char *call, kldsel_status status);

/** Sets options of test_options, as many and what the input says; what they refuse stays as it was. No
 * progress callback, and at most 4 threads. */
void take_options(struct input *input);

#endif /* KLDSEL_TESTS_FUZZ_INPUT_H */
