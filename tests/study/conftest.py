# SPDX-License-Identifier: BSD-3-Clause
"""Where the study's code is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "study"))
