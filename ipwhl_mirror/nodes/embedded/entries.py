"""Links to follow, and what each is taken for.

A link whose name ends in `.whl` is taken for a file without asking. Below what is no directory and no file
that adds up, everything is a plain block. The blocks of an index tree are raw links to directories; they are
asked for as the directories they are.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ipwhl_mirror.ipld.cid import DAG_PB, RAW, Cid
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.ipld.unixfs import is_directory
from ipwhl_mirror.nodes.embedded.threads import end_tasks
from ipwhl_mirror.nodes.errors import BlockNotFound, NodeError, NoSource
from ipwhl_mirror.nodes.graph import links_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from ipwhl_mirror.ipld.dagpb import Link
    from ipwhl_mirror.nodes.embedded.sources import Source

BLOCKS_AT_ONCE = 32


class Hint(Enum):
    """What a link is taken for before its block was read."""

    UNKNOWN = "unknown"
    FILE = "file"
    INDEX = "index"
    PLAIN = "plain"


class Entry(NamedTuple):
    """A link to follow."""

    cid: Cid
    hint: Hint

    @property
    def key(self) -> tuple[bool, bytes]:
        """What it is visited as: a raw name of a block is another thing than its dag-pb name."""
        return self.cid.codec == RAW, self.cid.digest

    def is_file(self, block: bytes) -> bool:
        """Whether its block is the root of a file."""
        if self.cid.codec == RAW:
            return self.hint is Hint.FILE
        if self.hint is Hint.PLAIN or is_directory(block):
            return False
        try:
            parse_file_node(self.cid, block)
        except MalformedBlock:
            return False
        return True

    def below(self, block: bytes) -> list[Entry]:
        """What its block links to, when it is no file.

        Raises:
            ForbiddenBlock: it has links that cannot be followed.
        """
        links = links_of(self.cid, block)
        if self.cid.codec == RAW or self.hint is Hint.PLAIN or not is_directory(block):
            return [Entry(link.cid, Hint.PLAIN) for link in links]
        if self.hint is Hint.INDEX or _is_index(links):
            return [Entry(link.cid, Hint.INDEX) for link in links]
        return [Entry(link.cid, _hint(link.name)) for link in links]


async def bring_many(
    source: Source, entries: Iterable[Entry]
) -> AsyncGenerator[list[tuple[Entry, bytes | NodeError]], None]:
    """Ask for many blocks at once; those that came since the last time, or why one cannot be had."""

    async def ask(entry: Entry) -> tuple[Entry, bytes | NodeError]:
        try:
            return entry, await _ask(source, entry)
        except (BlockNotFound, NoSource) as error:
            return entry, error

    left = iter(entries)
    asking: set[asyncio.Task[tuple[Entry, bytes | NodeError]]] = set()
    try:
        while True:
            while len(asking) < BLOCKS_AT_ONCE and (entry := next(left, None)) is not None:
                asking.add(asyncio.create_task(ask(entry)))
            if not asking:
                return
            done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            errors = [error for task in done if (error := task.exception()) is not None]
            if errors:
                raise errors[0]
            yield [task.result() for task in done]
    finally:
        await end_tasks(asking)


async def _ask(source: Source, entry: Entry) -> bytes:
    cid = entry.cid
    if cid.codec != RAW:
        return await source.block(cid)
    names = [cid, Cid(1, DAG_PB, cid.digest)]
    if entry.hint is Hint.INDEX:
        names.reverse()
    try:
        return await source.block(names[0])
    except BlockNotFound as error:
        try:
            return await source.block(names[1])
        except BlockNotFound:
            raise error from None


def _is_index(links: Sequence[Link]) -> bool:
    codecs = {link.name: link.cid.codec for link in links[:3]}
    return codecs.get("root") == RAW and codecs.get("projects") == DAG_PB


def _hint(name: str) -> Hint:
    # In a sharded directory two hex digits stand before the name.
    is_index = name == ".ipwhl" or name[2:] == ".ipwhl"
    return Hint.INDEX if is_index else Hint.FILE if name.endswith(".whl") else Hint.UNKNOWN
