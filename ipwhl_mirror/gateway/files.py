"""Serving a file: conditions, one range, and never less than was announced.

A file that the node keeps as one is sent by the kernel; others are streamed, after the first piece was read.
What is known not to be whole here is a 404 at once, also for HEAD; should a block be missing further
down, the answer is broken off.

Spec: https://www.rfc-editor.org/rfc/rfc9110 (conditions, ranges).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from ipwhl_mirror.gateway.errors import PreconditionFailed
from ipwhl_mirror.gateway.headers import attachment
from ipwhl_mirror.gateway.ranges import (
    ByteRange,
    if_range_holds,
    parse_range,
    strong_tag_matches,
    tag_matches,
)
from ipwhl_mirror.gateway.resolve import closing_stream
from ipwhl_mirror.gateway.sending import EXCHANGE, Kind, send_bytes, send_file
from ipwhl_mirror.ipld.files import parse_file_node

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from ipwhl_mirror.gateway.resolve import Resolved
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node


def not_modified(request: web.Request, etag: str, headers: dict[str, str]) -> web.Response | None:
    """The answer 304 when the client says it has what this tag names; else None.

    Raises:
        PreconditionFailed: the client wants another content than this.
    """
    if not strong_tag_matches(request.headers.get("If-Match"), etag):
        raise PreconditionFailed(f"this is {etag}, not what If-Match names")
    if tag_matches(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    return None


async def serve_file(
    request: web.Request, node: Node, resolved: Resolved, name: str, headers: dict[str, str]
) -> web.StreamResponse:
    """Answer with a file, or the range of it that is asked for.

    Args:
        name: for saving.
        headers: of the answer, its ETag included.

    Raises:
        RangeNotSatisfiable: the range is outside the file.
        MalformedBlock: it is no file.
        BlockNotFound, BlockCorrupt: a block is not here; the caller breaks off what has begun.
        ConnectionError: the client is gone.
    """
    request[EXCHANGE].kind = Kind.FILE
    root = parse_file_node(resolved.cid, resolved.block)
    part = None
    # Ranges are defined for GET only.
    if request.method == "GET" and if_range_holds(request.headers.get("If-Range"), headers["ETag"]):
        part = parse_range(request.headers.get("Range"), root.size)
    response = web.StreamResponse(
        status=200 if part is None else 206,
        headers=headers
        | {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": attachment(name),
            "Accept-Ranges": "bytes",
        },
    )
    if part is not None:
        response.headers["Content-Range"] = part.content_range(root.size)
    part = part or ByteRange(0, root.size)
    response.content_length = len(part)
    if root.payload is not None:
        await _send_payload(request, response, root.payload[part.start : part.end])
        return response
    file = await _open_local(node, resolved.cid, root.size)
    if file is None:
        await _stream(request, response, node, resolved.cid, part)
        return response
    try:
        await response.prepare(request)
        if request.method == "GET":
            await send_file(request, file, part)
    finally:
        file.close()
    return response


async def _send_payload(request: web.Request, response: web.StreamResponse, payload: bytes) -> None:
    await response.prepare(request)
    if request.method == "GET":
        await send_bytes(request, response, payload)


async def _open_local(node: Node, cid: Cid, size: int) -> BinaryIO | None:
    """The file as the node keeps it; None when it does not, or what is there is no file of this size."""
    path = node.local_path(cid)
    return None if path is None else await asyncio.to_thread(_open_sized, path, size)


def _open_sized(path: Path, size: int) -> BinaryIO | None:
    try:
        file = path.open("rb")
    except OSError:
        return None
    if file.seek(0, 2) != size:
        file.close()
        return None
    return file


async def _stream(
    request: web.Request, response: web.StreamResponse, node: Node, cid: Cid, part: ByteRange
) -> None:
    """Send from the node's stream; nothing before its first piece is there."""
    whole = await node.whole([cid])
    if whole is None or cid.digest not in whole:
        await _check_end(node, cid, part)
    async with closing_stream(node.read_file(cid, start=part.start, end=part.end)) as pieces:
        piece: bytes | None = await anext(pieces, None)
        await response.prepare(request)
        sent = 0
        while piece and request.method == "GET":
            await send_bytes(request, response, piece)
            sent += len(piece)
            piece = await anext(pieces, None)
    if request.method == "GET" and sent != len(part):
        raise ConnectionAbortedError(f"the node gave {sent} bytes of {len(part)}")


async def _check_end(node: Node, cid: Cid, part: ByteRange) -> None:
    """Look for the last byte of a file that may not be whole: a download that was cut lacks it."""
    async with closing_stream(node.read_file(cid, start=part.end - 1, end=part.end)) as pieces:
        await anext(pieces, None)
