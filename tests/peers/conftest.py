"""Small checkpoints of ``transformers``, made by the library itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.tiny import WORDS, bert, gpt, library


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    library()
    top = tmp_path_factory.mktemp("peers")
    found = {
        "bert": bert(top / "bert"),
        "gpt": gpt(top / "gpt"),
        "words": gpt(top / "words", WORDS),
    }
    found["left"] = bert(top / "left", side="left")
    found["body"] = bert(top / "body", body=True)
    return {name: (top / name, model) for name, model in found.items()}
