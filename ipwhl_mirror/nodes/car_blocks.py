"""The blocks of a CAR file, read at random; the file may be cut, or damaged in places.

The file is read once, every block hashed; where each is, is kept in a temporary database, not in memory. What
is not what its CID says counts as not in the file, and is named. A block is hashed again when it is given: a
file on a stick can change its mind.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import SalvagingCarParser
from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.errors import IpldError, MalformedCar
from ipwhl_mirror.nodes.graph import links_of, seen_key, unseen_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ipwhl_mirror.ipld.car import CarBlock
    from ipwhl_mirror.ipld.cid import Cid

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What a CAR has of a DAG, without what is below a missing block.

    Attributes:
        blocks, bytes: of the DAG, in the file, each once.
        missing: blocks that are not, in the order in which they were looked for.
    """

    blocks: int
    bytes: int
    missing: tuple[Cid, ...]

    @property
    def is_whole(self) -> bool:
        """Whether no block is missing."""
        return not self.missing


class CarBlocks:
    """A CAR file: `take` until it gives 0, then ask. Safe to use from several threads.

    Attributes:
        path: of the file.
        size: its length in bytes, when it was opened.
        first: its first block, where that is whole; None before it was read.
        damaged: digests of blocks that are in it and are not what their CIDs say, in their order.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
        self.path = path
        self.damaged: dict[bytes, Cid] = {}
        self.first: CarBlock | None = None
        self._parser = SalvagingCarParser()
        self._lock = threading.Lock()
        self._count = 0
        self._stream = path.open("rb", buffering=0)
        self.size = os.fstat(self._stream.fileno()).st_size
        self._index = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._index.execute("PRAGMA journal_mode = OFF")
        self._index.execute(
            "CREATE TABLE blocks (digest BLOB PRIMARY KEY, offset INTEGER, length INTEGER, inner INTEGER)"
            " WITHOUT ROWID"
        )
        self._index.execute("BEGIN")

    @classmethod
    def scan(cls, path: Path) -> CarBlocks:
        """Open a file and read all of it.

        Raises:
            OSError, MalformedCar: see `take`.
        """
        car = cls(path)
        try:
            while car.take():
                pass
        except BaseException:
            car.close()
            raise
        return car

    @property
    def roots(self) -> tuple[Cid, ...]:
        """Of the header, once it was read."""
        return self._parser.roots or ()

    @property
    def fault(self) -> IpldError | None:
        """Why the file was not read to its end: it is cut, or nobody can tell where the next block begins."""
        return self._parser.fault

    def take(self) -> int:
        """Read the next piece; how many bytes it has, 0 at the end of the file.

        Raises:
            OSError: it cannot be read.
            MalformedCar: its header is cut, or is no CARv1's, or names no root.
        """
        with self._lock:
            piece = self._stream.read(_PIECE)
            if not piece:
                self._parser.finish()
                if not self._parser.roots:
                    raise MalformedCar("it names no root", offset=0)
                return 0
            self._index.executemany(
                "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?)", self._good(self._parser.feed(piece))
            )
            return len(piece)

    def _good(self, blocks: Iterable[CarBlock]) -> Iterator[tuple[bytes, int, int, bool]]:
        for block in blocks:
            self._count += 1
            if not block.cid.is_of(block.data):
                self.damaged[block.cid.digest] = block.cid
                continue
            if self._count == 1:
                self.first = block
            yield block.cid.digest, block.offset, len(block.data), _has_links(block)

    def __contains__(self, cid: Cid) -> bool:
        return self._place(cid) is not None

    def read(self, cid: Cid) -> bytes | None:
        """A block, hashed; None where it is not in the file, or not any more."""
        place = self._place(cid)
        if place is None:
            return None
        block = os.pread(self._stream.fileno(), place[1], place[0])
        return block if cid.is_of(block) else None

    def survey(self, root: Cid) -> Survey:
        """Follow a DAG as far as it is in the file. Blocks without links are not read."""
        blocks = size = 0
        missing: list[Cid] = []
        seen = {seen_key(root)}
        waiting = [root]
        while waiting:
            cid = waiting.pop()
            place = self._place(cid)
            block = self.read(cid) if place is not None and place[2] and cid.codec != RAW else None
            if place is None or (block is None and place[2] and cid.codec != RAW):
                missing.append(cid)
                continue
            blocks += 1
            size += place[1]
            if block is not None:
                waiting += unseen_links(cid, block, seen)
        return Survey(blocks, size, tuple(missing))

    def dags(self, roots: Iterable[Cid]) -> Iterator[tuple[Cid, bytes]]:
        """What is in the file of these DAGs, depth first, each block once in each DAG."""
        for root in dict.fromkeys(roots):
            seen = {seen_key(root)}
            waiting = [root]
            while waiting:
                cid = waiting.pop()
                block = self.read(cid)
                if block is not None:
                    yield cid, block
                    waiting += unseen_links(cid, block, seen)

    def close(self) -> None:
        """Close the file and forget where its blocks are. Safe to call twice."""
        with self._lock:
            self._index.close()
            self._stream.close()

    def _place(self, cid: Cid) -> tuple[int, int, bool] | None:
        with self._lock:
            row: tuple[int, int, bool] | None = self._index.execute(
                "SELECT offset, length, inner FROM blocks WHERE digest = ?", (cid.digest,)
            ).fetchone()
        return row


def _has_links(block: CarBlock) -> bool:
    """Whether something may be below it; a block that cannot be read is looked at again by who needs it."""
    try:
        return bool(links_of(block.cid, block.data))
    except IpldError:
        return True
