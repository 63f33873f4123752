"""What a sequence is. Needs numpy only. Part of hnet-seq."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modalities import code, dna, dna_bytes, text
    from modalities.base import Modality
    from modalities.errors import InputError, UsageError
    from modalities.registry import MODALITIES, get

# Imported on first use: a wrong command line is said before numpy has come.
_HOMES = {
    "MODALITIES": "modalities.registry",
    "InputError": "modalities.errors",
    "Modality": "modalities.base",
    "UsageError": "modalities.errors",
    "get": "modalities.registry",
}

__all__ = [
    "MODALITIES",
    "InputError",
    "Modality",
    "UsageError",
    "code",
    "dna",
    "dna_bytes",
    "get",
    "text",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _HOMES:  # a module of ours
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
