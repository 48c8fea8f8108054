/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pretrains a small network on some classes of Fashion-MNIST and fine-tunes it on others, in five ways: they
 * differ in which convolutions are trained. One of them ranks the layers again before each epoch.
 */
#include <kldsel/kldsel.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "network.h"
#include "output.h"
#include "results.h"
#include "selection.h"
#include "weights_file.h"

#define BATCH 16
#define PRETRAIN_RATE 0.03F
#define RATE 0.03F

#define TENSORS ((size_t)2 * (CONVOLUTIONS + 1)) /* weights and biases */

enum {
  EXIT_PROBLEM = 2
};

static const struct {
  enum method method;
  const char *name;
} methods[] = {{METHOD_NONE, "none"},
               {METHOD_LAST, "last"},
               {METHOD_ONCE, "ranked"},
               {METHOD_AGAIN, "reranked"},
               {METHOD_ALL, "all"}};
#define METHODS (sizeof methods / sizeof methods[0])

struct data {
  struct images train, test;
};

static bool load_data(const struct arguments *arguments, const struct classes *classes, int images,
                      struct data *data, struct problem *problem) {
  const uint64_t seed = (uint64_t)arguments->seed;
  if (!images_load(arguments->data, "train", classes, (size_t)images, seed, &data->train, problem))
    return false;
  if (images_load(arguments->data, "t10k", classes, (size_t)arguments->tests, seed, &data->test, problem))
    return true;
  images_free(&data->train);
  return false;
}

static void free_data(struct data *data) {
  images_free(&data->train);
  images_free(&data->test);
}

/* Sees every image once, in an order of its own; `loss` is their mean. */
static bool train_epoch(struct network *network, const struct images *images, float rate,
                        struct generator *generator, double *loss, struct problem *problem) {
  size_t *order = malloc(images->count * sizeof *order);
  if (order == NULL) return problem_out_of_memory(problem);
  for (size_t i = 0; i < images->count; i++) order[i] = i;
  random_shuffle(generator, order, images->count);
  *loss = 0;
  for (size_t i = 0; i < images->count; i++) {
    *loss += network_learn(network, images->pixels + order[i] * IMAGE_PIXELS, images->labels[order[i]]);
    const size_t in_batch = i % BATCH + 1;
    if (in_batch == BATCH || i + 1 == images->count) {
      network_step(network, in_batch, rate);
      results_progress("training", i + 1, images->count);
    }
  }
  *loss /= (double)images->count;
  free(order);
  return isfinite(*loss) || problem_set(problem, "the loss is no number: the training diverges");
}

static double test(struct network *network, const struct images *images) {
  double probabilities[MOST_CLASSES] = {0};
  size_t right = 0;
  for (size_t i = 0; i < images->count; i++)
    right += network_tell(network, images->pixels + i * IMAGE_PIXELS, probabilities) == images->labels[i];
  return (double)right / (double)images->count;
}

static bool save(const struct arguments *arguments, const char *name, const struct network *network,
                 struct problem *problem) {
  if (arguments->save == NULL) return true;
  struct weights weights[TENSORS], *next = weights;
  int64_t shapes[CONVOLUTIONS][4], head[] = {(int64_t)network->classes, (int64_t)network->features};
  char names[CONVOLUTIONS][2][32];
  for (int l = 0; l < CONVOLUTIONS; l++) {
    const struct convolution *convolution = &network->convolution[l];
    snprintf(names[l][0], sizeof names[l][0], "convolution.%d.weight", l);
    snprintf(names[l][1], sizeof names[l][1], "convolution.%d.bias", l);
    shapes[l][0] = (int64_t)convolution->filters;
    shapes[l][1] = (int64_t)convolution->channels;
    shapes[l][2] = shapes[l][3] = 3;
    *next++ = (struct weights){names[l][0], 4, shapes[l], convolution->weights.value};
    *next++ = (struct weights){names[l][1], 1, shapes[l], convolution->biases.value};
  }
  *next++ = (struct weights){"head.weight", 2, head, network->head_weights.value};
  *next++ = (struct weights){"head.bias", 1, head, network->head_biases.value};
  return weights_save(arguments->save, name, weights, TENSORS, problem);
}

static bool pretrain(const struct arguments *arguments, struct network *network, struct problem *problem) {
  struct data data;
  struct generator generator = {(uint64_t)arguments->seed};
  if (!load_data(arguments, &arguments->source, arguments->pretrain_images, &data, problem)) return false;
  bool done = network_create(arguments->source.count, &generator, network) || problem_out_of_memory(problem);
  for (int epoch = 0; epoch < arguments->pretrain_epochs && done; epoch++) {
    double loss = 0;
    done = train_epoch(network, &data.train, PRETRAIN_RATE, &generator, &loss, problem);
    if (done) printf("pretraining, epoch %d: loss %.4f\n", epoch + 1, loss);
    fflush(stdout);
  }
  if (done) {
    printf("pretrained: accuracy %.2f %% on %zu classes\n", 100 * test(network, &data.test),
           arguments->source.count);
    done = save(arguments, "start", network, problem);
  }
  free_data(&data);
  return done;
}

static void print_selection(const char *name, int epoch, const struct network *network,
                            const double *scores) {
  bool trained[CONVOLUTIONS];
  for (int l = 0; l < CONVOLUTIONS; l++) trained[l] = network->convolution[l].trained;
  results_selection(name, epoch + 1, trained, scores, CONVOLUTIONS);
}

static bool save_epoch(const struct arguments *arguments, const char *method, int epoch,
                       const struct network *network, struct problem *problem) {
  char name[64];
  snprintf(name, sizeof name, "%s-%d", method, epoch);
  return save(arguments, name, network, problem);
}

/* Only the first run tells and saves what it does. */
static bool fine_tune(const struct arguments *arguments, size_t m, int run, const struct data *data,
                      const struct network *pretrained, double *accuracy, struct problem *problem) {
  struct network network;
  struct generator generator = {(uint64_t)(arguments->seed + run)};
  if (!network_create(arguments->target.count, &generator, &network)) return problem_out_of_memory(problem);
  network_copy_convolutions(pretrained, &network);
  bool done = run > 0 || save_epoch(arguments, methods[m].name, 0, &network, problem);
  for (int epoch = 0; epoch < arguments->epochs && done; epoch++) {
    double scores[CONVOLUTIONS], loss;
    done = select_layers(methods[m].method, epoch, arguments->layers, &network, scores, problem);
    if (done && run == 0) print_selection(methods[m].name, epoch, &network, scores);
    done = done && train_epoch(&network, &data->train, RATE, &generator, &loss, problem) &&
           (run > 0 || save_epoch(arguments, methods[m].name, epoch + 1, &network, problem));
  }
  if (done) *accuracy = test(&network, &data->test);
  network_free(&network);
  return done;
}

static bool compare(const struct arguments *arguments, const struct network *pretrained,
                    struct problem *problem) {
  static double accuracies[METHODS][MOST_RUNS];
  struct data data;
  if (!load_data(arguments, &arguments->target, arguments->images, &data, problem)) return false;
  bool done = true;
  for (size_t m = 0; m < METHODS && done; m++)
    for (int run = 0; run < arguments->runs && done; run++)
      done = fine_tune(arguments, m, run, &data, pretrained, &accuracies[m][run], problem);
  if (done) {
    results_heading(arguments, data.test.count, data.train.count, CONVOLUTIONS);
    for (size_t m = 0; m < METHODS; m++) results_accuracies(methods[m].name, accuracies[m], arguments->runs);
  }
  free_data(&data);
  return done;
}

int main(int argc, const char **argv) {
  struct arguments arguments = {.pretrain_images = 3000,
                                .pretrain_epochs = 2,
                                .images = 1000,
                                .epochs = 4,
                                .tests = 1000,
                                .layers = 2,
                                .most_layers = CONVOLUTIONS,
                                .runs = 1,
                                .seed = 1};
  struct problem problem;
  struct network pretrained = {0};
  const enum arguments_result result = arguments_parse(argc, argv, NULL, &arguments, &problem);
  bool done = result != ARGUMENTS_WRONG;
  if (result == ARGUMENTS_RUN)
    done = pretrain(&arguments, &pretrained, &problem) && compare(&arguments, &pretrained, &problem);
  network_free(&pretrained);
  done = done && output_flush(&problem);
  if (done) return EXIT_SUCCESS;
  problem_print(argv[0], &problem);
  return EXIT_PROBLEM;
}
