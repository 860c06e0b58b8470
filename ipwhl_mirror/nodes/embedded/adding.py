"""Files added from this machine: read once, hashed as `ipfs add` does, copied into the store meanwhile."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.files import FileBuilder, leaf_block
from ipwhl_mirror.nodes.base import AddedFile
from ipwhl_mirror.nodes.embedded.layout import PART, Step, disk_errors, make_directory
from ipwhl_mirror.nodes.embedded.rows import Ref
from ipwhl_mirror.nodes.embedded.threads import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from pathlib import Path

    from ipwhl_mirror.ipld.files import BuiltFile
    from ipwhl_mirror.nodes.embedded.store import Store

_PIECE = 1024 * 1024


def add_file(store: Store, path: Path, cid_version: int, is_wanted: Callable[[], bool]) -> AddedFile:
    """Add a file; `is_wanted` is asked after each piece.

    Raises:
        OSError: of reading `path`.
        NoSpace, NodeRefused: the store cannot be written.
        Stopped: it is not wanted any more; nothing of it stays.
    """
    with path.open("rb", buffering=0) as source:
        with disk_errors(store.layout.wheels):
            make_directory(store.layout.wheels)
            part = store.layout.wheels / f"add-{secrets.token_hex(8)}{PART}"
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            built = _copy(source, descriptor, part, cid_version, is_wanted)
            _keep(store, part, descriptor, built)
        finally:
            os.close(descriptor)
            part.unlink(missing_ok=True)
    return AddedFile(cid=built.cid, size=built.size, tsize=built.tsize)


def _copy(
    source: FileIO, descriptor: int, part: Path, cid_version: int, is_wanted: Callable[[], bool]
) -> BuiltFile:
    builder = FileBuilder(cid_version)
    buffer = memoryview(bytearray(_PIECE))
    while count := source.readinto(buffer):
        piece = buffer[:count]
        builder.update(piece)
        with disk_errors(part):
            while piece:
                piece = piece[os.write(descriptor, piece) :]
        if not is_wanted():
            raise Stopped
    return builder.finish()


def _keep(store: Store, part: Path, descriptor: int, built: BuiltFile) -> None:
    file = store.file(built.cid)
    if file is not None and file.is_intact:
        return
    store.on_step(Step.PAYLOAD_WRITTEN)
    with disk_errors(part):
        os.fsync(descriptor)
    store.on_step(Step.PART_SYNCED)
    refs = [Ref(leaf.offset, leaf.length, built.wrapper, leaf.digest) for leaf in built.leaves if leaf.length]
    nodes = [(cid.digest, block) for cid, block in built.inner]
    nodes += [(leaf.digest, leaf_block(b"", built.wrapper)) for leaf in built.leaves if not leaf.length]
    store.keep_file(part, built.cid, built.size, refs, dict(nodes).items())
