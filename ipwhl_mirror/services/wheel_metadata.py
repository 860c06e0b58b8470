"""METADATA of a wheel on this machine: of a file, or of a wheel that a node has.

It is read as one member of at most 1 MiB from a few ranges of the archive (`domain.wheel_archives`); nothing
is unpacked to disk, and nothing of the rest is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.domain.wheel_archives import MetadataReader
from ipwhl_mirror.gateway.wheel_reading import read_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import Node


def metadata_of_file(path: Path, filename: str | None = None) -> bytes:
    """METADATA of a wheel file; blocking.

    Args:
        filename: of the wheel; None: the file's own.

    Raises:
        InvalidWheel: the archive or METADATA in it cannot be used; also where the file is cut meanwhile.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        reader = MetadataReader(size, filename or path.name)
        while (needed := reader.needed()) is not None:
            start, end = needed
            file.seek(start)
            data = file.read(end - start)
            if len(data) != end - start:
                raise OSError(None, "it was cut while it was read", str(path))
            reader.feed(data)
    return reader.finish()


async def metadata_on_node(node: Node, cid: Cid, filename: str) -> bytes:
    """METADATA of a wheel that a node has, from local blocks, each hashed.

    Raises:
        InvalidWheel: the archive or METADATA in it cannot be used.
        BlockNotFound: the wheel, or the part of it that was needed, is not here.
        NodeError, IpldError: it is damaged, or no file.
    """
    return await read_metadata(node, cid, await node.file_size(cid), filename)
