/* SPDX-License-Identifier: BSD-3-Clause */
/* A host, small: what test_builds.sh builds by every way that docs/embedding.md tells. */
#include <kldsel/kldsel.h>

#include <stdio.h>

int main(void) {
  const float weights[] = {1, -2, 3, -1, 2, 5};
  const int64_t shape[] = {3, 2};
  kldsel_tensor *tensor = NULL;
  kldsel_ranking *ranking = NULL;
  double cosines[9], score = -1;
  kldsel_status status = kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F32, 2, shape,
                                            KLDSEL_LAYOUT_OI, NULL, &tensor);
  if (status == KLDSEL_OK) status = kldsel_rank_tensors(&tensor, 1, NULL, NULL, NULL, &ranking);
  /* What needs BLAS and threads: a static library must bring them. */
  if (status == KLDSEL_OK) status = kldsel_pairwise_cosine(tensor, NULL, 0, 3, NULL, cosines, 9);
  if (status == KLDSEL_OK) status = kldsel_ranking_layer(ranking, 0, &score, NULL, NULL, NULL);
  kldsel_ranking_free(ranking);
  kldsel_tensor_free(tensor);
  if (status != KLDSEL_OK) fprintf(stderr, "%s\n", kldsel_last_error());
  printf("%s %d\n", kldsel_version_string(), score >= 0 && cosines[0] > 0.9);
  return status == KLDSEL_OK ? 0 : 1;
}
