/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_COMMON_JSON_TEXT_H
#define KLDSEL_COMMON_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "problem.h"

/*
 * Parses JSON that a file brings along; NULL if it is none, or has more values than any model needs: a
 * hostile file would eat the machine. `what` names it in the problem, `flags` are Jansson's.
 */
json_t *json_text_parse(const char *text, size_t length, size_t flags, const char *what,
                        struct problem *problem);

#endif
