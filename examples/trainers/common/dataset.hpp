/* SPDX-License-Identifier: BSD-3-Clause */
/* The C++ trainers' images, and what went wrong as an exception. */
#ifndef KLDSEL_TRAINERS_DATASET_HPP
#define KLDSEL_TRAINERS_DATASET_HPP

#include <stdexcept>

#include "arguments.h"
#include "images.h"
#include "problem.h"

namespace trainers {

inline void check(bool done, const problem &problem) {
  if (!done) throw std::runtime_error(problem.text);
}

/* The training and the test images of some classes. */
class dataset {
public:
  dataset(const arguments &arguments, const classes &classes, int train_count) {
    problem problem;
    const auto seed = static_cast<std::uint64_t>(arguments.seed);
    check(images_load(arguments.data, "train", &classes, static_cast<std::size_t>(train_count), seed, &train_,
                      &problem),
          problem);
    if (images_load(arguments.data, "t10k", &classes, static_cast<std::size_t>(arguments.tests), seed, &test_,
                    &problem))
      return;
    images_free(&train_);
    check(false, problem);
  }
  ~dataset() {
    images_free(&train_);
    images_free(&test_);
  }
  dataset(const dataset &) = delete;
  dataset &operator=(const dataset &) = delete;

  [[nodiscard]] const images &train() const { return train_; }
  [[nodiscard]] const images &test() const { return test_; }

private:
  images train_{}, test_{};
};

} // namespace trainers

#endif
