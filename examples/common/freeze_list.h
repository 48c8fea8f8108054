/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_COMMON_FREEZE_LIST_H
#define KLDSEL_COMMON_FREEZE_LIST_H

#include "report.h"

/* Writes a JSON object with the names of the layers to train and to freeze, which kldsel.freeze() takes. */
bool freeze_list_write(const struct report *report, const char *path, struct problem *problem);

#endif
