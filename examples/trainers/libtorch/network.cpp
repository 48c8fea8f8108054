/* SPDX-License-Identifier: BSD-3-Clause */
#include "network.hpp"

#include <map>

#include "dataset.hpp"
#include "weights_file.h"

extern "C" {
#include "safetensors.h"
}

namespace trainers {

network::network(const plan &layers, std::int64_t classes) : plan_(layers) {
  std::int64_t channels = 1;
  for (const std::int64_t filters : layers) {
    if (filters == 0) {
      features_->push_back(torch::nn::MaxPool2d(2));
      continue;
    }
    torch::nn::Conv2d convolution(torch::nn::Conv2dOptions(channels, filters, 3).padding(1));
    torch::nn::init::kaiming_normal_(convolution->weight, 0, torch::kFanOut, torch::kReLU);
    torch::nn::init::zeros_(convolution->bias);
    convolutions_.push_back(convolution);
    norms_.emplace_back(filters);
    features_->push_back(convolution);
    features_->push_back(norms_.back());
    features_->push_back(torch::nn::ReLU());
    channels = filters;
  }
  register_module("features", features_);
  classifier_ = register_module("classifier", torch::nn::Linear(channels, classes));
  trained_.assign(convolutions_.size(), true);
}

torch::Tensor network::forward(const torch::Tensor &images) {
  return classifier_->forward(features_->forward(images).mean({2, 3}));
}

std::shared_ptr<network> network::copy() const {
  const torch::NoGradGuard no_gradients;
  auto made = std::make_shared<network>(plan_, classes());
  const auto from = state(), to = made->state();
  for (std::size_t i = 0; i < from.size(); i++) to[i].second.detach().copy_(from[i].second);
  return made;
}

void network::replace_classifier(std::int64_t classes) {
  classifier_ = replace_module("classifier", torch::nn::Linear(classifier_->options.in_features(), classes));
}

void network::freeze(const std::vector<bool> &trained) {
  trained_ = trained;
  for (std::size_t layer = 0; layer < convolutions(); layer++) {
    for (auto &parameter : convolutions_[layer]->parameters()) parameter.set_requires_grad(trained[layer]);
    for (auto &parameter : norms_[layer]->parameters()) parameter.set_requires_grad(trained[layer]);
  }
}

void network::train_mode() {
  train();
  for (std::size_t layer = 0; layer < convolutions(); layer++) norms_[layer]->train(trained_[layer]);
}

std::vector<std::pair<std::string, torch::Tensor>> network::state() const {
  /* In network order, as the layers' neighbours are told from the order of a file. */
  std::map<std::string, torch::Tensor> found;
  for (const auto &item : named_parameters()) found[item.key()] = item.value();
  for (const auto &item : named_buffers()) found[item.key()] = item.value();
  std::vector<std::pair<std::string, torch::Tensor>> state;
  const auto add = [&](const std::string &prefix, std::initializer_list<const char *> names) {
    for (const char *name : names) state.emplace_back(prefix + name, found.at(prefix + name));
  };
  std::size_t place = 0;
  for (const std::int64_t filters : plan_) {
    if (filters != 0) {
      add("features." + std::to_string(place) + ".", {"weight", "bias"});
      add("features." + std::to_string(place + 1) + ".", {"weight", "bias", "running_mean", "running_var"});
    }
    place += filters == 0 ? 1 : 3;
  }
  add("classifier.", {"weight", "bias"});
  return state;
}

void network::write(const std::string &folder, const std::string &name) const {
  const auto state = this->state();
  std::vector<weights> all;
  all.reserve(state.size());
  for (const auto &[key, tensor] : state)
    all.push_back(
        {key.c_str(), static_cast<int>(tensor.dim()), tensor.sizes().data(), tensor.data_ptr<float>()});
  problem problem;
  check(weights_save(folder.c_str(), name.c_str(), all.data(), all.size(), &problem), problem);
}

namespace {

/* A file that is open. */
class file {
public:
  explicit file(const std::string &path) : path_(path) {
    problem problem;
    if (!safetensors_open(path.c_str(), &file_, &problem))
      throw std::runtime_error(path + ": " + problem.text);
  }
  ~file() { safetensors_close(&file_); }
  file(const file &) = delete;
  file &operator=(const file &) = delete;

  [[nodiscard]] const stored_tensor *find(const std::string &name) const {
    for (std::size_t i = 0; i < file_.count; i++)
      if (name == file_.tensors[i].name) return &file_.tensors[i];
    return nullptr;
  }

  [[noreturn]] void refuse(const std::string &name, const std::string &what) const {
    throw std::runtime_error(path_ + ": tensor '" + name + "' " + what);
  }

  /* Extent of an axis of a tensor that must be there. */
  [[nodiscard]] std::int64_t extent(const std::string &name, std::size_t rank) const {
    const stored_tensor *tensor = find(name);
    if (tensor == nullptr) refuse(name, "is missing: no VGG with batch norm");
    if (tensor->rank != rank) refuse(name, "has another number of axes than " + std::to_string(rank));
    return tensor->shape[0];
  }

private:
  std::string path_;
  model file_{};
};

/* A convolution, its batch norm and ReLU are three places of the sequence, pooling is one. */
plan read_plan(const file &file) {
  plan layers;
  for (std::size_t place = 0;;) {
    const auto name = [&] { return "features." + std::to_string(place) + ".weight"; };
    layers.push_back(file.extent(name(), 4));
    place += 3;
    if (file.find(name()) != nullptr) continue;
    place++;
    if (file.find(name()) == nullptr) return layers;
    layers.push_back(0);
  }
}

void fill(const file &file, const std::string &name, const torch::Tensor &tensor) {
  const stored_tensor *stored = file.find(name);
  if (stored == nullptr) file.refuse(name, "is missing: no VGG with batch norm");
  if (stored->dtype != KLDSEL_DTYPE_F32) file.refuse(name, "must be of dtype F32");
  const auto rank = static_cast<std::size_t>(tensor.dim());
  if (stored->rank != rank || !std::equal(stored->shape, stored->shape + rank, tensor.sizes().begin()))
    file.refuse(name, "must have another shape");
  std::copy(stored->data, stored->data + stored->bytes, static_cast<unsigned char *>(tensor.data_ptr()));
}

} // namespace

std::shared_ptr<network> read_network(const std::string &path) {
  const file file(path);
  auto made = std::make_shared<network>(read_plan(file), file.extent("classifier.weight", 2));
  for (const auto &[name, tensor] : made->state()) fill(file, name, tensor);
  return made;
}

} // namespace trainers
