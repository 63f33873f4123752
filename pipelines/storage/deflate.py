"""crc32 and gzip: by ISA-L where there is a build of it for the machine, several times as fast."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

try:
    from isal import igzip, isal_zlib

    _FAST: tuple[Any, Any] | None = igzip, isal_zlib
except ImportError:
    _FAST = None

GzipFile: Callable[..., gzip.GzipFile] = _FAST[0].IGzipFile if _FAST else gzip.GzipFile
crc32: Callable[[Any], int] = _FAST[1].crc32 if _FAST else zlib.crc32
#: What damaged data raises, besides BadGzipFile and EOFError.
DEFLATE_ERRORS: tuple[Any, ...] = (_FAST[1].error, zlib.error) if _FAST else (zlib.error,)
