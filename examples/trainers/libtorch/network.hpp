/* SPDX-License-Identifier: BSD-3-Clause */
/* A VGG with batch norm, global average pooling and one dense layer: made at random, or read from a file. */
#ifndef KLDSEL_TRAINERS_NETWORK_HPP
#define KLDSEL_TRAINERS_NETWORK_HPP

#include <cstdint>
#include <string>
#include <torch/nn.h>
#include <vector>

namespace trainers {

/* Filters of each 3x3 convolution; 0 for max pooling. */
using plan = std::vector<std::int64_t>;

class network : public torch::nn::Module {
public:
  network(const plan &layers, std::int64_t classes);

  /* Images [N, 1, rows, columns] to scores [N, classes]. */
  torch::Tensor forward(const torch::Tensor &images);

  [[nodiscard]] std::size_t convolutions() const { return convolutions_.size(); }
  [[nodiscard]] const torch::Tensor &weight(std::size_t layer) const { return convolutions_[layer]->weight; }
  [[nodiscard]] std::int64_t classes() const { return classifier_->options.out_features(); }

  /* The same weights in memory of its own. */
  [[nodiscard]] std::shared_ptr<network> copy() const;

  /* A dense layer with random weights takes the place of the one there is. */
  void replace_classifier(std::int64_t classes);

  /*
   * Trains the convolutions where `trained` is true, each with its batch norm, and the dense layer. What is
   * frozen has no gradient, and its batch norm keeps its statistics.
   */
  void freeze(const std::vector<bool> &trained);

  /* Sets the batch norms' mode for a step: those of frozen convolutions stay as in tests. */
  void train_mode();

  /* Parameters and statistics by name, without the counters of steps. */
  [[nodiscard]] std::vector<std::pair<std::string, torch::Tensor>> state() const;

  /* Writes all of its weights to `folder`/`name`.safetensors. */
  void write(const std::string &folder, const std::string &name) const;

private:
  plan plan_;
  torch::nn::Sequential features_;
  torch::nn::Linear classifier_ = nullptr;
  std::vector<torch::nn::Conv2d> convolutions_;
  std::vector<torch::nn::BatchNorm2d> norms_; /* one behind each convolution */
  std::vector<bool> trained_;
};

/* Reads a .safetensors file whose tensors have the names that such a network has in PyTorch. */
std::shared_ptr<network> read_network(const std::string &path);

} // namespace trainers

#endif
