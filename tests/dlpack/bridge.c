/* SPDX-License-Identifier: BSD-3-Clause */
/* kldsel_dlpack.h as functions that test_producers.py can call. */
#include <kldsel/kldsel_dlpack.h>

#define BRIDGE __attribute__((visibility("default")))

BRIDGE kldsel_status bridge_import(int versioned, void *managed, int32_t layout, kldsel_tensor **tensor);
BRIDGE kldsel_status bridge_export_values(int versioned, const kldsel_tensor *tensor, void **managed);
BRIDGE kldsel_status bridge_export_profile(int versioned, const kldsel_profile *profile, int32_t sign,
                                           void **managed);
BRIDGE kldsel_status bridge_export_tensor(kldsel_tensor *tensor, void **managed);
BRIDGE int bridge_has_versions(void);

#ifdef DLPACK_MAJOR_VERSION

int bridge_has_versions(void) {
  return 1;
}

kldsel_status bridge_import(int versioned, void *managed, int32_t layout, kldsel_tensor **tensor) {
  return versioned ? kldsel_dlpack_import_versioned(managed, layout, NULL, tensor)
                   : kldsel_dlpack_import(managed, layout, NULL, tensor);
}

kldsel_status bridge_export_values(int versioned, const kldsel_tensor *tensor, void **managed) {
  return versioned ? kldsel_dlpack_export_values_versioned(tensor, (DLManagedTensorVersioned **)managed)
                   : kldsel_dlpack_export_values(tensor, (DLManagedTensor **)managed);
}

kldsel_status bridge_export_profile(int versioned, const kldsel_profile *profile, int32_t sign,
                                    void **managed) {
  return versioned
             ? kldsel_dlpack_export_profile_versioned(profile, sign, (DLManagedTensorVersioned **)managed)
             : kldsel_dlpack_export_profile(profile, sign, (DLManagedTensor **)managed);
}

kldsel_status bridge_export_tensor(kldsel_tensor *tensor, void **managed) {
  return kldsel_dlpack_export_tensor_versioned(tensor, (DLManagedTensorVersioned **)managed);
}

#else

int bridge_has_versions(void) {
  return 0;
}

kldsel_status bridge_import(int versioned, void *managed, int32_t layout, kldsel_tensor **tensor) {
  if (versioned) return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, "dlpack.h has no versions");
  return kldsel_dlpack_import(managed, layout, NULL, tensor);
}

kldsel_status bridge_export_values(int versioned, const kldsel_tensor *tensor, void **managed) {
  if (versioned) return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, "dlpack.h has no versions");
  return kldsel_dlpack_export_values(tensor, (DLManagedTensor **)managed);
}

kldsel_status bridge_export_profile(int versioned, const kldsel_profile *profile, int32_t sign,
                                    void **managed) {
  if (versioned) return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, "dlpack.h has no versions");
  return kldsel_dlpack_export_profile(profile, sign, (DLManagedTensor **)managed);
}

kldsel_status bridge_export_tensor(kldsel_tensor *tensor, void **managed) {
  (void)tensor;
  (void)managed;
  return kldsel_set_last_error(KLDSEL_ERROR_UNSUPPORTED, "dlpack.h has no versions");
}

#endif
