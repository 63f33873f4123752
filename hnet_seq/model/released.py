"""The six released configurations, by name.

Hwang, Wang and Gu publish the weights at huggingface.co/cartesia-ai, one ``.pt`` in each
repository, and the JSON that describes them at github.com/goombalab/hnet, folder ``configs``. The
values of those files come with this package, so that a downloaded ``.pt`` is enough.
"""

from __future__ import annotations

from pathlib import Path

OWNER = "cartesia-ai"

# README of github.com/goombalab/hnet, "Pretrained Models".
_TRAINED_ON = {
    "hnet_2stage_XL_chinese": "46B tokens of FineWeb-Edu Chinese V2.1, as the authors state",
    "hnet_2stage_XL_code": "46B tokens of Pile Github, as the authors state",
}
_ENGLISH = "100B tokens of FineWeb-Edu, as the authors state"

_PACKAGE = Path(__file__).parents[1]
# In the wheel the files lie inside the package, in a checkout beside it.
_FOLDER = next(
    (
        folder
        for folder in (_PACKAGE / "configs/released", _PACKAGE.parent / "configs/released")
        if folder.is_dir()
    ),
    _PACKAGE / "configs/released",
)


def released_names() -> list[str]:
    """The names, which are also the stems of the released ``.pt`` files."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def released_file(name: str) -> Path | None:
    """The configuration of a released name, None for any other."""
    return _FOLDER / f"{name}.json" if name in released_names() else None


def released_metadata(name: str) -> dict[str, str]:
    """What a released model reads and was trained on: its file does not say."""
    return {"modality": "text", "data": _TRAINED_ON.get(name, _ENGLISH), "released": name}


def configuration_file(what: str | Path) -> Path | None:
    """The file of a shape without weights: released, or JSON; what exists on disk comes first."""
    released = None if Path(what).exists() else released_file(str(what))
    return released or (Path(what) if Path(what).suffix == ".json" else None)
