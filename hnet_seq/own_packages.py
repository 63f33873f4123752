"""Whether ``modalities`` and ``pipelines`` are ours: other projects have packages of these names.

Two of one name in one environment overwrite each other's files, and a folder of that name where
Python is started hides ours. What then fails is an import somewhere, which says nothing of the
cause; so it is looked for before anything of them is imported.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, NamespaceLoader
from importlib.util import find_spec
from pathlib import Path

NAMES = ("modalities", "pipelines")
MARK = "Part of hnet-seq."
"""In the docstring of each."""


def require() -> None:
    """Nothing, where both are ours.

    Raises:
        ImportError: one is not, in one line with the remedy.
        SystemExit: the line and exit code 1, where this process is the command ``hnet-seq``.
    """
    for name in NAMES:
        if wrong := not_ours(name):
            raise SystemExit(wrong) if _is_command() else ImportError(wrong)


def not_ours(name: str) -> str | None:
    """One line on a package that is another project's, or has files of one among ours; or None."""
    try:
        spec = find_spec(name)
    except ValueError:  # put into sys.modules by hand
        return None
    # A folder without files of Python has no loader, or this one once it was imported.
    if spec is None or spec.loader is None or isinstance(spec.loader, NamespaceLoader):
        return (
            f"hnet-seq: its package {name!r} is missing, as after an uninstallation of another "
            "package of that name; pip install --force-reinstall --no-deps hnet-seq"
        )
    place = next(iter(spec.submodule_search_locations or ()), spec.origin)
    if MARK.encode() not in _source(spec):
        return f"hnet-seq: the package {name!r} at {place} is not that of hnet-seq; {_remedy(name)}"
    if mixed := _hidden(place):
        return f"hnet-seq: {mixed} in its package {name!r} is of another project; {_remedy(name)}"
    return None


def _source(spec: ModuleSpec) -> bytes:
    """Of its first file; where there is none to read, as in a frozen program, ours is believed."""
    read = getattr(spec.loader, "get_data", None)  # text would cost an import of tokenize
    if read is None or not (spec.origin or "").endswith(".py"):
        return MARK.encode()
    data: bytes = read(spec.origin)
    return data


def _hidden(place: str | None) -> str | None:
    """A package that Python takes in place of a module of ours: a later installation leaves it."""
    try:
        names = set(os.listdir(place or ""))
    except OSError:  # in an archive
        return None
    folders = (
        Path(place or "", name[:-3])
        for name in sorted(names)
        if name.endswith(".py") and name[:-3] in names
    )
    # Without it, as where git has left nothing but __pycache__, Python takes the module.
    return next((f"{folder}" for folder in folders if (folder / "__init__.py").is_file()), None)


def _remedy(name: str) -> str:
    from importlib import metadata

    owners = {*metadata.packages_distributions().get(name, ())} - {"hnet-seq", None}
    if owners:
        return (
            f"pip installed {', '.join(sorted(owners))} beside it, and one environment cannot hold "
            "both: install hnet-seq in one of its own (python -m venv)"
        )
    return "it hides ours: rename it, or start in another folder, without it on PYTHONPATH"


def _is_command() -> bool:
    """``hnet-seq``, or ``python -m hnet_seq.cli`` while Python looks for it."""
    return sys.argv[:1] == ["-m"] or Path(sys.argv[0] if sys.argv else "").stem == "hnet-seq"
