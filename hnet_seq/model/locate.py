"""Where a checkpoint lies: a folder, a run, a file, or a model on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


@dataclass(frozen=True)
class Located:
    """A checkpoint on this machine.

    Attributes:
        weights: the file of weights, ``.safetensors`` or a released ``.pt``.
        config: the JSON that describes the model.
    """

    weights: Path
    config: Path

    @property
    def folder(self) -> Path:
        """Where the weights lie; further JSON files are beside them."""
        return self.weights.parent


def find_checkpoint(path: str | Path) -> Path:
    """The folder that holds the weights: ``path`` itself, or the last checkpoint of a run.

    Raises:
        FileNotFoundError: there is neither, and what was looked for.
    """
    path = Path(path)
    if (path / WEIGHTS).is_file():
        return path
    checkpoints = sorted((path / "checkpoints").glob("step-*/" + WEIGHTS))
    if checkpoints:
        return checkpoints[-1].parent
    raise FileNotFoundError(
        f"{path}: no {WEIGHTS} and no checkpoints/step-*/{WEIGHTS}; "
        "give a checkpoint folder or a run folder that has saved one"
    )


def locate(where: str | Path) -> Located:
    """The files of a checkpoint.

    Raises:
        FileNotFoundError: there is none, and what was looked for.
    """
    folder = find_checkpoint(where)
    return Located(folder / WEIGHTS, folder / CONFIG)
