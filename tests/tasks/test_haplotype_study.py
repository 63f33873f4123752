"""What `score --haplotypes` reads is what bcftools makes of the calls: some files of the study."""

from __future__ import annotations

from collections import Counter

import pytest

from hnet_seq.tasks.sequences import haplotype
from tests.test_studies import STUDIES, study

pytest.importorskip("pysam.bcftools", reason="haplotypes need pysam")


def test_windows_of_generated_files_are_those_of_bcftools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain VCF, bgzip and BCF; of the second rows lie over each other."""
    windows = study(STUDIES[0].with_name("haplotype_windows.py"), monkeypatch)
    kinds: Counter[str] = Counter()
    for seed, kind, fault in windows.files(3, 0):
        assert not fault, (seed, kind)
        kinds[kind] += 1
    assert kinds["beside others"] > 50
    assert kinds["overlap"] > 10


def test_another_rule_of_what_stands_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows = study(STUDIES[0].with_name("haplotype_windows.py"), monkeypatch)
    monkeypatch.setattr(haplotype, "_is_indel", lambda ref, alt: False)
    assert any(fault for _, _, fault in windows.files(1, 1))
