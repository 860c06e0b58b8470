"""A CAR file read as a set of blocks: scanned once, every block hashed, then found by random access.

Memory holds one small entry a block, never the blocks. Nothing here stores anything on a node.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.errors import MalformedCar
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.services.errors import TransferFailed
from ipwhl_mirror.services.events import Phase, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.events import ProgressSink

_CHUNK = 1 << 20


class CarFile:
    """A scanned CAR.

    Attributes:
        path: the file.
        roots: of its header.
    """

    def __init__(self, path: Path, roots: tuple[Cid, ...], places: dict[bytes, tuple[int, int]]) -> None:
        self.path = path
        self.roots = roots
        self._places = places

    @classmethod
    async def scan(cls, path: Path, sink: ProgressSink) -> CarFile:
        """Read and hash the whole file.

        Raises:
            TransferFailed: it cannot be read.
            MalformedCar, HashMismatch, MalformedBlock: it is cut, damaged, or no CARv1.
        """
        parser = CarParser()
        places: dict[bytes, tuple[int, int]] = {}
        try:
            with path.open("rb") as file:
                total, done = os.fstat(file.fileno()).st_size, 0
                while chunk := await asyncio.to_thread(file.read, _CHUNK):
                    for block in parser.feed(chunk):
                        places[block.cid.digest] = (block.offset, len(block.data))
                    done += len(chunk)
                    sink(Progress(phase=Phase.IMPORT, done_bytes=done, total_bytes=total))
        except OSError as error:
            raise TransferFailed(f"{path} cannot be read: {error.strerror}") from error
        parser.finish()
        if not parser.roots:
            raise MalformedCar("it names no root", offset=0)
        return cls(path, tuple(parser.roots), places)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places

    def read(self, digest: bytes) -> bytes | None:
        """The block with this digest, or None; it was hashed by the scan."""
        place = self._places.get(digest)
        if place is None:
            return None
        with self.path.open("rb") as file:
            file.seek(place[0])
            return file.read(place[1])

    def has_file(self, root: Cid) -> bool:
        """Whether every block of this file's DAG is in the CAR.

        Raises:
            MalformedBlock: a block of it is no UnixFS file.
        """
        pending, seen = [root], {root.digest}
        while pending:
            cid = pending.pop()
            block = self.read(cid.digest)
            if block is None:
                return False
            for child, _ in parse_file_node(cid, block).children:
                if child.digest not in seen:
                    seen.add(child.digest)
                    pending.append(child)
        return True
