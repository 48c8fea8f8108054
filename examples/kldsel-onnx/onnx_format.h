/* SPDX-License-Identifier: BSD-3-Clause */
/* ONNX models: initializers and constants, with layouts by the nodes that use them. */
#ifndef KLDSEL_ONNX_FORMAT_H
#define KLDSEL_ONNX_FORMAT_H

#include <format.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const struct format onnx_format;

#ifdef __cplusplus
}
#endif

#endif
