"""The configuration that a ``.pt`` of ``torch.save`` holds beside its weights, without torch.

A pickle can run code. Here every name in it, whatever it is, stands for a class that does nothing,
so that plain values (dictionaries, lists, numbers, strings) come out, and no more.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

_MOST = 1 << 26  # bytes of a pickle whose tensors lie elsewhere; that of a model has kilobytes


class Nothing:
    """Takes all that a pickle does with an object, and keeps none of it."""

    def __new__(cls, *_: Any, **__: Any) -> Nothing:
        return super().__new__(cls)

    def _take(self, *_: Any) -> None:
        pass

    __setstate__ = __setitem__ = append = extend = add = _take


class _Values(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return Nothing

    def persistent_load(self, pid: Any) -> Any:
        return Nothing()


def config_in(path: Path) -> dict[str, Any] | None:
    """The entry ``config`` beside ``model``, as LDARNet saves its models; None where there is none.

    Of a damaged file there is none either: what is wrong with it is told where it is loaded.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            if archive.getinfo(entry).file_size > _MOST:
                return None
            with archive.open(entry) as file:
                stored = _Values(file).load()
    # What a stream that is no pickle makes of an unpickler is anybody's guess.
    except Exception:
        return None
    if not isinstance(stored, dict) or "model" not in stored:
        return None
    config = stored.get("config")
    return config if isinstance(config, dict) and "arch_layout" in config else None
