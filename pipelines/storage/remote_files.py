"""Files of a folder behind a URL: fetched through fsspec, tried again, compared with their hash."""

from __future__ import annotations

import errno
import functools
import logging
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import fsspec.core
from fsspec.callbacks import Callback

from modalities.errors import InputError, UsageError
from modalities.file_hash import file_sha256

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
_HTTP = ("http", "https")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds
# Client errors that pass: the request timed out, came too early, or was one too many.
_PASSING = (408, 425, 429)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class _Damaged(Exception):
    """What came is not what the manifest says."""


class RemoteFiles:
    """Files of one folder; picklable, as it holds no connection.

    Every method raises FileNotFoundError where there is no such file, and InputError, which names
    the URL, what was found and what to do, after the last attempt or at once where another one
    could not help.

    Args:
        location: the URL of the folder, without a slash at its end.
        protocol: what stands before its ``://``.
        retries: how often an attempt that failed is followed by another one.
        timeout: seconds without a byte after which an attempt has failed (http, https, s3).

    Raises:
        UsageError: the protocol is unknown, or its package is not installed.
    """

    def __init__(self, location: str, protocol: str, retries: int, timeout: float) -> None:
        self._location, self._protocol = location, protocol
        self._retries, self._timeout = retries, timeout
        try:
            fsspec.get_filesystem_class(protocol)
        except ImportError as error:
            package = _PACKAGES.get(protocol)
            remedy = f"run `pip install {package}`" if package else str(error)
            raise UsageError(
                self.address(), f"{protocol}:// needs a package that is missing; {remedy}"
            ) from None
        except ValueError as error:
            raise UsageError(
                self.address(), f"{error}; give a path, or s3://, gs://, hf:// or https://"
            ) from None

    def address(self, name: str = "") -> str:
        """URL of a file, or of the folder, without a password: for messages."""
        return _without_password(f"{self._location}/{name}" if name else self._location)

    def read_bytes(self, name: str) -> bytes:
        """The whole content of a file."""
        return self._tried(name, lambda fs, path: bytes(fs.cat_file(path)))

    def size(self, name: str) -> int:
        """Bytes of a file; a server that does not say is an InputError."""
        size = self._tried(name, lambda fs, path: fs.info(path)["size"])
        if size is None:
            raise InputError(
                self.address(name), "the server does not say its size; copy the folder here"
            )
        return int(size)

    def download(self, name: str, target: Path, size: int, sha256: str) -> None:
        """Write a file to ``target``; what has another size or sha256 counts as a failed attempt.

        Raises:
            OSError: there is no room for it.
        """
        self._tried(name, lambda fs, path: _download(fs, path, target, size, sha256))

    def _tried(self, name: str, action: Callable[[Any, str], _Result]) -> _Result:
        """``action(file system, path in it)``, again after failures that may pass."""
        # fsspec keeps one for each process and set of options, so asking again costs little.
        fs, root = fsspec.core.url_to_fs(self._location, **_options(self._protocol, self._timeout))
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

    def _failed(self, name: str, error: Exception, attempts: int) -> InputError:
        times = f" ({attempts} attempts)" if attempts > 1 else ""
        if isinstance(error, _Damaged):
            remedy = "copy it there again, or make the shards again"
        elif isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403):
            remedy = "check the credentials, and that the address is right"
        else:
            remedy = "check the address and the network, then start again"
        return InputError(self.address(name), f"{_told(error)}{times}; {remedy}")


def _download(fs: Any, remote: str, target: Path, size: int, sha256: str) -> None:
    fs.get_file(remote, str(target), callback=_AtMost(size))
    found = target.stat().st_size
    if found != size:
        raise _Damaged(f"{found} bytes came, the manifest says {size}")
    digest = file_sha256(target)
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
        protocol in _HTTP
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

    if protocol in _HTTP:
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
