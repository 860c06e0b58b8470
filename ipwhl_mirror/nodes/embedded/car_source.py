"""Missing blocks from a CAR file on this machine."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.car import CarParser
from ipwhl_mirror.ipld.errors import HashMismatch
from ipwhl_mirror.nodes.embedded.threads import Stopped
from ipwhl_mirror.nodes.errors import BlockNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.assembly import FileAssembly
    from ipwhl_mirror.nodes.embedded.threads import Threads

_PIECE = 1024 * 1024
_ROUND = 64


class CarSource:
    """A CAR file, read at random; where its blocks are is kept in a temporary database, not in memory."""

    notes: tuple[str, ...] = ()
    stalled_s = 0.0

    def __init__(self, path: Path, threads: Threads, is_wanted: Callable[[], bool]) -> None:
        """Read the file once to find its blocks: to be called in a thread; `is_wanted` is asked now and then.

        Raises:
            OSError: it cannot be read.
            MalformedCar, HashMismatch: it is no CAR of this program.
        """
        self._threads = threads
        self._stream = path.open("rb", buffering=0)
        self._index = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        try:
            self._index.execute(
                "CREATE TABLE blocks (digest BLOB PRIMARY KEY, offset INTEGER, length INTEGER) WITHOUT ROWID"
            )
            self._index.execute("BEGIN")
            parser = CarParser()
            while piece := self._stream.read(_PIECE):
                if not is_wanted():
                    raise Stopped
                self._index.executemany(
                    "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?)",
                    ((block.cid.digest, block.offset, len(block.data)) for block in parser.feed(piece)),
                )
            parser.finish()
            self._index.execute("COMMIT")
        except BaseException:
            self.close()
            raise

    async def block(self, cid: Cid) -> bytes:
        return await self._threads.run(self._read, cid)

    async def file(self, assembly: FileAssembly, on_bytes: Callable[[int], None]) -> None:
        while not assembly.whole:
            on_bytes(await self._threads.run(self._fill, assembly))

    def close(self) -> None:
        """Close the file and forget where its blocks are."""
        self._index.close()
        self._stream.close()

    def _fill(self, assembly: FileAssembly) -> int:
        return sum(assembly.accept(cid, self._read(cid)) for cid in assembly.wanted(_ROUND))

    def _read(self, cid: Cid) -> bytes:
        row = self._index.execute(
            "SELECT offset, length FROM blocks WHERE digest = ?", (cid.digest,)
        ).fetchone()
        if row is None:
            raise BlockNotFound(cid, f"block {cid} is not in the CAR")
        block = os.pread(self._stream.fileno(), row[1], row[0])
        try:
            cid.check(block)
        except HashMismatch as error:
            raise BlockNotFound(cid, f"the CAR was changed while it was read, at block {cid}") from error
        return block
