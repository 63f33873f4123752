"""A tar as plain WebDataset reads it, the same bytes for the same members.

Not through ``webdataset.TarWriter``: it does not say where in the tar a member lies, which the
manifest needs; it writes no checksum and does not wait for the disk; it takes keys with dots, which
its reader then splits elsewhere; the end of its tars is padded to 10,240 bytes by the standard
library, so that shards would get other bytes and runs other fingerprints; and importing it imports
torch, seconds for each process that writes. `tests/pipelines/test_shards.py` reads what is written
here with webdataset itself, and :mod:`pipelines.own_loop` does so for users.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from contextlib import suppress
from pathlib import Path

from pipelines.storage.files import named_errors

_TAR_UNIT = 512  # bytes


class TarFile:
    """A tar written front to back: no times, no owners, and a sha256 as it goes.

    Attributes:
        size: bytes so far.
        tokens, documents: what its samples hold, and the documents that begin in them; counted by
            whoever adds them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.tokens = 0
        self.documents = 0
        self._file = open(path, "wb")  # noqa: SIM115  closed by close() or abandon()
        self._hash = hashlib.sha256()

    def add(self, key: str, extension: str, data: bytes) -> int:
        """Append ``<key>.<extension>``; returns where its data begins, in bytes.

        Raises:
            ValueError: a dot in the key. WebDataset splits names at the first one, and would
                merge different samples without a word.
        """
        if "." in key or "/" in key:
            raise ValueError(f"sample key {key!r} has a dot or a slash")
        # TarInfo's defaults are mtime 0, uid 0, gid 0, no user names, mode 0644.
        header = tarfile.TarInfo(f"{key}.{extension}")
        header.size = len(data)
        self._write(header.tobuf(tarfile.USTAR_FORMAT))
        offset = self.size
        self._write(data)
        self._write(bytes(-len(data) % _TAR_UNIT))
        return offset

    def close(self) -> str:
        """End the archive; returns its sha256."""
        self._write(bytes(2 * _TAR_UNIT))
        with named_errors(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Close it, incomplete as it is."""
        with suppress(OSError):  # of what is still to be written
            self._file.close()

    def _write(self, data: bytes) -> None:
        with named_errors(self.path):
            self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
