# SPDX-License-Identifier: BSD-3-Clause
"""A part of a file, as a file of its own."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from typing import Any


class Section(io.RawIOBase):
    """Reads so many bytes of a file from an offset on; can seek, as opposed to a stream of an archive."""

    def __init__(self, path: str, offset: int, length: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115
        self._offset, self._length, self._at = offset, length, 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be moved in."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte of the section."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Tell the place in the section."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as there are and as fit."""
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._length - self._at))
        self._file.seek(self._offset + self._at)
        read = self._file.readinto(view[:count])
        self._at += read
        return read

    def close(self) -> None:
        """Close the file, too."""
        self._file.close()
        super().close()


def open_member(path: str, name: str) -> Any:
    """A member of a zip archive as a file to seek in: in place if it is stored as it is, else in memory."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(archive.read(info))
    with open(path, "rb") as file:
        # The local header's own lengths may differ from the directory's.
        file.seek(info.header_offset)
        name_length, extra_length = struct.unpack("<26x2H", file.read(30))
    return Section(path, info.header_offset + 30 + name_length + extra_length, info.file_size)
