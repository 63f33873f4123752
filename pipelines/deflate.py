"""crc32 and gzip: by ISA-L where there is a build of it for the machine, several times as fast."""

from __future__ import annotations

try:
    from isal.igzip import IGzipFile as GzipFile
    from isal.isal_zlib import IsalError as DeflateError
    from isal.isal_zlib import crc32
except ImportError:
    from gzip import GzipFile
    from zlib import crc32
    from zlib import error as DeflateError

__all__ = ["DeflateError", "GzipFile", "crc32"]
