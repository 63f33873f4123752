"""Reading inputs to the end, as a sharding run does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.documents import Document, DocumentOptions, Dropped, plan_units, read_unit

Read = Callable[..., list[Document | Dropped]]


@pytest.fixture
def read() -> Read:
    """All that an input yields; keywords are `DocumentOptions`, and ``unit_bytes``."""

    def read_all(
        *inputs: Path, unit_bytes: int = 64 << 20, **options: Any
    ) -> list[Document | Dropped]:
        chosen = DocumentOptions(**options)
        units = plan_units(inputs, unit_bytes=unit_bytes)
        return [item for unit in units for item in read_unit(unit, chosen)]

    return read_all
