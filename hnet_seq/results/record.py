"""What every file of results has in common: a kind, a version of its schema, one way in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from modalities.errors import InputError
from pipelines.storage.files import replaced_file
from pipelines.storage.json_records import as_json, parse_record

SCHEMA = 1


class Result:
    """A file of results. Subclasses are frozen dataclasses whose fields are the keys of the file.

    Attributes:
        KIND: what the file says that it is; where it says nothing, what it is called.
    """

    KIND: ClassVar[str]

    @classmethod
    def of(cls, content: Mapping[str, Any], path: str | Path | None = None) -> Self:
        """From the values of the file.

        Args:
            path: for errors.

        Raises:
            InputError: a key is missing or of another type, two contradict each other, or the
                schema is not known yet.
        """
        check_schema(content, path)
        values = {key: own for key, own in content.items() if key != "schema"}
        if "kind" not in getattr(cls, "__dataclass_fields__", {}):
            values.pop("kind", None)
        found: Self = parse_record(path, "", values, cls, strict=False)
        return found

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of this kind, whatever it is called; errors as :meth:`of`."""
        return cls.of(read_object(path), path)

    def content(self) -> dict[str, Any]:
        """The values of the file."""
        return {"kind": self.KIND, "schema": SCHEMA, **as_json(self)}

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        with replaced_file(Path(path)) as file:
            json.dump(self.content(), file, indent=1)
            file.write("\n")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises:
        InputError: it is not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not JSON: {error}; delete it and make it again") from error
    found: dict[str, Any] = parse_record(path, "", value, dict[str, Any])
    return found


def check_schema(content: Mapping[str, Any], path: str | Path | None) -> None:
    """Raise InputError where the values of a file of results are of a schema not known yet."""
    schema = content.get("schema", 1)  # files of before there was one
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise InputError(
            path,
            f"'schema' is {schema!r}, this version reads up to {SCHEMA}; install a newer hnet-seq",
        )
