"""What the embedded node keeps: whole files once on disk, and all else in one SQLite database.

A leaf of a whole file is no row of bytes but a ref, rebuilt from the file when it is read (`ipfs add` frames
a leaf with a 10-byte header and a 4-byte trailer, a function of its length alone). Every block given out
was hashed. Storing a file is atomic and durable: payload synced, renamed, the name synced, then one
transaction; `Step` names the moments between. A file that was renamed and has no row is taken back as a
`.part`. All calls block, and may be made from several threads; several processes may share one store.

Left out: what keeps garbage collection away (`locks.py`), pins, and fetching.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from ipwhl_mirror.durable import sync_directory
from ipwhl_mirror.ipld.errors import MalformedBlock
from ipwhl_mirror.ipld.files import leaf_block
from ipwhl_mirror.nodes.base import Fault
from ipwhl_mirror.nodes.embedded import rows
from ipwhl_mirror.nodes.embedded.assembly import FileAssembly
from ipwhl_mirror.nodes.embedded.database import Database
from ipwhl_mirror.nodes.embedded.layout import (
    Layout,
    Step,
    disk_errors,
    make_directory,
    size_of,
)
from ipwhl_mirror.nodes.embedded.locks import Holding, try_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.embedded.rows import Ref, WholeFile


class Store:
    """One store directory.

    Args:
        directory: made by the first write.
        on_step: told each moment between two durable states.
    """

    def __init__(self, directory: Path, *, on_step: Callable[[Step], None] = lambda step: None) -> None:
        self.layout = Layout(directory)
        self.database = Database(self.layout.database)
        self.on_step = on_step

    def close(self) -> None:
        """Close the database. Safe to call twice."""
        self.database.close()

    def read_blocks(self, cids: Iterable[Cid]) -> list[tuple[Cid, bytes | Fault]]:
        """Blocks, each as `read_block` gives it."""
        return [(cid, self.read_block(cid.digest)) for cid in cids]

    def read_block(self, digest: bytes) -> bytes | Fault:
        """A block whose bytes were hashed, from wherever it is kept; else what is wrong with it."""
        with self.database.read() as connection:
            data = rows.block_data(connection, digest)
            if data is not None and sha256(data).digest() == digest:
                return data
            refs = rows.refs_to(connection, digest)
        fault = Fault.MISSING if data is None else Fault.CORRUPT
        for file, ref in refs:
            payload = read_range(self.layout.whole(file), ref.offset, ref.length)
            if payload is not None and len(payload) == ref.length:
                block = leaf_block(payload, ref.wrapper)
                if sha256(block).digest() == digest:
                    return block
            fault = Fault.CORRUPT if payload else fault
        return fault

    def find_block(self, cid: Cid) -> bytes | None:
        """A block whose bytes were hashed, None when it is not here or damaged."""
        found = self.read_block(cid.digest)
        return None if isinstance(found, Fault) else found

    def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Keep blocks that were hashed, all or none, durably; a damaged one is replaced."""
        with self.database.write() as connection:
            rows.put_blocks(connection, ((cid.digest, block) for cid, block in blocks))

    def file(self, cid: Cid) -> WholeFile | None:
        """The whole file under this root; not for a raw name of a dag-pb root, which is no file."""
        with self.database.read() as connection:
            file = rows.find_file(connection, self.layout, cid.digest)
        return file if file is not None and file.cid.codec == cid.codec else None

    def whole(self, cids: Sequence[Cid]) -> set[bytes]:
        """Digests of those that are roots of whole files."""
        with self.database.read() as connection:
            found = rows.roots_among(connection, [cid.digest for cid in cids])
        codecs = {root.digest: root.codec for root in found}
        return {cid.digest for cid in cids if codecs.get(cid.digest) == cid.codec}

    def owners(self, cid: Cid) -> list[WholeFile]:
        """The whole files this block is a part of."""
        with self.database.read() as connection:
            return rows.files_with(connection, self.layout, cid.digest)

    def open_assembly(self, root: Cid) -> FileAssembly | None:
        """Begin or go on with putting a file together; None while it changes hands: ask `file`, try again.

        A file of the right length is mended in place, and its good leaves are not written again. One that is
        too short, too long or gone becomes a `.part` first, so that nobody takes it for whole meanwhile.

        Raises:
            MalformedBlock: what is here is no file DAG; nothing of it stays but the blocks kept as such.
            NoSpace, NodeRefused: the disk refuses.
        """
        part, whole = self.layout.part(root.digest), self.layout.whole(root.digest)
        file = self._row(root)
        in_place = file is not None and file.is_intact
        with disk_errors(part):
            make_directory(whole.parent)
            is_named = whole.exists()
            descriptor = _claim(whole, os.O_RDWR) if is_named else _claim(part, os.O_RDWR | os.O_CREAT)
        if descriptor is None:
            return None
        try:
            file = self._row(root)
            if (file is not None and file.is_intact) != in_place:
                os.close(descriptor)
                return None
            if is_named and not in_place:
                with disk_errors(part):
                    whole.rename(part)
        except BaseException:
            os.close(descriptor)
            raise
        path, nodes = whole if in_place else part, self.layout.nodes(root.digest)
        try:
            return FileAssembly(root, path, nodes, descriptor=descriptor, lookup=self.find_block)
        except MalformedBlock:
            self._discard(root, path)
            raise

    def keep_assembly(self, assembly: FileAssembly) -> None:
        """Make a whole assembly one of the store's files, durably, and close it.

        Raises:
            NoSpace, NodeRefused: the disk refuses; what was received stays for the next attempt.
        """
        self.on_step(Step.PAYLOAD_WRITTEN)
        assembly.sync()
        self.on_step(Step.PART_SYNCED)
        self.keep_file(assembly.path, assembly.root, assembly.size or 0, assembly.refs(), assembly.nodes())
        nodes = self.layout.nodes(assembly.root.digest)
        with disk_errors(nodes):
            nodes.unlink(missing_ok=True)
        self.on_step(Step.NODES_REMOVED)
        assembly.close()

    def keep_file(
        self, path: Path, cid: Cid, size: int, refs: Sequence[Ref], nodes: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Make a file that is synced at `path` one of the store's: its name, its directory, its rows.

        `nodes`, (digest, block) of what no ref gives, may be iterated twice.
        """
        target = self.layout.whole(cid.digest)
        with disk_errors(target):
            if path != target:
                make_directory(target.parent)
                path.rename(target)
                self.on_step(Step.RENAMED)
            sync_directory(target.parent)
        self.on_step(Step.DIRECTORY_SYNCED)
        self.database.write_together(lambda connection: rows.put_file(connection, cid, size, refs, nodes))
        self.on_step(Step.ROWS_COMMITTED)

    def discard_assembly(self, assembly: FileAssembly) -> None:
        """Remove what an assembly that turned out malformed left, and close it."""
        self._discard(assembly.root, assembly.path)
        assembly.close()

    def disk_bytes(self) -> int:
        """What the store takes on disk."""
        with self.database.read() as connection:
            total: int = connection.execute("SELECT coalesce(sum(size), 0) FROM files").fetchone()[0]
        total += sum(size for _, size in self.layout.unfinished())
        return total + size_of(self.layout.database) + size_of(self.layout.journal)

    def _row(self, root: Cid) -> WholeFile | None:
        with self.database.read() as connection:
            file = rows.find_file(connection, self.layout, root.digest)
        if file is not None and file.cid.codec != root.codec:
            raise MalformedBlock("its bytes are kept as another file", cid=root)
        return file

    def _discard(self, root: Cid, path: Path) -> None:
        part = self.layout.part(root.digest)
        with disk_errors(part):
            if path == part:
                part.unlink(missing_ok=True)
            self.layout.nodes(root.digest).unlink(missing_ok=True)


def read_range(path: Path, offset: int, length: int) -> bytes | None:
    """Bytes of a file, fewer at its end or where the disk fails; None when there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.pread(descriptor, length, offset)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _claim(path: Path, flags: int) -> int | None:
    """The file, opened and locked; None when another has it, or it went away meanwhile."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    except FileNotFoundError:
        return None
    try:
        if try_lock(descriptor, Holding.ALONE) and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
