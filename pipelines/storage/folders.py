"""Folders of shards that lie anywhere: on this machine, or behind a URL that fsspec opens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from modalities.errors import InputError, UsageError
from pipelines.storage.cache import FileCache, default_cache_dir

if TYPE_CHECKING:
    from pipelines.storage.remote_files import RemoteFiles

_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ShardStore:
    """A folder of shards, local or behind any fsspec URL; picklable.

    Connections are made by the process that uses them. Credentials, endpoints and the like come
    from the environment, as the package of the protocol reads them, and from fsspec's own
    configuration (``FSSPEC_S3_ENDPOINT_URL``, ...).

    Args:
        location: a path, or a URL: ``s3://bucket/shards``, ``https://host/shards``, ...
        cache_dir: where downloads are kept; None is `pipelines.storage.cache.default_cache_dir`.
        cache_bytes: what they may take at most.
        retries: how often a download is tried again before it fails.
        timeout: seconds without a byte after which a download counts as failed; for http(s) and
            s3, other protocols have their own.

    Attributes:
        location: without a slash at its end.
        is_local: whether it is a folder of this machine (``file://`` is).

    Raises:
        UsageError: the protocol is unknown, its package is not installed, or a number is too small.
    """

    def __init__(
        self,
        location: str | Path,
        *,
        cache_dir: str | Path | None = None,
        cache_bytes: int = 20 * 10**9,
        retries: int = 5,
        timeout: float = 60.0,
    ) -> None:
        if cache_bytes <= 0:
            raise UsageError("data.cache_gb", f"is {cache_bytes / 1e9:g}; give more than 0")
        if retries < 0:
            raise UsageError("retries", f"is {retries}; give 0 or more")
        text = str(location)
        found = _PROTOCOL.match(text)
        protocol = found[1].lower() if found else "file"
        self.is_local = protocol in ("file", "local")
        if found and self.is_local:
            text = text[found.end() :]
        # The root of a file system is a slash, and stays one.
        self.location = text.rstrip("/") or text[:1]
        self._remote: RemoteFiles | None = None
        if not self.is_local:
            from pipelines.storage.remote_files import (
                RemoteFiles,  # fsspec takes as long as all the rest
            )

            self._remote = RemoteFiles(self.location, protocol, retries, timeout)
        self._cache = FileCache(
            default_cache_dir() if cache_dir is None else cache_dir, cache_bytes
        )

    def __repr__(self) -> str:
        return f"ShardStore({self.location if self._remote is None else self._remote.address()!r})"

    def address(self, name: str) -> str:
        """Path or URL of a file, without a password: for messages."""
        if self._remote is None:
            return str(Path(self.location) / name)
        return self._remote.address(name)

    def read_bytes(self, name: str) -> bytes:
        """The content of a small file, such as the manifest. Not cached.

        Raises:
            InputError: there is no such file, or it cannot be read.
        """
        try:
            if self._remote is not None:
                return self._remote.read_bytes(name)
            return (Path(self.location) / name).read_bytes()
        except OSError as error:
            raise self._unreadable(name, error) from None

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none.

        Raises:
            InputError: it cannot be asked, or the server does not say.
        """
        try:
            if self._remote is not None:
                return self._remote.size(name)
            path = Path(self.location) / name
            return path.stat().st_size if path.is_file() else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(name, error) from None

    def local_path(self, name: str, *, size: int, sha256: str) -> Path:
        """Path of a file: its own, or of a verified copy in the cache.

        Other processes may remove the copy to make room before it is opened; `open` is safe.

        Raises:
            InputError: as `open`.
            UsageError: as `open`.
        """
        self.open(name, size=size, sha256=sha256).close()
        return Path(self.location) / name if self.is_local else self._cache.folder / sha256

    def open(self, name: str, *, size: int, sha256: str) -> BinaryIO:
        """A file opened for reading, downloaded first where it is remote and not in the cache.

        What was mapped or opened stays readable when the cache drops the file. Local files are not
        hashed, nor is their size compared.

        Args:
            size: bytes that the file has.
            sha256: of its content; a download is compared with it.

        Raises:
            InputError: there is no such file, it could not be fetched, or what came again and
                again is not what ``size`` and ``sha256`` say.
            UsageError: the file is larger than the cache may be.
        """
        if self._remote is None:
            try:
                return (Path(self.location) / name).open("rb")
            except OSError as error:
                raise self._unreadable(name, error) from None
        # It becomes a file name here, and comes from wherever the manifest does.
        if not _SHA256.fullmatch(sha256):
            raise InputError(
                self.address(name), f"its sha256 is {sha256!r}, expected 64 hexadecimal digits"
            )
        remote = self._remote

        def fetch(part: Path) -> None:
            try:
                remote.download(name, part, size, sha256)
            except FileNotFoundError as error:
                raise self._unreadable(name, error) from None

        return self._cache.open(sha256, size, fetch, what=self.address(name))

    def _unreadable(self, name: str, error: OSError) -> InputError:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            what = "path" if self.is_local else "address"
            return InputError(
                self.address(name), f"no such file; check the {what}, or copy it again"
            )
        return InputError(self.address(name), f"cannot be read ({error.strerror or error})")
