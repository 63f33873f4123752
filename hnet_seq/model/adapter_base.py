"""Where the base of an adapter lies: ``adapter.json`` says it, in a line that may be edited.

A base may be an adapter itself. Torch is not needed to find one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from hnet_seq.model.locate import ADAPTER, Located, address, locate, read_json
from modalities.errors import UsageError

ADAPTER_FACTS = "adapter.json"
_PLACE, _CONFIG = "base", "base_config"


def with_bases(
    found: Located, base: str | Path | None = None, above: tuple[Path, ...] = ()
) -> Located:
    """The same, with what it stands on, and what that stands on.

    Args:
        base: where the base of an adapter lies now; where it says that it lies, when None.
        above: files of what stands on it.

    Raises:
        FileNotFoundError: a base is not there; names the adapter.
        ValueError: ``adapter.json`` does not say it, or an adapter stands on itself.
    """
    if found.weights.name != ADAPTER or (base is None and found.base is not None):
        return found
    above = (*above, found.weights.resolve())
    file = found.folder / ADAPTER_FACTS
    about = read_json(file) if file.is_file() or base is None else {}
    place, config = base or about.get(_PLACE), about.get(_CONFIG)
    if not place or not isinstance(place, str | Path):
        raise ValueError(
            f"{file}: no `{_PLACE}`, the place of the model that the adapter stands on"
        )
    if config is not None and not isinstance(config, str):
        raise ValueError(f"{file}: `{_CONFIG}` is {config!r}; expected the path of a JSON")
    try:
        under = locate(place, config=config)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{found.weights}: its base {place} is not there; write its place as `{_PLACE}` in "
            f"{file} ({' '.join(str(error).split())[:160]})"
        ) from error
    if under.weights.resolve() in above:
        raise ValueError(
            f"{found.weights}: stands on itself, its base {place} being an adapter on it; write "
            f"the place of another one as `{_PLACE}` in {file}"
        )
    return dataclasses.replace(found, base=with_bases(under, above=above))


def address_of_base(base: Located) -> dict[str, str]:
    """What ``adapter.json`` says of where the base lies."""
    place, config = address(base)
    return {_PLACE: place} | ({} if config is None else {_CONFIG: config})


def check_apart(folder: str | Path, found: Located, parameter: str) -> None:
    """Raise UsageError where the folder has the checkpoint, or what it stands on."""
    for own in _all_of(found):
        if Path(folder).resolve() == own.folder.resolve():
            raise UsageError(
                parameter,
                f"would replace {own.weights}, which this begins with; give another folder",
            )


def _all_of(found: Located | None) -> Iterator[Located]:
    while found is not None:
        yield found
        found = found.base
