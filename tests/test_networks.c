/* SPDX-License-Identifier: BSD-3-Clause */
/* Convolutions are told from a network's other weights by shape alone (eq. 13), and the lists of layers are
 * those of the published networks. */
#include "networks.h"
#include "support.h"

/* Counts the convolutions among a network's weights: for each convolution its weights and, as in the
 * framework's files, one more tensor of rank 1 (bias or normalisation), and a dense classifier at the end. */
static size_t count_convolutions(const struct convolutions *net, const int64_t *classifier) {
  size_t counts[KLDSEL_KIND_CONVOLUTION + 1] = {0};
  int32_t kind = 0;
  for (size_t l = 0; l < net->count; l++) {
    const struct convolution *c = &net->at[l];
    assert_ok(kldsel_layer_kind(4, (const int64_t[]){c->filters, c->channels, c->height, c->width}, &kind));
    counts[kind]++;
    assert_ok(kldsel_layer_kind(4, (const int64_t[]){c->height, c->width, c->channels, c->filters}, &kind));
    ck_assert_int_eq(kind, KLDSEL_KIND_CONVOLUTION);
    assert_ok(kldsel_layer_kind(1, &c->filters, &kind));
    counts[kind]++;
  }
  assert_ok(kldsel_layer_kind(2, classifier, &kind));
  counts[kind]++;
  ck_assert_uint_eq(counts[KLDSEL_KIND_OTHER], net->count);
  ck_assert_uint_eq(counts[KLDSEL_KIND_DENSE], 1);
  return counts[KLDSEL_KIND_CONVOLUTION];
}

static int64_t total_weights(const struct convolutions *net) {
  int64_t total = 0;
  for (size_t l = 0; l < net->count; l++) total += convolution_weights(&net->at[l]);
  return total;
}

static int64_t total_filters(const struct convolutions *net) {
  int64_t total = 0;
  for (size_t l = 0; l < net->count; l++) total += net->at[l].filters;
  return total;
}

/* 138,357,544 parameters in all; the dense layers 25088-4096-4096-1000 hold (25088 + 1) 4096 +
 * (4096 + 1) 4096 + (4096 + 1) 1000 = 123,642,856 of them, the rest are weights and one bias per filter. */
START_TEST(vgg16_has_13) {
  struct convolutions net = vgg16();
  ck_assert_uint_eq(count_convolutions(&net, (const int64_t[]){1000, 4096}), 13);
  ck_assert_int_eq(total_weights(&net) + total_filters(&net), 138357544 - 123642856);
}
END_TEST

/* 25,557,032 trainable parameters in PyTorch's model, of which (2048 + 1) 1000 = 2,049,000 are the
 * classifier and two per filter (scale, shift) batch normalisation; the convolutions have no bias. */
START_TEST(resnet50_has_53) {
  struct convolutions net = resnet50();
  ck_assert_uint_eq(count_convolutions(&net, (const int64_t[]){1000, 2048}), 53);
  ck_assert_int_eq(total_weights(&net) + 2 * total_filters(&net), 25557032 - 2049000);
}
END_TEST

/* 23,851,784 parameters in the Keras model, of which (2048 + 1) 1000 = 2,049,000 are the classifier and
 * three per filter (shift, mean, variance; no scale) batch normalisation; no biases. */
START_TEST(inception_v3_has_94) {
  struct convolutions net = inception_v3();
  ck_assert_uint_eq(count_convolutions(&net, (const int64_t[]){1000, 2048}), 94);
  ck_assert_int_eq(total_weights(&net) + 3 * total_filters(&net), 23851784 - 2049000);
}
END_TEST

/* 14,307,880 parameters in the Keras model, of which (1664 + 1) 1000 = 1,665,000 are the classifier and
 * 158,400 not trainable: the mean and variance of batch normalisation, which has as many scales and shifts.
 * (It normalises a layer's input, so it is not one per filter.) No biases. */
START_TEST(densenet169_has_168) {
  struct convolutions net = densenet169();
  ck_assert_uint_eq(count_convolutions(&net, (const int64_t[]){1000, 1664}), 168);
  ck_assert_int_eq(total_weights(&net) + 2 * 158400, 14307880 - 1665000);
}
END_TEST

/* 3,504,872 trainable parameters in PyTorch's model, of which (1280 + 1) 1000 = 1,281,000 are the classifier
 * and two per filter batch normalisation; no biases. 17 of the convolutions are depthwise: one per block. */
START_TEST(mobilenet_v2_has_52) {
  struct convolutions net = mobilenet_v2();
  ck_assert_uint_eq(count_convolutions(&net, (const int64_t[]){1000, 1280}), 52);
  ck_assert_int_eq(total_weights(&net) + 2 * total_filters(&net), 3504872 - 1281000);
  int depthwise = 0;
  for (size_t l = 0; l < net.count; l++) depthwise += net.at[l].channels == 1;
  ck_assert_int_eq(depthwise, 17);
}
END_TEST

/* 86,567,656 parameters in PyTorch's model: besides the dense layers with one bias per output, the patches'
 * convolution (3 16 16 + 1) 768, a class token 768, 197 positions of 768, and 25 normalisations of 2 768. */
START_TEST(vit_b16_has_49) {
  struct convolutions net = vit_b16();
  ck_assert_uint_eq(net.count, 49);
  ck_assert_int_eq(total_weights(&net) + total_filters(&net),
                   86567656 - (769 * 768 + 768 + 197 * 768 + 25 * 2 * 768));
}
END_TEST

/* 6,738,415,616 parameters, of which 65 normalisations of 4096; no biases. */
START_TEST(llama_7b_has_226) {
  struct convolutions net = llama_7b();
  ck_assert_uint_eq(net.count, 226);
  ck_assert_int_eq(total_weights(&net), 6738415616 - 65 * 4096);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("networks");
  TCase *tests = add_case(suite, "networks");
  tcase_add_test(tests, vgg16_has_13);
  tcase_add_test(tests, resnet50_has_53);
  tcase_add_test(tests, inception_v3_has_94);
  tcase_add_test(tests, densenet169_has_168);
  tcase_add_test(tests, mobilenet_v2_has_52);
  tcase_add_test(tests, vit_b16_has_49);
  tcase_add_test(tests, llama_7b_has_226);
  return suite;
}
