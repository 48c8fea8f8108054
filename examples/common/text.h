/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of unknown origin, made fit for a terminal. Needs setlocale(LC_CTYPE, "") once. */
#ifndef KLDSEL_COMMON_TEXT_H
#define KLDSEL_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the terminal reads UTF-8. */
bool text_utf8(void);

/* Formats into new memory; NULL without memory. */
__attribute__((format(printf, 1, 2))) char *text_format(const char *format, ...);

/* A copy whose control, direction and undecodable characters are \xNN, \uNNNN or \UNNNNNNNN; NULL without
 * memory. */
char *text_printable(const char *text);

/* Columns that printable text takes in a terminal. */
int text_columns(const char *printable);

/* A copy of printable text, its middle cut out where it is wider than `columns` (at least 5); NULL without
 * memory. */
char *text_fit(const char *printable, int columns);

/* Columns to print in: of $COLUMNS or the terminal of stdout; 0 for no limit. */
int text_terminal_columns(void);

#ifdef __cplusplus
}
#endif

#endif
