"""The example of docs/modalities.md runs, and makes a modality."""

from __future__ import annotations

import re
from pathlib import Path

import modalities

GUIDE = Path(__file__).parents[2] / "docs" / "modalities.md"


def test_the_example_adds_a_modality() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    try:
        exec(compile(example, str(GUIDE), "exec"), {})
        protein = modalities.get("protein")
        assert protein.encode("MKV?").tolist() == [10, 8, 17, 20]
        assert protein.decode(protein.encode("MKV?")) == "MKVX"
        assert protein.vocab_size == 21
        assert 20 not in protein.scored_tokens
    finally:
        modalities.MODALITIES.pop("protein", None)


def test_the_guide_names_every_modality() -> None:
    names = re.findall(r"^\| `(\w+)` \|", GUIDE.read_text(), re.MULTILINE)
    assert names == list(modalities.MODALITIES)
