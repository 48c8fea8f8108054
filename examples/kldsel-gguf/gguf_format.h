/* SPDX-License-Identifier: BSD-3-Clause */
/* GGUF files: their tensors, and the ranking among their keys. */
#ifndef KLDSEL_GGUF_FORMAT_H
#define KLDSEL_GGUF_FORMAT_H

#include <format.h>

extern const struct format gguf_format;

#endif
