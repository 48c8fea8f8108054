/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fine-tunes a pretrained VGG on other classes of images in four ways, which differ in the convolutions that
 * are trained: none, the last, the best of libkldsel's ranking, all. Starts from a file, or pretrains a small
 * one first.
 */
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

#include <torch/optim/sgd.h>

#include "dataset.hpp"
#include "layers.hpp"
#include "network.hpp"
#include "program.hpp"
#include "random.h"
#include "results.h"

namespace trainers {
namespace {

constexpr std::int64_t batch = 32, test_batch = 250;
constexpr double pretrain_rate = 0.05, rate = 0.05, momentum = 0.9;

/* The images in torch's tensors; the pixels' memory is borrowed. */
struct samples {
  torch::Tensor pixels, labels;
};

samples samples_of(const images &from) {
  const auto count = static_cast<std::int64_t>(from.count);
  return {torch::from_blob(from.pixels, {count, 1, IMAGE_SIZE, IMAGE_SIZE}),
          torch::from_blob(from.labels, {count}, torch::kUInt8).to(torch::kInt64)};
}

class trainer {
public:
  trainer(network &trained, double learning_rate)
      : network_(trained),
        optimizer_(parameters_of(trained), torch::optim::SGDOptions(learning_rate).momentum(momentum)) {}

  /* One step on some images; returns the loss. */
  double step(const torch::Tensor &pixels, const torch::Tensor &labels) {
    optimizer_.zero_grad();
    const torch::Tensor loss = torch::nn::functional::cross_entropy(network_.forward(pixels), labels);
    loss.backward();
    optimizer_.step();
    return loss.item<double>();
  }

  /* Sees every image once; returns the mean loss. */
  double epoch(const samples &samples, generator &generator) {
    std::vector<std::size_t> order(static_cast<std::size_t>(samples.labels.size(0)));
    for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
    random_shuffle(&generator, order.data(), order.size());
    const torch::Tensor indices = torch::tensor(std::vector<std::int64_t>(order.begin(), order.end()));
    double loss = 0;
    network_.train_mode();
    for (const torch::Tensor &chosen : indices.split(batch)) {
      loss += step(samples.pixels.index_select(0, chosen), samples.labels.index_select(0, chosen)) *
              static_cast<double>(chosen.size(0));
      done_ += static_cast<std::size_t>(chosen.size(0));
      results_progress("training", done_ % order.size(), order.size());
    }
    loss /= static_cast<double>(order.size());
    if (!std::isfinite(loss)) throw std::runtime_error("the loss is no number: the training diverges");
    return loss;
  }

private:
  static std::vector<torch::Tensor> parameters_of(network &trained) {
    std::vector<torch::Tensor> chosen;
    for (const torch::Tensor &parameter : trained.parameters())
      if (parameter.requires_grad()) chosen.push_back(parameter);
    return chosen;
  }

  network &network_;
  torch::optim::SGD optimizer_;
  std::size_t done_ = 0;
};

double test(network &tested, const samples &samples) {
  const torch::NoGradGuard no_gradients;
  tested.eval();
  std::int64_t right = 0, begin = 0;
  for (const torch::Tensor &pixels : samples.pixels.split(test_batch)) {
    const torch::Tensor labels = samples.labels.narrow(0, begin, pixels.size(0));
    right += tested.forward(pixels).argmax(1).eq(labels).sum().item<std::int64_t>();
    begin += pixels.size(0);
  }
  return static_cast<double>(right) / static_cast<double>(begin);
}

void save(const arguments &arguments, const std::string &name, const network &saved) {
  if (arguments.save != nullptr) saved.write(arguments.save, name);
}

std::shared_ptr<network> pretrain(const arguments &arguments) {
  const dataset data(arguments, arguments.source, arguments.pretrain_images);
  const samples train = samples_of(data.train()), tests = samples_of(data.test());
  torch::manual_seed(static_cast<std::uint64_t>(arguments.seed));
  generator generator{static_cast<std::uint64_t>(arguments.seed)};
  auto made = std::make_shared<network>(plan{16, 16, 0, 32, 32, 0, 48, 48, 48},
                                        static_cast<std::int64_t>(arguments.source.count));
  trainer trainer(*made, pretrain_rate);
  for (int epoch = 0; epoch < arguments.pretrain_epochs; epoch++) {
    std::printf("pretraining, epoch %d: loss %.4f\n", epoch + 1, trainer.epoch(train, generator));
    std::fflush(stdout);
  }
  std::printf("pretrained: accuracy %.2f %% on %zu classes\n", 100 * test(*made, tests),
              arguments.source.count);
  return made;
}

/* Median of the seconds that something takes. */
template <class Work> double seconds(int repetitions, Work work) {
  std::vector<double> taken;
  for (int i = 0; i < repetitions; i++) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    taken.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(taken.begin(), taken.end());
  return taken[taken.size() / 2];
}

/* Ranking includes the views; a step trains every layer. */
void print_costs(const network &pretrained, const samples &samples, int select) {
  const auto scratch = pretrained.copy();
  scratch->train_mode();
  trainer trainer(*scratch, rate);
  const torch::Tensor pixels = samples.pixels.narrow(0, 0, std::min(batch, samples.pixels.size(0)));
  const torch::Tensor labels = samples.labels.narrow(0, 0, pixels.size(0)) % scratch->classes();
  const double ranking = seconds(21, [&] { return rank(pretrained, select); });
  const double step = seconds(7, [&] { return trainer.step(pixels, labels); });
  std::printf("cost: ranking %.3f ms, one training step on %d images %.3f ms: %.2f %% of it\n", 1e3 * ranking,
              static_cast<int>(pixels.size(0)), 1e3 * step, 100 * ranking / step);
}

struct method {
  const char *name;
  std::vector<bool> trained;
};

std::vector<method> choose_methods(const network &pretrained, int select) {
  const std::size_t count = pretrained.convolutions();
  std::vector<double> scores(count), none(count, std::numeric_limits<double>::quiet_NaN());
  std::vector<bool> last(count, false), best(count, false);
  for (std::size_t i = count - static_cast<std::size_t>(select); i < count; i++) last[i] = true;
  for (const kldsel::ranked_layer layer : rank(pretrained, select)) {
    best[layer.layer] = layer.selected;
    scores[layer.layer] = layer.score;
  }
  std::vector<method> methods = {{"none", std::vector<bool>(count, false)},
                                 {"last", last},
                                 {"ranked", best},
                                 {"all", std::vector<bool>(count, true)}};
  for (const method &method : methods) {
    const std::unique_ptr<bool[]> trained(new bool[count]);
    std::copy(method.trained.begin(), method.trained.end(), trained.get());
    results_selection(method.name, 1, trained.get(),
                      method.name == std::string("ranked") ? scores.data() : none.data(), count);
  }
  return methods;
}

double fine_tune(const arguments &arguments, const method &method, int run, const samples &train,
                 const samples &tests, const network &pretrained) {
  const auto seed = static_cast<std::uint64_t>(arguments.seed) + static_cast<std::uint64_t>(run);
  torch::manual_seed(seed);
  generator generator{seed};
  const auto tuned = pretrained.copy();
  tuned->replace_classifier(static_cast<std::int64_t>(arguments.target.count));
  tuned->freeze(method.trained);
  trainer trainer(*tuned, rate);
  for (int epoch = 0; epoch < arguments.epochs; epoch++) trainer.epoch(train, generator);
  if (run == 0) save(arguments, method.name, *tuned);
  return test(*tuned, tests);
}

void run(const arguments &arguments, const char *file) {
  const auto pretrained = file != nullptr ? read_network(file) : pretrain(arguments);
  save(arguments, "start", *pretrained);
  if (static_cast<std::size_t>(arguments.layers) > pretrained->convolutions())
    throw std::runtime_error("--layers " + std::to_string(arguments.layers) + ": the network has " +
                             std::to_string(pretrained->convolutions()) + " convolutions");
  const dataset data(arguments, arguments.target, arguments.images);
  const samples train = samples_of(data.train()), tests = samples_of(data.test());
  if (file != nullptr && pretrained->classes() == static_cast<std::int64_t>(arguments.target.count))
    std::printf("before fine-tuning: accuracy %.2f %% on %zu classes\n", 100 * test(*pretrained, tests),
                arguments.target.count);
  print_costs(*pretrained, train, arguments.layers);

  const std::vector<method> methods = choose_methods(*pretrained, arguments.layers);
  std::vector<std::vector<double>> accuracies(methods.size());
  for (std::size_t m = 0; m < methods.size(); m++)
    for (int run = 0; run < arguments.runs; run++)
      accuracies[m].push_back(fine_tune(arguments, methods[m], run, train, tests, *pretrained));
  results_heading(&arguments, data.test().count, data.train().count, pretrained->convolutions());
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
  arguments.most_layers = 1000;
  arguments.runs = 2;
  arguments.seed = 1;
  const char *file = nullptr;
  poptOption own[] = {{"network", '\0', POPT_ARG_STRING, &file, 0,
                       "a VGG with batch norm to start from, instead of pretraining one", "FILE.safetensors"},
                      POPT_TABLEEND};
  return trainers::run_program(argc, argv, own, arguments, [&](const struct arguments &chosen) {
    try {
      trainers::run(chosen, file);
    } catch (const c10::Error &error) {
      throw std::runtime_error(error.what_without_backtrace());
    }
  });
}
