"""Garbage collection of a Kubo: what it would remove, and removing it.

Kubo cannot say beforehand, so the marking is done here as it does it: everything under the recursive pins,
the direct pins, and its own file system (MFS) stays. That reads every block that has links, once.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.nodes.base import GcPreview
from ipwhl_mirror.nodes.errors import NodeRefused, NodeUnreachable
from ipwhl_mirror.nodes.kubo.answers import (
    BlockSize,
    Collected,
    PinList,
    Reference,
    missing_block,
    read,
    read_cid,
)
from ipwhl_mirror.nodes.kubo.rpc import RpcFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.kubo.rpc import Rpc

_ROOTS_AT_ONCE = 100
_SIDE_BY_SIDE = 16
_PATIENCE = 20
"""How many stall times marking or removing may go on without a line."""


class _Mfs(msgspec.Struct):
    Hash: str


async def find_garbage(rpc: Rpc) -> dict[bytes, int]:
    """The blocks under no pin, by digest, with their sizes in bytes.

    Raises:
        NodeRefused: a pin is not whole; Kubo would refuse to collect too.
        NodeUnreachable: the daemon does not answer.
    """
    local = set()
    async with aclosing(rpc.lines("refs/local", stall_s=rpc.stall_s * _PATIENCE)) as lines:
        async for line in lines:
            if (cid := read_cid("refs/local", read("refs/local", line, Reference).Ref)) is not None:
                local.add(cid)
    kept = await _reachable(rpc)
    garbage = [cid for cid in local if cid.digest not in kept]
    sizes: dict[bytes, int] = {}
    for start in range(0, len(garbage), _SIDE_BY_SIDE):
        some = garbage[start : start + _SIDE_BY_SIDE]
        found = await asyncio.gather(*(_size(rpc, cid) for cid in some))
        sizes.update((cid.digest, size) for cid, size in zip(some, found, strict=True))
    return sizes


async def _reachable(rpc: Rpc) -> set[bytes]:
    kept: set[bytes] = set()
    roots = []
    for kind in ("recursive", "direct"):
        listed = read(
            "pin/ls",
            await rpc.call("pin/ls", limit=1 << 30, type=kind, stall_s=rpc.stall_s * _PATIENCE),
            PinList,
        )
        kept.update(cid.digest for text in listed.Keys if (cid := read_cid("pin/ls", text)) is not None)
        if kind == "recursive":
            roots += list(listed.Keys)
    roots.append(read("files/stat", await rpc.call("files/stat", "/", hash=True), _Mfs).Hash)
    kept.update(cid.digest for cid in (read_cid("files/stat", roots[-1]),) if cid is not None)
    for start in range(0, len(roots), _ROOTS_AT_ONCE):
        await _mark(rpc, roots[start : start + _ROOTS_AT_ONCE], kept)
    return kept


async def _mark(rpc: Rpc, roots: Sequence[str], kept: set[bytes]) -> None:
    try:
        lines = rpc.lines(
            "refs", *roots, recursive=True, unique=True, offline=True, stall_s=rpc.stall_s * _PATIENCE
        )
        async with aclosing(lines):
            async for line in lines:
                reference = read("refs", line, Reference)
                if reference.Err:
                    raise _not_whole(reference.Err)
                if (cid := read_cid("refs", reference.Ref)) is not None:
                    kept.add(cid.digest)
    except RpcFailed as error:
        raise _not_whole(error.reason) from error


def _not_whole(reason: str) -> NodeRefused:
    missing = missing_block(reason)
    what = f"block {missing} of a pin is missing" if missing else safe_text(reason, 300)
    return NodeRefused(
        f"what is pinned cannot be told from what is not: {what}",
        hint="`ipwhl-mirror verify --repair` mends our pins; `ipfs pin verify` names others",
    )


async def _size(rpc: Rpc, cid: Cid) -> int:
    try:
        return read("block/stat", await rpc.call("block/stat", str(cid), offline=True), BlockSize).Size
    except RpcFailed:
        return 0  # gone meanwhile


def preview_of(garbage: dict[bytes, int]) -> GcPreview:
    """The garbage in figures."""
    return GcPreview(blocks=len(garbage), bytes=sum(garbage.values()), whole_store=True)


async def collect(rpc: Rpc) -> GcPreview:
    """Run Kubo's garbage collection; what it removed.

    Raises:
        NodeRefused, NodeUnreachable: see `find_garbage`; and Kubo could not remove something.
    """
    garbage = await find_garbage(rpc)
    removed: dict[bytes, int] = {}
    async with aclosing(rpc.lines("repo/gc", stream_errors=True, stall_s=rpc.stall_s * _PATIENCE)) as lines:
        async for line in lines:
            said = read("repo/gc", line, Collected)
            if said.Error:
                raise NodeRefused(f"kubo repo/gc: {safe_text(said.Error, 300)}")
            if said.Key is not None and (cid := read_cid("repo/gc", said.Key.cid)) is not None:
                removed[cid.digest] = garbage.get(cid.digest, 0)
    if not removed and garbage.keys() & (await find_garbage(rpc)).keys():
        raise NodeUnreachable("kubo repo/gc: it ended without removing anything")
    return preview_of(removed)
