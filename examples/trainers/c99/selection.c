/* SPDX-License-Identifier: BSD-3-Clause */
#include "selection.h"

#include <kldsel/kldsel.h>
#include <math.h>
#include <string.h>

static bool failed(const char *what, struct problem *problem) {
  return problem_set(problem, "%s: %s", what, kldsel_last_error());
}

static bool view(const struct convolution *convolution, kldsel_tensor **tensor, struct problem *problem) {
  const int64_t shape[] = {(int64_t)convolution->filters, (int64_t)convolution->channels, 3, 3};
  return kldsel_tensor_view(convolution->weights.value, convolution->weights.count * sizeof(float),
                            KLDSEL_DTYPE_F32, 4, shape, KLDSEL_LAYOUT_OIHW, NULL, tensor) == KLDSEL_OK ||
         failed("kldsel_tensor_view", problem);
}

static bool rank(kldsel_tensor *const *tensors, int count, kldsel_ranking **ranking,
                 struct problem *problem) {
  kldsel_options *options;
  if (kldsel_options_create(NULL, NULL, NULL, &options) != KLDSEL_OK)
    return failed("kldsel_options_create", problem);
  const bool done = kldsel_options_set_int(options, KLDSEL_OPTION_SELECT_COUNT, count) == KLDSEL_OK &&
                    kldsel_rank_tensors(tensors, CONVOLUTIONS, NULL, NULL, options, ranking) == KLDSEL_OK;
  kldsel_options_free(options);
  return done || failed("kldsel_rank_tensors", problem);
}

static bool select_best(const struct network *network, int count, bool *selected, double *scores,
                        struct problem *problem) {
  kldsel_tensor *tensors[CONVOLUTIONS] = {NULL};
  kldsel_ranking *ranking = NULL;
  bool done = true;
  for (int l = 0; l < CONVOLUTIONS && done; l++) done = view(&network->convolution[l], &tensors[l], problem);
  done = done && rank(tensors, count, &ranking, problem);
  for (int l = 0; l < CONVOLUTIONS && done; l++) {
    int32_t chosen;
    kldsel_ranking_layer(ranking, (size_t)l, &scores[l], NULL, &chosen, NULL);
    selected[l] = chosen != 0;
  }
  kldsel_ranking_free(ranking);
  for (int l = 0; l < CONVOLUTIONS; l++) kldsel_tensor_free(tensors[l]);
  return done;
}

bool select_layers(enum method method, int epoch, int count, struct network *network, double *scores,
                   struct problem *problem) {
  bool selected[CONVOLUTIONS];
  for (int l = 0; l < CONVOLUTIONS; l++) {
    scores[l] = NAN;
    selected[l] = method == METHOD_ALL || (method == METHOD_LAST && l >= CONVOLUTIONS - count);
  }
  if (method == METHOD_ONCE && epoch > 0) return true;
  if ((method == METHOD_ONCE || method == METHOD_AGAIN) &&
      !select_best(network, count, selected, scores, problem))
    return false;
  for (int l = 0; l < CONVOLUTIONS; l++) network_train(network, l, selected[l]);
  return true;
}
