# SPDX-License-Identifier: BSD-3-Clause
"""Run the command line by `python -m kldsel`."""

import sys

from kldsel.cli import main

sys.exit(main())
