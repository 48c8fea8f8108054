// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the C++ face share: both ways to fail as one, weights, an allocator that counts.
#ifndef KLDSEL_TESTS_CPP_SUPPORT_HPP
#define KLDSEL_TESTS_CPP_SUPPORT_HPP

// Without exceptions doctest is told so, by the flags of this build.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <kldsel/kldsel.hpp>

#if KLDSEL_EXCEPTIONS
/** The value of a call that must succeed. */
template <class T> T must(T &&made) {
  return std::forward<T>(made);
}
#define MUST_DO(call) CHECK_NOTHROW(call)

/** Asserts that a call fails, with this status and text. */
#define CHECK_FAILS(call, with, message)                                                                     \
  do {                                                                                                       \
    bool failed = false;                                                                                     \
    try {                                                                                                    \
      static_cast<void>(call);                                                                               \
    } catch (const kldsel::error &error) {                                                                   \
      failed = true;                                                                                         \
      CHECK(error.code() == kldsel::status::with);                                                           \
      CHECK(std::string(error.what()) == (message));                                                         \
    }                                                                                                        \
    CHECK(failed);                                                                                           \
  } while (0)
#else
template <class T> T must(kldsel::result<T> made) {
  INFO(made.error().what());
  REQUIRE(made.has_value());
  return *std::move(made);
}
#define MUST_DO(call) CHECK((call).has_value())
#define CHECK_FAILS(call, with, message)                                                                     \
  do {                                                                                                       \
    const auto made = (call);                                                                                \
    CHECK_FALSE(made.has_value());                                                                           \
    CHECK(made.error().code() == kldsel::status::with);                                                      \
    CHECK(std::string(made.error().what()) == (message));                                                    \
  } while (0)
#endif

/** Weights without a pattern, of both signs. */
template <class Element = float> std::vector<Element> some_weights(std::size_t count, unsigned seed = 1) {
  std::vector<Element> made(count);
  unsigned state = seed;
  for (Element &element : made) {
    state = state * 1664525U + 1013904223U;
    element = static_cast<Element>(static_cast<double>(state >> 8U) / 8388608.0 - 0.9);
  }
  return made;
}

/** Whether both hold the same bits. */
template <class A, class B> bool same_bits(const A &a, const B &b) {
  return std::size(a) == std::size(b) &&
         std::memcmp(std::data(a), std::data(b), std::size(a) * sizeof(a[0])) == 0;
}

/** An allocator that counts what is out, and fails where it is told to. */
struct counting {
  long live = 0;
  long calls = 0;
  long fail_at = 0; /**< of the calls, counted from 1; 0 for never */

  static void *allocate(void *user, std::size_t size) {
    auto *self = static_cast<counting *>(user);
    if (++self->calls == self->fail_at) return nullptr;
    self->live++;
    return std::malloc(size);
  }
  static void release(void *user, void *memory) {
    static_cast<counting *>(user)->live--;
    std::free(memory);
  }
  kldsel::allocator allocator() { return {allocate, release, this}; }
};

#endif
