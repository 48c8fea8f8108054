/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file kldsel.h
 * @brief libkldsel: which layers of a pretrained network to train, told from its weights alone.
 *
 * Data flows one way: a @ref tensor (a view of the host's weights) is reduced to a @ref profile
 * (a few numbers per filter), and the profiles of a network are reduced to a @ref ranking.
 *
 * **Source.** R. N. Wanjiku, L. Nderu, M. Kimwele, "Dynamic fine-tuning layer selection using
 * Kullback-Leibler divergence", Engineering Reports, 2022, doi 10.1002/eng2.12595 ("the paper";
 * eq. numbers are its own). docs/method.md has every definition.
 *
 * **Numbers.** Every input dtype is converted to double exactly; every sum is taken in double, in
 * an order fixed by the layer's shape and strides; a weight's product is added with one rounding, by a
 * fused operation or, where the processor has none, by what gives the same bits. So the linear path
 * (profiles; the measures cosine and share; kl against uniform, others, previous, next, given) gives the
 * same bits on every thread count and every CPU level. What is made of cosine
 * matrices (pairwise cosine, the distribution `pairs`, the reference `within`) agrees to 1e-12, not to
 * the bit. Logarithms are natural, divergences in nats, nothing is smoothed: 0 ln 0 = 0, and p ln(p/0) =
 * infinity. The cosine with a row of zeros is 0. NaN and infinity in the weights are errors.
 *
 * **Errors.** A function that can fail returns a ::kldsel_status and leaves its outputs as they
 * were unless that is ::KLDSEL_OK; kldsel_last_error() then tells the thread what was wrong.
 *
 * **Threads.** Handles are immutable (options excepted) and may be shared between threads. There is no
 * global state; threads that a call starts have ended when it returns, so forking is safe.
 *
 * **Memory.** What `*_create`, `*_view`, `*_copy` and the like hand out is the caller's, to be given
 * back with the matching `*_free`, which accept NULL. All of it comes from the allocator of the
 * options (malloc by default). Arrays passed in are only read during the call, except the weight
 * buffer of a view, which must outlive the view.
 */
#ifndef KLDSEL_KLDSEL_H
#define KLDSEL_KLDSEL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define KLDSEL_API __attribute__((visibility("default")))
#else
#define KLDSEL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup version Version and build
 * @{ */

#define KLDSEL_VERSION_MAJOR 1 /**< changes when the ABI breaks; also the soname's number */
#define KLDSEL_VERSION_MINOR 0 /**< changes when something is added */
#define KLDSEL_VERSION_PATCH 0 /**< changes when only behaviour is mended */

/** Version of the library that runs: major * 1000000 + minor * 1000 + patch. */
KLDSEL_API uint32_t kldsel_version(void);

/** Version of the library that runs, as "1.0.0"; static storage. */
KLDSEL_API const char *kldsel_version_string(void);

/**
 * Describes this build and machine in one line: the CPU level chosen (baseline, avx2, avx512; on aarch64
 * neon), and the BLAS with its version, core type and integer width; last comes " better=" and a
 * kldsel_blas_better_core(), if there is one. Same contract as snprintf.
 * @param[out] text receives at most @p size bytes with the final zero; may be NULL if @p size is 0
 * @param size      capacity of @p text in bytes
 * @return length of the whole line in bytes, without the final zero
 */
KLDSEL_API size_t kldsel_build_info(char *text, size_t size);

/**
 * OpenBLAS chooses a core type when it is loaded, and on a processor newer than itself that can be one for
 * much older processors, with half the vector width or less. What multiplies matrices by it then takes up to
 * five times as long. The library itself only does so at the CPU level baseline: for pairwise cosine, the
 * distribution `pairs` and the reference `within`.
 * @return the core type of OpenBLAS that fits this processor, "Haswell" say: a value for the environment
 * variable OPENBLAS_CORETYPE of the next process. Empty if OpenBLAS does well, can run as one core type only,
 * or is not the BLAS; always empty where the processor is no x86-64. Static storage.
 */
KLDSEL_API const char *kldsel_blas_better_core(void);

/** Highest @ref cpu_level "CPU level" that this build has and this machine can run. */
KLDSEL_API int32_t kldsel_cpu_level(void);

/** @} */
/** @defgroup status Status and errors
 * @{ */

/** Result of a call: ::KLDSEL_OK or one of the errors. */
typedef int32_t kldsel_status;

/** Values of ::kldsel_status. */
enum kldsel_status_value {
  KLDSEL_OK = 0,                      /**< the outputs are set */
  KLDSEL_ERROR_INVALID_ARGUMENT = 10, /**< NULL, out of range, unknown value, wrong combination */
  KLDSEL_ERROR_OUT_OF_MEMORY = 20,    /**< the allocator returned NULL */
  KLDSEL_ERROR_NOT_FINITE = 30,       /**< NaN or infinity in the weights or the values */
  KLDSEL_ERROR_TOO_LARGE = 40,        /**< a size or an address overflows */
  KLDSEL_ERROR_MISMATCH = 50,         /**< two arguments disagree: lengths, or how profiles were made */
  KLDSEL_ERROR_MISSING = 60,          /**< a profile was not made with what this ranking needs */
  KLDSEL_ERROR_CANCELLED = 70,        /**< the progress callback asked to stop */
  KLDSEL_ERROR_UNSUPPORTED = 80       /**< this build or machine cannot do it */
};

/** Name of a status, as "KLDSEL_ERROR_MISMATCH"; "unknown status" for other numbers. Static storage. */
KLDSEL_API const char *kldsel_status_name(kldsel_status status);

/**
 * Text of this thread's last error: one line that names the argument, the index and the value.
 * Never NULL; empty before the first error; a success leaves it as it was. Valid until the thread's
 * next failing call.
 */
KLDSEL_API const char *kldsel_last_error(void);

/**
 * Which layer this thread's last error is about: its index in the arrays of layers that were handed in
 * (tensors, profiles, given, parameters), by which a host can name it. -1 if it is about none of them, or
 * about one handed in alone.
 */
KLDSEL_API int64_t kldsel_last_error_layer(void);

/**
 * Sets the text of this thread's last error: for what is built on the library and reports errors as it does.
 * @param status handed back, so that failing is one expression
 * @param text   copied, up to 511 bytes; may be kldsel_last_error() itself, or part of it
 * @return @p status; INVALID_ARGUMENT (@p text NULL)
 */
KLDSEL_API kldsel_status kldsel_set_last_error(kldsel_status status, const char *text);

/** @} */
/** @defgroup options Options
 * An opaque set of key-value pairs. Wherever one is taken, NULL means every default. Setting an
 * integer option to 0 gives its default back. The only handle that can change: do not share one
 * between threads while it is being set.
 * @{ */

/** See @ref options. */
typedef struct kldsel_options kldsel_options;

/** Option keys. The comment gives the values; numbers never change their meaning. */
enum kldsel_option {
  KLDSEL_OPTION_MEASURE = 100,      /**< int, ::kldsel_measure; default kl */
  KLDSEL_OPTION_SIGN = 110,         /**< int, ::kldsel_sign; default positive-negative (share: positive) */
  KLDSEL_OPTION_REFERENCE = 120,    /**< int, ::kldsel_reference; default uniform */
  KLDSEL_OPTION_ORDER = 130,        /**< int, ::kldsel_order; default low for kl and for the share of
                                         negative weights, high for cosine and the share of positive ones */
  KLDSEL_OPTION_GRANULARITY = 140,  /**< int, ::kldsel_granularity; default filter */
  KLDSEL_OPTION_DISTRIBUTION = 150, /**< int, ::kldsel_distribution; default profile */
  KLDSEL_OPTION_ALIGNMENT = 160,    /**< int, ::kldsel_alignment; default quantile */
  KLDSEL_OPTION_TEMPERATURE = 170,  /**< double, 1e-300 to 1e300; default 1 (eq. 11) */
  KLDSEL_OPTION_SIGNS = 180,   /**< int, what signs profiles hold: the sum of 1 << ::kldsel_sign for each,
                                    2 to 30; default all four. Fewer take less time and room */
  KLDSEL_OPTION_CONTENT = 190, /**< int, what profiles hold: a sum of ::kldsel_content; default all of it */
  KLDSEL_OPTION_SELECT_COUNT = 200,      /**< int, >= 0: select that many layers; default none */
  KLDSEL_OPTION_SELECT_SHARE = 210,      /**< double in [0, 1]: select floor(share * layers + 1e-9), but one
                                              at least unless the share is 0; default none */
  KLDSEL_OPTION_SELECT_PARAMETERS = 220, /**< int, >= 0: select, best first, every layer that still
                                              fits a budget of so many weights; default none */
  KLDSEL_OPTION_THREADS = 300,  /**< int, 0 to 1024: most threads a call uses; default 0, all cores */
  KLDSEL_OPTION_CPU_LEVEL = 310 /**< int, @ref cpu_level "level" to run at; default the highest */
};

/** What a layer is scored by. */
enum kldsel_measure {
  KLDSEL_MEASURE_COSINE = 1, /**< mean pairwise cosine of the filters: the weight correlation */
  KLDSEL_MEASURE_KL = 2,     /**< divergence of the layer's distribution from a reference (eq. 7, 12) */
  KLDSEL_MEASURE_SHARE = 3   /**< share of the layer's weights with the sign; positive or negative only */
};

/** Which sign parts of the filters are compared (eq. 14). */
enum kldsel_sign {
  KLDSEL_SIGN_ALL = 1,              /**< F with F, cosines in [-1, 1] */
  KLDSEL_SIGN_POSITIVE = 2,         /**< max(F, 0) with itself, in [0, 1] */
  KLDSEL_SIGN_NEGATIVE = 3,         /**< min(F, 0) with itself, in [0, 1] */
  KLDSEL_SIGN_POSITIVE_NEGATIVE = 4 /**< max(F, 0) with min(F, 0), in [-1, 0] */
};

/** What a layer's distribution p is compared with by ::KLDSEL_MEASURE_KL. */
enum kldsel_reference {
  KLDSEL_REFERENCE_UNIFORM = 1,  /**< KL(p || uniform) = ln M - entropy(p) */
  KLDSEL_REFERENCE_OTHERS = 2,   /**< mean over the other layers m of KL(p || p_m) */
  KLDSEL_REFERENCE_PREVIOUS = 3, /**< KL(p || p of the layer before) */
  KLDSEL_REFERENCE_NEXT = 4,     /**< KL(p || p of the layer after) */
  KLDSEL_REFERENCE_WITHIN = 5,   /**< mean over ordered pairs of filters x != y of KL(row x || row y), the
                                      rows being the softmax of the rows of the cosine matrix. Profiles
                                      must have been made with this reference in their options. */
  KLDSEL_REFERENCE_GIVEN = 6     /**< KL(p || q), q from the caller */
};

/** Which end of the scores is ranked first. */
enum kldsel_order {
  KLDSEL_ORDER_LOW = 1, /**< lowest score first */
  KLDSEL_ORDER_HIGH = 2 /**< highest score first */
};

/** What is compared with what inside a layer. */
enum kldsel_granularity {
  KLDSEL_GRANULARITY_FILTER = 1, /**< whole filters */
  KLDSEL_GRANULARITY_KERNEL = 2  /**< cosine per input channel, averaged over the channels */
};

/** What a layer's distribution is made from. */
enum kldsel_distribution {
  KLDSEL_DISTRIBUTION_PROFILE = 1, /**< one mean similarity per filter: M values, linear time */
  KLDSEL_DISTRIBUTION_PAIRS = 2    /**< all similarities: M(M-1)/2 values, M(M-1) for
                                        positive-negative; quadratic time */
};

/** How two distributions are laid over each other. */
enum kldsel_alignment {
  KLDSEL_ALIGNMENT_QUANTILE = 1, /**< sorted descending, as step functions on [0, 1]; any lengths */
  KLDSEL_ALIGNMENT_INDEX = 2     /**< element by element; equal lengths only */
};

/** What a profile holds, as bits of ::KLDSEL_OPTION_CONTENT. A ranking that needs more fails with
 * ::KLDSEL_ERROR_MISSING. */
enum kldsel_content {
  KLDSEL_CONTENT_VALUES = 1, /**< the similarities, for measure kl; and the means with them */
  KLDSEL_CONTENT_MEANS = 2,  /**< the mean similarities, for measure cosine: half the time, and no room for
                                  each filter */
  KLDSEL_CONTENT_COUNTS = 4  /**< how many weights are positive and negative, for measure share */
};

/** @anchor cpu_level
 * CPU levels, for tests and measurements; all give the same bits. */
enum kldsel_cpu_level_value {
  KLDSEL_CPU_LEVEL_BASELINE = 1, /**< what the compiler's target guarantees (SSE2, NEON) */
  KLDSEL_CPU_LEVEL_AVX2 = 2,     /**< x86-64 with AVX2 */
  KLDSEL_CPU_LEVEL_AVX512 = 3    /**< x86-64 with AVX-512 F, BW, DQ and VL */
};

/** Value types of option keys. */
enum kldsel_option_type {
  KLDSEL_OPTION_TYPE_INT = 1,   /**< set by kldsel_options_set_int() */
  KLDSEL_OPTION_TYPE_DOUBLE = 2 /**< set by kldsel_options_set_double() */
};

/** Allocates @p size > 0 bytes aligned as by malloc, or returns NULL. Called from any thread. */
typedef void *(*kldsel_allocate_function)(void *user, size_t size);
/** Gives back what the allocate function returned; never called with NULL. Called from any thread. */
typedef void (*kldsel_release_function)(void *user, void *memory);
/**
 * Told how much of the work is @p done: of @p total weights and, where the cosine matrices are computed,
 * similarities. Called on the thread that called the library, between pieces of work, never after it
 * returned, for the last time with done == total.
 * @return 0 to go on, anything else to cancel: the call returns ::KLDSEL_ERROR_CANCELLED
 */
typedef int32_t (*kldsel_progress_function)(void *user, uint64_t done, uint64_t total);

/**
 * Makes a set of options with every default.
 * @param allocate where memory comes from; NULL (with @p release) for malloc and free
 * @param release  its counterpart
 * @param user     handed to both; must outlive the options and every handle made with them
 * @param[out] options the new handle
 * @return OK, INVALID_ARGUMENT (one function without the other, @p options NULL), OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_options_create(kldsel_allocate_function allocate,
                                               kldsel_release_function release, void *user,
                                               kldsel_options **options);

/** Frees options; handles made with them live on. */
KLDSEL_API void kldsel_options_free(kldsel_options *options);

/**
 * Sets an integer option.
 * @return OK, INVALID_ARGUMENT (unknown key, key of another type, value outside its bounds)
 */
KLDSEL_API kldsel_status kldsel_options_set_int(kldsel_options *options, int32_t key, int64_t value);

/**
 * Sets a real option.
 * @return OK, INVALID_ARGUMENT (unknown key, key of another type, NaN, value outside its bounds)
 */
KLDSEL_API kldsel_status kldsel_options_set_double(kldsel_options *options, int32_t key, double value);

/**
 * Tells the value of an integer option that calls will use: what was set, or else the default, also where it
 * follows from other options (sign, order). Left as they are: SELECT_* 0 for no selection, THREADS 0 for all
 * cores. Granularity and distribution of a ranking made from profiles are those of the profiles, unless they
 * are set.
 * @param options    may be NULL, for every default
 * @param key        one of ::kldsel_option
 * @param[out] value the value
 * @return OK, INVALID_ARGUMENT (unknown key, key of another type)
 */
KLDSEL_API kldsel_status kldsel_options_get_int(const kldsel_options *options, int32_t key, int64_t *value);

/** The same of a real option; SELECT_SHARE is 0 for no selection. */
KLDSEL_API kldsel_status kldsel_options_get_double(const kldsel_options *options, int32_t key, double *value);

/** Sets the progress callback of long calls; NULL for none. The callback must not change the options. */
KLDSEL_API kldsel_status kldsel_options_set_progress(kldsel_options *options,
                                                     kldsel_progress_function progress, void *user);

/**
 * Tells what values a key takes; each output may be NULL.
 * @param key           one of ::kldsel_option
 * @param[out] type     one of ::kldsel_option_type
 * @param[out] lowest   lowest value allowed (integers too are told as doubles, rounded beyond 2^53)
 * @param[out] highest  highest value allowed
 * @return OK, INVALID_ARGUMENT (unknown key)
 */
KLDSEL_API kldsel_status kldsel_options_bounds(int32_t key, int32_t *type, double *lowest, double *highest);

/** @} */
/** @defgroup tensor Tensors
 * A layer's weights: an array of up to 8 axes whose axes are told apart into those that index
 * filters (output units) and those that run inside one filter. In words: M filters of K elements.
 * @{ */

/** See @ref tensor. */
typedef struct kldsel_tensor kldsel_tensor;

#define KLDSEL_MAX_RANK 8 /**< most axes of a tensor */

/** Element types, in the machine's byte order. */
enum kldsel_dtype {
  KLDSEL_DTYPE_F64 = 1,  /**< IEEE double */
  KLDSEL_DTYPE_F32 = 2,  /**< IEEE single */
  KLDSEL_DTYPE_F16 = 3,  /**< IEEE half */
  KLDSEL_DTYPE_BF16 = 4, /**< upper half of a single (bfloat16) */
  KLDSEL_DTYPE_U8 = 5,   /**< unsigned byte, see kldsel_tensor_quantized() */
  KLDSEL_DTYPE_I8 = 6    /**< signed byte, see kldsel_tensor_quantized() */
};

/**
 * Named axis orders: O output, I input, HW any number of spatial axes (none too: a dense layer), so
 * OIHW also is OIW and OIDHW. A grouped convolution is an OIHW or HWIO whose I is that of one group.
 */
enum kldsel_layout {
  KLDSEL_LAYOUT_OIHW = 1, /**< PyTorch, ONNX, Caffe: filters are axis 0, channels axis 1; default (0) */
  KLDSEL_LAYOUT_HWIO = 2, /**< Keras, TensorFlow: filters are the last axis, channels the one before */
  KLDSEL_LAYOUT_OHWI = 3, /**< TensorFlow Lite: filters are axis 0, channels the last */
  KLDSEL_LAYOUT_IOHW = 4, /**< PyTorch transposed: filters are axis 1, channels axis 0 */
  KLDSEL_LAYOUT_HWIM = 5, /**< TensorFlow depthwise: each (I, M) pair is a filter; rank 3 or more */
  KLDSEL_LAYOUT_OI = 6,   /**< dense, filters are axis 0; rank 2 */
  KLDSEL_LAYOUT_IO = 7,   /**< dense, filters are axis 1; rank 2 */
  KLDSEL_LAYOUT_HWOI = 8  /**< Keras transposed: filters are the axis before the last, channels the last */
};

/** Kinds of layer (eq. 13). */
enum kldsel_kind {
  KLDSEL_KIND_OTHER = 1,      /**< rank 0 or 1: bias, normalisation */
  KLDSEL_KIND_DENSE = 2,      /**< rank 2 */
  KLDSEL_KIND_CONVOLUTION = 3 /**< rank 3 or more */
};

/**
 * Tells what kind of layer a weight shape belongs to (eq. 13).
 * @param rank      number of axes, 0 to ::KLDSEL_MAX_RANK
 * @param shape     @p rank extents, each > 0; may be NULL if @p rank is 0
 * @param[out] kind one of ::kldsel_kind
 * @return OK, INVALID_ARGUMENT
 */
KLDSEL_API kldsel_status kldsel_layer_kind(int32_t rank, const int64_t *shape, int32_t *kind);

/**
 * Tells which axes a layout means at a rank, as bit masks (bit a is axis a).
 * @param layout             one of ::kldsel_layout, 0 for OIHW
 * @param rank               2 to ::KLDSEL_MAX_RANK
 * @param[out] filter_axes   axes that index filters; may be NULL
 * @param[out] channel_axes  axes that index input channels (none for a dense layer, whose kernel is the
 *                           whole filter, nor for HWIM); may be NULL
 * @return OK, INVALID_ARGUMENT (unknown layout, a rank it does not have)
 */
KLDSEL_API kldsel_status kldsel_layout_axes(int32_t layout, int32_t rank, uint32_t *filter_axes,
                                            uint32_t *channel_axes);

/**
 * Views a contiguous (row-major) weight buffer of a named layout; no copy, O(1).
 * @param data       the weights; need not be aligned
 * @param data_bytes length of @p data in bytes; must be what dtype and shape say
 * @param dtype      one of ::kldsel_dtype
 * @param rank       number of axes, 2 to ::KLDSEL_MAX_RANK
 * @param shape      @p rank extents, each > 0
 * @param layout     one of ::kldsel_layout, 0 for OIHW
 * @param options    for the allocator; may be NULL
 * @param[out] tensor the new handle; @p data must outlive it
 * @return OK, INVALID_ARGUMENT, TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_tensor_view(const void *data, size_t data_bytes, int32_t dtype, int32_t rank,
                                            const int64_t *shape, int32_t layout,
                                            const kldsel_options *options, kldsel_tensor **tensor);

/**
 * Views weights of any strides, with any axes as filter axes; no copy, O(1).
 * @param buffer        start of the memory that may be read
 * @param buffer_bytes  its length; every element must lie inside. 0: unknown, not checked
 * @param offset_bytes  where in @p buffer element [0, ..., 0] lies
 * @param dtype         one of ::kldsel_dtype
 * @param rank          number of axes, 1 to ::KLDSEL_MAX_RANK
 * @param shape         @p rank extents, each > 0
 * @param strides_bytes @p rank distances in bytes between neighbours, any sign, zero too; NULL: row-major
 * @param filter_axes   bit mask of the axes that index filters, row-major; at least one axis, and not all
 * @param channel_axes  bit mask of the axes that index input channels, for ::KLDSEL_GRANULARITY_KERNEL; may
 *                      be 0; shares no axis with @p filter_axes
 * @param options       for the allocator; may be NULL
 * @param[out] tensor   the new handle; @p buffer must outlive it
 * @return OK, INVALID_ARGUMENT, TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_tensor_view_strided(const void *buffer, size_t buffer_bytes,
                                                    size_t offset_bytes, int32_t dtype, int32_t rank,
                                                    const int64_t *shape, const int64_t *strides_bytes,
                                                    uint32_t filter_axes, uint32_t channel_axes,
                                                    const kldsel_options *options, kldsel_tensor **tensor);

/**
 * Makes a view whose elements mean (q - zero_point) * scale, q being the stored bytes.
 * @param tensor      of dtype u8 or i8; its weight buffer must outlive the new handle, the handle need not
 * @param scales      @p count finite numbers > 0
 * @param zero_points @p count finite numbers (fractions too, as TensorFlow.js needs); NULL for zeros
 * @param count       1, or one per filter: kldsel_tensor_filters()
 * @param options     for the allocator; may be NULL
 * @param[out] quantized the new handle
 * @return OK, INVALID_ARGUMENT, MISMATCH (count), OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_tensor_quantized(const kldsel_tensor *tensor, const double *scales,
                                                 const double *zero_points, size_t count,
                                                 const kldsel_options *options, kldsel_tensor **quantized);

/**
 * Makes a tensor with the same axes, dtype and values that owns its weights, contiguous. O(elements).
 * @return OK, INVALID_ARGUMENT, TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_tensor_copy(const kldsel_tensor *tensor, const kldsel_options *options,
                                            kldsel_tensor **copy);

/**
 * Writes the tensor's values as doubles, row-major over its shape, dequantised. O(elements).
 * @param tensor      the tensor
 * @param[out] values @p count doubles
 * @param count       must be filters * elements
 * @return OK, INVALID_ARGUMENT, MISMATCH (count)
 */
KLDSEL_API kldsel_status kldsel_tensor_values(const kldsel_tensor *tensor, double *values, size_t count);

/** Number of filters M; 0 for NULL. */
KLDSEL_API int64_t kldsel_tensor_filters(const kldsel_tensor *tensor);

/** Number of elements per filter K; 0 for NULL. */
KLDSEL_API int64_t kldsel_tensor_elements(const kldsel_tensor *tensor);

/** Told that a tensor has been freed. Called on the thread that freed it. */
typedef void (*kldsel_freed_function)(void *user);

/**
 * Has a function called once, when the tensor has been freed: to let go of what holds the weights of a view,
 * be it a mapped file or another library's array. To be set before the tensor is shared between threads.
 * @param tensor the tensor
 * @param freed  called with @p user at the end of kldsel_tensor_free()
 * @param user   handed to it
 * @return OK, INVALID_ARGUMENT (NULL; a tensor that has such a function already)
 */
KLDSEL_API kldsel_status kldsel_tensor_on_free(kldsel_tensor *tensor, kldsel_freed_function freed,
                                               void *user);

/**
 * Tells how a tensor lies in memory; each output may be NULL. Of the copies that kldsel_tensor_copy(),
 * kldsel_sign_split() and kldsel_filter_matrix() make it is how their weights are read without another copy.
 * @param tensor             the tensor
 * @param[out] data          element [0, ..., 0]; for a tensor that owns its weights valid until it is freed
 * @param[out] dtype         one of ::kldsel_dtype; of a quantised tensor that of the stored bytes
 * @param[out] quantized     1 if the elements mean (q - zero_point) * scale, else 0
 * @param[out] rank          number of axes
 * @param[out] shape         the extents, room for ::KLDSEL_MAX_RANK
 * @param[out] strides_bytes distances in bytes between neighbours, room for ::KLDSEL_MAX_RANK
 * @param[out] filter_axes   bit mask of the axes that index filters
 * @param[out] channel_axes  bit mask of the axes that index input channels
 * @return OK, INVALID_ARGUMENT (@p tensor NULL)
 */
KLDSEL_API kldsel_status kldsel_tensor_describe(const kldsel_tensor *tensor, const void **data,
                                                int32_t *dtype, int32_t *quantized, int32_t *rank,
                                                int64_t *shape, int64_t *strides_bytes, uint32_t *filter_axes,
                                                uint32_t *channel_axes);

/** Frees a tensor; the weights of a view stay the host's. */
KLDSEL_API void kldsel_tensor_free(kldsel_tensor *tensor);

/** @} */
/** @defgroup primitives The six primitives
 * Each step of the method alone; composed they are the definition that profiles and rankings compute
 * faster. Written for clarity of result, not for speed.
 * @{ */

/** Sign parts of a layer (eq. 14). */
enum kldsel_part {
  KLDSEL_PART_ALL = 1,      /**< F */
  KLDSEL_PART_POSITIVE = 2, /**< max(F, 0) */
  KLDSEL_PART_NEGATIVE = 3  /**< min(F, 0) */
};

/**
 * Sign split: keeps the elements of one sign and sets the others to 0 (eq. 14). O(elements).
 * @param tensor    the layer
 * @param part      one of ::kldsel_part
 * @param options   for the allocator; may be NULL
 * @param[out] split a new f64 tensor with the same axes, which owns its weights
 * @return OK, INVALID_ARGUMENT, NOT_FINITE, TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_sign_split(const kldsel_tensor *tensor, int32_t part,
                                           const kldsel_options *options, kldsel_tensor **split);

/**
 * Filter reshape: the layer as its filter matrix F, M rows of K elements; within a row the channels come
 * first, then the rest, each in axis order. O(elements).
 * @param tensor      the layer
 * @param options     for the allocator; may be NULL
 * @param[out] matrix a new f64 tensor [M, channels, K / channels] which owns its weights, axis 0 its
 *                    filters, axis 1 its channels
 * @return OK, INVALID_ARGUMENT, TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_filter_matrix(const kldsel_tensor *tensor, const kldsel_options *options,
                                              kldsel_tensor **matrix);

/**
 * Pairwise cosine: C[i][j] = <x_i, y_j> / (|x_i| |y_j|) for a range of rows i and all j; 0 where a row has
 * zero norm. Ask for a range at a time to stream a matrix that does not fit. O(rows * M_y * K), O((M_x +
 * M_y) * K) scratch. Values are clamped to [-1, 1].
 * @param x         M_x filters
 * @param y         M_y filters of as many elements; NULL for x itself
 * @param first_row first row of C, 0 to M_x - 1
 * @param rows      number of rows, 1 to M_x - first_row
 * @param options   granularity, threads, CPU level, progress, allocator; may be NULL
 * @param[out] matrix @p count doubles, row-major [rows, M_y]; if cancelled, partly written
 * @param count     must be rows * M_y
 * @return OK, INVALID_ARGUMENT, MISMATCH (elements, channels, count), NOT_FINITE, TOO_LARGE, CANCELLED,
 *         UNSUPPORTED (CPU level, or a BLAS of another integer width), OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_pairwise_cosine(const kldsel_tensor *x, const kldsel_tensor *y,
                                                int64_t first_row, int64_t rows,
                                                const kldsel_options *options, double *matrix, size_t count);

/**
 * Softmax: p_i = exp(v_i / t) / sum_j exp(v_j / t) (eq. 11), without overflow. O(n).
 * @param values            @p n finite numbers (logits)
 * @param n                 at least 1
 * @param temperature       t, finite and > 0
 * @param[out] probabilities @p n numbers in [0, 1] with sum 1; may be @p values itself
 * @return OK, INVALID_ARGUMENT, NOT_FINITE
 */
KLDSEL_API kldsel_status kldsel_softmax(const double *values, size_t n, double temperature,
                                        double *probabilities);

/**
 * KL divergence of two distributions in nats (eq. 7, 12): sum_i p_i ln(p_i / q_i) by index; by quantile the
 * integral over [0, 1] of the same with both sorted descending and read as step functions, which allows
 * unequal lengths. Both are divided by their sums first. Infinity where q has no mass and p has. O(n) by
 * index, O(n log n) by quantile.
 * @param p          @p p_length numbers >= 0 with sum 1 (to 1e-6)
 * @param p_length   1 to 2^32 - 1
 * @param q          @p q_length numbers >= 0 with sum 1 (to 1e-6)
 * @param q_length   1 to 2^32 - 1
 * @param options    alignment and allocator; may be NULL
 * @param[out] divergence >= 0
 * @return OK, INVALID_ARGUMENT, MISMATCH (lengths, by index), TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_divergence(const double *p, size_t p_length, const double *q, size_t q_length,
                                           const kldsel_options *options, double *divergence);

/**
 * Rank: orders layers by score and selects the first of them. Ties keep their order; a NaN score is an
 * undefined one and comes last, never selected. Every group is ranked and selected from as if it were alone:
 * a count, share or budget holds for each. O(n log n).
 * @param scores     @p n numbers, NaN where undefined
 * @param n          at least 1
 * @param parameters @p n counts >= 0 of trainable parameters; NULL unless ::KLDSEL_OPTION_SELECT_PARAMETERS
 *                   is set
 * @param groups     @p n group numbers; NULL for one group
 * @param options    order (default by measure), selection, allocator; may be NULL
 * @param[out] order @p n layer indices: groups by first appearance, best first in each; may be NULL
 * @param[out] ranks @p n ranks, 0 for the best of its group; may be NULL
 * @param[out] selected @p n times 0 or 1; may be NULL
 * @return OK, INVALID_ARGUMENT (a count above a group's size, two kinds of selection), OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_rank(const double *scores, size_t n, const int64_t *parameters,
                                     const int32_t *groups, const kldsel_options *options, int64_t *order,
                                     int64_t *ranks, int32_t *selected);

/** @} */
/** @defgroup profile Profiles
 * What is kept of a layer: for each sign its similarity profile c, where c_i is the mean of
 * C[i][j] over j != i, the mean of c, and the counts of positive and negative weights. It needs no
 * weights any more, can travel as an array of doubles, and is all that a ranking reads.
 * @{ */

/** See @ref profile. */
typedef struct kldsel_profile kldsel_profile;

/**
 * Makes a layer's profile, by default for all four signs: two passes over the weights, O(M + K) memory for
 * each thread, never M x M. With ::KLDSEL_DISTRIBUTION_PAIRS it holds all similarities in place of c, with
 * ::KLDSEL_REFERENCE_WITHIN also the divergence within; both take O(M * M * K) time and O(M * K) scratch.
 * @param tensor      the layer
 * @param options     signs, content, granularity, distribution, reference, temperature (of within), threads,
 *                    CPU level, progress, allocator; may be NULL
 * @param[out] profile the new handle, independent of tensor and weights
 * @return OK, INVALID_ARGUMENT, NOT_FINITE, UNSUPPORTED (CPU level), TOO_LARGE, CANCELLED, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_profile_create(const kldsel_tensor *tensor, const kldsel_options *options,
                                               kldsel_profile **profile);

/**
 * Makes the profiles of several layers, in parallel, largest first. Same as kldsel_profile_create()
 * otherwise, bit for bit.
 * @param tensors       @p count layers
 * @param count         at least 1
 * @param options       as above
 * @param[out] profiles @p count new handles; none is set on failure
 */
KLDSEL_API kldsel_status kldsel_profile_create_many(kldsel_tensor *const *tensors, size_t count,
                                                    const kldsel_options *options, kldsel_profile **profiles);

/** Number of filters M; 0 for NULL. */
KLDSEL_API int64_t kldsel_profile_filters(const kldsel_profile *profile);

/** Number of elements per filter K; 0 for NULL. */
KLDSEL_API int64_t kldsel_profile_elements(const kldsel_profile *profile);

/**
 * Tells how a profile was made, and so what rankings it will do for; each output may be NULL.
 * @param profile           the profile
 * @param[out] granularity  one of ::kldsel_granularity
 * @param[out] distribution one of ::kldsel_distribution
 * @param[out] signs        those that it holds, as in ::KLDSEL_OPTION_SIGNS
 * @param[out] content      what it holds, as in ::KLDSEL_OPTION_CONTENT (values with means)
 * @param[out] temperature  of the divergences within; 0 if it holds none
 * @return OK, INVALID_ARGUMENT (@p profile NULL)
 */
KLDSEL_API kldsel_status kldsel_profile_describe(const kldsel_profile *profile, int32_t *granularity,
                                                 int32_t *distribution, int32_t *signs, int32_t *content,
                                                 double *temperature);

/**
 * Length of what kldsel_profile_values() gives: M (a profile), M(M-1)/2 or M(M-1) (pairs), and 0 if the
 * layer has fewer than two filters or the profile holds no values of the sign.
 * @return OK, INVALID_ARGUMENT (unknown sign)
 */
KLDSEL_API kldsel_status kldsel_profile_length(const kldsel_profile *profile, int32_t sign, size_t *length);

/**
 * Writes the similarities of a sign: c_i by filter, or the pairs row by row of C without its diagonal (its
 * upper triangle, where C is symmetric).
 * @param profile     the profile
 * @param sign        one of ::kldsel_sign
 * @param[out] values @p count doubles
 * @param count       must be what kldsel_profile_length() says
 * @return OK, INVALID_ARGUMENT, MISMATCH (count)
 */
KLDSEL_API kldsel_status kldsel_profile_values(const kldsel_profile *profile, int32_t sign, double *values,
                                               size_t count);

/**
 * Writes a profile as plain doubles, from which kldsel_profile_import() makes it again, bit for bit.
 * Layout: 0 the number 1802265715, 1 format, 2 M, 3 K, 4 granularity, 5 distribution, 6 temperature of
 * the divergences within (0: none held), 7 positive and 8 negative weights counted, 9-12 mean similarity of
 * sign 1 to 4 (NaN if M < 2), 13-16 divergence within of sign 1 to 4 (NaN if none), then the values of sign
 * 1 to 4. That is format 1, of a profile that holds everything; format 2 has two more numbers before the
 * values, ::KLDSEL_OPTION_SIGNS and ::KLDSEL_OPTION_CONTENT as they were when it was made (values with
 * means), NaN for means, 0 for counts and no values where it holds none.
 * @param profile     the profile
 * @param[out] values receives the doubles if @p capacity is enough; may be NULL if @p capacity is 0
 * @param capacity    room in @p values
 * @param[out] length number of doubles needed; set even if @p capacity is 0
 * @return OK (also for the query with capacity 0), INVALID_ARGUMENT, MISMATCH (capacity too small)
 */
KLDSEL_API kldsel_status kldsel_profile_export(const kldsel_profile *profile, double *values, size_t capacity,
                                               size_t *length);

/**
 * Makes a profile from an exported array. O(length).
 * @return OK, INVALID_ARGUMENT (not an export, or a field out of range; the message names it), MISMATCH
 *         (length), TOO_LARGE, OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_profile_import(const double *values, size_t length,
                                               const kldsel_options *options, kldsel_profile **profile);

/** Frees a profile. */
KLDSEL_API void kldsel_profile_free(kldsel_profile *profile);

/** @} */
/** @defgroup ranking Rankings
 * The layers of a network with their scores, ranks and the selection.
 * @{ */

/** See @ref ranking. */
typedef struct kldsel_ranking kldsel_ranking;

/** Why a layer has no score. */
enum kldsel_reason {
  KLDSEL_REASON_NONE = 0,                /**< it has one */
  KLDSEL_REASON_TOO_FEW_FILTERS = 1,     /**< fewer than two filters */
  KLDSEL_REASON_NO_NEIGHBOUR = 2,        /**< no previous, next or other layer in its group */
  KLDSEL_REASON_NEIGHBOUR_TOO_SMALL = 3, /**< the previous, next or given layer has fewer than two filters */
  KLDSEL_REASON_NOT_GIVEN = 4            /**< no reference was given for this layer */
};

/** What a reason means, in words; "unknown reason" for other numbers. Static storage. */
KLDSEL_API const char *kldsel_reason_text(int32_t reason);

/**
 * Scores and ranks the layers of a network from their profiles. Linear in the number of layers and filters
 * but for sorting (every reference, also ::KLDSEL_REFERENCE_OTHERS); quantile alignment sorts each profile.
 * @param profiles @p count profiles in network order, all of one granularity and distribution, and of that
 *                 in the options, if set there
 * @param count    1 or more
 * @param given    ::KLDSEL_REFERENCE_GIVEN only: @p count profiles, NULL entries for none; else NULL
 * @param groups   @p count group numbers; every group is scored, ranked and selected from as if it were a
 *                 network of its own. NULL for one group
 * @param options  measure, sign, reference, order, alignment, temperature, selection, threads, allocator; may
 * be NULL. The budget of ::KLDSEL_OPTION_SELECT_PARAMETERS counts M * K for a layer. More than one thread is
 * used against ::KLDSEL_REFERENCE_UNIFORM, if there are many filters.
 * @param[out] ranking the new handle, independent of the profiles
 * @return OK, INVALID_ARGUMENT, MISMATCH (how profiles were made; lengths, by index), MISSING (a profile does
 * not hold the sign or the content; no divergence within, or one of another temperature), TOO_LARGE,
 * OUT_OF_MEMORY
 */
KLDSEL_API kldsel_status kldsel_rank_profiles(kldsel_profile *const *profiles, size_t count,
                                              kldsel_profile *const *given, const int32_t *groups,
                                              const kldsel_options *options, kldsel_ranking **ranking);

/**
 * kldsel_profile_create_many() and kldsel_rank_profiles() in one call, which makes no more of the profiles
 * than the ranking reads (so signs and content are not asked for), and keeps no more than it must: of
 * measures cosine and share and of reference uniform a few numbers for each layer.
 * @param tensors  @p count layers in network order
 * @param count    1 or more
 * @param given    ::KLDSEL_REFERENCE_GIVEN only: @p count tensors, NULL entries for none; else NULL
 * @param groups   as in kldsel_rank_profiles()
 * @param options  those of both; may be NULL
 * @param[out] ranking the new handle
 * @return what either returns
 */
KLDSEL_API kldsel_status kldsel_rank_tensors(kldsel_tensor *const *tensors, size_t count,
                                             kldsel_tensor *const *given, const int32_t *groups,
                                             const kldsel_options *options, kldsel_ranking **ranking);

/** Number of layers; 0 for NULL. */
KLDSEL_API size_t kldsel_ranking_size(const kldsel_ranking *ranking);

/**
 * Tells about one layer; each output may be NULL.
 * @param ranking        the ranking
 * @param layer          index of the layer as it was handed in
 * @param[out] score     its score; NaN if undefined
 * @param[out] rank      its rank in its group, 0 for the best
 * @param[out] selected  1 if selected, else 0
 * @param[out] reason    one of ::kldsel_reason
 * @return OK, INVALID_ARGUMENT (layer out of range)
 */
KLDSEL_API kldsel_status kldsel_ranking_layer(const kldsel_ranking *ranking, size_t layer, double *score,
                                              int64_t *rank, int32_t *selected, int32_t *reason);

/**
 * Writes the layer indices, best first; groups by first appearance.
 * @param ranking    the ranking
 * @param[out] order @p count indices
 * @param count      must be kldsel_ranking_size()
 * @return OK, INVALID_ARGUMENT, MISMATCH (count)
 */
KLDSEL_API kldsel_status kldsel_ranking_order(const kldsel_ranking *ranking, int64_t *order, size_t count);

/** Frees a ranking. */
KLDSEL_API void kldsel_ranking_free(kldsel_ranking *ranking);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* KLDSEL_KLDSEL_H */
