"""Profiles of boundaries at sites: axes that say what they are, and few sites that look few."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hnet_seq.report.profile_panels import FEW, profile_panels
from hnet_seq.results.analyses import Enrichment, SiteKind
from hnet_seq.results.read import read_result

OLD = Path(__file__).parents[1] / "results" / "old" / "results" / "enrichment.json"


def kinds(tmp_path: Path, sites: dict[str, tuple[int, float]]) -> list[SiteKind]:
    """Kinds by name, with so many sites and one rate at all distances."""
    content = json.loads(OLD.read_text())
    (like, *_) = content["kinds"]
    own = []
    for name, (count, rate) in sites.items():
        profile = {
            column: [rate] * len(values) if column not in ("distance", "bases") else values
            for column, values in like["profile"].items()
            if values is not None
        }
        own.append(like | {"kind": name, "sites": count, "profile": profile})
    (tmp_path / "enrichment.json").write_text(json.dumps(content | {"kinds": own}))
    return read_result(tmp_path / "enrichment.json", Enrichment).kinds


def drawn(found: list[SiteKind]) -> ElementTree.Element:
    return ElementTree.fromstring(profile_panels(found, description="d"))


def test_each_panel_names_its_axes_and_how_many_sites_it_has(tmp_path: Path) -> None:
    root = drawn(kinds(tmp_path, {"a": (1_810, 0.2), "b": (1, 0.4)}))
    text = ["".join(own.itertext()) for own in root.iter("text")]
    assert text.count("boundaries per base") == text.count("bases from the site") == 2
    assert "a: 1,810 sites" in text
    assert "b: 1 site, too few for a line" in text


@pytest.mark.parametrize("count", [1, FEW - 1, FEW])
def test_few_sites_have_dots_and_leave_the_scale_of_others_alone(
    tmp_path: Path, count: int
) -> None:
    few = count < FEW
    alone = drawn(kinds(tmp_path, {"a": (400, 0.2)}))
    beside = drawn(kinds(tmp_path, {"a": (400, 0.2), "b": (count, 1.0)}))

    def lines(root: ElementTree.Element) -> list[str]:
        return [own.get("d", "") for own in root.iter("path") if own.get("class") == "model"]

    dots = [own for own in beside.iter("circle") if own.get("class") == "dot few"]
    assert bool(dots) is few
    assert len(lines(beside)) == 2 - few
    assert (lines(beside)[0] == lines(alone)[0]) is few
    heights = {re.findall(r"[ML][\d.]+ ([\d.]+)", own)[0] for own in lines(beside)}
    assert len(heights) == 2 - few  # on one scale another rate lies elsewhere
