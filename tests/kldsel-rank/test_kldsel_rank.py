# SPDX-License-Identifier: BSD-3-Clause
"""Usage: test_kldsel_rank.py KLDSEL-RANK [unittest arguments]; see program.py for a wrapper."""

import sys
import unittest

from program import ProgramTest

if __name__ == "__main__":
    ProgramTest.executable = sys.argv.pop(1)
    from test_blas import BlasTest
    from test_hostile import HostileTest
    from test_reports import ReportTest, TableTest
    from test_usage import UsageTest

    unittest.main()
