// SPDX-License-Identifier: BSD-3-Clause
// Each function of the C API, called from C and through the C++ face; test_calls.py compares what is
// compiled.
#include <kldsel/kldsel.hpp>

namespace {

#if KLDSEL_EXCEPTIONS
// A failure leaves as an exception: what is compared is the way of success.
template <class T> T &&value(T &&made) {
  return static_cast<T &&>(made);
}
#define WHOLE(call) ((call), KLDSEL_OK)
#else
template <class T> T &&value(kldsel::result<T> &&made) {
  return *static_cast<kldsel::result<T> &&>(made);
}
#define WHOLE(call) static_cast<kldsel_status>((call).error().code())
#endif

} // namespace

using shape = const int64_t *;
using chosen = const kldsel::options &;
using weights = const float *;
using numbers = const double *;

#define PAIR(result, name, parameters, c, cpp)                                                               \
  extern "C" result c_##name parameters;                                                                     \
  extern "C" result cpp_##name parameters;                                                                   \
  extern "C" result c_##name parameters {                                                                    \
    c                                                                                                        \
  }                                                                                                          \
  extern "C" result cpp_##name parameters {                                                                  \
    cpp                                                                                                      \
  }

// clang-format off
PAIR(uint32_t, version, (), return kldsel_version();, return kldsel::version();)
PAIR(const char *, version_string, (), return kldsel_version_string();, return kldsel::version_string();)
PAIR(size_t, build_info, (char *text, size_t size), return kldsel_build_info(text, size);,
     return kldsel::build_info({text, size});)
PAIR(const char *, blas_better_core, (), return kldsel_blas_better_core();, return kldsel::blas_better_core();)
PAIR(kldsel::cpu_level, cpu_level, (), return kldsel::cpu_level{kldsel_cpu_level()};, return kldsel::highest_cpu_level();)
PAIR(const char *, status_name, (kldsel::status code), return kldsel_status_name(static_cast<int32_t>(code));,
     return kldsel::name(code);)
PAIR(const char *, last_error, (), return kldsel_last_error();, return kldsel::last_error();)
PAIR(int64_t, last_error_layer, (), return kldsel_last_error_layer();, return kldsel::last_error_layer();)
PAIR(kldsel::status, set_last_error, (const char *text),
     return kldsel::status{kldsel_set_last_error(KLDSEL_ERROR_MISSING, text)};,
     return kldsel::set_last_error(kldsel::status::missing, text);)
PAIR(const char *, reason_text, (kldsel::reason why), return kldsel_reason_text(static_cast<int32_t>(why));,
     return kldsel::text(why);)

PAIR(void, options_free, (kldsel_options *options), if (options != nullptr) kldsel_options_free(options);,
     kldsel::options ends(options);)
PAIR(kldsel_status, options_set_int, (kldsel::options &options),
     return kldsel_options_set_int(options.get(), KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_COSINE);,
     return WHOLE(options.set(kldsel::measure::cosine));)
PAIR(kldsel_status, options_set_double, (kldsel::options &options, double temperature),
     return kldsel_options_set_double(options.get(), KLDSEL_OPTION_TEMPERATURE, temperature);,
     return WHOLE(options.set(kldsel::temperature{temperature}));)
PAIR(int64_t, options_get_int, (chosen options),
     int64_t value = 0; kldsel_options_get_int(options.get(), KLDSEL_OPTION_THREADS, &value); return value;,
     return value(options.get<kldsel::threads>()).value;)
PAIR(double, options_get_double, (chosen options),
     double value = 0; kldsel_options_get_double(options.get(), KLDSEL_OPTION_TEMPERATURE, &value); return value;,
     return value(options.get<kldsel::temperature>()).value;)
PAIR(double, options_bounds, (kldsel::option key),
     int32_t type = 0; double lowest = 0; double highest = 0;
     kldsel_options_bounds(static_cast<int32_t>(key), &type, &lowest, &highest); return highest;,
     return value(kldsel::bounds(key)).highest;)

PAIR(int32_t, layer_kind, (shape of, int32_t rank), int32_t kind = 0; kldsel_layer_kind(rank, of, &kind); return kind;,
     return static_cast<int32_t>(value(kldsel::layer_kind({of, static_cast<size_t>(rank)})));)
PAIR(uint32_t, layout_axes, (int32_t rank),
     uint32_t filters = 0; uint32_t channels = 0; kldsel_layout_axes(KLDSEL_LAYOUT_HWIO, rank, &filters, &channels);
     return filters;,
     return value(kldsel::layout_axes(kldsel::layout::hwio, rank)).filters;)
PAIR(kldsel_tensor *, tensor_view, (weights data, size_t count, shape of),
     kldsel_tensor *made = nullptr;
     kldsel_tensor_view(data, count * sizeof *data, KLDSEL_DTYPE_F32, 4, of, KLDSEL_LAYOUT_OIHW, nullptr, &made);
     return made;,
     return value(kldsel::tensor::view(kldsel::span(data, count), {of, 4})).release();)
PAIR(kldsel_tensor *, tensor_view_strided, (weights data, size_t count, shape of, shape strides),
     kldsel_tensor *made = nullptr;
     kldsel_tensor_view_strided(data, count * sizeof *data, 8, KLDSEL_DTYPE_F32, 4, of, strides, 1, 2, nullptr, &made);
     return made;,
     return value(kldsel::tensor::view_strided(kldsel::span(data, count), 8, {of, 4}, {strides, 4}, {1, 2})).release();)
PAIR(kldsel_tensor *, tensor_quantized, (kldsel_tensor *stored, numbers scales, size_t count),
     kldsel_tensor *made = nullptr;
     kldsel_tensor_quantized(stored, scales, nullptr, count, nullptr, &made); return made;,
     return value(kldsel::tensor::quantized(kldsel::tensor_ref(stored), {scales, count})).release();)
PAIR(kldsel_tensor *, tensor_copy, (kldsel_tensor *of),
     kldsel_tensor *made = nullptr; kldsel_tensor_copy(of, nullptr, &made); return made;,
     return value(kldsel::tensor::copy(kldsel::tensor_ref(of))).release();)
PAIR(kldsel_status, tensor_values, (kldsel_tensor *of, double *into, size_t count),
     return kldsel_tensor_values(of, into, count);,
     return WHOLE(kldsel::tensor_ref(of).values({into, count}));)
PAIR(int64_t, tensor_filters, (kldsel_tensor *of), return kldsel_tensor_filters(of);,
     return kldsel::tensor_ref(of).filters();)
PAIR(int64_t, tensor_elements, (kldsel_tensor *of), return kldsel_tensor_elements(of);,
     return kldsel::tensor_ref(of).elements();)
PAIR(const void *, tensor_describe, (kldsel_tensor *of),
     const void *data = nullptr; int32_t dtype = 0; int32_t quantized = 0; int32_t rank = 0; kldsel::axes axes{};
     int64_t extents[KLDSEL_MAX_RANK]; int64_t strides[KLDSEL_MAX_RANK];
     kldsel_tensor_describe(of, &data, &dtype, &quantized, &rank, extents, strides, &axes.filters, &axes.channels);
     return data;,
     return value(kldsel::tensor_ref(of).describe()).data;)
PAIR(void, tensor_free, (kldsel_tensor *of), if (of != nullptr) kldsel_tensor_free(of);, kldsel::tensor ends(of);)

PAIR(kldsel_tensor *, sign_split, (kldsel_tensor *of),
     kldsel_tensor *made = nullptr; kldsel_sign_split(of, KLDSEL_PART_NEGATIVE, nullptr, &made); return made;,
     return value(kldsel::sign_split(kldsel::tensor_ref(of), kldsel::part::negative)).release();)
PAIR(kldsel_tensor *, filter_matrix, (kldsel_tensor *of),
     kldsel_tensor *made = nullptr; kldsel_filter_matrix(of, nullptr, &made); return made;,
     return value(kldsel::filter_matrix(kldsel::tensor_ref(of))).release();)
PAIR(kldsel_status, pairwise_cosine, (kldsel_tensor *x, kldsel_tensor *y, double *into, size_t count),
     return kldsel_pairwise_cosine(x, y, 0, 2, nullptr, into, count);,
     return WHOLE(kldsel::pairwise_cosine(kldsel::tensor_ref(x), kldsel::tensor_ref(y), 0, 2, {into, count}));)
PAIR(kldsel_status, softmax, (double *values, size_t count),
     return kldsel_softmax(values, count, 2, values);,
     return WHOLE(kldsel::softmax({values, count}, 2, {values, count}));)
PAIR(double, divergence, (numbers p, size_t p_count, numbers q, size_t q_count, chosen options),
     double found = 0; kldsel_divergence(p, p_count, q, q_count, options.get(), &found); return found;,
     return value(kldsel::divergence({p, p_count}, {q, q_count}, options));)
PAIR(kldsel_status, rank, (numbers scores, size_t count, int64_t *order, chosen options),
     return kldsel_rank(scores, count, nullptr, nullptr, options.get(), order, nullptr, nullptr);,
     return WHOLE(kldsel::rank({scores, count}, {{order, count}, {}, {}}, options));)

PAIR(kldsel_profile *, profile_create, (kldsel_tensor *of),
     kldsel_profile *made = nullptr; kldsel_profile_create(of, nullptr, &made); return made;,
     return value(kldsel::profile::create(kldsel::tensor_ref(of))).release();)
PAIR(int64_t, profile_filters, (kldsel_profile *of), return kldsel_profile_filters(of);,
     return kldsel::profile_ref(of).filters();)
PAIR(int64_t, profile_elements, (kldsel_profile *of), return kldsel_profile_elements(of);,
     return kldsel::profile_ref(of).elements();)
PAIR(double, profile_describe, (kldsel_profile *of),
     int32_t granularity = 0; int32_t distribution = 0; int32_t signs = 0; int32_t content = 0; double temperature = 0;
     kldsel_profile_describe(of, &granularity, &distribution, &signs, &content, &temperature); return temperature;,
     return value(kldsel::profile_ref(of).describe()).temperature;)
PAIR(size_t, profile_length, (kldsel_profile *of),
     size_t length = 0; kldsel_profile_length(of, KLDSEL_SIGN_ALL, &length); return length;,
     return value(kldsel::profile_ref(of).length(kldsel::sign::all));)
PAIR(kldsel_status, profile_values, (kldsel_profile *of, double *into, size_t count),
     return kldsel_profile_values(of, KLDSEL_SIGN_ALL, into, count);,
     return WHOLE(kldsel::profile_ref(of).values(kldsel::sign::all, {into, count}));)
PAIR(size_t, profile_export, (kldsel_profile *of),
     size_t length = 0; kldsel_profile_export(of, nullptr, 0, &length); return length;,
     return value(kldsel::profile_ref(of).exported_length());)
PAIR(kldsel_profile *, profile_import, (numbers values, size_t count),
     kldsel_profile *made = nullptr; kldsel_profile_import(values, count, nullptr, &made); return made;,
     return value(kldsel::profile::from_exported({values, count})).release();)
PAIR(void, profile_free, (kldsel_profile *of), if (of != nullptr) kldsel_profile_free(of);, kldsel::profile ends(of);)

PAIR(kldsel_ranking *, rank_profiles, (kldsel_profile *const *of, size_t count),
     kldsel_ranking *made = nullptr; kldsel_rank_profiles(of, count, nullptr, nullptr, nullptr, &made); return made;,
     return value(kldsel::rank_profiles(kldsel::span(of, count))).release();)
PAIR(kldsel_ranking *, rank_tensors, (const kldsel::tensor *of, size_t count),
     kldsel_ranking *made = nullptr;
     kldsel_rank_tensors(reinterpret_cast<kldsel_tensor *const *>(of), count, nullptr, nullptr, nullptr, &made);
     return made;,
     return value(kldsel::rank_tensors(kldsel::span(of, count))).release();)
PAIR(size_t, ranking_size, (kldsel_ranking *of), return kldsel_ranking_size(of);, return kldsel::ranking_ref(of).size();)
PAIR(double, ranking_layer, (kldsel_ranking *of, size_t layer),
     double score = 0; int64_t rank = 0; int32_t selected = 0; int32_t reason = 0;
     kldsel_ranking_layer(of, layer, &score, &rank, &selected, &reason); return score;,
     return kldsel::ranking_ref(of)[layer].score;)
PAIR(kldsel_status, ranking_order, (kldsel_ranking *of, int64_t *into, size_t count),
     return kldsel_ranking_order(of, into, count);,
     return WHOLE(kldsel::ranking_ref(of).order({into, count}));)
PAIR(void, ranking_free, (kldsel_ranking *of), if (of != nullptr) kldsel_ranking_free(of);, kldsel::ranking ends(of);)
// clang-format on

// These do more than C: they hold a callable, an array of handles, an object to keep alive.
extern "C" void more_options_create();
extern "C" void more_options_create() {
  static_cast<void>(value(kldsel::options::create()));
}

extern "C" void more_profile_create_many(kldsel_tensor *const *of, size_t count);
extern "C" void more_profile_create_many(kldsel_tensor *const *of, size_t count) {
  static_cast<void>(value(kldsel::profile::create_many(kldsel::span(of, count))));
}

extern "C" void more_options_set_progress(kldsel::options &options);
extern "C" void more_options_set_progress(kldsel::options &options) {
  static_cast<void>(options.set_progress([](uint64_t, uint64_t) {}));
}

extern "C" void more_tensor_on_free(kldsel::tensor &tensor);
extern "C" void more_tensor_on_free(kldsel::tensor &tensor) {
  static_cast<void>(kldsel::keep_alive(tensor, 1));
}
