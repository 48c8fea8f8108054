/* SPDX-License-Identifier: BSD-3-Clause */
#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOMENTUM 0.9F

/* Filters of each convolution, and whether pooling follows; it does after the last one. */
static const struct {
  size_t filters;
  bool pool;
} plan[CONVOLUTIONS] = {{12, true}, {16, false}, {16, true}, {24, false}, {24, false}, {32, true}};

/* One row of a framed plane, and the whole of it. */
static size_t stride_of(size_t size) {
  return size + 2;
}

static size_t plane_of(size_t size) {
  return stride_of(size) * stride_of(size);
}

static bool make_floats(size_t count, float **values) {
  *values = calloc(count, sizeof **values);
  return *values != NULL;
}

static bool make_parameters(size_t count, double deviation, struct generator *generator,
                            struct parameters *parameters) {
  parameters->count = count;
  if (!make_floats(count, &parameters->value) || !make_floats(count, &parameters->gradient) ||
      !make_floats(count, &parameters->velocity))
    return false;
  for (size_t i = 0; i < count; i++) parameters->value[i] = (float)(deviation * random_normal(generator));
  return true;
}

static bool make_convolution(int l, size_t channels, size_t size, struct generator *generator,
                             struct network *network) {
  struct convolution *convolution = &network->convolution[l];
  struct activations *activations = &network->activations;
  const size_t filters = plan[l].filters, inputs = channels * TAPS;
  *convolution = (struct convolution){channels, filters, size, plan[l].pool, true, {0}, {0}};
  return make_parameters(filters * inputs, sqrt(2.0 / (double)inputs), generator, &convolution->weights) &&
         make_parameters(filters, 0, generator, &convolution->biases) &&
         make_floats(filters * plane_of(size), &activations->output[l]) &&
         make_floats(filters * plane_of(size), &activations->output_gradient[l]) &&
         (!convolution->pool ||
          (make_floats(filters * plane_of(size / 2), &activations->pooled[l]) &&
           make_floats(filters * plane_of(size / 2), &activations->pooled_gradient[l])));
}

bool network_create(size_t classes, struct generator *generator, struct network *network) {
  memset(network, 0, sizeof *network);
  network->classes = classes;
  bool made = make_floats(plane_of(IMAGE_SIZE), &network->activations.input);
  size_t channels = 1, size = IMAGE_SIZE;
  for (int l = 0; l < CONVOLUTIONS && made; l++) {
    made = make_convolution(l, channels, size, generator, network);
    channels = plan[l].filters;
    if (plan[l].pool) size /= 2;
  }
  network->features = channels * size * size;
  made = made && make_floats(network->features, &network->activations.features) &&
         make_parameters(classes * network->features, sqrt(1.0 / (double)network->features), generator,
                         &network->head_weights) &&
         make_parameters(classes, 0, generator, &network->head_biases);
  if (!made) network_free(network);
  return made;
}

void network_copy_convolutions(const struct network *from, struct network *network) {
  for (int l = 0; l < CONVOLUTIONS; l++) {
    const struct convolution *source = &from->convolution[l];
    struct convolution *target = &network->convolution[l];
    memcpy(target->weights.value, source->weights.value, source->weights.count * sizeof(float));
    memcpy(target->biases.value, source->biases.value, source->biases.count * sizeof(float));
  }
}

void network_train(struct network *network, int l, bool trained) {
  struct convolution *convolution = &network->convolution[l];
  if (trained && !convolution->trained) {
    memset(convolution->weights.velocity, 0, convolution->weights.count * sizeof(float));
    memset(convolution->biases.velocity, 0, convolution->biases.count * sizeof(float));
  }
  convolution->trained = trained;
}

static void free_parameters(struct parameters *parameters) {
  free(parameters->value);
  free(parameters->gradient);
  free(parameters->velocity);
}

void network_free(struct network *network) {
  struct activations *activations = &network->activations;
  for (int l = 0; l < CONVOLUTIONS; l++) {
    free_parameters(&network->convolution[l].weights);
    free_parameters(&network->convolution[l].biases);
    free(activations->output[l]);
    free(activations->output_gradient[l]);
    free(activations->pooled[l]);
    free(activations->pooled_gradient[l]);
  }
  free_parameters(&network->head_weights);
  free_parameters(&network->head_biases);
  free(activations->input);
  free(activations->features);
  memset(network, 0, sizeof *network);
}

/* What convolution l reads, and what follows it reads of it. */
static float *input_of(const struct network *network, int l) {
  if (l == 0) return network->activations.input;
  return network->convolution[l - 1].pool ? network->activations.pooled[l - 1]
                                          : network->activations.output[l - 1];
}

static float *input_gradient_of(const struct network *network, int l) {
  const struct activations *activations = &network->activations;
  return network->convolution[l - 1].pool ? activations->pooled_gradient[l - 1]
                                          : activations->output_gradient[l - 1];
}

static void clear_frame(float *plane, size_t size) {
  const size_t stride = stride_of(size);
  for (size_t i = 0; i < stride; i++)
    plane[i] = plane[(size + 1) * stride + i] = plane[i * stride] = plane[i * stride + size + 1] = 0;
}

/* Adds to the inner elements of `sums` the products of a kernel with what is around the same place of
 * `plane`. What gets into the frame at the ends of rows is the caller's to clear. */
static void add_products(const float *kernel, const float *plane, size_t size, float *sums) {
  const size_t stride = stride_of(size), begin = stride + 1, end = (size + 1) * stride - 1;
  for (size_t row = 0; row < 3; row++) {
    const float *weights = kernel + 3 * row, *at = plane + row * stride; /* one row further than i */
    for (size_t i = begin; i < end; i++)
      sums[i] +=
          weights[0] * at[i - stride - 1] + weights[1] * at[i - stride] + weights[2] * at[i - stride + 1];
  }
}

static void convolve(const struct convolution *convolution, const float *input, float *output) {
  const size_t plane = plane_of(convolution->size);
  const float *kernel = convolution->weights.value;
  for (size_t filter = 0; filter < convolution->filters; filter++, output += plane) {
    for (size_t i = 0; i < plane; i++) output[i] = convolution->biases.value[filter];
    for (size_t channel = 0; channel < convolution->channels; channel++, kernel += TAPS)
      add_products(kernel, input + channel * plane, convolution->size, output);
    for (size_t i = 0; i < plane; i++) output[i] = output[i] > 0 ? output[i] : 0;
    clear_frame(output, convolution->size);
  }
}

static void pool(const struct convolution *convolution, const float *output, float *pooled) {
  const size_t size = convolution->size / 2, from = stride_of(convolution->size), to = stride_of(size);
  for (size_t filter = 0; filter < convolution->filters; filter++) {
    for (size_t y = 1; y <= size; y++)
      for (size_t x = 1; x <= size; x++) {
        const float *at = output + (2 * y - 1) * from + 2 * x - 1;
        pooled[y * to + x] = (at[0] + at[1] + at[from] + at[from + 1]) / 4;
      }
    output += plane_of(convolution->size);
    pooled += plane_of(size);
  }
}

/* The inner elements of the last convolution's pooled planes, from `planes` to `features` or the other way.
 */
static void gather(const struct network *network, float *planes, float *features, bool back) {
  const struct convolution *last = &network->convolution[CONVOLUTIONS - 1];
  const size_t size = last->size / 2, stride = stride_of(size);
  for (size_t filter = 0; filter < last->filters; filter++, planes += plane_of(size))
    for (size_t y = 1; y <= size; y++)
      for (size_t x = 1; x <= size; x++, features++) {
        float *element = &planes[y * stride + x];
        *(back ? element : features) = *(back ? features : element);
      }
}

static void softmax(double *values, size_t count) {
  double highest = values[0], sum = 0;
  for (size_t i = 1; i < count; i++) highest = values[i] > highest ? values[i] : highest;
  for (size_t i = 0; i < count; i++) sum += values[i] = exp(values[i] - highest);
  for (size_t i = 0; i < count; i++) values[i] /= sum;
}

size_t network_tell(struct network *network, const float *pixels, double *probabilities) {
  for (size_t y = 0; y < IMAGE_SIZE; y++)
    memcpy(network->activations.input + (y + 1) * stride_of(IMAGE_SIZE) + 1, pixels + y * IMAGE_SIZE,
           IMAGE_SIZE * sizeof *pixels);
  for (int l = 0; l < CONVOLUTIONS; l++) {
    const struct convolution *convolution = &network->convolution[l];
    convolve(convolution, input_of(network, l), network->activations.output[l]);
    if (convolution->pool) pool(convolution, network->activations.output[l], network->activations.pooled[l]);
  }
  gather(network, network->activations.pooled[CONVOLUTIONS - 1], network->activations.features, false);
  const float *weight = network->head_weights.value;
  size_t best = 0;
  for (size_t class = 0; class < network->classes; class ++) {
    probabilities[class] = (double)network->head_biases.value[class];
    for (size_t i = 0; i < network->features; i++)
      probabilities[class] += (double)*weight++ * (double)network->activations.features[i];
  }
  softmax(probabilities, network->classes);
  for (size_t class = 1; class < network->classes; class ++)
    if (probabilities[class] > probabilities[best]) best = class;
  return best;
}

/* From the probabilities less the truth to the gradient of the last convolution's pooled planes. The features
 * make room for their own gradients. */
static void learn_head(struct network *network, const double *errors) {
  float *features = network->activations.features;
  for (size_t class = 0; class < network->classes; class ++)
    network->head_biases.gradient[class] += (float)errors[class];
  for (size_t i = 0; i < network->features; i++) {
    float slope = 0;
    for (size_t class = 0; class < network->classes; class ++) {
      const size_t j = class * network->features + i;
      network->head_weights.gradient[j] += (float)errors[class] * features[i];
      slope += (float)errors[class] * network->head_weights.value[j];
    }
    features[i] = slope;
  }
  gather(network, network->activations.pooled_gradient[CONVOLUTIONS - 1], features, true);
}

static void unpool(const struct convolution *convolution, const float *pooled_gradient,
                   float *output_gradient) {
  const size_t size = convolution->size / 2, from = stride_of(size), to = stride_of(convolution->size);
  for (size_t filter = 0; filter < convolution->filters; filter++) {
    for (size_t y = 1; y <= convolution->size; y++)
      for (size_t x = 1; x <= convolution->size; x++)
        output_gradient[y * to + x] = pooled_gradient[(y + 1) / 2 * from + (x + 1) / 2] / 4;
    pooled_gradient += plane_of(size);
    output_gradient += plane_of(convolution->size);
  }
}

/* ReLU passes nothing back where it gave 0; so the frame's gradient becomes 0, too. */
static void pass_relu(const struct convolution *convolution, const float *output, float *output_gradient) {
  const size_t count = convolution->filters * plane_of(convolution->size);
  for (size_t i = 0; i < count; i++) output_gradient[i] = output[i] > 0 ? output_gradient[i] : 0;
}

static void add_gradients(struct convolution *convolution, const float *input, const float *output_gradient) {
  const size_t size = convolution->size, stride = stride_of(size), end = (size + 1) * stride - 1;
  float *gradient = convolution->weights.gradient;
  for (size_t filter = 0; filter < convolution->filters; filter++) {
    const float *slopes = output_gradient + filter * plane_of(size);
    for (size_t channel = 0; channel < convolution->channels; channel++, gradient += TAPS) {
      const float *plane = input + channel * plane_of(size);
      float sums[TAPS] = {0};
      for (size_t i = stride + 1; i < end; i++) {
        const float *at = plane + i - stride - 1, slope = slopes[i];
        for (size_t row = 0; row < 3; row++)
          for (size_t column = 0; column < 3; column++)
            sums[3 * row + column] += slope * at[row * stride + column];
      }
      for (size_t tap = 0; tap < TAPS; tap++) gradient[tap] += sums[tap];
    }
    for (size_t i = 0; i < plane_of(size); i++) convolution->biases.gradient[filter] += slopes[i];
  }
}

/* The input's gradient is the output's, convolved with the kernels turned by half a turn. */
static void pass_back(const struct convolution *convolution, const float *output_gradient,
                      float *input_gradient) {
  const size_t plane = plane_of(convolution->size);
  memset(input_gradient, 0, convolution->channels * plane * sizeof *input_gradient);
  const float *kernel = convolution->weights.value;
  for (size_t filter = 0; filter < convolution->filters; filter++, output_gradient += plane)
    for (size_t channel = 0; channel < convolution->channels; channel++, kernel += TAPS) {
      float turned[TAPS];
      for (size_t tap = 0; tap < TAPS; tap++) turned[tap] = kernel[TAPS - 1 - tap];
      add_products(turned, output_gradient, convolution->size, input_gradient + channel * plane);
    }
  for (size_t channel = 0; channel < convolution->channels; channel++)
    clear_frame(input_gradient + channel * plane, convolution->size);
}

double network_learn(struct network *network, const float *pixels, size_t label) {
  struct activations *activations = &network->activations;
  double errors[MOST_CLASSES] = {0};
  int lowest = 0; /* below the lowest layer that is trained no gradient is needed */
  while (lowest < CONVOLUTIONS && !network->convolution[lowest].trained) lowest++;

  network_tell(network, pixels, errors);
  const double loss = -log(errors[label] > 1e-300 ? errors[label] : 1e-300);
  errors[label] -= 1;
  learn_head(network, errors);
  for (int l = CONVOLUTIONS - 1; l >= lowest; l--) {
    struct convolution *convolution = &network->convolution[l];
    float *output_gradient = activations->output_gradient[l];
    if (convolution->pool) unpool(convolution, activations->pooled_gradient[l], output_gradient);
    pass_relu(convolution, activations->output[l], output_gradient);
    if (convolution->trained) add_gradients(convolution, input_of(network, l), output_gradient);
    if (l > lowest) pass_back(convolution, output_gradient, input_gradient_of(network, l));
  }
  return loss;
}

static void step(struct parameters *parameters, size_t images, float rate) {
  for (size_t i = 0; i < parameters->count; i++) {
    parameters->velocity[i] = MOMENTUM * parameters->velocity[i] + parameters->gradient[i] / (float)images;
    parameters->value[i] -= rate * parameters->velocity[i];
    parameters->gradient[i] = 0;
  }
}

void network_step(struct network *network, size_t images, float rate) {
  for (int l = 0; l < CONVOLUTIONS; l++) {
    struct convolution *convolution = &network->convolution[l];
    if (!convolution->trained) continue;
    step(&convolution->weights, images, rate);
    step(&convolution->biases, images, rate);
  }
  step(&network->head_weights, images, rate);
  step(&network->head_biases, images, rate);
}
