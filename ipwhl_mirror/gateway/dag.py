"""The blocks of a DAG, depth first and each once, read from this node in small batches.

A parent comes before its children and the children in the order of their links, so a client that reads a CAR
of them can check each block as it comes. At most a batch of blocks for each level is held.

Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/ (`dag-scope`, `entity-bytes`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipwhl_mirror.gateway.formats import Scope
from ipwhl_mirror.gateway.resolve import read_blocks
from ipwhl_mirror.ipld.cid import RAW
from ipwhl_mirror.ipld.dagpb import parse_node
from ipwhl_mirror.ipld.errors import ForbiddenBlock, MalformedBlock
from ipwhl_mirror.ipld.files import parse_file_node
from ipwhl_mirror.ipld.unixfs import Kind, parse_unixfs
from ipwhl_mirror.nodes.errors import BlockNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ipwhl_mirror.gateway.formats import EntityBytes
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node

_BATCH = 16
_BATCH_BYTES = 4 * 1024 * 1024
_SHARD_PREFIX = 2


@dataclass(frozen=True, slots=True)
class Step:
    """A block to visit.

    Attributes:
        cid: of the block.
        size: payload below it; 0 where it is not known.
        part: of that payload, [start, end); None for all.
    """

    cid: Cid
    size: int = 0
    part: tuple[int, int] | None = None


@dataclass(slots=True)
class _Level:
    """The children of one block that are still to be visited, and what was read ahead of them."""

    steps: list[Step]
    batch: int = _BATCH
    ahead: dict[bytes, bytes] = field(default_factory=dict)

    async def read(self, node: Node, step: Step, visited: set[bytes]) -> bytes:
        """The block of a step that was just taken, reading ahead for those after it."""
        while step.cid.digest not in self.ahead:
            cids = self._next_batch(step, visited)
            try:
                self.ahead = await read_blocks(node, cids)
            except BlockNotFound:
                if len(cids) == 1:
                    raise
                # Those before the missing one still go out.
                self.batch = 1
        return self.ahead.pop(step.cid.digest)

    def _next_batch(self, step: Step, visited: set[bytes]) -> list[Cid]:
        cids, payload = [step.cid], step.size
        for later in self.steps[: -self.batch : -1]:
            payload += later.size
            if payload > _BATCH_BYTES:
                break
            if _key(later.cid) not in visited:
                cids.append(later.cid)
        return cids


async def walk_dag(
    node: Node, cid: Cid, block: bytes, scope: Scope, entity_bytes: EntityBytes | None = None
) -> AsyncIterator[tuple[Cid, bytes]]:
    """The blocks of a scope.

    Args:
        cid: where it begins.
        block: its bytes.
        scope: only that block; what makes up that file or directory; or all below it.
        entity_bytes: of a file, only the blocks that hold these bytes; ignored for a directory.

    Raises:
        BlockNotFound, BlockCorrupt: a block is not here; all before it were given.
        MalformedBlock: a file's numbers do not agree.
        ForbiddenBlock: a link leads to what cannot be read here.
    """
    top = first_steps(cid, block, scope, entity_bytes)
    yield cid, block
    sent = {_key(cid)}
    # A block whose every part was visited; those visited in part are few: the ends of one byte range.
    whole = set[bytes]()
    levels = [_Level(top)]
    while levels:
        level = levels[-1]
        if not level.steps:
            levels.pop()
            continue
        step = level.steps.pop()
        key = _key(step.cid)
        if key in whole:
            continue
        block = await level.read(node, step, sent)
        if step.part is None:
            whole.add(key)
        if key not in sent:
            sent.add(key)
            yield step.cid, block
        # Only parts of a file have a size.
        below = _file_parts(step.cid, block, step.part) if step.size else _below(step.cid, block, scope, None)
        levels.append(_Level(below))


def first_steps(cid: Cid, block: bytes, scope: Scope, entity_bytes: EntityBytes | None) -> list[Step]:
    """What is below the first block, as `walk_dag` will visit it: last first.

    Raises:
        MalformedBlock, ForbiddenBlock: as `walk_dag`.
    """
    if scope is Scope.BLOCK:
        return []
    if entity_bytes is not None and _is_file(cid, block):
        return _below(cid, block, scope, entity_bytes.within(parse_file_node(cid, block).size))
    return _below(cid, block, scope, None)


def _key(cid: Cid) -> bytes:
    """What tells blocks apart: an index tree names a directory raw, and nothing is below that name."""
    return cid.digest + b"raw" if cid.codec == RAW else cid.digest


def _is_file(cid: Cid, block: bytes) -> bool:
    return cid.codec == RAW or parse_unixfs(block, cid).kind in (Kind.FILE, Kind.RAW)


def _below(cid: Cid, block: bytes, scope: Scope, part: tuple[int, int] | None) -> list[Step]:
    """The children to visit, last first."""
    if cid.codec == RAW:
        return []
    if scope is Scope.ALL:
        return _all_links(cid, block)
    try:
        node = parse_unixfs(block, cid)
    except ForbiddenBlock:
        raise
    except MalformedBlock:
        return []
    if node.kind in (Kind.FILE, Kind.RAW):
        return _file_parts(cid, block, part)
    if node.kind is Kind.HAMT_SHARD:
        shards = [Step(link.cid) for link in node.links if len(link.name) == _SHARD_PREFIX]
        return shards[::-1]
    return []


def _all_links(cid: Cid, block: bytes) -> list[Step]:
    try:
        links = parse_node(block, cid).links
    except ForbiddenBlock:
        raise
    except MalformedBlock:
        # A block that is no dag-pb has no links: it is as much of the DAG as there is.
        return []
    return [Step(link.cid) for link in reversed(links)]


def _file_parts(cid: Cid, block: bytes, part: tuple[int, int] | None) -> list[Step]:
    steps: list[Step] = []
    offset = 0
    for child, size in parse_file_node(cid, block).children:
        if part is None or (part[0] <= offset and offset + size <= part[1]):
            steps.append(Step(child, size))
        elif part[0] < offset + size and offset < part[1]:
            within = (max(0, part[0] - offset), min(size, part[1] - offset))
            steps.append(Step(child, size, within))
        offset += size
    return steps[::-1]
