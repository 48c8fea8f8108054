# SPDX-License-Identifier: BSD-3-Clause
"""From the runs' table to what can be said."""
