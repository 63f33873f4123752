"""Folders of shards that lie anywhere: on this machine, or behind a URL that fsspec opens."""

from __future__ import annotations

import errno
import functools
import hashlib
import logging
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import fsspec
import fsspec.core
from fsspec.callbacks import Callback

from modalities.errors import InputError, UsageError
from pipelines.shard_cache import FileCache, default_cache_dir

_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LOCAL = ("file", "local")
# What pip installs for a protocol; fsspec itself has the others.
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "hf": "huggingface_hub",
    "http": "aiohttp",
    "https": "aiohttp",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
    "oci": "ocifs",
    "oss": "ossfs",
    "webdav": "webdav4",
}
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds
# Client errors that pass: the request timed out, came too early, or was one too many.
_PASSING = (408, 425, 429)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class _Damaged(Exception):
    """What came is not what the manifest says."""


class ShardStore:
    """A folder of shards, local or behind any fsspec URL; picklable.

    Connections are made by the process that uses them. Credentials, endpoints and the like come
    from the environment, as the package of the protocol reads them, and from fsspec's own
    configuration (``FSSPEC_S3_ENDPOINT_URL``, ...).

    Args:
        location: a path, or a URL: ``s3://bucket/shards``, ``https://host/shards``, ...
        cache_dir: where downloads are kept; None is `pipelines.shard_cache.default_cache_dir`.
        cache_bytes: what they may take at most.
        retries: how often a download is tried again before it fails.
        timeout: seconds without a byte after which a download counts as failed; for http(s) and
            s3, other protocols have their own.

    Attributes:
        location: without a slash at its end.
        is_local: whether it is a folder of this machine (``file://`` is).

    Raises:
        UsageError: the protocol is unknown, its package is not installed, or a number is not
            positive.
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
        text = str(location)
        found = _PROTOCOL.match(text)
        self._protocol = found[1].lower() if found else "file"
        self.is_local = self._protocol in _LOCAL
        if found and self.is_local:
            text = text[found.end() :]
        # The root of a file system is a slash, and stays one.
        self.location = text.rstrip("/") or text[:1]
        if cache_bytes <= 0:
            raise UsageError("data.cache_gb", f"is {cache_bytes / 1e9:g}; give more than 0")
        if retries < 0:
            raise UsageError("retries", f"is {retries}; give 0 or more")
        self._retries = retries
        self._timeout = timeout
        self._cache = FileCache(
            default_cache_dir() if cache_dir is None else cache_dir, cache_bytes
        )
        if not self.is_local:
            self._check_protocol()

    def __repr__(self) -> str:
        return f"ShardStore({_without_password(self.location)!r})"

    def address(self, name: str) -> str:
        """Path or URL of a file, without a password: for messages."""
        return _without_password(self._join(name))

    def read_bytes(self, name: str) -> bytes:
        """The content of a small file, such as the manifest. Not cached.

        Raises:
            InputError: there is no such file, or it cannot be read.
        """
        if self.is_local:
            path = Path(self._join(name))
            try:
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                raise self._absent(name) from None
            except OSError as error:
                raise InputError(path, f"cannot be read ({error.strerror})") from None
        try:
            data: bytes = self._tried(name, lambda fs, path: fs.cat_file(path))
        except FileNotFoundError:
            raise self._absent(name) from None
        return data

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none.

        Raises:
            InputError: it cannot be asked, or the server does not say.
        """
        if self.is_local:
            path = Path(self._join(name))
            try:
                return path.stat().st_size if path.is_file() else None
            except OSError as error:
                raise InputError(path, f"cannot be read ({error.strerror})") from None
        try:
            size = self._tried(name, lambda fs, path: fs.info(path))["size"]
        except FileNotFoundError:
            return None
        if size is None:
            raise InputError(
                self.address(name), "the server does not say its size; copy the folder here"
            )
        return int(size)

    def local_path(self, name: str, *, size: int, sha256: str) -> Path:
        """Path of a file: its own, or of a verified copy in the cache.

        Other processes may remove the copy to make room before it is opened; `open` is safe.

        Raises:
            InputError: as `open`.
            UsageError: as `open`.
        """
        self.open(name, size=size, sha256=sha256).close()
        return Path(self._join(name)) if self.is_local else self._cache.folder / sha256

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
        if self.is_local:
            path = Path(self._join(name))
            try:
                return path.open("rb")
            except (FileNotFoundError, NotADirectoryError):
                raise self._absent(name) from None
            except OSError as error:
                raise InputError(path, f"cannot be read ({error.strerror})") from None
        if not _SHA256.fullmatch(sha256):
            raise InputError(
                self.address(name), f"its sha256 is {sha256!r}, expected 64 hexadecimal digits"
            )

        def fetch(part: Path) -> None:
            try:
                self._tried(name, lambda fs, path: _download(fs, path, part, size, sha256))
            except FileNotFoundError:
                raise self._absent(name) from None

        return self._cache.open(sha256, size, fetch, what=self.address(name))

    def _tried(self, name: str, action: Callable[[Any, str], _Result]) -> _Result:
        """``action(file system, path in it)``, again after failures that may pass.

        Raises:
            FileNotFoundError: there is no such file.
            InputError: the last failure.
        """
        fs, root = self._filesystem()
        path = f"{root.rstrip('/')}/{name}"
        attempt = 0
        while True:
            attempt += 1
            try:
                return action(fs, path)
            except Exception as caught:
                error = _cause(caught, self._protocol)
                if isinstance(error, FileNotFoundError):
                    raise error from None
                if isinstance(error, OSError) and error.errno in _NO_ROOM:
                    raise error from None
                if attempt > self._retries or not _may_pass(error):
                    raise self._failed(name, error, attempt) from None
            # Of many processes that failed together, not all should come back together.
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
            pause *= random.uniform(0.5, 1.0)
            _log.warning("%s: %s; trying again in %.1f s", self.address(name), _told(error), pause)
            time.sleep(pause)
            fs.invalidate_cache()

    def _filesystem(self) -> tuple[Any, str]:
        """The file system, and where the folder lies in it.

        fsspec keeps one for each process and set of options, so asking again costs little.
        """
        self._check_protocol()
        fs, root = fsspec.core.url_to_fs(self.location, **_options(self._protocol, self._timeout))
        return fs, str(root)

    def _check_protocol(self) -> None:
        try:
            fsspec.get_filesystem_class(self._protocol)
        except ImportError as error:
            package = _PACKAGES.get(self._protocol)
            remedy = f"run `pip install {package}`" if package else str(error)
            raise UsageError(
                self.address(""), f"{self._protocol}:// needs a package that is missing; {remedy}"
            ) from None
        except ValueError as error:
            raise UsageError(
                self.address(""), f"{error}; give a path, or s3://, gs://, hf:// or https://"
            ) from None

    def _join(self, name: str) -> str:
        return f"{self.location.rstrip('/')}/{name}" if name else self.location

    def _absent(self, name: str) -> InputError:
        what = "path" if self.is_local else "address"
        return InputError(self.address(name), f"no such file; check the {what}, or copy it again")

    def _failed(self, name: str, error: Exception, attempts: int) -> InputError:
        times = f" ({attempts} attempts)" if attempts > 1 else ""
        if isinstance(error, _Damaged):
            remedy = "copy it there again, or make the shards again"
        elif isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403):
            remedy = "check the credentials, and that the address is right"
        else:
            remedy = "check the address and the network, then start again"
        return InputError(self.address(name), f"{_told(error)}{times}; {remedy}")


def _download(fs: Any, remote: str, part: Path, size: int, sha256: str) -> None:
    fs.get_file(remote, str(part), callback=_AtMost(size))
    found = part.stat().st_size
    if found != size:
        raise _Damaged(f"{found} bytes came, the manifest says {size}")
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise _Damaged(f"has sha256 {digest[:12]}..., the manifest says {sha256[:12]}...")


class _AtMost(Callback):
    """Stops a download that is longer than it should be, before it fills the disk."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def call(self, *args: Any, **kwargs: Any) -> None:
        if self.value > self._limit:
            raise _Damaged(f"more than {self._limit} bytes came, the manifest says so many")


def _cause(error: Exception, protocol: str) -> Exception:
    # fsspec tells any failure to learn a size over http as an absent file; elsewhere it means it.
    if (
        protocol in ("http", "https")
        and isinstance(error, FileNotFoundError)
        and isinstance(error.__cause__, Exception)
    ):
        error = error.__cause__
    if getattr(error, "status", None) in (404, 410):
        return FileNotFoundError(str(error))
    return error


def _may_pass(error: Exception) -> bool:
    if isinstance(
        error,
        PermissionError | IsADirectoryError | NotADirectoryError | NotImplementedError | ValueError,
    ):
        return False
    status = getattr(error, "status", None)
    return not isinstance(status, int) or status not in range(400, 500) or status in _PASSING


def _told(error: Exception) -> str:
    """An error as words of one line."""
    if isinstance(error, _Damaged):
        return str(error)
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return f"the server answered {status} {getattr(error, 'message', '')}".rstrip()
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    words = " ".join(_without_password(str(error)).split())
    return f"cannot be read ({words or type(error).__name__})"


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)[^/@\s]*@", "", url)


@functools.cache
def _options(protocol: str, timeout: float) -> dict[str, Any]:
    """What a file system is made with; what fsspec's configuration says wins."""
    from fsspec.config import conf

    if protocol in ("http", "https"):
        import aiohttp

        # Its own limit is five minutes a file, however fast that comes.
        limits = aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)
        options: dict[str, Any] = {"timeout": limits, "trust_env": True}
        key = "client_kwargs"
    elif protocol in ("s3", "s3a"):
        options = {"connect_timeout": timeout, "read_timeout": timeout}
        key = "config_kwargs"
    else:
        return {}
    return {key: options | conf.get(protocol, {}).get(key, {})}
