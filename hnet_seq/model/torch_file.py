"""Tensors from a ``.pt`` file, without running the code that a pickle can carry."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_ZIP = b"PK\x03\x04"  # torch.save has written zip archives since torch 1.6
_CODE = re.compile(r"GLOBAL (\S+) (?:whose module|was not an allowed)|unrecognized function (.+)")


class _Ignored:
    """Stands where a pickle names a class that weights do not need; it keeps nothing."""

    def __new__(cls, *_: Any) -> _Ignored:
        return super().__new__(cls)

    def __setstate__(self, _: Any) -> None:
        pass


# The authors' loader admits omegaconf lists beside the released tensors (goombalab/hnet,
# generate.py). They are read as nothing, so that omegaconf's own code does not run either.
_IGNORED: list[Any] = [
    (defaultdict, "collections.defaultdict"),
    *(
        (_Ignored, name)
        for name in (
            "omegaconf.listconfig.ListConfig",
            "omegaconf.dictconfig.DictConfig",
            "omegaconf.base.ContainerMetadata",
            "omegaconf.base.Metadata",
            "omegaconf.nodes.AnyNode",
            "typing.Any",
            *(f"builtins.{kind}" for kind in ("dict", "float", "int", "list", "str")),
        )
    ),
]


def read_torch_file(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict that ``torch.save`` wrote, mapped from disk.

    Where it has a configuration beside it, as LDARNet saves its models, the state dict is the entry
    ``model``; what an optimizer left there is passed over.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, holds anything but named tensors, or would run code; one
            line that names it.
    """
    with path.open("rb") as file:
        start = file.read(24)
    if not start.startswith(_ZIP):
        raise ValueError(
            f"{path}: not a file of torch.save: it begins with {start!r}; "
            "a download that failed or a Git LFS pointer looks like this, fetch the file again"
        )
    try:
        with torch.serialization.safe_globals(_IGNORED):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # the unpickler raises whatever a damaged stream leads it to
        message = " ".join(str(error).split())
        if code := _CODE.search(message):
            name = code.group(1) or code.group(2)
            raise ValueError(
                f"{path}: refused, nothing was run: loading it would call {name}, which weights "
                "do not need; get the weights as safetensors, or from a source you trust"
            ) from error
        reason = message.split(". ")[0] or type(error).__name__
        raise ValueError(f"{path}: truncated or damaged: {reason}; fetch the file again") from error
    if isinstance(state, dict) and "config" in state and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict) or not state:
        raise ValueError(f"{path}: holds a {type(state).__name__}, expected tensors by name")
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{path}: {name!r} is a {type(value).__name__}, expected tensors by name; "
                "save the model's state_dict() alone"
            )
    return {str(name): value.detach() for name, value in state.items()}
