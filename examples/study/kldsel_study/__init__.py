# SPDX-License-Identifier: BSD-3-Clause
"""Does choosing layers by their weights help? The experiment that docs/study.md tells of."""
