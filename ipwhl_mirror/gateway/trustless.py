"""Blocks and CARs, for clients that check every byte themselves: another mirror, or any IPFS node.

A CAR is made of local blocks only. Its path blocks and the root of its content are read before the answer
begins, so what is not here at all is a 404; a block that is missing further down breaks the answer off.

Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.gateway.dag import first_steps, walk_dag
from ipwhl_mirror.gateway.formats import CAR_CONTENT_TYPE, RAW_TYPE
from ipwhl_mirror.gateway.headers import attachment
from ipwhl_mirror.gateway.resolve import closing_stream
from ipwhl_mirror.gateway.sending import EXCHANGE, Kind, send_bytes
from ipwhl_mirror.ipld.car import car_header, car_section
from ipwhl_mirror.ipld.errors import IpldError
from ipwhl_mirror.nodes.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ipwhl_mirror.gateway.formats import Wanted
    from ipwhl_mirror.gateway.resolve import Resolved
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node

PROBE = "bafkqaaa"
"""The CID of no bytes, that needs no block: clients ask for it to learn what this is."""

PROBE_CAR = bytes.fromhex("19a265726f6f747381d82a450001550000") + b"\x67version\x01"
"""A CAR with that root and no blocks."""

_PIECE = 64 * 1024


def block_tag(cid: Cid) -> str:
    """The entity tag of a raw block."""
    return f'"{cid}.raw"'


def car_tag(root: Cid, path: str, wanted: Wanted) -> str:
    """The entity tag of a CAR: weak, since another program may make another one of the same blocks."""
    shape = sha256(f"{path}?{wanted.query}".encode()).hexdigest()[:16]
    return f'W/"{root}.car.{wanted.scope.value}.{shape}"'


async def send_block(request: web.Request, resolved: Resolved, headers: dict[str, str]) -> web.StreamResponse:
    """Answer with one block."""
    request[EXCHANGE].kind = Kind.BLOCK
    return await send_whole(
        request,
        resolved.block,
        headers | {"Content-Type": RAW_TYPE, "Content-Disposition": attachment(f"{resolved.cid}.bin")},
    )


async def send_whole(request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    """Answer with these bytes."""
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    if request.method != "HEAD":
        await send_bytes(request, response, body)
    return response


async def send_car(
    request: web.Request, node: Node, resolved: Resolved, wanted: Wanted, headers: dict[str, str]
) -> web.StreamResponse:
    """Answer with a CAR.

    Raises:
        MalformedBlock: before anything is sent: the content is nothing a CAR of this scope can be made of.
        BlockNotFound, BlockCorrupt, MalformedBlock: in the middle; the caller breaks the answer off.
        ConnectionError: the client is gone.
    """
    request[EXCHANGE].kind = Kind.CAR
    first_steps(resolved.cid, resolved.block, wanted.scope, wanted.entity_bytes)
    response = web.StreamResponse(
        headers=headers
        | {
            "Content-Type": CAR_CONTENT_TYPE,
            "Content-Disposition": attachment(f"{resolved.roots[0]}.car"),
            "Accept-Ranges": "none",
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    # As Kubo does: who imports it pins what was asked for, and not the release around it.
    pending, length = [car_header([resolved.cid])], 0
    try:
        async with closing_stream(_blocks(node, resolved, wanted)) as blocks:
            async for cid, block in blocks:
                pending.append(car_section(cid, block))
                length += len(block)
                if length >= _PIECE:
                    await send_bytes(request, response, b"".join(pending))
                    pending, length = [], 0
    except (NodeError, IpldError):
        # What came before the missing block is good, and the client's next attempt needs less.
        await send_bytes(request, response, b"".join(pending))
        raise
    await send_bytes(request, response, b"".join(pending))
    return response


async def _blocks(node: Node, resolved: Resolved, wanted: Wanted) -> AsyncIterator[tuple[Cid, bytes]]:
    """The blocks on the way, then those of the scope, each once."""
    sent: set[tuple[int, bytes]] = set()
    for cid, block in resolved.way:
        if (cid.codec, cid.digest) not in sent:
            sent.add((cid.codec, cid.digest))
            yield cid, block
    walk = walk_dag(node, resolved.cid, resolved.block, wanted.scope, wanted.entity_bytes)
    async with closing_stream(walk):
        async for cid, block in walk:
            if (cid.codec, cid.digest) not in sent:
                yield cid, block
