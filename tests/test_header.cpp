// SPDX-License-Identifier: BSD-3-Clause
// The public header, alone and first, as C++11: same constants, same functions, linked by their C names.
#include "kldsel/kldsel.h"

#include <cstdio>
#include <cstdlib>

#include "pinned.h"

#define SAME(name, number) static_assert(name == number, #name);
PINNED_CONSTANTS(SAME)

#define POINTER(result, name, arguments) static result(*const pinned_##name) arguments = name;
PINNED_FUNCTIONS(POINTER)

using function = void (*)();
#define ADDRESS(result, name, arguments) reinterpret_cast<function>(pinned_##name),
static const function functions[] = {PINNED_FUNCTIONS(ADDRESS)};

int main() {
  for (function address : functions)
    if (address == nullptr) return EXIT_FAILURE;
  const double weights[] = {1, -1, -1, 1};
  const int64_t shape[] = {2, 2};
  kldsel_tensor *tensor = nullptr;
  if (kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F64, 2, shape, KLDSEL_LAYOUT_OI, nullptr,
                         &tensor) != KLDSEL_OK) {
    std::fprintf(stderr, "%s\n", kldsel_last_error());
    return EXIT_FAILURE;
  }
  bool good = kldsel_tensor_filters(tensor) == 2 && kldsel_version() / 1000000 == KLDSEL_VERSION_MAJOR;
  kldsel_tensor_free(tensor);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
