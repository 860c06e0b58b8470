"""The `.nodes` file: blocks of an unfinished file that cannot be rebuilt from its payload.

A sequence of (length in 4 bytes, digest, block), only ever appended to, and hashed when it is opened: what a
killed program left half written is dropped, and written over.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.cid import MAX_BLOCK
from ipwhl_mirror.nodes.embedded.layout import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEAD = 4 + 32


class NodesFile:
    """One such file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make it.

        Raises:
            NoSpace, NodeRefused: the disk refuses.
        """
        self._path = path
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0
        with disk_errors(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._read()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """(digest, block), in the order they were added."""
        for digest in self._places:
            yield digest, self.read(digest)

    def read(self, digest: bytes) -> bytes:
        """A block that is in the file."""
        at, length = self._places[digest]
        return os.pread(self._descriptor, length, at)

    def add(self, digest: bytes, block: bytes) -> None:
        """Append a block that is not in the file yet.

        Raises:
            NoSpace, NodeRefused: the disk refuses.
        """
        if digest in self._places:
            return
        section = b"".join((len(block).to_bytes(4, "big"), digest, block))
        write_at(self._descriptor, section, self._end, self._path)
        self._places[digest] = (self._end + _HEAD, len(block))
        self._end += len(section)

    def close(self) -> None:
        """Close it. Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        while True:
            head = os.pread(self._descriptor, _HEAD, self._end)
            length = int.from_bytes(head[:4], "big")
            if len(head) < _HEAD or length > MAX_BLOCK:
                return
            block = os.pread(self._descriptor, length, self._end + _HEAD)
            if sha256(block).digest() != head[4:]:
                return
            self._places[head[4:]] = (self._end + _HEAD, length)
            self._end += _HEAD + length


def write_at(descriptor: int, data: bytes, offset: int, path: Path) -> None:
    """Write all of it at this offset of an open file.

    Raises:
        NoSpace, NodeRefused: the disk refuses.
    """
    view = memoryview(data)
    with disk_errors(path):
        while view:
            written = os.pwrite(descriptor, view, offset)
            view = view[written:]
            offset += written
