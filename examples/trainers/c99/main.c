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

#include "network.h"
#include "options.h"
#include "report.h"
#include "selection.h"
#include "weights_file.h"

#define BATCH 16
#define PRETRAIN_RATE 0.03F
#define RATE 0.03F
#define MOST_RUNS 1000

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

static bool load_data(const struct options *options, const struct classes *classes, int images,
                      struct data *data, struct problem *problem) {
  const uint64_t seed = (uint64_t)options->seed;
  if (!images_load(options->data, "train", classes, (size_t)images, seed, &data->train, problem))
    return false;
  if (images_load(options->data, "t10k", classes, (size_t)options->tests, seed, &data->test, problem))
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
                        struct random *random, double *loss, struct problem *problem) {
  size_t *order = malloc(images->count * sizeof *order);
  if (order == NULL) return problem_out_of_memory(problem);
  for (size_t i = 0; i < images->count; i++) order[i] = i;
  random_shuffle(random, order, images->count);
  *loss = 0;
  for (size_t i = 0; i < images->count; i++) {
    *loss += network_learn(network, images->pixels + order[i] * IMAGE_PIXELS, images->labels[order[i]]);
    const size_t in_batch = i % BATCH + 1;
    if (in_batch == BATCH || i + 1 == images->count) {
      network_step(network, in_batch, rate);
      report_progress("training", i + 1, images->count);
    }
  }
  *loss /= (double)images->count;
  free(order);
  return isfinite(*loss) || problem_set(problem, "the loss is no number: the training diverges");
}

static double test(struct network *network, const struct images *images) {
  double probabilities[MOST_CLASSES];
  size_t right = 0;
  for (size_t i = 0; i < images->count; i++)
    right += network_tell(network, images->pixels + i * IMAGE_PIXELS, probabilities) == images->labels[i];
  return (double)right / (double)images->count;
}

static bool save(const struct options *options, const char *name, const struct network *network,
                 struct problem *problem) {
  if (options->save == NULL) return true;
  struct weights weights[2 * CONVOLUTIONS + 2];
  int64_t shapes[2 * CONVOLUTIONS + 2][4];
  char names[2 * CONVOLUTIONS][32];
  for (int l = 0; l < CONVOLUTIONS; l++) {
    const struct convolution *convolution = &network->convolution[l];
    snprintf(names[2 * l], sizeof names[0], "convolution.%d.weight", l);
    snprintf(names[2 * l + 1], sizeof names[0], "convolution.%d.bias", l);
    shapes[2 * l][0] = shapes[2 * l + 1][0] = convolution->filters;
    shapes[2 * l][1] = convolution->channels;
    shapes[2 * l][2] = shapes[2 * l][3] = 3;
    weights[2 * l] = (struct weights){names[2 * l], 4, shapes[2 * l], convolution->weights.value};
    weights[2 * l + 1] = (struct weights){names[2 * l + 1], 1, shapes[2 * l + 1], convolution->biases.value};
  }
  int64_t *head = shapes[2 * CONVOLUTIONS];
  head[0] = (int64_t)network->classes;
  head[1] = (int64_t)network->features;
  weights[2 * CONVOLUTIONS] = (struct weights){"head.weight", 2, head, network->head_weights.value};
  weights[2 * CONVOLUTIONS + 1] = (struct weights){"head.bias", 1, head, network->head_biases.value};
  return weights_save(options->save, name, weights, 2 * CONVOLUTIONS + 2, problem);
}

static bool pretrain(const struct options *options, struct network *network, struct problem *problem) {
  struct data data;
  struct random random = {(uint64_t)options->seed};
  if (!load_data(options, &options->source, options->pretrain_images, &data, problem)) return false;
  bool done = network_create(options->source.count, &random, network) || problem_out_of_memory(problem);
  for (int epoch = 0; epoch < options->pretrain_epochs && done; epoch++) {
    double loss;
    done = train_epoch(network, &data.train, PRETRAIN_RATE, &random, &loss, problem);
    if (done) printf("pretraining, epoch %d: loss %.4f\n", epoch + 1, loss);
    fflush(stdout);
  }
  if (done) {
    printf("pretrained: accuracy %.2f %% on %zu classes\n", 100 * test(network, &data.test),
           options->source.count);
    done = save(options, "start", network, problem);
  }
  free_data(&data);
  return done;
}

static void print_selection(const char *name, int epoch, const struct network *network,
                            const double *scores) {
  printf("%s, epoch %d: trains", name, epoch + 1);
  for (int l = 0; l < CONVOLUTIONS; l++)
    if (network->convolution[l].trained) printf(" %d", l);
  if (!isnan(scores[0])) {
    printf("; divergences");
    for (int l = 0; l < CONVOLUTIONS; l++) printf(" %.17g", scores[l]);
  }
  putchar('\n');
  fflush(stdout);
}

/* Only the first run tells and saves what it does. */
static bool fine_tune(const struct options *options, size_t m, int run, const struct data *data,
                      const struct network *pretrained, double *accuracy, struct problem *problem) {
  struct network network;
  struct random random = {(uint64_t)(options->seed + run)};
  if (!network_create(options->target.count, &random, &network)) return problem_out_of_memory(problem);
  network_copy_convolutions(pretrained, &network);
  bool done = true;
  for (int epoch = 0; epoch < options->epochs && done; epoch++) {
    double scores[CONVOLUTIONS], loss;
    char name[64];
    snprintf(name, sizeof name, "%s-%d", methods[m].name, epoch + 1);
    done = select_layers(methods[m].method, epoch, options->layers, &network, scores, problem);
    if (done && run == 0) print_selection(methods[m].name, epoch, &network, scores);
    done = done && train_epoch(&network, &data->train, RATE, &random, &loss, problem) &&
           (run > 0 || save(options, name, &network, problem));
  }
  if (done) *accuracy = test(&network, &data->test);
  network_free(&network);
  return done;
}

static bool compare(const struct options *options, const struct network *pretrained,
                    struct problem *problem) {
  static double accuracies[METHODS][MOST_RUNS];
  struct data data;
  if (!load_data(options, &options->target, options->images, &data, problem)) return false;
  bool done = true;
  for (size_t m = 0; m < METHODS && done; m++)
    for (int run = 0; run < options->runs && done; run++)
      done = fine_tune(options, m, run, &data, pretrained, &accuracies[m][run], problem);
  if (done) {
    printf(
        "\naccuracy on %zu images of %zu classes, fine-tuned on %zu for %d epochs, %d of %d convolutions:\n",
        data.test.count, options->target.count, data.train.count, options->epochs, options->layers,
        CONVOLUTIONS);
    for (size_t m = 0; m < METHODS; m++) report_accuracies(methods[m].name, accuracies[m], options->runs);
  }
  free_data(&data);
  return done;
}

int main(int argc, const char **argv) {
  struct options options = {.pretrain_images = 3000,
                            .pretrain_epochs = 2,
                            .images = 1000,
                            .epochs = 4,
                            .tests = 1000,
                            .layers = 2,
                            .runs = 1,
                            .seed = 1};
  struct problem problem;
  struct network pretrained = {0};
  const enum options_result result = options_parse(argc, argv, NULL, &options, &problem);
  if (result == OPTIONS_DONE) return EXIT_SUCCESS;
  bool done = result == OPTIONS_RUN;
  if (done && options.layers > CONVOLUTIONS)
    done =
        problem_set(&problem, "--layers %d: the network has %d convolutions", options.layers, CONVOLUTIONS);
  done = done && pretrain(&options, &pretrained, &problem) && compare(&options, &pretrained, &problem);
  network_free(&pretrained);
  if (done) return EXIT_SUCCESS;
  fprintf(stderr, "%s: %s\n", argv[0], problem.text);
  return EXIT_PROBLEM;
}
