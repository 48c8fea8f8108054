/* SPDX-License-Identifier: BSD-3-Clause */
#include "methods.h"

#include <kldsel/kldsel.h>

#define METHOD(NAME, MEASURE, TEXT, SHORT, SIGN)                                                             \
  { NAME "-" TEXT, NAME, SHORT, KLDSEL_MEASURE_##MEASURE, KLDSEL_SIGN_##SIGN }

const struct method methods[METHOD_COUNT] = {
    METHOD("cosine", COSINE, "all", "all", ALL),
    METHOD("cosine", COSINE, "positive", "pos", POSITIVE),
    METHOD("cosine", COSINE, "negative", "neg", NEGATIVE),
    METHOD("cosine", COSINE, "positive-negative", "pos-neg", POSITIVE_NEGATIVE),
    METHOD("kl", KL, "all", "all", ALL),
    METHOD("kl", KL, "positive", "pos", POSITIVE),
    METHOD("kl", KL, "negative", "neg", NEGATIVE),
    METHOD("kl", KL, "positive-negative", "pos-neg", POSITIVE_NEGATIVE),
    METHOD("share", SHARE, "positive", "pos", POSITIVE),
    METHOD("share", SHARE, "negative", "neg", NEGATIVE),
};
