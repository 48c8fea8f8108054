/* SPDX-License-Identifier: BSD-3-Clause */
/* All of a tool but its format: file -> layers -> scores -> files and report. */
#ifndef KLDSEL_COMMON_TOOL_H
#define KLDSEL_COMMON_TOOL_H

#include "format.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What main() is to return: 0, or 2 with one line on stderr. */
int tool_main(const struct format *format, int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
