/* SPDX-License-Identifier: BSD-3-Clause */
#include "hdf5_types.h"

static const char sequential[] =
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"a\", \"layers\": ["
    "{\"class_name\": \"Conv2DTranspose\", \"config\": {\"name\": \"conv2d\"}}, "
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"dense\"}}]}}";

static const char *const texts[] = {
    "vars",
    "0",
    "1",
    "2",
    "10",
    "layers",
    "cell",
    "model_weights",
    "conv2d",
    "conv2d_1",
    "conv2d_10",
    "Conv2DTranspose",
    "depthwise_conv2d",
    "separable_conv2d",
    "lstm",
    "gru_cell",
    "dense",
    "dense_1",
    "einsum_dense",
    "embedding",
    "batch_normalization",
    "optimizer",
    "sequential",
    "unknown",
    "kernel",
    "bias:0",
    "kernel:0",
    "depthwise_kernel",
    "conv2d/kernel:0",
    "a/conv2d_1/kernel",
    "dense/dense/bias:0",
    "",
    "layer_names",
    "layer_names0",
    "layer_names1",
    "weight_names",
    "model_config",
    "name",
    "dtype",
    "kldsel.ranking",
    "bfloat16",
    "float32",
    ".",
    "/",
    "99999999",
    "999999999",
    "vars/0",
    "..",
    sequential,
    "{\"class_name\": \"DepthwiseConv2D\", \"config\": {\"name\": \"conv2d_1\"}}",
    "{\"class_name\": 1, \"config\": {\"name\": []}}",
    "{\"class_name\": \"LSTM\"",
    "[[[[]]]]",
};

const char *take_text(struct input *input) {
  static char free_texts[4][16];
  static size_t next;
  size_t which = take_below(input, COUNT(texts) + 8);
  if (which < COUNT(texts)) return texts[which];
  char *text = free_texts[next++ % COUNT(free_texts)];
  size_t length = take_below(input, sizeof free_texts[0]);
  take_bytes(input, text, length);
  text[length] = '\0';
  return text;
}

/* Of two bytes, like IEEE 754's or only nearly so. */
static hid_t take_half(struct input *input) {
  static const struct {
    size_t exponent, exponent_size, mantissa_size, bias;
  } forms[] = {{10, 5, 10, 15}, {10, 5, 10, 15}, {10, 5, 10, 16}, {7, 8, 7, 127}, {11, 4, 11, 7}};
  size_t form = take_below(input, COUNT(forms));
  hid_t type = H5Tcopy(take_below(input, 2) ? H5T_IEEE_F32LE : H5T_IEEE_F32BE);
  H5Tset_fields(type, 15, forms[form].exponent, forms[form].exponent_size, 0, forms[form].mantissa_size);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, forms[form].bias);
  return type;
}

static hid_t take_odd_type(struct input *input) {
  hid_t type;
  switch (take_below(input, 8)) {
  case 0:
    type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, take_below(input, 2) ? H5T_VARIABLE : 2);
    return type;
  case 1:
    type = H5Tcreate(H5T_COMPOUND, 4);
    H5Tinsert(type, "r", 0, H5T_IEEE_F32LE);
    return type;
  case 2:
    return H5Tenum_create(H5T_STD_I8LE);
  case 3:
    return H5Tvlen_create(H5T_STD_U16LE);
  case 4:
    type = H5Tcopy(H5T_STD_I32LE);
    H5Tset_precision(type, 1 + take_below(input, 32));
    return type;
  case 5:
    type = H5Tcopy(H5T_STD_U64BE);
    H5Tset_size(type, 1 + take_below(input, 16));
    return type;
  case 6:
    return H5Tcopy(H5T_STD_B16LE);
  default:
    return H5Tarray_create2(H5T_IEEE_F32LE, 1, (hsize_t[]){2});
  }
}

hid_t take_type(struct input *input) {
  const hid_t plain[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_IEEE_F64BE,
                         H5T_STD_I8LE,   H5T_STD_U8LE,   H5T_STD_I16LE,  H5T_STD_U16BE,
                         H5T_STD_I32BE,  H5T_STD_U32LE,  H5T_STD_I64LE,  H5T_STD_U64BE};
  size_t which = take_below(input, COUNT(plain) + 6);
  if (which < COUNT(plain)) return H5Tcopy(plain[which]);
  if (which < COUNT(plain) + 2) return take_half(input);
  /* What Keras writes bfloat16 as. */
  if (which < COUNT(plain) + 4) return H5Tcreate(H5T_OPAQUE, 1 + take_below(input, 3));
  return take_odd_type(input);
}

hid_t native_type(hid_t type) {
  H5T_class_t class = H5Tget_class(type);
  if (class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_OPAQUE) return H5I_INVALID_HID;
  hid_t native = H5Tcopy(type);
  if (class != H5T_OPAQUE) H5Tset_order(native, H5Tget_order(H5T_NATIVE_INT));
  return native;
}
