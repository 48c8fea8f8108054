/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pretrains a small dlib network on some classes of images and fine-tunes it on others in four ways, which
 * differ in the convolutions whose learning rate is not 0: none, the last, the best of libkldsel's ranking,
 * all.
 */
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <dlib/dnn.h>
#include <functional>
#include <kldsel/kldsel.hpp>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "dataset.hpp"
#include "program.hpp"
#include "random.h"
#include "results.h"
#include "weights_file.h"

namespace trainers {
namespace {

constexpr std::size_t batch = 32;
constexpr double rate = 0.02, momentum = 0.9, weight_decay = 0.0005;
constexpr std::size_t convolutions = 6;

template <long filters, typename SUBNET> using block = dlib::relu<dlib::con<filters, 3, 3, 1, 1, SUBNET>>;
template <typename SUBNET> using pool = dlib::max_pool<2, 2, 2, 2, SUBNET>;

/* dlib writes networks from the output to the input. How many classes there are is set at run time. */
using first = pool<block<12, dlib::input<dlib::matrix<float>>>>;
using second = pool<block<16, block<16, first>>>;
using third = pool<block<32, block<24, block<24, second>>>>;
using network = dlib::loss_multiclass_log<dlib::fc<MOST_CLASSES, third>>;

using dlib_samples = std::vector<dlib::matrix<float>>;
using dlib_labels = std::vector<unsigned long>;

/* dlib wants a matrix for each image. */
struct samples {
  dlib_samples pixels;
  dlib_labels labels;
};

samples samples_of(const images &from) {
  samples made{{}, {from.labels, from.labels + from.count}};
  made.pixels.reserve(from.count);
  for (std::size_t i = 0; i < from.count; i++)
    made.pixels.emplace_back(dlib::mat(from.pixels + i * IMAGE_PIXELS, IMAGE_SIZE, IMAGE_SIZE));
  return made;
}

/* What the walk over the layers finds of one that has weights; the pointers are into dlib's own memory. */
struct layer {
  std::vector<std::int64_t> shape;
  kldsel::layout layout;
  float *weights, *biases;
  std::size_t weights_count, biases_count;
  std::function<void(double)> set_rate; /* times the trainer's; 0 freezes */
};

class walk {
public:
  explicit walk(std::vector<layer> &found) : found_(found) {}

  /* One tensor holds the filters, [filters][channels][rows][columns], and behind them the biases. */
  template <long filters, long rows, long columns, int y, int x, int py, int px>
  void operator()(dlib::con_<filters, rows, columns, y, x, py, px> &convolution) {
    const std::int64_t channels = (size_of(convolution) / filters - 1) / (rows * columns);
    add(convolution, {filters, channels, rows, columns}, kldsel::layout::oihw, filters);
  }

  /* One tensor holds the weights, [inputs][outputs], and a last row with the biases. */
  template <unsigned long most> void operator()(dlib::fc_<most, dlib::FC_HAS_BIAS> &dense) {
    const auto outputs = static_cast<std::int64_t>(dense.get_num_outputs());
    add(dense, {size_of(dense) / outputs - 1, outputs}, kldsel::layout::io, outputs);
  }

  template <typename Other> void operator()(Other & /*has no weights*/) {}

private:
  template <typename Layer> static std::int64_t size_of(const Layer &layer) {
    return static_cast<std::int64_t>(layer.get_layer_params().size());
  }

  template <typename Layer>
  void add(Layer &from, std::vector<std::int64_t> shape, kldsel::layout layout, std::int64_t outputs) {
    float *memory = from.get_layer_params().host();
    const auto biases = static_cast<std::size_t>(outputs), weights = from.get_layer_params().size() - biases;
    found_.push_back(
        {std::move(shape), layout, memory, memory + weights, weights, biases, [&from](double rate) {
           from.set_learning_rate_multiplier(rate);
           from.set_bias_learning_rate_multiplier(rate);
         }});
  }

  std::vector<layer> &found_;
};

/* The layers with weights from the input to the output; dlib's own order is the reverse. */
std::vector<layer> layers_of(network &walked) {
  std::vector<layer> found;
  dlib::visit_computational_layers(walked, walk(found));
  std::reverse(found.begin(), found.end());
  return found;
}

/* A network with random weights. dlib makes them, from the state of rand(), when it sees the first image. */
void create(network &made, std::size_t classes, std::uint64_t seed, const samples &samples) {
  std::srand(static_cast<unsigned>(seed));
  dlib::layer<1>(made).layer_details().set_num_outputs(static_cast<long>(classes));
  made(samples.pixels.front());
}

void copy_convolutions(const std::vector<layer> &from, const std::vector<layer> &to) {
  for (std::size_t l = 0; l < convolutions; l++) {
    std::copy_n(from[l].weights, from[l].weights_count, to[l].weights);
    std::copy_n(from[l].biases, from[l].biases_count, to[l].biases);
  }
}

/* Ranks the convolutions where they lie, by the library's defaults, and selects the best. */
kldsel::ranking rank(const std::vector<layer> &layers, int select) {
  std::vector<kldsel::tensor> tensors;
  for (std::size_t l = 0; l < convolutions; l++)
    tensors.push_back(
        kldsel::tensor::view({layers[l].weights, layers[l].weights_count * sizeof(float), kldsel::dtype::f32},
                             layers[l].shape, layers[l].layout));
  return kldsel::rank_tensors(tensors, kldsel::options::create(kldsel::select_count{select}));
}

void save(const arguments &arguments, const std::string &name, const std::vector<layer> &layers) {
  if (arguments.save == nullptr) return;
  std::vector<std::string> names;
  for (std::size_t l = 0; l < layers.size(); l++) {
    const std::string layer = l < convolutions ? "convolution." + std::to_string(l) : "head";
    names.insert(names.end(), {layer + ".weight", layer + ".bias"});
  }
  std::vector<std::int64_t> biases;
  biases.reserve(layers.size());
  for (const layer &layer : layers) biases.push_back(static_cast<std::int64_t>(layer.biases_count));
  std::vector<weights> all;
  for (std::size_t l = 0; l < layers.size(); l++) {
    const auto rank = static_cast<int>(layers[l].shape.size());
    all.push_back({names[2 * l].c_str(), rank, layers[l].shape.data(), layers[l].weights});
    all.push_back({names[2 * l + 1].c_str(), 1, &biases[l], layers[l].biases});
  }
  problem problem;
  check(weights_save(arguments.save, name.c_str(), all.data(), all.size(), &problem), problem);
}

class trainer {
public:
  explicit trainer(network &trained) : trainer_(trained, dlib::sgd(weight_decay, momentum)) {
    trainer_.set_learning_rate(rate);
    trainer_.set_learning_rate_shrink_factor(1); /* else dlib lowers the rate when it sees no progress */
  }

  void step(const dlib_samples &pixels, const dlib_labels &labels) {
    trainer_.train_one_step(pixels, labels);
    trainer_.get_net(); /* waits: the step is taken by a thread of dlib's */
  }

  /* Sees every image once; returns the mean loss. */
  double epoch(const samples &samples, generator &generator) {
    std::vector<std::size_t> order(samples.labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    random_shuffle(&generator, order.data(), order.size());
    trainer_.clear_average_loss();
    for (std::size_t begin = 0; begin < order.size(); begin += batch) {
      const std::size_t end = std::min(begin + batch, order.size());
      dlib_samples pixels;
      dlib_labels labels;
      for (std::size_t i = begin; i < end; i++) {
        pixels.push_back(samples.pixels[order[i]]);
        labels.push_back(samples.labels[order[i]]);
      }
      step(pixels, labels);
      results_progress("training", end, order.size());
    }
    const double loss = trainer_.get_average_loss();
    if (!std::isfinite(loss)) throw std::runtime_error("the loss is no number: the training diverges");
    return loss;
  }

private:
  dlib::dnn_trainer<network> trainer_;
};

double test(network &tested, const samples &samples) {
  const std::vector<unsigned long> told = tested(samples.pixels);
  std::size_t right = 0;
  for (std::size_t i = 0; i < told.size(); i++)
    if (told[i] == samples.labels[i]) right++;
  return static_cast<double>(right) / static_cast<double>(told.size());
}

void pretrain(const arguments &arguments, network &made) {
  const dataset data(arguments, arguments.source, arguments.pretrain_images);
  const samples train = samples_of(data.train()), tests = samples_of(data.test());
  const auto seed = static_cast<std::uint64_t>(arguments.seed);
  generator generator{seed};
  create(made, arguments.source.count, seed, train);
  trainer trainer(made);
  for (int epoch = 0; epoch < arguments.pretrain_epochs; epoch++) {
    std::printf("pretraining, epoch %d: loss %.4f\n", epoch + 1, trainer.epoch(train, generator));
    std::fflush(stdout);
  }
  std::printf("pretrained: accuracy %.2f %% on %zu classes\n", 100 * test(made, tests),
              arguments.source.count);
  save(arguments, "start", layers_of(made));
}

struct method {
  const char *name;
  std::array<bool, convolutions> trained;
};

std::vector<method> choose_methods(const std::vector<layer> &pretrained, int select) {
  std::array<double, convolutions> scores{}, none{};
  none.fill(std::numeric_limits<double>::quiet_NaN());
  std::vector<method> methods = {{"none", {}}, {"last", {}}, {"ranked", {}}, {"all", {}}};
  std::fill_n(methods[1].trained.rbegin(), select, true);
  methods[3].trained.fill(true);
  for (const kldsel::ranked_layer layer : rank(pretrained, select)) {
    methods[2].trained[layer.layer] = layer.selected;
    scores[layer.layer] = layer.score;
  }
  for (const method &method : methods)
    results_selection(method.name, 1, method.trained.data(), (&method == &methods[2] ? scores : none).data(),
                      convolutions);
  return methods;
}

double fine_tune(const arguments &arguments, const method &method, int run, const samples &train,
                 const samples &tests, const std::vector<layer> &pretrained) {
  const auto seed = static_cast<std::uint64_t>(arguments.seed) + static_cast<std::uint64_t>(run);
  generator generator{seed};
  network tuned;
  create(tuned, arguments.target.count, seed, train);
  const std::vector<layer> layers = layers_of(tuned);
  copy_convolutions(pretrained, layers);
  for (std::size_t l = 0; l < convolutions; l++) layers[l].set_rate(method.trained[l] ? 1 : 0);
  {
    trainer trainer(tuned);
    for (int epoch = 0; epoch < arguments.epochs; epoch++) trainer.epoch(train, generator);
  }
  if (run == 0) save(arguments, method.name, layers_of(tuned));
  return test(tuned, tests);
}

void run(const arguments &arguments) {
  network start;
  pretrain(arguments, start);
  const std::vector<layer> pretrained = layers_of(start);
  const dataset data(arguments, arguments.target, arguments.images);
  const samples train = samples_of(data.train()), tests = samples_of(data.test());
  const std::vector<method> methods = choose_methods(pretrained, arguments.layers);
  std::vector<std::vector<double>> accuracies(methods.size());
  for (std::size_t m = 0; m < methods.size(); m++)
    for (int run = 0; run < arguments.runs; run++)
      accuracies[m].push_back(fine_tune(arguments, methods[m], run, train, tests, pretrained));
  results_heading(&arguments, data.test().count, data.train().count, convolutions);
  for (std::size_t m = 0; m < methods.size(); m++)
    results_accuracies(methods[m].name, accuracies[m].data(), arguments.runs);
}

} // namespace
} // namespace trainers

int main(int argc, const char **argv) {
  arguments arguments{};
  arguments.pretrain_images = 3000;
  arguments.pretrain_epochs = 2;
  arguments.images = 1000;
  arguments.epochs = 3;
  arguments.tests = 1000;
  arguments.layers = 2;
  arguments.most_layers = trainers::convolutions;
  arguments.runs = 1;
  arguments.seed = 1;
  return trainers::run_program(argc, argv, nullptr, arguments, trainers::run);
}
