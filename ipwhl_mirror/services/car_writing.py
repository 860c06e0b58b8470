"""A CAR file that is written so that a kill at any moment costs little.

It grows beside its place, as `FILE.part`, and takes its name when it is whole and on disk. The same blocks in
the same order go on from what an earlier run left: each of its blocks is hashed, and where the first is
missing, damaged or another, writing begins. So the file is the same, byte for byte, however often it was
begun. No other file is written to or replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Protocol

from ipwhl_mirror.durable import sync_directory
from ipwhl_mirror.ipld.car import SalvagingCarParser, car_section
from ipwhl_mirror.services.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path
    from typing import Self

    from ipwhl_mirror.ipld.car import CarBlock
    from ipwhl_mirror.ipld.cid import Cid

_PIECE = 1 << 20


def part_of(path: Path) -> Path:
    """Where a file grows before it has its name."""
    return path.with_name(path.name + ".part")


class CarTarget(Protocol):
    """Where the blocks of a CAR go, one after the other.

    Attributes:
        at: how much of the file is done, in bytes.
        resumed: how much of it an earlier run left, or seemed to.
    """

    at: int
    resumed: int

    def take(self, cid: Cid) -> bytes | None:
        """The next block, which must be this one, where the file has it already; then it is done."""

    def add(self, cid: Cid, block: bytes) -> None:
        """Write the next block, after `take` gave None."""

    async def finish(self) -> None:
        """Say that it was the last one."""


class _Written:
    """The blocks that a file has, hashed, in their order, up to the first that is not whole."""

    def __init__(self, file: FileIO) -> None:
        self._blocks = self._read(file)
        self._next: CarBlock | None = None

    def peek(self) -> CarBlock | None:
        """The next; None at the end."""
        if self._next is None:
            self._next = next(self._blocks, None)
        return self._next

    def drop(self) -> None:
        """Go on to the one after it."""
        self._next = None

    @staticmethod
    def _read(file: FileIO) -> Iterator[CarBlock]:
        file.seek(0)
        parser = SalvagingCarParser()
        while piece := file.read(_PIECE):
            for block in parser.feed(piece):
                if not block.cid.is_of(block.data):
                    return
                yield block


class GrowingCar:
    """The unfinished file."""

    def __init__(self, path: Path, beginning: bytes) -> None:
        """Begin it, or go on with what an earlier run left.

        Args:
            path: of the file that it becomes; not there.
            beginning: its header and first block, which no other export has.

        Raises:
            UsageProblem: under the name of the unfinished file there is something else.
            OSError: it cannot be written.
        """
        self.path = path
        self.part = part_of(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self.part, flags, 0o666), "r+b", buffering=0)
        try:
            found = self._file.read(len(beginning))
            if not beginning.startswith(found):
                raise UsageProblem(
                    f"{self.part} is there already, and is of something else",
                    hint="where it is an export that was not finished, finish that, or remove it",
                )
            self.at = len(beginning)
            self.resumed = os.fstat(self._file.fileno()).st_size
            self._written: _Written | None = None
            self._buffer = bytearray()
            if len(found) < len(beginning):
                self._cut(0)
                self._buffer += beginning
            else:
                self._written = _Written(self._file)
                self._written.peek()
                self._written.drop()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        # what could be written stays for the next run, also where the disk is full
        with contextlib.suppress(OSError):
            self._flush()
        self._file.close()

    def take(self, cid: Cid) -> bytes | None:
        if self._written is None:
            return None
        block = self._written.peek()
        if block is None or block.cid != cid:
            self._written = None
            self._cut(self.at)
            return None
        self._written.drop()
        self.at = block.offset + len(block.data)
        return block.data

    def add(self, cid: Cid, block: bytes) -> None:
        section = car_section(cid, block)
        self._buffer += section
        self.at += len(section)
        if len(self._buffer) >= _PIECE:
            self._flush()

    async def finish(self) -> None:
        """Bring it to disk and give it its name.

        Raises:
            UsageProblem: a file of that name has come meanwhile.
            OSError: see there.
        """
        self._flush()
        self._cut(self.at)
        await asyncio.to_thread(os.fsync, self._file.fileno())
        if os.path.lexists(self.path):
            raise UsageProblem(f"{self.path} is there already", hint="name another file, or remove it first")
        self.part.rename(self.path)
        with contextlib.suppress(OSError):  # not every file system of a stick can
            sync_directory(self.path.parent)

    def _flush(self) -> None:
        done = 0
        try:
            with memoryview(self._buffer) as view:
                while done < len(view):
                    done += self._file.write(view[done:])
        finally:
            del self._buffer[:done]

    def _cut(self, size: int) -> None:
        self._file.truncate(size)
        self._file.seek(size)


class FinishedCar:
    """A file that is there: nothing is written, it is only compared with what would be."""

    def __init__(self, path: Path, beginning: bytes) -> None:
        """Open it.

        Raises:
            UsageProblem: it is another file.
            OSError: it cannot be read.
        """
        self.path = path
        self.at = len(beginning)
        self._file = path.open("rb", buffering=0)
        self.resumed = os.fstat(self._file.fileno()).st_size
        if self._file.read(len(beginning)) != beginning:
            self._file.close()
            raise self._other()
        self._written = _Written(self._file)
        self._written.peek()
        self._written.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self._file.close()

    def take(self, cid: Cid) -> bytes | None:
        """The next block, which must be this one.

        Raises:
            UsageProblem: it is not.
        """
        block = self._written.peek()
        if block is None or block.cid != cid:
            raise self._other()
        self._written.drop()
        self.at = block.offset + len(block.data)
        return block.data

    def add(self, cid: Cid, block: bytes) -> None:
        """Never called: `take` gives a block or raises."""
        raise self._other()

    async def finish(self) -> None:
        """Make sure that nothing follows.

        Raises:
            UsageProblem: something does.
        """
        if self.resumed != self.at:
            raise self._other()

    def _other(self) -> UsageProblem:
        return UsageProblem(
            f"{self.path} is there already, and is not this export",
            hint="name another file, or remove it first",
        )
