/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file pinned.h
 * @brief What the public header may never change: every constant's number, every function's type.
 */
#ifndef KLDSEL_TESTS_PINNED_H
#define KLDSEL_TESTS_PINNED_H

/* clang-format off */

/** X(name, number) for each enumerator. */
#define PINNED_CONSTANTS(X) \
  X(KLDSEL_OK, 0) \
  X(KLDSEL_ERROR_INVALID_ARGUMENT, 10) \
  X(KLDSEL_ERROR_OUT_OF_MEMORY, 20) \
  X(KLDSEL_ERROR_NOT_FINITE, 30) \
  X(KLDSEL_ERROR_TOO_LARGE, 40) \
  X(KLDSEL_ERROR_MISMATCH, 50) \
  X(KLDSEL_ERROR_MISSING, 60) \
  X(KLDSEL_ERROR_CANCELLED, 70) \
  X(KLDSEL_ERROR_UNSUPPORTED, 80) \
  X(KLDSEL_OPTION_MEASURE, 100) \
  X(KLDSEL_OPTION_SIGN, 110) \
  X(KLDSEL_OPTION_REFERENCE, 120) \
  X(KLDSEL_OPTION_ORDER, 130) \
  X(KLDSEL_OPTION_GRANULARITY, 140) \
  X(KLDSEL_OPTION_DISTRIBUTION, 150) \
  X(KLDSEL_OPTION_ALIGNMENT, 160) \
  X(KLDSEL_OPTION_TEMPERATURE, 170) \
  X(KLDSEL_OPTION_SIGNS, 180) \
  X(KLDSEL_OPTION_CONTENT, 190) \
  X(KLDSEL_OPTION_SELECT_COUNT, 200) \
  X(KLDSEL_OPTION_SELECT_SHARE, 210) \
  X(KLDSEL_OPTION_SELECT_PARAMETERS, 220) \
  X(KLDSEL_OPTION_THREADS, 300) \
  X(KLDSEL_OPTION_CPU_LEVEL, 310) \
  X(KLDSEL_MEASURE_COSINE, 1) \
  X(KLDSEL_MEASURE_KL, 2) \
  X(KLDSEL_MEASURE_SHARE, 3) \
  X(KLDSEL_SIGN_ALL, 1) \
  X(KLDSEL_SIGN_POSITIVE, 2) \
  X(KLDSEL_SIGN_NEGATIVE, 3) \
  X(KLDSEL_SIGN_POSITIVE_NEGATIVE, 4) \
  X(KLDSEL_REFERENCE_UNIFORM, 1) \
  X(KLDSEL_REFERENCE_OTHERS, 2) \
  X(KLDSEL_REFERENCE_PREVIOUS, 3) \
  X(KLDSEL_REFERENCE_NEXT, 4) \
  X(KLDSEL_REFERENCE_WITHIN, 5) \
  X(KLDSEL_REFERENCE_GIVEN, 6) \
  X(KLDSEL_ORDER_LOW, 1) \
  X(KLDSEL_ORDER_HIGH, 2) \
  X(KLDSEL_GRANULARITY_FILTER, 1) \
  X(KLDSEL_GRANULARITY_KERNEL, 2) \
  X(KLDSEL_DISTRIBUTION_PROFILE, 1) \
  X(KLDSEL_DISTRIBUTION_PAIRS, 2) \
  X(KLDSEL_ALIGNMENT_QUANTILE, 1) \
  X(KLDSEL_ALIGNMENT_INDEX, 2) \
  X(KLDSEL_CONTENT_VALUES, 1) \
  X(KLDSEL_CONTENT_MEANS, 2) \
  X(KLDSEL_CONTENT_COUNTS, 4) \
  X(KLDSEL_CPU_LEVEL_BASELINE, 1) \
  X(KLDSEL_CPU_LEVEL_AVX2, 2) \
  X(KLDSEL_CPU_LEVEL_AVX512, 3) \
  X(KLDSEL_OPTION_TYPE_INT, 1) \
  X(KLDSEL_OPTION_TYPE_DOUBLE, 2) \
  X(KLDSEL_DTYPE_F64, 1) \
  X(KLDSEL_DTYPE_F32, 2) \
  X(KLDSEL_DTYPE_F16, 3) \
  X(KLDSEL_DTYPE_BF16, 4) \
  X(KLDSEL_DTYPE_U8, 5) \
  X(KLDSEL_DTYPE_I8, 6) \
  X(KLDSEL_LAYOUT_OIHW, 1) \
  X(KLDSEL_LAYOUT_HWIO, 2) \
  X(KLDSEL_LAYOUT_OHWI, 3) \
  X(KLDSEL_LAYOUT_IOHW, 4) \
  X(KLDSEL_LAYOUT_HWIM, 5) \
  X(KLDSEL_LAYOUT_OI, 6) \
  X(KLDSEL_LAYOUT_IO, 7) \
  X(KLDSEL_LAYOUT_HWOI, 8) \
  X(KLDSEL_KIND_OTHER, 1) \
  X(KLDSEL_KIND_DENSE, 2) \
  X(KLDSEL_KIND_CONVOLUTION, 3) \
  X(KLDSEL_PART_ALL, 1) \
  X(KLDSEL_PART_POSITIVE, 2) \
  X(KLDSEL_PART_NEGATIVE, 3) \
  X(KLDSEL_REASON_NONE, 0) \
  X(KLDSEL_REASON_TOO_FEW_FILTERS, 1) \
  X(KLDSEL_REASON_NO_NEIGHBOUR, 2) \
  X(KLDSEL_REASON_NEIGHBOUR_TOO_SMALL, 3) \
  X(KLDSEL_REASON_NOT_GIVEN, 4)

/** X(result, name, (arguments)) for each function. */
#define PINNED_FUNCTIONS(X) \
  X(uint32_t, kldsel_version, (void)) \
  X(const char *, kldsel_version_string, (void)) \
  X(size_t, kldsel_build_info, (char *, size_t)) \
  X(const char *, kldsel_blas_better_core, (void)) \
  X(int32_t, kldsel_cpu_level, (void)) \
  X(const char *, kldsel_status_name, (kldsel_status)) \
  X(const char *, kldsel_last_error, (void)) \
  X(int64_t, kldsel_last_error_layer, (void)) \
  X(kldsel_status, kldsel_set_last_error, (kldsel_status, const char *)) \
  X(kldsel_status, kldsel_options_create, (kldsel_allocate_function, kldsel_release_function, void \
    *, kldsel_options **)) \
  X(void, kldsel_options_free, (kldsel_options *)) \
  X(kldsel_status, kldsel_options_set_int, (kldsel_options *, int32_t, int64_t)) \
  X(kldsel_status, kldsel_options_set_double, (kldsel_options *, int32_t, double)) \
  X(kldsel_status, kldsel_options_get_int, (const kldsel_options *, int32_t, int64_t *)) \
  X(kldsel_status, kldsel_options_get_double, (const kldsel_options *, int32_t, double *)) \
  X(kldsel_status, kldsel_options_set_progress, (kldsel_options *, kldsel_progress_function, void *)) \
  X(kldsel_status, kldsel_options_bounds, (int32_t, int32_t *, double *, double *)) \
  X(kldsel_status, kldsel_layer_kind, (int32_t, const int64_t *, int32_t *)) \
  X(kldsel_status, kldsel_layout_axes, (int32_t, int32_t, uint32_t *, uint32_t *)) \
  X(kldsel_status, kldsel_tensor_view, (const void *, size_t, int32_t, int32_t, const int64_t *, \
    int32_t, const kldsel_options *, kldsel_tensor **)) \
  X(kldsel_status, kldsel_tensor_view_strided, (const void *, size_t, size_t, int32_t, int32_t, \
    const int64_t *, const int64_t *, uint32_t, uint32_t, const kldsel_options *, kldsel_tensor **)) \
  X(kldsel_status, kldsel_tensor_quantized, (const kldsel_tensor *, const double *, const double *, \
    size_t, const kldsel_options *, kldsel_tensor **)) \
  X(kldsel_status, kldsel_tensor_copy, (const kldsel_tensor *, const kldsel_options *, kldsel_tensor **)) \
  X(kldsel_status, kldsel_tensor_values, (const kldsel_tensor *, double *, size_t)) \
  X(int64_t, kldsel_tensor_filters, (const kldsel_tensor *)) \
  X(int64_t, kldsel_tensor_elements, (const kldsel_tensor *)) \
  X(kldsel_status, kldsel_tensor_on_free, (kldsel_tensor *, kldsel_freed_function, void *)) \
  X(kldsel_status, kldsel_tensor_describe, (const kldsel_tensor *, const void **, int32_t *, int32_t *, \
    int32_t *, int64_t *, int64_t *, uint32_t *, uint32_t *)) \
  X(void, kldsel_tensor_free, (kldsel_tensor *)) \
  X(kldsel_status, kldsel_sign_split, (const kldsel_tensor *, int32_t, const kldsel_options *, \
    kldsel_tensor **)) \
  X(kldsel_status, kldsel_filter_matrix, (const kldsel_tensor *, const kldsel_options *, \
    kldsel_tensor **)) \
  X(kldsel_status, kldsel_pairwise_cosine, (const kldsel_tensor *, const kldsel_tensor *, int64_t, \
    int64_t, const kldsel_options *, double *, size_t)) \
  X(kldsel_status, kldsel_softmax, (const double *, size_t, double, double *)) \
  X(kldsel_status, kldsel_divergence, (const double *, size_t, const double *, size_t, const \
    kldsel_options *, double *)) \
  X(kldsel_status, kldsel_rank, (const double *, size_t, const int64_t *, const int32_t *, const \
    kldsel_options *, int64_t *, int64_t *, int32_t *)) \
  X(kldsel_status, kldsel_profile_create, (const kldsel_tensor *, const kldsel_options *, \
    kldsel_profile **)) \
  X(kldsel_status, kldsel_profile_create_many, (kldsel_tensor *const *, size_t, const \
    kldsel_options *, kldsel_profile **)) \
  X(int64_t, kldsel_profile_filters, (const kldsel_profile *)) \
  X(int64_t, kldsel_profile_elements, (const kldsel_profile *)) \
  X(kldsel_status, kldsel_profile_describe, (const kldsel_profile *, int32_t *, int32_t *, int32_t *, \
    int32_t *, double *)) \
  X(kldsel_status, kldsel_profile_length, (const kldsel_profile *, int32_t, size_t *)) \
  X(kldsel_status, kldsel_profile_values, (const kldsel_profile *, int32_t, double *, size_t)) \
  X(kldsel_status, kldsel_profile_export, (const kldsel_profile *, double *, size_t, size_t *)) \
  X(kldsel_status, kldsel_profile_import, (const double *, size_t, const kldsel_options *, \
    kldsel_profile **)) \
  X(void, kldsel_profile_free, (kldsel_profile *)) \
  X(const char *, kldsel_reason_text, (int32_t)) \
  X(kldsel_status, kldsel_rank_profiles, (kldsel_profile *const *, size_t, \
    kldsel_profile *const *, const int32_t *, const kldsel_options *, kldsel_ranking **)) \
  X(kldsel_status, kldsel_rank_tensors, (kldsel_tensor *const *, size_t, kldsel_tensor \
    *const *, const int32_t *, const kldsel_options *, kldsel_ranking **)) \
  X(size_t, kldsel_ranking_size, (const kldsel_ranking *)) \
  X(kldsel_status, kldsel_ranking_layer, (const kldsel_ranking *, size_t, double *, int64_t *, \
    int32_t *, int32_t *)) \
  X(kldsel_status, kldsel_ranking_order, (const kldsel_ranking *, int64_t *, size_t)) \
  X(void, kldsel_ranking_free, (kldsel_ranking *))

/* clang-format on */

#endif /* KLDSEL_TESTS_PINNED_H */
