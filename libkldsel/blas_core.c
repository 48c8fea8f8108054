/* SPDX-License-Identifier: BSD-3-Clause */
/* OpenBLAS chooses a core type when it is loaded; on a processor that is newer than itself, an old one. */
#include <string.h>

#include "blas.h"
#include "cpu.h"

/* What a matrix product is made of on x86-64: each kind has at least twice the arithmetic of the one before
 * in an instruction. */
enum vectors {
  UNKNOWN,
  SSE,
  AVX,
  FMA,
  AVX512
};

/* OpenBLAS's core types but for those of AMD's processors with FMA4 (Bulldozer to Excavator): nothing else
 * can run these, and they are the best there. */
static const struct {
  const char *name;
  enum vectors vectors;
} cores[] = {
    {"Prescott", SSE},
    {"Core2", SSE},
    {"Penryn", SSE},
    {"Dunnington", SSE},
    {"Nehalem", SSE},
    {"Opteron", SSE},
    {"Barcelona", SSE},
    {"Opteron_SSE3", SSE},
    {"Bobcat", SSE},
    {"Nano", SSE},
    {"Atom", SSE},
    {"Sandybridge", AVX},
    {"Haswell", FMA},
    {"Zen", FMA},
    {"SkylakeX", AVX512},
    {"Cooperlake", AVX512},
    {"SapphireRapids", AVX512},
};

/* The first core type of each kind, which every OpenBLAS of several core types has. */
static const char *const best_cores[] = {
    [UNKNOWN] = "", [SSE] = "Prescott", [AVX] = "Sandybridge", [FMA] = "Haswell", [AVX512] = "SkylakeX"};

static enum vectors vectors_of_processor(void) {
#ifdef KLDSEL_HAVE_X86_LEVELS
  /* Every level above the baseline has AVX, and is the next kind. */
  int above = kldsel_cpu_level() - KLDSEL_CPU_LEVEL_BASELINE, avx = __builtin_cpu_supports("avx") != 0;
  return (enum vectors)(SSE + avx + above);
#else
  return UNKNOWN;
#endif
}

static enum vectors vectors_of_core(const char *core) {
  for (size_t i = 0; core != NULL && i < sizeof cores / sizeof *cores; i++)
    if (strcmp(core, cores[i].name) == 0) return cores[i].vectors;
  return UNKNOWN;
}

const char *kldsel_blas_better_core(void) {
  enum vectors core = vectors_of_core(kldsel_blas_core()), processor = vectors_of_processor();
  return core != UNKNOWN && core < processor ? best_cores[processor] : "";
}
