/* SPDX-License-Identifier: BSD-3-Clause */
#include "methods.h"

#include <kldsel/kldsel.h>

#define COSINE(TEXT, SHORT, SIGN)                                                                            \
  { "cosine-" TEXT, "cosine", SHORT, KLDSEL_MEASURE_COSINE, KLDSEL_SIGN_##SIGN, KLDSEL_ORDER_HIGH }
#define KL(TEXT, SHORT, SIGN)                                                                                \
  { "kl-" TEXT, "kl", SHORT, KLDSEL_MEASURE_KL, KLDSEL_SIGN_##SIGN, KLDSEL_ORDER_LOW }
#define SHARE(TEXT, SHORT, SIGN, ORDER)                                                                      \
  { "share-" TEXT, "share", SHORT, KLDSEL_MEASURE_SHARE, KLDSEL_SIGN_##SIGN, KLDSEL_ORDER_##ORDER }

const struct method methods[METHOD_COUNT] = {
    COSINE("all", "all", ALL),
    COSINE("positive", "pos", POSITIVE),
    COSINE("negative", "neg", NEGATIVE),
    COSINE("positive-negative", "pos-neg", POSITIVE_NEGATIVE),
    KL("all", "all", ALL),
    KL("positive", "pos", POSITIVE),
    KL("negative", "neg", NEGATIVE),
    KL("positive-negative", "pos-neg", POSITIVE_NEGATIVE),
    SHARE("positive", "pos", POSITIVE, HIGH),
    SHARE("negative", "neg", NEGATIVE, LOW),
};
