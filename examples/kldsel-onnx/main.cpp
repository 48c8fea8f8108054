// SPDX-License-Identifier: BSD-3-Clause
// Ranks the layers of an ONNX model.
#include <tool.h>

#include "onnx_format.h"

int main(int argc, char **argv) {
  return tool_main(&onnx_format, argc, argv);
}
