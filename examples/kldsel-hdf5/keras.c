/* SPDX-License-Identifier: BSD-3-Clause */
#include "keras.h"

#include <ctype.h>
#include <string.h>

/* Names in lower case, N for the number of dimensions. */
static const struct {
  const char *name;
  enum keras_class class;
} classes[] = {
    {"convNd", KERAS_CONVOLUTION},
    {"convolutionNd", KERAS_CONVOLUTION},
    {"convNdtranspose", KERAS_TRANSPOSED},
    {"convolutionNdtranspose", KERAS_TRANSPOSED},
    {"depthwiseconvNd", KERAS_DEPTHWISE},
    {"separableconvNd", KERAS_SEPARABLE},
    {"separableconvolutionNd", KERAS_SEPARABLE},
    {"convlstmNd", KERAS_RECURRENT},
    {"convlstmNdcell", KERAS_RECURRENT},
    {"lstm", KERAS_RECURRENT},
    {"lstmcell", KERAS_RECURRENT},
    {"gru", KERAS_RECURRENT},
    {"grucell", KERAS_RECURRENT},
    {"simplernn", KERAS_RECURRENT},
    {"simplernncell", KERAS_RECURRENT},
    {"dense", KERAS_DENSE},
    {"einsumdense", KERAS_EINSUM},
    {"embedding", KERAS_EMBEDDING},
    {"batchnormalization", KERAS_NORMALIZATION},
};

/* Without the number that a container adds. */
static size_t stem_length(const char *name) {
  const size_t length = strlen(name);
  size_t stem = length;
  while (stem > 0 && isdigit((unsigned char)name[stem - 1])) stem--;
  return stem > 0 && stem < length && name[stem - 1] == '_' ? stem - 1 : length;
}

static bool same_class(const char *pattern, const char *name, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (name[i] == '_') continue;
    const int letter = tolower((unsigned char)name[i]);
    if (*pattern == 'N' ? letter < '1' || letter > '3' : *pattern != letter) return false;
    pattern++;
  }
  return *pattern == '\0';
}

enum keras_class keras_class_of(const char *name) {
  const size_t length = stem_length(name);
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
    if (same_class(classes[i].name, name, length)) return classes[i].class;
  return KERAS_UNKNOWN;
}

const char *keras_variable(enum keras_class class, size_t index) {
  static const char *const usual[] = {"kernel", "bias", NULL};
  static const char *const separable[] = {"depthwise_kernel", "pointwise_kernel", "bias", NULL};
  static const char *const recurrent[] = {"kernel", "recurrent_kernel", "bias", NULL};
  static const char *const embedding[] = {"embeddings", NULL};
  static const char *const norm[] = {"gamma", "beta", "moving_mean", "moving_variance", NULL};
  static const char *const none[] = {NULL};
  static const char *const *const names[] = {
      [KERAS_UNKNOWN] = none,       [KERAS_CONVOLUTION] = usual,   [KERAS_TRANSPOSED] = usual,
      [KERAS_DEPTHWISE] = usual,    [KERAS_SEPARABLE] = separable, [KERAS_RECURRENT] = recurrent,
      [KERAS_DENSE] = usual,        [KERAS_EINSUM] = usual,        [KERAS_EMBEDDING] = embedding,
      [KERAS_NORMALIZATION] = norm,
  };
  const char *const *name = names[class];
  for (; *name != NULL && index > 0; index--) name++;
  return *name;
}

void keras_lay_out(enum keras_class class, const char *variable, struct stored_tensor *tensor) {
  if (tensor->rank < 2) return;
  if (class == KERAS_EMBEDDING)
    tensor->reason = "an embedding: its rows are no filters";
  else if (class == KERAS_EINSUM)
    tensor->reason = "an EinsumDense: which axes are filters is not told";
  else if (tensor->rank == 2)
    tensor->layout = KLDSEL_LAYOUT_IO;
  else if (class == KERAS_DEPTHWISE || strcmp(variable, "depthwise_kernel") == 0)
    tensor->layout = KLDSEL_LAYOUT_HWIM;
  else if (class == KERAS_TRANSPOSED)
    tensor->layout = KLDSEL_LAYOUT_HWOI;
  else if (class == KERAS_CONVOLUTION || strstr(variable, "kernel") != NULL)
    tensor->layout = KLDSEL_LAYOUT_HWIO;
  else
    tensor->reason = "of a layer that is no known convolution";
}
