/* SPDX-License-Identifier: BSD-3-Clause */
/* How each class of Keras layer lays its variables out; the same on every backend and data format. */
#ifndef KLDSEL_HDF5_KERAS_H
#define KLDSEL_HDF5_KERAS_H

#include <model.h>

enum keras_class {
  KERAS_UNKNOWN,
  KERAS_CONVOLUTION,
  KERAS_TRANSPOSED,
  KERAS_DEPTHWISE,
  KERAS_SEPARABLE,
  KERAS_RECURRENT,
  KERAS_DENSE,
  KERAS_EINSUM,
  KERAS_EMBEDDING,
  KERAS_NORMALIZATION
};

/* By the name of the class, DepthwiseConv2D, or of a container's entry, depthwise_conv2d_3. */
enum keras_class keras_class_of(const char *name);

/* What the variable of that number is called; NULL where the class does not tell. */
const char *keras_variable(enum keras_class class, size_t index);

/* Sets the layout, or the reason why the tensor is no layer, by its rank and the variable's name. */
void keras_lay_out(enum keras_class class, const char *variable, struct stored_tensor *tensor);

#endif
