"""Intervals hold the truth as often as they say, or are not given."""

from __future__ import annotations

import re

from tests.cases.case import Case


def mcc_interval_coverage(case: Case) -> None:
    for size, share, must in (
        (50, 0.5, True),
        (200, 0.5, True),
        (200, 0.1, True),
        (50, 0.1, False),
    ):
        said = case.printed("coverage.py", f"{size}", f"{share}", "120")
        given, trials, held = re.findall(r"(\d+) of (\d+) have.* in (\S+)", said)[0]
        # Few tests of 200 call the rarer class under four times, and are refused.
        assert int(given) > 0.85 * int(trials) or not must, said
        assert given == "0" or 0.90 <= float(held) <= 0.98, said
