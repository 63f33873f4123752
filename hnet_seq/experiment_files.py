"""The experiments that come with the package, by name; OmegaConf is not needed to find them."""

from __future__ import annotations

from pathlib import Path

from modalities.errors import UsageError

YAML = (".yaml", ".yml")
_PACKAGE = Path(__file__).parent
#: In the wheel the files lie inside the package, in a checkout beside it.
CONFIG_FOLDER = next(
    folder for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if folder.is_dir()
)


def shipped() -> list[str]:
    """Names of the complete experiments that come with the package."""
    return sorted(path.stem for path in CONFIG_FOLDER.glob("*.yaml"))


def is_experiment(name: str | Path) -> bool:
    """Whether this is an experiment that comes with the package, or a YAML file."""
    return Path(name).suffix in YAML or f"{name}" in shipped()


def find_experiment(name: str | Path, beside: Path | None = None) -> Path:
    """The file of an experiment by name or path.

    Args:
        beside: a folder where a path is looked for first.

    Raises:
        UsageError: there is none, and what there is.
    """
    path = Path(name)
    if path.suffix in YAML:
        if beside and (beside / path).is_file():
            return beside / path
        if path.is_file():
            return path
        raise UsageError(path, "no such file")
    inside = CONFIG_FOLDER / f"{name}.yaml"
    if inside.is_file():
        return inside
    raise UsageError(
        str(name), f"no experiment of this name; shipped: {', '.join(shipped())}; or give a .yaml"
    )
